"""What is done to many characters at once, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.characters import tags_field
from schemas.common import Strict
from schemas.imports import ReasonSchema

MOST_AT_ONCE = 1000
TAGGING = ("add_tags", "remove_tags")
ACTIONS = ("archive", "unarchive", "favorite", "unfavorite", *TAGGING, "purge")
OUTCOMES = ("changed", "unchanged", "not_found", "refused")


class BulkSchema(Strict):
    """What to do to many characters at once."""

    ids = fields.List(
        fields.String(validate=validate.Length(1, 100)),
        required=True,
        validate=validate.Length(1, MOST_AT_ONCE),
        metadata={"description": "Each once is enough.", "example": ["char_0193f0c2a7b1", "char_0193f0c2a7b2"]},
    )
    action = fields.String(
        required=True,
        validate=validate.OneOf(ACTIONS),
        metadata={"description": "purge deletes for good, archive can be taken back.", "example": "add_tags"},
    )
    tags = tags_field(load_default=list)

    @validates_schema
    def tags_to_tag(self, data: Mapping[str, Any], **_: Any) -> None:
        """Tags go with the two actions that are about tags, and with no other."""
        tagging = data.get("action") in TAGGING
        if tagging and not data.get("tags"):
            raise ValidationError(f"Say which tags to {data['action'].partition('_')[0]}.", "tags")
        if not tagging and data.get("tags"):
            raise ValidationError(f"Only {' and '.join(TAGGING)} take tags: leave them out.", "tags")


class BulkResultSchema(Schema):
    """What became of one character."""

    id = fields.String()
    status = fields.String(
        validate=validate.OneOf(OUTCOMES),
        metadata={"description": "unchanged: it was so already. refused: see `error`; the others were done."},
    )
    error = fields.Nested(ReasonSchema, allow_none=True)


class BulkResultListSchema(Schema):
    """What became of each character, in the order of `ids`, and how many there are of each outcome."""

    results = fields.List(fields.Nested(BulkResultSchema))
    changed = fields.Integer()
    unchanged = fields.Integer()
    not_found = fields.Integer()
    refused = fields.Integer()
