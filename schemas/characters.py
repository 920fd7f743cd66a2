"""Characters on the wire: imported, read, downloaded, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    post_load,
    pre_load,
    validate,
    validates,
    validates_schema,
)

from cards.loss import FRONTENDS
from cards.portrait import STYLES
from models.states import Priority
from schemas.books import FindingSchema, extensions_field, not_blank, tags_query
from schemas.common import Moment, PageQuery, PageSchema, Strict, sort_by
from schemas.imports import DeviationSchema
from schemas.options import WRITTEN_FIELDS, OptionsSchema
from schemas.webhooks import CallbackUrl, CalledBack

LONGEST_TEXT, LONGEST_NAME, LONGEST_TAG, LONGEST_LINE = 1_000_000, 200, 200, 2000  # characters
MOST_TEXTS = 200  # in a list
ARCHIVED = {"false": False, "true": True, "any": None}


class CharacterQuery(PageQuery):
    """Which characters to list."""

    q = fields.String(
        load_default=None, validate=validate.Length(1, 200), metadata={"description": "Part of the name."}
    )
    tags = tags_query()
    favorite = fields.Boolean(load_default=None)
    archived = fields.String(
        load_default="false",
        validate=validate.OneOf(list(ARCHIVED)),
        metadata={"description": "Those that are not archived; those that are; or all."},
    )
    sort = sort_by("created_at", "updated_at", "name")

    @post_load
    def said(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Say archived as a flag, or None for either."""
        return {**data, "archived": ARCHIVED[data["archived"]]}


class DeleteQuery(Strict):
    """How to delete a character."""

    purge = fields.Boolean(
        load_default=False, metadata={"description": "Delete it for good, with its book and its files."}
    )


# Fields that people will send to an edit, with what to do instead.
ELSEWHERE = {
    "character_book": "The book is edited under /character-books: see `book_id` of the character.",
    "book": "The book is edited under /character-books: see `book_id` of the character.",
    "book_id": "A character keeps its book; edit that under /character-books.",
    "card": 'Send the fields to change by themselves: {"name": ..., "tags": ...}.',
    "data": 'Send the fields to change by themselves: {"name": ..., "tags": ...}.',
    "spec": "A card is kept as V3 and downloaded in any format.",
    "spec_version": "A card is kept as V3 and downloaded in any format.",
    "assets": "The picture is set with PUT /characters/{id}/portrait; other files come with an import.",
    "portrait": "The picture is set with PUT /characters/{id}/portrait.",
    "portrait_style": "A style is set with PUT /characters/{id}/portrait.",
    "favorite": "Use PUT or DELETE /characters/{id}/favorite.",
    "archived": "Use DELETE /characters/{id}, or POST /characters/{id}/unarchive.",
    "archived_at": "Use DELETE /characters/{id}, or POST /characters/{id}/unarchive.",
    "creation_date": "Is set when a card is made, and never changed.",
    "modification_date": "Is set by every edit.",
    **dict.fromkeys(("id", "version", "job_id", "created_at", "updated_at", "links", "tokens"), "Cannot be edited."),
}


def _text(longest: int = LONGEST_TEXT, **metadata: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=longest), metadata=metadata)


def _texts(description: str, longest: int = LONGEST_TEXT) -> fields.List:
    return fields.List(
        fields.String(validate=validate.Length(max=longest)),
        validate=validate.Length(max=MOST_TEXTS),
        metadata={"description": description},
    )


def tags_field(**kwargs: Any) -> fields.List:
    """Return the field for tags as cards have them."""
    return fields.List(
        fields.String(validate=[validate.Length(1, LONGEST_TAG), not_blank]),
        validate=validate.Length(max=MOST_TEXTS),
        metadata={"example": ["noir", "harbour"]},
        **kwargs,
    )


class CharacterEditSchema(Strict):
    """Fields of the card to change, by their names in V3; all others stay as they are."""

    name = fields.String(validate=[validate.Length(1, LONGEST_NAME), not_blank], metadata={"example": "Ines Moura"})
    nickname = _text(LONGEST_NAME, description="What {{char}} stands for; empty: the name.")
    description = _text(example="{{char}} keeps the light at Ribeira.")
    personality = _text(description="What it is like, in short.")
    scenario = _text(description="Where the chat begins.")
    first_mes = _text(description="The greeting.")
    mes_example = _text(description="Example dialogues, each behind a line <START>.")
    alternate_greetings = _texts("Replaced as a whole.")
    group_only_greetings = _texts("Replaced as a whole.")
    system_prompt = _text(description="In the place of the front end's own; {{original}} stands for that.")
    post_history_instructions = _text(description="Behind the chat, in the place of the front end's own.")
    creator = _text(LONGEST_LINE, description="Who made the card.")
    character_version = _text(LONGEST_NAME, example="1.1")
    creator_notes = _text(description="For people; no prompt has them.")
    creator_notes_multilingual = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 35)),
        values=fields.String(validate=validate.Length(max=LONGEST_TEXT)),
        allow_none=True,
        validate=validate.Length(max=MOST_TEXTS),
        metadata={"description": "By language; replaced as a whole, null takes it out.", "example": {"pt": "Olá."}},
    )
    tags = tags_field()
    source = _texts("Ids or addresses of what the card was made from: all that it has, and new ones.", LONGEST_LINE)
    extensions = extensions_field(
        description="Merged with what is there (RFC 7396): null takes a member out, objects are merged.",
        example={"depth_prompt": {"prompt": "Be brief.", "depth": 4, "role": "system"}},
    )

    @pre_load
    def of_the_card(self, data: Any, **_: Any) -> Any:
        """Say where to change what is not changed here."""
        if not isinstance(data, Mapping):
            return data
        wrong = {name: [ELSEWHERE[name]] for name in ELSEWHERE if name in data}
        if isinstance(data.get("extensions"), Mapping) and "cardforge" in data["extensions"]:
            wrong["extensions.cardforge"] = ["Says how the card was made, and stays; take another name for your own."]
        if wrong:
            raise ValidationError(wrong)
        return data

    @validates_schema
    def something(self, data: Mapping[str, Any], **_: Any) -> None:
        """An edit that changes nothing is a slip."""
        if not data:
            raise ValidationError("Names no field to change: send one at least.", "body")


# Options that make no sense for a character that is there, with what to do instead.
SETTLED = {
    "keep": "Name what is to be written anew in `fields`; all else is kept.",
    "name": "A character keeps its name here; edit the character.",
    "include_book": "The lorebook stays as it is; edit it under /character-books.",
    "roster": "This is about one character.",
}


class RegenerateSchema(CalledBack):
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
    callback_url = CallbackUrl("Is told when the job has ended, by a signed POST.", load_default=None, allow_none=True)

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
    favorite = fields.Boolean(metadata={"description": "Starred by PUT /characters/{id}/favorite."})
    archived_at = Moment(allow_none=True, metadata={"description": "Since when it is out of lists; null: it is in."})
    job_id = fields.String(allow_none=True, metadata={"description": "The job that made it; null: it was imported."})
    portrait_url = fields.String(metadata={"example": "/api/v2/characters/char_0193f0c2a7b1/portrait"})
    version = fields.Integer(metadata={"description": "Goes up with the card and its book; marks leave it as it is."})
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
    portrait_style = fields.String(metadata={"description": "Drawn so, unless it has a picture of its own."})
    tokens = fields.Integer(metadata={"description": "About how many front ends send with every message."})
    assets = fields.Integer(metadata={"description": "Files that it was imported with."})
    links = fields.Nested(CharacterLinksSchema)


class CharacterListSchema(PageSchema):
    """A page of characters."""

    characters = fields.List(fields.Nested(CharacterSummarySchema))


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
