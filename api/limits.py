"""How often one key may ask: creation strictly, edits by the standard, reading generously.

Counted on Redis. While that is away each process counts for itself, so that requests go on. Unknown keys are counted by
address, apart from everybody else: whoever guesses holds up nobody but himself.
"""

from __future__ import annotations

import math
import time

from flask import Flask, Response, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded

import settings
from api import errors, traits

WAIT = 0.25  # seconds for Redis: it is next door or away, and every request waits
REMEDY = {
    "create": "Wait, or put more into one request: a batch holds up to 10,000 items.",
    "edit": "Wait, and then go on.",
    "read": "Wait; to follow work, poll its batch or listen to its events instead of asking for each job.",
    "guess": "Too many unknown API keys came from this address. Wait, and use a key that is known.",
}


def register(app: Flask) -> None:
    """Count every request, after `auth.register` has found out whose it is."""
    limiter = Limiter(
        kind_and_caller,
        application_limits=[ApplicationLimit(allowed)],
        strategy="fixed-window",
        storage_uri=settings.load().redis_url,
        storage_options={"socket_timeout": WAIT, "socket_connect_timeout": WAIT, "retry": None},  # type: ignore[dict-item]
        in_memory_fallback_enabled=True,
        request_identifier=lambda: "api",  # one count for all routes, those that do not exist included
        key_prefix="cardforge",
    )
    limiter.init_app(app)
    app.extensions["cardforge-limiter"] = limiter
    app.register_error_handler(RateLimitExceeded, refuse)
    app.after_request(tell)


def kind() -> str | None:
    """Return what the request counts as; None where nothing is counted."""
    if "refusal" in g:
        return "guess"
    if "key_id" not in g:
        return None
    return traits.of(request.endpoint).kind(request.method)


def allowed() -> str:
    """Return the limit of this request, empty where there is none."""
    counted = kind()
    return (counted and getattr(settings.rate_limits(), counted)) or ""


def kind_and_caller() -> str:
    """Return whose count this is."""
    counted = kind()
    return f"{counted}:{request.remote_addr if counted == 'guess' else g.key_id}"


def refuse(_: RateLimitExceeded) -> Response:
    """Answer 429, with what to do."""
    counted = kind() or "read"
    seconds, limit = 1, ""
    if current := current_app.extensions["cardforge-limiter"].current_limit:
        seconds, limit = left(current.reset_at), str(current.limit)
    response = errors.answer(
        429,
        "RATE_LIMITED",
        f"Too many requests of this kind with this key. {REMEDY[counted]}" if counted != "guess" else REMEDY[counted],
        {"kind": counted, "limit": limit, "retry_after": seconds},
    )
    response.headers["Retry-After"] = str(seconds)
    return response


def tell(response: Response) -> Response:
    """Put the count on the answer, by the names of the IETF's draft: ``RateLimit-Reset`` is seconds from now."""
    current = current_app.extensions["cardforge-limiter"].current_limit
    if current is not None:
        seconds = current.limit.get_expiry()
        response.headers["RateLimit-Limit"] = str(current.limit.amount)
        response.headers["RateLimit-Remaining"] = str(current.remaining)
        response.headers["RateLimit-Reset"] = str(left(current.reset_at))
        response.headers["RateLimit-Policy"] = f"{current.limit.amount};w={seconds}"
    return response


def left(moment: float) -> int:
    """Return the whole seconds until a moment, at least one."""
    return max(1, math.ceil(moment - time.time()))
