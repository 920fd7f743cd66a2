"""One table from domain error to status, one shape for every error answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, jsonify
from kombu.exceptions import OperationalError as BrokerError
from werkzeug.exceptions import ClientDisconnected, HTTPException

import logs
from cards.errors import CardError
from models import db
from models import errors as domain

log = logs.get(__name__)

STATUS: Mapping[type[domain.DomainError], int] = {
    domain.NotFound: 404,
    domain.WrongState: 409,
    domain.Invalid: 422,
    domain.Unauthenticated: 401,
    domain.Forbidden: 403,
    domain.StaleVersion: 412,
    domain.QuotaExceeded: 429,
    domain.Unconditional: 428,
    domain.Busy: 503,
}
CODES: Mapping[int, str] = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR",
}
SAID_BETTER: Mapping[int, str] = {
    404: "There is nothing at this address: see /api/v2/docs for those that there are.",
    413: "The body is larger than 32 MiB, or is a form of over 1,000 parts or with a field of over 500 kB that is no "
    "file: send fewer items, or files one by one, each as a part with a filename.",
}


def register(app: Flask) -> None:
    """Turn every error of the app into the one shape."""
    app.register_error_handler(domain.DomainError, from_domain)
    app.register_error_handler(CardError, from_card)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(ClientDisconnected, from_half_a_request)
    app.register_error_handler(db.Trouble, from_database)
    app.register_error_handler(BrokerError, from_outage)
    app.register_error_handler(Exception, from_bug)


def answer(status: int, code: str, message: str, details: Mapping[str, Any] | None = None) -> Response:
    """Return an error answer."""
    body = {
        "error": code,
        "message": message,
        "details": details or {},
        "request_id": g.get("request_id", ""),
    }
    response = jsonify(body)
    response.status_code = status
    return response


def from_domain(error: domain.DomainError) -> Response:
    """A use case said no."""
    response = answer(STATUS.get(type(error), 500), error.code, str(error), error.details)
    if isinstance(error, domain.StaleVersion):  # the contract has its details at the top
        response.set_data(jsonify({**response.get_json(), **error.details}).get_data())
    if isinstance(error, domain.QuotaExceeded):
        response.headers["Retry-After"] = str(max(1, int((error.resets_at - datetime.now(UTC)).total_seconds())))
    if response.status_code == 503:
        response.headers["Retry-After"] = "5"
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="cardforge"'
    return response


def from_card(error: CardError) -> Response:
    """Something stored or sent cannot be made into a card."""
    return answer(422, "INVALID_CARD", str(error))


def from_http(error: HTTPException) -> Response:
    """Flask, Werkzeug or webargs said no."""
    status = error.code or 500
    messages = (getattr(error, "data", None) or {}).get("messages")
    if messages:  # by location: json, query, files
        details = dict(found for inside in messages.values() for found in flatten(inside))
        return answer(status, "VALIDATION_ERROR", summary(details), details)
    message = SAID_BETTER.get(status) or methods_taken(error) or error.description or error.name
    response = answer(status, CODES.get(status, "INTERNAL"), message)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def methods_taken(error: HTTPException) -> str:
    """Return which methods an address takes instead of the one that was asked with; empty for another error."""
    taken = sorted(set(getattr(error, "valid_methods", None) or ()) - {"OPTIONS", "HEAD"})
    return f"This address does not take this method: it takes {', '.join(taken)}." if taken else ""


def from_half_a_request(error: ClientDisconnected) -> Response:
    """The body ended early, or did not come in its time."""
    if isinstance(error.__context__, TimeoutError):
        return answer(408, "REQUEST_TIMEOUT", "The body did not come in its time: send it again, without pauses.")
    return answer(400, "BAD_REQUEST", "The body is shorter than its Content-Length says: send all of it.")


def from_database(error: Exception) -> Response:
    """The database is away, or has refused something that should not have been asked."""
    return from_outage(error) if db.is_away(error) else from_bug(error)


def from_outage(error: Exception) -> Response:
    """The database or the broker is away; the client can try again."""
    log.error("service_away", reason=type(error).__name__)
    response = answer(503, "SERVICE_UNAVAILABLE", "A service behind this one is away for the moment. Try again.")
    response.headers["Retry-After"] = "5"
    return response


def from_bug(error: Exception) -> Response:
    """Nobody expected this; the trace goes to the log, the request id to the client."""
    log.exception("request_crashed", exc_info=error)
    return answer(500, "INTERNAL", "Something went wrong inside Cardforge. The request id finds it in the log.")


def flatten(messages: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield validation messages by field path: ``generations.3.options.temperature``."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from flatten(inner, path if name == "_schema" else f"{path}.{name}".lstrip("."))
    else:
        yield (
            path or "body",
            [str(message) for message in (messages if isinstance(messages, list) else [messages])],
        )


def summary(details: Mapping[str, list[str]]) -> str:
    """Return one sentence that names the first field at fault and says how many more there are."""
    path, problems = next(iter(details.items()))
    more = f" ({len(details) - 1} more in details)" if len(details) > 1 else ""
    return f"{path}: {problems[0]}{more}"
