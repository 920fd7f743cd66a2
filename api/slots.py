"""How many requests work at one time in one process; the others wait their turn.

The process has a thread for each stream of events, hundreds of them. Were all of these to run views at once, they would
only stand in each other's way. A stream gives its slot back before it begins: Flask ends the request when the view has
returned, and the body comes after that.
"""

from __future__ import annotations

import threading

from flask import Flask, g

from models.errors import Busy

AT_ONCE = 16  # below the database connections of a process (`db.POOLS`), or they would wait there
PATIENCE_SECONDS = 20.0

_slots = threading.BoundedSemaphore(AT_ONCE)


def register(app: Flask) -> None:
    """Take a slot before every request, and give it back after."""
    app.before_request(enter)
    app.teardown_request(leave)


def enter() -> None:
    """Take a slot; raises `Busy` when none comes free."""
    if not _slots.acquire(timeout=PATIENCE_SECONDS):
        raise Busy("The server is busy: try again in a moment.", details={"waited_seconds": PATIENCE_SECONDS})
    g.has_slot = True


def leave(_error: BaseException | None) -> None:
    """Give the slot back."""
    if g.pop("has_slot", False):
        _slots.release()
