"""Characters on the wire: imported, read, downloaded, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from cards.loss import FRONTENDS
from cards.portrait import STYLES
from models.states import Priority
from schemas.books import FindingSchema
from schemas.common import Moment, PageQuery, PageSchema, Strict
from schemas.options import WRITTEN_FIELDS, OptionsSchema


class CharacterQuery(PageQuery):
    """Which characters to list."""

    q = fields.String(load_default=None, validate=validate.Length(1, 200), metadata={"description": "In the name."})
    tag = fields.String(load_default=None, validate=validate.Length(1, 60))


# Options that make no sense for a character that is there, with what to do instead.
SETTLED = {
    "keep": "Name what is to be written anew in `fields`; all else is kept.",
    "name": "A character keeps its name here; edit the character.",
    "include_book": "The lorebook stays as it is; edit it under /character-books.",
    "roster": "This is about one character.",
}


class RegenerateSchema(Strict):
    """Which fields to write anew, and how."""

    fields_ = fields.List(
        fields.String(validate=validate.OneOf(WRITTEN_FIELDS)),
        data_key="fields",
        attribute="fields",
        required=True,
        validate=validate.Length(1, len(WRITTEN_FIELDS)),
        metadata={"description": "All others stay as they are.", "example": ["first_mes"]},
    )
    instruction = fields.String(
        load_default="",
        validate=validate.Length(max=4000),
        metadata={"description": "What to do differently.", "example": "Begin in the rain, and shorter."},
    )
    options = fields.Nested(
        OptionsSchema, load_default=dict, metadata={"description": "Beside those that the character was made with."}
    )
    profile_id = fields.String(
        validate=validate.Length(1, 100),
        metadata={"description": "How to write; the profile that the character was made with if not given."},
    )
    priority = fields.String(load_default=Priority.STANDARD.value, validate=validate.OneOf(list(Priority)))

    @validates("options")
    def of_this_card(self, value: Mapping[str, Any], **_: Any) -> None:
        """What the character and `fields` say already cannot be said otherwise."""
        said = {name: [SETTLED[name]] for name in SETTLED if name in value}
        if said:
            raise ValidationError(said)


class CharacterSummarySchema(Schema):
    """A character as lists show it."""

    id = fields.String()
    name = fields.String()
    tags = fields.List(fields.String())
    job_id = fields.String(allow_none=True)
    version = fields.Integer()
    created_at = Moment()
    updated_at = Moment()


class CharacterLinksSchema(Schema):
    """Where to go from a character."""

    self = fields.String()
    portrait = fields.String()
    lint = fields.String()
    book = fields.String(allow_none=True)
    job = fields.String(allow_none=True)
    downloads = fields.Dict(keys=fields.String(), values=fields.String())


class CharacterSchema(CharacterSummarySchema):
    """A character in full."""

    card = fields.Dict(metadata={"description": "The card as V3, its book included."})
    book_id = fields.String(allow_none=True)
    portrait_style = fields.String()
    assets = fields.Integer(metadata={"description": "Files that it was imported with."})
    links = fields.Nested(CharacterLinksSchema)


class CharacterListSchema(PageSchema):
    """A page of characters."""

    characters = fields.List(fields.Nested(CharacterSummarySchema))


class DeviationSchema(Schema):
    """One place where a file is not what its specification says."""

    path = fields.String()
    message = fields.String()
    fix = fields.String()


class ImportErrorSchema(Schema):
    """Why a file could not be imported."""

    code = fields.String()
    message = fields.String()


class ImportResultSchema(Schema):
    """What became of one file."""

    file = fields.String()
    status = fields.String(validate=validate.OneOf(["imported", "failed"]))
    format = fields.String(allow_none=True)
    name = fields.String(allow_none=True)
    character_id = fields.String(allow_none=True)
    book_id = fields.String(allow_none=True)
    warnings = fields.List(fields.String())
    deviations = fields.List(fields.Nested(DeviationSchema))
    error = fields.Nested(ImportErrorSchema, allow_none=True)
    url = fields.String(allow_none=True)


class ImportListSchema(Schema):
    """What became of each file, in their order."""

    results = fields.List(fields.Nested(ImportResultSchema))
    imported = fields.Integer()
    failed = fields.Integer()


class LossQuery(Strict):
    """Which program is to open the file."""

    frontend = fields.String(load_default=None, validate=validate.OneOf(list(FRONTENDS)))


class LossSchema(Schema):
    """One thing that does not arrive."""

    field = fields.String()
    what = fields.String(metadata={"description": "lost, or misread: it arrives as something else."})
    message = fields.String()


class LossListSchema(Schema):
    """What a format, or a front end that opens it, does not carry of a character."""

    format = fields.String()
    frontend = fields.String(allow_none=True)
    losses = fields.List(fields.Nested(LossSchema))


class PortraitSchema(Strict):
    """How to draw the portrait anew."""

    style = fields.String(required=True, validate=validate.OneOf(list(STYLES)))


class ValidationSchema(Schema):
    """Whether something posted can be used, and what there is to mend."""

    valid = fields.Boolean(metadata={"description": "It is what its specification says, and no finding is an error."})
    readable = fields.Boolean(metadata={"description": "It can be imported."})
    format = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(DeviationSchema))
    warnings = fields.List(fields.String())
    findings = fields.List(fields.Nested(FindingSchema))
    score = fields.Dict(keys=fields.String(), values=fields.Integer())
    losses = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Nested(LossSchema)),
        metadata={"description": "By front end: what it would make of the card as PNG."},
    )
