"""API keys, for whoever holds one with the scope `admin`."""

from __future__ import annotations

from typing import Any

from flask import g

from api.auth import needs
from api.json import Blueprint
from models import db
from models.services import keys
from schemas.keys import KeyListSchema, KeyRequestSchema, NewKeySchema

blueprint = Blueprint("keys", __name__, url_prefix="/api/v2/keys", description="Who may ask.")


@blueprint.get("")
@needs("admin")
@blueprint.response(200, KeyListSchema)
def list_all() -> Any:
    """List the keys, without their secrets."""
    with db.transaction() as session:
        return {"keys": keys.list_keys(session, g.owner_id)}


@blueprint.post("")
@needs("admin")
@blueprint.arguments(KeyRequestSchema)
@blueprint.response(201, NewKeySchema)
def create(body: dict[str, Any]) -> Any:
    """Make a key. Its secret is in this answer and nowhere else."""
    with db.transaction() as session:
        key, secret = keys.create_key(session, g.owner_id, body["name"], body["scopes"], body["expires_at"])
        session.refresh(key)
    return vars(key) | {"key": secret}


@blueprint.delete("/<key_id>")
@needs("admin")
@blueprint.response(204)
def revoke(key_id: str) -> None:
    """Revoke a key. It is refused from the next request on."""
    with db.transaction() as session:
        keys.revoke_key(session, g.owner_id, key_id)
