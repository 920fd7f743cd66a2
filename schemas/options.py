"""The catalogue of generation options: validation, `GET /options` and the documentation are all made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from cards.errors import CardError
from cards.formats import FORMATS
from cards.names import check_pattern
from cards.portrait import STYLES
from schemas.common import Strict


@dataclass(frozen=True)
class Option:
    """One option. ``default`` None: the profile's value, or the server's where the profile says nothing."""

    name: str
    group: str
    type: str
    description: str
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def field(self) -> fields.Field:
        """Return the field that validates the option."""
        return FIELDS[self.type](self)


def _check_pattern(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except CardError as error:
        raise ValidationError(str(error)) from error


def _range(option: Option) -> validate.Range:
    return validate.Range(option.low, option.high)


def _doc(option: Option) -> dict[str, Any]:
    return {"metadata": {"description": option.description}}


def _text(option: Option) -> fields.Field:
    if option.choices:
        return fields.String(validate=validate.OneOf(option.choices), **_doc(option))
    shortest, longest = (None if bound is None else int(bound) for bound in (option.low, option.high))
    return fields.String(validate=validate.Length(shortest, longest), **_doc(option))


def _texts(option: Option) -> fields.Field:
    inner = validate.OneOf(option.choices) if option.choices else validate.Length(1, int(option.high or 200))
    return fields.List(fields.String(validate=inner), validate=validate.Length(1, 20), **_doc(option))


FIELDS: Mapping[str, Any] = {
    "integer": lambda option: fields.Integer(strict=True, validate=_range(option), **_doc(option)),
    "number": lambda option: fields.Float(allow_nan=False, validate=_range(option), **_doc(option)),
    "boolean": lambda option: fields.Boolean(truthy={True}, falsy={False}, **_doc(option)),
    "string": _text,
    "pattern": lambda option: fields.String(
        validate=[validate.Length(option.low, option.high), _check_pattern], **_doc(option)
    ),
    "strings": _texts,
}

OPTIONS = (
    Option("model", "models", "string", "Model id, as the model server knows it.", low=1, high=200),
    Option("temperature", "sampling", "number", "How freely the model writes.", low=0, high=2),
    Option(
        "top_p",
        "sampling",
        "number",
        "Nucleus sampling: the share of likely words to choose from.",
        low=0,
        high=1,
    ),
    Option(
        "seed",
        "sampling",
        "integer",
        "Same seed, same answer, where the server supports it.",
        low=0,
        high=2**31 - 1,
    ),
    Option("max_tokens", "sampling", "integer", "Cap of the answer that holds the card.", low=256, high=64_000),
    Option("name", "content", "string", "Name of the character, whatever the source calls it.", low=1, high=60),
    Option("creator", "content", "string", "Written into the card's creator field.", low=1, high=100),
    Option("tags", "content", "strings", "Tags added to those that are written.", high=40),
    Option("alternate_greetings", "greetings", "integer", "Greetings beside the first one.", low=0, high=5),
    Option("repairs", "quality", "integer", "How often a faulty card is sent back to be mended.", low=0, high=3),
    Option("include_book", "lorebook", "boolean", "Write a lorebook into the card.", default=True),
    Option("lorebook_entries", "lorebook", "integer", "Most entries of the lorebook.", low=0, high=60),
    Option(
        "lorebook_max_tokens",
        "lorebook",
        "integer",
        "Cap of the answer that holds the entries.",
        low=256,
        high=64_000,
    ),
    Option(
        "format",
        "output",
        "strings",
        "File formats to write.",
        default=["json", "v2", "tavernai"],
        choices=tuple(FORMATS),
    ),
    Option(
        "portrait_style",
        "output",
        "string",
        "How the portrait is drawn.",
        default="tarot",
        choices=tuple(STYLES),
    ),
    Option(
        "filename_pattern",
        "output",
        "pattern",
        "File names, with placeholders such as {character_name}, {timestamp}, {index}.",
        default="{character_name}_{timestamp}",
        low=1,
        high=200,
    ),
)

OptionsSchema = Strict.from_dict({option.name: option.field() for option in OPTIONS}, name="GenerationOptions")


class OptionSchema(Schema):
    """One option of the catalogue. ``minimum`` and ``maximum`` bound a number, or the length of a text."""

    name = fields.String()
    group = fields.String()
    type = fields.String()
    default = fields.Raw(allow_none=True, metadata={"description": "Null: what the profile says."})
    minimum = fields.Float(attribute="low", allow_none=True)
    maximum = fields.Float(attribute="high", allow_none=True)
    choices = fields.List(fields.String())
    description = fields.String()


class OptionListSchema(Schema):
    """The catalogue."""

    options = fields.List(fields.Nested(OptionSchema))
    total = fields.Integer()
