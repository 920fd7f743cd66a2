"""Imports on the wire: what became of each file."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.common import Strict


class ImportQuery(Strict):
    """What to do with files that were imported before."""

    if_duplicate = fields.String(
        load_default="import",
        validate=validate.OneOf(["import", "skip"]),
        metadata={
            "description": "A file that was imported before, byte for byte: import it once more, or leave it out. "
            "Either way `duplicate_of` names what it became then."
        },
    )


class DeviationSchema(Schema):
    """One place where a file is not what its specification says."""

    path = fields.String()
    message = fields.String()
    fix = fields.String()


class ReasonSchema(Schema):
    """Why it was not done."""

    code = fields.String()
    message = fields.String()


class ImportResultSchema(Schema):
    """What became of one file."""

    file = fields.String(metadata={"description": "Its name as it was sent; `body` where it was the body itself."})
    status = fields.String(
        validate=validate.OneOf(["imported", "skipped", "failed"]),
        metadata={"description": "skipped: it was imported before, and `if_duplicate` is skip."},
    )
    format = fields.String(allow_none=True, metadata={"description": "What it was in.", "example": "tavernai"})
    name = fields.String(allow_none=True)
    character_id = fields.String(allow_none=True)
    book_id = fields.String(allow_none=True)
    warnings = fields.List(fields.String(), metadata={"description": "What was odd about it, for people."})
    deviations = fields.List(
        fields.Nested(DeviationSchema),
        metadata={"description": "Where it is not what its specification says, and was read all the same."},
    )
    error = fields.Nested(ReasonSchema, allow_none=True)
    url = fields.String(allow_none=True, metadata={"description": "Of the character, or of a bare lorebook."})
    duplicate_of = fields.String(
        allow_none=True,
        metadata={"description": "The character (or book) that the same file was imported as before."},
    )


class ImportListSchema(Schema):
    """What became of each file, in their order."""

    results = fields.List(fields.Nested(ImportResultSchema))
    imported = fields.Integer()
    skipped = fields.Integer()
    failed = fields.Integer()
