"""How often one key may ask: creation strictly, edits by the standard, reading generously.

Counted on Redis. While that is away each process counts for itself, so that requests go on. Unknown keys are counted by
address, apart from everybody else: whoever guesses holds up nobody but himself.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage

import logs
import settings
from api import errors, traits

log = logs.get(__name__)

WAIT = 0.25  # seconds for Redis: it is next door or away, and every request waits
AWAY_SECONDS = 5.0  # for which nobody asks it again
MOST_CONNECTIONS = 1000  # there are never more threads
REMEDY = {
    "create": "Wait, or put more into one request: a batch holds up to 10,000 items.",
    "edit": "Wait, and then go on.",
    "read": "Wait; to follow work, poll its batch or listen to its events instead of asking for each job.",
    "guess": "Too many unknown API keys came from this address. Wait, and use a key that is known.",
}


@dataclass(frozen=True)
class Count:
    """How many there were in a window, this one included, and the whole seconds until it has ended."""

    number: int
    left: int


class Counts:
    """The windows: on Redis for all processes, and in the memory of each while that is away."""

    def __init__(self, url: str) -> None:
        self._redis = RedisStorage(
            url,
            key_prefix="cardforge:limits",
            wrap_exceptions=True,
            socket_timeout=WAIT,
            socket_connect_timeout=WAIT,
            max_connections=MOST_CONNECTIONS,
        )
        self._memory = MemoryStorage()
        self._away_until = 0.0

    def count(self, limit: RateLimitItem, *whose: str) -> Count:
        """Count one more."""
        if time.monotonic() >= self._away_until:
            try:
                return counted(self._redis, limit, *whose)
            except StorageError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                reason = type(error.storage_error).__name__
                log.warning("redis_away", remedy="requests are counted in each process", reason=reason)
        return counted(self._memory, limit, *whose)


def counted(storage: Storage, limit: RateLimitItem, *whose: str) -> Count:
    """Count one more in a storage: two trips, where the library's strategies take three for the same."""
    key, seconds = limit.key_for(*whose), limit.get_expiry()
    number = storage.incr(key, seconds)
    left = storage.get_expiry(key) - time.time() + 0.5  # known to half a second; whoever waits must not be early
    return Count(number, min(max(1, math.ceil(left)), seconds))


def register(app: Flask) -> None:
    """Count every request, after `auth.register` has found out whose it is."""
    app.extensions["counts"] = Counts(settings.load().redis_url)
    app.before_request(count)
    app.after_request(tell)


def count() -> Response | None:
    """Count a request, and answer 429 when it is one too many."""
    g.pop("counted", None)  # nothing of a request before, should one have the same context
    if (what := kind()) is None or (limit := limit_of(getattr(settings.rate_limits(), what))) is None:
        return None
    who = request.remote_addr if what == "guess" else g.key_id
    found: Count = current_app.extensions["counts"].count(limit, what, str(who))
    g.counted = limit, found
    return refuse(what, limit, found) if found.number > limit.amount else None


def kind() -> str | None:
    """Return what the request counts as; None where nothing is counted."""
    if "refusal" in g:
        return "guess"
    if "key_id" not in g:
        return None
    return traits.of(request.endpoint).kind(request.method)


@cache
def limit_of(text: str | None) -> RateLimitItem | None:
    """Return the limit that a setting has in words ("60/minute"); None where it is off."""
    return None if text is None else parse(text)


def refuse(what: str, limit: RateLimitItem, found: Count) -> Response:
    """Answer 429, with what to do."""
    response = errors.answer(
        429,
        "RATE_LIMITED",
        REMEDY[what] if what == "guess" else f"Too many requests of this kind with this key. {REMEDY[what]}",
        {"kind": what, "limit": str(limit), "retry_after": found.left},
    )
    response.headers["Retry-After"] = str(found.left)
    return response


def tell(response: Response) -> Response:
    """Put the count on the answer, by the names of the IETF's draft: ``RateLimit-Reset`` is seconds from now."""
    if "counted" in g:
        limit, found = g.counted
        response.headers["RateLimit-Limit"] = str(limit.amount)
        response.headers["RateLimit-Remaining"] = str(max(0, limit.amount - found.number))
        response.headers["RateLimit-Reset"] = str(found.left)
        response.headers["RateLimit-Policy"] = f"{limit.amount};w={limit.get_expiry()}"
    return response
