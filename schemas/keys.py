"""API keys on the wire. The secret is shown once, when it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from marshmallow import Schema, ValidationError, fields, validate

from schemas.common import Moment, PageSchema, Strict

SCOPES = ("read", "write", "admin")
LONGEST = timedelta(days=3653)
LONGEST_GRACE = 7 * 24 * 3600


def _in_future(value: datetime) -> None:
    now = datetime.now(UTC)
    if not now < value < now + LONGEST:
        raise ValidationError("Has to lie in the future, and at most ten years ahead.")


class KeyRequestSchema(Strict):
    """A key to make."""

    name = fields.String(
        required=True,
        validate=validate.Length(1, 100),
        metadata={"description": "What it is for, for people.", "example": "nightly pipeline"},
    )
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        load_default=lambda: ["read", "write"],
        validate=validate.Length(1, 3),
        metadata={
            "description": "What it may do: read, change, keep keys. Nothing that the key that makes it may not.",
            "example": ["read", "write"],
        },
    )
    expires_at = Moment(
        load_default=None,
        allow_none=True,
        validate=_in_future,
        metadata={"description": "When it stops being good; null: never. At most ten years ahead."},
    )


class RotateSchema(Strict):
    """How a key gets a new secret."""

    grace_seconds = fields.Integer(
        strict=True,
        load_default=0,
        validate=validate.Range(0, LONGEST_GRACE),
        metadata={
            "description": "How long the old secret is good as well, so that programs can change over; 0: no longer.",
            "example": 3600,
        },
    )


class KeySchema(Schema):
    """A key as it is shown, without its secret."""

    key_id = fields.String(attribute="id")
    name = fields.String()
    prefix = fields.String(metadata={"description": "The first characters of the secret."})
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)))
    created_at = Moment()
    expires_at = Moment(allow_none=True, metadata={"description": "When it stops being good; null: never."})
    revoked_at = Moment(allow_none=True, metadata={"description": "Since when it is refused; null: it is not."})
    rotated_at = Moment(allow_none=True, metadata={"description": "When it was last given a new secret."})
    old_until = Moment(
        allow_none=True,
        metadata={"description": "Until when the secret before the last rotation is good as well."},
    )
    last_used_at = Moment(allow_none=True, metadata={"description": "Its last use, to the minute."})


class NewKeySchema(KeySchema):
    """A key with its new secret."""

    key = fields.String(
        allow_none=True,
        metadata={
            "description": "The secret. It is not stored and not shown again; a repetition with the same "
            "Idempotency-Key has null here.",
            "example": "cf_example",
        },
    )


class KeyListSchema(PageSchema):
    """A page of the keys of the caller's owner, newest first."""

    keys = fields.List(fields.Nested(KeySchema))
