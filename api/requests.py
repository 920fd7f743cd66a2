"""What happens around every request: its id, its log line, the security headers of its answer."""

from __future__ import annotations

import re
import time
import uuid

from flask import Flask, Response, current_app, g, request

import logs
from api import traits
from models.errors import Invalid

log = logs.get(__name__)

# What may come in as an id: it is echoed in a header and written to logs.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # For data, of which a browser is to make nothing. The two pages say for themselves what they need.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
KEEP_NONE = {"Cache-Control": "no-store"}


def register(app: Flask) -> None:
    """Wrap every request."""
    app.before_request(begin)
    app.after_request(end)


def begin() -> None:
    """Take the caller's request id or make one, and bind it to every log line from here on."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    g.began = time.monotonic()
    logs.clear()
    logs.bind(request_id=g.request_id)


def check_address() -> None:
    """Refuse what no path and no query has use for: a NUL (nor has PostgreSQL), and parameters that nobody reads."""
    said = [request.path]
    if request.query_string:
        said += [*request.args, *(value for values in request.args.listvalues() for value in values)]
    if any("\x00" in text for text in said):
        raise Invalid("The address holds a NUL character.", details={"url": ["Take %00 out."]})
    if request.args and request.endpoint and "key_id" in g and "query" not in traits.of(request.endpoint).arguments:
        raise Invalid(
            "This address takes no query parameters: leave out what follows the question mark.",
            details={name: ["Unknown field."] for name in request.args},
        )


def end(response: Response) -> Response:
    """Put the headers on that every answer has, and write the request's one line."""
    api = request.path.startswith("/api/")
    headers = {"X-Request-ID": g.get("request_id", ""), **SECURITY_HEADERS, **(KEEP_NONE if api else {})}
    there = {name.lower() for name, _ in response.headers}  # looked at once: Werkzeug would for each anew
    for name, value in headers.items():
        if name.lower() not in there:
            response.headers.add(name, value)
    if api:
        allow_origin(response)
    if not request.path.startswith(("/health/", "/metrics")):
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            milliseconds=round((time.monotonic() - g.get("began", time.monotonic())) * 1000, 1),
        )
    return response


def allow_origin(response: Response) -> None:
    """CORS, only for the origins that the operator has named."""
    origin = request.headers.get("Origin")
    if origin and origin in current_app.config["CORS_ORIGINS"]:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = (
            "Authorization, Content-Type, X-API-Key, X-Request-ID, If-Match, If-None-Match, Idempotency-Key, "
            "Last-Event-ID"
        )
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
        response.headers["Access-Control-Expose-Headers"] = (
            "X-Request-ID, Location, ETag, Last-Modified, Retry-After, Content-Disposition, Idempotency-Replayed, "
            "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy"
        )
        response.headers.add("Vary", "Origin")
