"""Waiting for work to end: by its events, and by looking now and then where there are none."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from cardforge_client.errors import BadAnswer, BadRequest, NotFound, RateLimited, Unavailable, Unreachable, WaitTimeout
from cardforge_client.events import SILENCE_SECONDS, Event, Events

ENDS = frozenset({"completed", "failed", "cancelled"})
LOOK_SECONDS = (0.3, 5.0)  # first and longest pause between two looks, where there are no events

S = TypeVar("S", bound=Mapping[str, Any])
# Why a stream of events may be refused where a look is not.
NO_EVENTS = (NotFound, BadRequest, BadAnswer, RateLimited, Unavailable, Unreachable)


class Deadline:
    """When waiting ends (``seconds`` from now; None: never)."""

    def __init__(self, seconds: float | None, what: str) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds
        self._message = f"{what} has not ended within {seconds} s; it goes on."

    def left(self, most: float) -> float:
        """Seconds that are left, at most ``most``; raises `WaitTimeout` when there are none."""
        if self._at is None:
            return most
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise WaitTimeout(self._message)
        return min(most, seconds)


def watch(
    read: Callable[[], S], events: Callable[[], Events], news: Callable[[Event], Mapping[str, Any]], deadline: Deadline
) -> Iterator[S]:
    """Yield a job or batch each time that it has changed, the last time when it has ended.

    ``read`` looks at it, ``events`` opens its events, ``news`` says which of its fields an event has.
    """
    state = read()
    yield state
    if state["status"] in ENDS:
        return
    try:
        for fresh in _updates(state, events(), news, deadline):
            if fresh["status"] in ENDS:
                break
            yield fresh
    except NO_EVENTS:
        pass  # looking says whether it is only the stream that cannot be had
    yield from _looks(read, deadline)


def last_of(states: Iterator[S]) -> S:
    """Return the last state of those that `watch` yields."""
    return deque(states, maxlen=1).pop()


def _updates(state: S, stream: Events, news: Callable[[Event], Mapping[str, Any]], deadline: Deadline) -> Iterator[S]:
    """The state brought up to date by each event. Events of before the first look are passed over."""
    current, caught_up = dict(state), False
    for event in stream.ticks(deadline.left(SILENCE_SECONDS)):
        deadline.left(SILENCE_SECONDS)
        told = {name: value for name, value in news(event).items() if name in current} if event else {}
        if not told:
            continue
        caught_up = caught_up or _done(told) >= _done(current) or told.get("status") in ENDS
        if caught_up and any(current[name] != value for name, value in told.items()):
            current |= told
            yield cast("S", dict(current))


def _done(state: Mapping[str, Any]) -> float:
    """How far something is, for comparing."""
    progress = state.get("progress")
    if isinstance(progress, Mapping):
        return sum(progress.get(name) or 0 for name in ENDS)
    return progress if isinstance(progress, (int, float)) else -1.0


def _looks(read: Callable[[], S], deadline: Deadline) -> Iterator[S]:
    """The state each time that a look shows a change, until it has ended."""
    pause, before = LOOK_SECONDS[0], None
    while True:
        state = read()
        if state != before:
            yield state
        if state["status"] in ENDS:
            return
        # Look often while things happen, seldom while a model thinks.
        pause = LOOK_SECONDS[0] if before is not None and state != before else min(pause * 1.3, LOOK_SECONDS[1])
        before = state
        time.sleep(deadline.left(pause))
