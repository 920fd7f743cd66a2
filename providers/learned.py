"""What servers have taught this process: how each model of each can be asked. Kept in memory, shared by all threads.

Nothing here is needed for an answer: a process that knows nothing yet finds out by being refused, which costs nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from providers.ladder import RUNGS

log = logging.getLogger(__name__)

LASTS_SECONDS = 3600.0  # a rung that was refused is tried again after this: servers are updated, endpoints come back


@dataclass(frozen=True)
class Lessons:
    """What is known of one model: ``rung`` to ask by, fields it does not take, its largest ``max_tokens`` (0: unknown).

    ``worked``: it has answered on that rung. ``renamed``: fields that go by another name or in another form there.
    ``at``: when the rung was learned (monotonic seconds).
    """

    rung: str = RUNGS[0]
    worked: bool = False
    dropped: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    most_tokens: int = 0
    at: float = 0.0


_lessons: dict[tuple[str, str], Lessons] = {}
_lock = threading.Lock()


def of(base_url: str, model: str) -> Lessons:
    """Return what is known of a model; a refusal of long ago counts no more."""
    known = _lessons.get((base_url, model), Lessons())
    if known.rung != RUNGS[0] and time.monotonic() - known.at > LASTS_SECONDS:
        return replace(known, rung=RUNGS[0], worked=False)
    return known


def known() -> Mapping[tuple[str, str], Lessons]:
    """Return all that is known, by base URL and model: for operators to look at."""
    return dict(_lessons)


def forget() -> None:
    """Know nothing any more."""
    with _lock:
        _lessons.clear()


def note_rung(base_url: str, model: str, rung: str, *, worked: bool) -> None:
    """Remember the rung to ask by. One that worked is not given up for a higher one by a slower thread."""
    with _lock:
        before = of(base_url, model)
        if before.rung == rung and before.worked >= worked:
            return
        if RUNGS.index(rung) < RUNGS.index(before.rung):
            return
        at = before.at if before.rung == rung else time.monotonic()
        _lessons[base_url, model] = replace(before, rung=rung, worked=worked, at=at)
    if rung != before.rung:
        log.warning("%s takes no structured output of the kind %s; asking by %s.", model, before.rung, rung)


def note_dropped(base_url: str, model: str, field: str) -> None:
    """Remember that a model takes no field of this name."""
    with _lock:
        before = of(base_url, model)
        _lessons[base_url, model] = replace(before, dropped=before.dropped | {field})
    log.warning("%s refuses the parameter %s; it is left out from now on.", model, field)


def note_renamed(base_url: str, model: str, field: str) -> None:
    """Remember that a model takes a field only by its other name, or in its other form."""
    with _lock:
        before = of(base_url, model)
        _lessons[base_url, model] = replace(before, renamed=before.renamed | {field})
    log.warning("%s wants the parameter %s in another form; it gets it from now on.", model, field)


def note_cap(base_url: str, model: str, most_tokens: int) -> None:
    """Remember the largest ``max_tokens`` that a model takes."""
    with _lock:
        before = of(base_url, model)
        _lessons[base_url, model] = replace(before, most_tokens=most_tokens)
    log.warning("%s writes at most %d tokens; larger caps are lowered to that.", model, most_tokens)
