"""API keys on the wire. The secret is shown once, when it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from marshmallow import Schema, ValidationError, fields, validate

from schemas.common import Moment, Strict

SCOPES = ("read", "write", "admin")
LONGEST = timedelta(days=3653)


def _in_future(value: datetime) -> None:
    now = datetime.now(UTC)
    if not now < value < now + LONGEST:
        raise ValidationError("Has to lie in the future, and at most ten years ahead.")


class KeyRequestSchema(Strict):
    """A key to make."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        load_default=lambda: ["read", "write"],
        validate=[validate.Length(1), validate.ContainsOnly(SCOPES)],
    )
    expires_at = Moment(load_default=None, allow_none=True, validate=_in_future)


class KeySchema(Schema):
    """A key as lists show it."""

    key_id = fields.String(attribute="id")
    name = fields.String()
    prefix = fields.String(metadata={"description": "The first characters of the key."})
    scopes = fields.List(fields.String())
    created_at = Moment()
    expires_at = Moment(allow_none=True)
    revoked_at = Moment(allow_none=True)
    last_used_at = Moment(allow_none=True)


class NewKeySchema(KeySchema):
    """A key just made."""

    key = fields.String(metadata={"description": "The secret. It is not stored and not shown again."})


class KeyListSchema(Schema):
    """All keys of the caller's owner."""

    keys = fields.List(fields.Nested(KeySchema))
