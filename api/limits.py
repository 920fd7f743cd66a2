"""How often one key may ask: creation strictly, edits by the standard, reading generously.

Counted on Redis. While that is away each process counts for itself, so that requests go on. Unknown keys are counted by
address, apart from everybody else: whoever guesses holds up nobody but himself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from flask import Flask, Response, current_app, g, request

import settings
from api import errors, traits
from api.windows import Count, Windows

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
REMEDY = {
    "create": "Wait, or put more into one request: a batch holds up to 10,000 items.",
    "edit": "Wait, and then go on.",
    "read": "Wait; to follow work, poll its batch or listen to its events instead of asking for each job.",
    "guess": "Too many unknown API keys came from this address. Wait, and use a key that is known.",
}


@dataclass(frozen=True)
class Limit:
    """So many requests in a time."""

    most: int
    unit: str

    @property
    def seconds(self) -> int:
        """How long a window is."""
        return SECONDS[self.unit]


def register(app: Flask) -> None:
    """Count every request, after `auth.register` has found out whose it is."""
    app.extensions["windows"] = Windows(settings.load().redis_url, "cardforge:limits:")
    app.before_request(count)
    app.after_request(tell)


def count() -> Response | None:
    """Count a request, and answer 429 when it is one too many."""
    g.pop("counted", None)  # nothing of a request before, should one have the same context
    if (what := kind()) is None or (limit := limit_of(getattr(settings.rate_limits(), what))) is None:
        return None
    who = request.remote_addr if what == "guess" else g.key_id
    found: Count = current_app.extensions["windows"].count(f"{what}:{who}:{limit.unit}", limit.seconds)
    g.counted = limit, found
    return refuse(what, limit, found) if found.number > limit.most else None


def kind() -> str | None:
    """Return what the request counts as; None where nothing is counted."""
    if "refusal" in g:
        return "guess"
    if "key_id" not in g:
        return None
    return traits.of(request.endpoint).kind(request.method)


@cache
def limit_of(text: str | None) -> Limit | None:
    """Return the limit that a setting has in words ("60/minute"); None where it is off."""
    if text is None:
        return None
    most, _, unit = text.partition("/")
    return Limit(int(most), unit.strip())


def refuse(what: str, limit: Limit, found: Count) -> Response:
    """Answer 429, with what to do."""
    seconds = left(found)
    response = errors.answer(
        429,
        "RATE_LIMITED",
        REMEDY[what] if what == "guess" else f"Too many requests of this kind with this key. {REMEDY[what]}",
        {"kind": what, "limit": f"{limit.most} per 1 {limit.unit}", "retry_after": seconds},
    )
    response.headers["Retry-After"] = str(seconds)
    return response


def tell(response: Response) -> Response:
    """Put the count on the answer, by the names of the IETF's draft: ``RateLimit-Reset`` is seconds from now."""
    if "counted" in g:
        limit, found = g.counted
        response.headers["RateLimit-Limit"] = str(limit.most)
        response.headers["RateLimit-Remaining"] = str(max(0, limit.most - found.number))
        response.headers["RateLimit-Reset"] = str(left(found))
        response.headers["RateLimit-Policy"] = f"{limit.most};w={limit.seconds}"
    return response


def left(found: Count) -> int:
    """Return the whole seconds until a window ends, at least one."""
    return max(1, math.ceil(found.left))
