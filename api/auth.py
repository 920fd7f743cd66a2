"""Who asks: every view needs a key, but for those that are named here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from models import db
from models.errors import Forbidden, Unauthenticated
from models.owners import ApiKey
from models.services import keys

View = TypeVar("View", bound=Callable[..., Any])

OPEN_ENDPOINTS = {
    "api-docs.openapi_json",
    "api-docs.openapi_swagger_ui",
    "docs.asset",
    "health.live",
    "health.ready",
    "home",
}
READING = {"GET", "HEAD"}


def register(app: Flask) -> None:
    """Check the key before every request."""
    app.before_request(authenticate)


def needs(scope: str) -> Callable[[View], View]:
    """Mark a view as one that needs ``scope``; unmarked ones need ``read`` to read and ``write`` to change."""

    def mark(view: View) -> View:
        view.scope = scope  # type: ignore[attr-defined]
        return view

    return mark


def authenticate() -> None:
    """Find the caller's key and put it and its owner on ``g``; raises `Unauthenticated` or `Forbidden`."""
    nowhere = request.endpoint is None and not request.path.startswith("/api/")
    if request.endpoint in OPEN_ENDPOINTS or nowhere or request.method == "OPTIONS":
        return
    key = find_key()
    view = current_app.view_functions.get(request.endpoint or "")
    scope = getattr(view, "scope", "read" if request.method in READING else "write")
    if scope not in key.scopes:
        raise Forbidden(
            f"This key may not do that: it needs the scope {scope!r} and has {', '.join(key.scopes)}.",
            details={"needed": scope, "scopes": list(key.scopes)},
        )
    g.owner_id, g.key_id = key.owner_id, key.id


def find_key() -> ApiKey:
    """Return the key that came with the request."""
    secret = read_secret()
    if not secret:
        raise Unauthenticated("No API key: send it as 'Authorization: Bearer cf_...' or 'X-API-Key: cf_...'.")
    with db.transaction() as session:
        key = keys.find_key(session, secret)
    if key is None:
        raise Unauthenticated("This API key is unknown, expired or revoked.")
    return key


def read_secret() -> str:
    """Return the secret from either header, or an empty string."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "").strip()
