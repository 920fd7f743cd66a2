"""Who asks: every view needs a key, but for those that are named here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, g, request

import logs
from api import traits
from models import db
from models.errors import DomainError, Forbidden, Unauthenticated
from models.services import keys
from models.services.keys import Caller

View = TypeVar("View", bound=Callable[..., Any])

OPEN_ENDPOINTS = {
    "api-docs.openapi_json",
    "api-docs.openapi_swagger_ui",
    "docs.asset",
    "health.live",
    "health.ready",
    "metrics.show",  # has a key of its own
    "web.asset",
    "web.page",
}


def register(app: Flask) -> None:
    """Find out who asks, before every request."""
    app.before_request(authenticate)


def needs(scope: str) -> Callable[[View], View]:
    """Mark a view as one that needs ``scope``; unmarked ones need ``read`` to read and ``write`` to change."""

    def mark(view: View) -> View:
        view.scope = scope  # type: ignore[attr-defined]
        return view

    return mark


def authenticate() -> None:
    """Find the caller's key and put it and its owner on ``g``, or what is to be said to an unknown one.

    The refusal waits in ``g.refusal`` until it is counted (`api/limits.py`); `authorize` raises it.
    """
    for name in ("refusal", "owner_id", "key_id", "scopes"):
        g.pop(name, None)  # nothing of a request before, should one have the same context
    nowhere = request.endpoint is None and not request.path.startswith("/api/")
    if request.endpoint in OPEN_ENDPOINTS or nowhere or request.method == "OPTIONS":
        return
    caller = find_caller()
    if caller is None:
        g.refusal = Unauthenticated("This API key is unknown, expired or revoked: ask an admin for another.")
        return
    g.owner_id, g.key_id, g.scopes = caller.owner_id, caller.key_id, caller.scopes
    logs.bind(key_id=caller.key_id)


def authorize() -> None:
    """Refuse unknown keys, and known ones that may not do this; raises `Unauthenticated` or `Forbidden`."""
    refusal: DomainError | None = g.get("refusal")
    if refusal is not None:
        raise refusal
    if "scopes" not in g:
        return
    scope = traits.of(request.endpoint).needed_scope(request.method)
    if scope not in g.scopes:
        raise Forbidden(
            f"This key may not do that: it needs the scope {scope!r} and has {', '.join(sorted(g.scopes))}.",
            details={"needed": scope, "scopes": sorted(g.scopes)},
        )


def find_caller() -> Caller | None:
    """Return whose key came with the request, if it is good, and note its use."""
    secret = read_secret()
    if not secret:
        raise Unauthenticated("No API key: send it as 'Authorization: Bearer cf_...' or 'X-API-Key: cf_...'.")
    caller = keys.find_caller(secret)
    if caller is not None and caller.is_due:
        with db.transaction() as session:
            keys.note_use(session, caller.key_id)
    return caller


def read_secret() -> str:
    """Return the secret from either header, or an empty string."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "").strip()
