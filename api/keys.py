"""API keys, for whoever holds one with the scope `admin`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import g

from api import links
from api.auth import needs
from api.idempotency import Answer, answer_once
from api.json import Blueprint
from api.paging import ask_of, page_of
from models import db
from models.owners import ApiKey
from models.services import keys
from schemas.common import PageQuery
from schemas.keys import KeyListSchema, KeyRequestSchema, KeySchema, NewKeySchema, RotateSchema

blueprint = Blueprint("keys", __name__, url_prefix="/api/v2/keys", description="Who may ask.")


@blueprint.get("")
@needs("admin")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, KeyListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List the keys, newest first, without their secrets."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = keys.list_keys(session, g.owner_id, ask)
    return page_of("keys", page.rows, ask, page.total, page.next_cursor)


@blueprint.post("")
@needs("admin")
@blueprint.arguments(KeyRequestSchema)
@blueprint.response(201, NewKeySchema)
def create(body: dict[str, Any]) -> Any:
    """Make a key. Its secret is in this answer and nowhere else."""

    def make(session: db.Session) -> Answer:
        keys.grant(g.scopes, body["scopes"])
        key, secret = keys.create_key(session, g.owner_id, body["name"], body["scopes"], body["expires_at"])
        session.refresh(key)
        return show_new(key, secret, 201)

    return answer_once(make)


@blueprint.get("/<key_id>")
@needs("admin")
@blueprint.response(200, KeySchema)
def read(key_id: str) -> Any:
    """Read a key, without its secret: what it may do, until when, and when it was last used."""
    with db.transaction() as session:
        return keys.see_key(session, g.owner_id, key_id)


@blueprint.post("/<key_id>/rotate")
@needs("admin")
@blueprint.arguments(RotateSchema, required=False)
@blueprint.response(200, NewKeySchema)
def rotate(body: dict[str, Any], key_id: str) -> Any:
    """Give a key a new secret, which is in this answer and nowhere else. The old one is good for `grace_seconds` more.

    Rotating again ends the grace of the secret before the last at once.
    """
    grace = timedelta(seconds=body["grace_seconds"])
    return answer_once(lambda session: show_new(*keys.rotate_key(session, g.owner_id, key_id, g.scopes, grace), 200))


@blueprint.delete("/<key_id>")
@needs("admin")
@blueprint.response(204)
def revoke(key_id: str) -> None:
    """Revoke a key. It is refused from the next request on. The last key with the scope `admin` cannot be revoked."""
    with db.transaction() as session:
        keys.revoke_key(session, g.owner_id, key_id)


def show_new(key: ApiKey, secret: str, status: int) -> Answer:
    """Return the answer that shows a secret, which no repetition shows again."""
    return Answer(
        NewKeySchema().dump(vars(key) | {"key": None}), links.key(key.id), status=status, secrets={"key": secret}
    )
