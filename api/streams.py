"""Long answers, sent while they are made: read some, with a transaction of its own, send it, read on.

Each holds a thread of its process for as long as its client likes, so there are only so many places for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from flask import Flask, Response, current_app

import settings
from models import db
from models.db import Session
from models.errors import Busy

T = TypeVar("T")

PATIENCE = 30
"""Seconds that a stream waits for a database that is away: what is sent already cannot be taken back."""


class Places:
    """How many streams may be open on this process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = threading.Semaphore(most)

    def enter(self) -> None:
        """Take a place; raises `Busy` when all are taken."""
        if not self._free.acquire(blocking=False):
            raise Busy(
                f"{self.most} streams are open on this process already: try again in a moment, or poll instead.",
                code="TOO_MANY_STREAMS",
                details={"streams": self.most},
            )

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()


class Body(Iterator[bytes]):
    """The body of a stream. It holds a place, which is given back even when the body was never begun."""

    def __init__(self, places: Places, parts: Generator[bytes]) -> None:
        places.enter()
        self._parts, self._places = parts, [places]

    def __next__(self) -> bytes:
        return next(self._parts)

    def close(self) -> None:
        """Called by the server when the response is over, however it ended."""
        while self._places:
            places = self._places.pop()
            self._parts.close()
            places.leave()


def register(app: Flask) -> None:
    """Give the app its places."""
    app.extensions["streams"] = Places(settings.web_streams())


def respond(parts: Generator[bytes], **options: Any) -> Response:
    """Return a response that is sent as ``parts`` yields it; raises `Busy` when all places are taken."""
    response = Response(Body(current_app.extensions["streams"], parts), **options)
    response.headers["X-Accel-Buffering"] = "no"  # a proxy that collects all of it first would hold it back
    return response


def read_some(read: Callable[[Session], T]) -> T:
    """Return what ``read`` finds in a short transaction of its own: none is open while a slow client reads."""
    return db.patiently(read, seconds=PATIENCE)


def stream(parts: Generator[bytes], media_type: str, name: str) -> Response:
    """Return an answer that is sent as ``parts`` yields it, to be saved under a name.

    When a part cannot be had, the connection is broken off: half an answer must not look like a whole one.
    """
    response = respond(parts, content_type=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response
