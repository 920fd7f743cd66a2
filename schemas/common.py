"""What the shapes share: strictness, times, money, pages and errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from models.states import Status
from schemas.unknown import about_unknown

STATUSES = [status.value for status in Status]
UNKNOWN = "Unknown field."
MOST_GUESSES = 3  # of what was meant by an unknown field; of one object

# Marshmallow says what is wrong; a tired developer needs what to do as well. Braces would be taken for placeholders.
WORDS: Mapping[type[fields.Field], Mapping[str, str]] = {
    fields.Field: {
        "required": "Missing: this field is required.",
        "null": "May not be null: give a value, or leave the field out.",
    },
    fields.String: {"invalid": "Not a valid string: give a text, in quotes."},
    fields.Integer: {"invalid": "Not a valid integer: give a whole number, without quotes."},
    fields.Number: {"invalid": "Not a valid number: give one without quotes."},
    fields.Boolean: {"invalid": "Not a valid boolean: give true or false, without quotes."},
    fields.List: {"invalid": 'Not a valid list: put it into brackets, as ["a", "b"].'},
    fields.Mapping: {"invalid": "Not an object: give one, in braces."},
    fields.Nested: {"type": "Not an object: give one, in braces."},
    fields.DateTime: {"invalid": "Not a valid time: write it as 2026-01-31T12:00:00Z (in a URL, a + is %2B)."},
}
for kind, words in WORDS.items():
    kind.default_error_messages = {**kind.default_error_messages, **words}


class Strict(Schema):
    """A request: unknown fields are refused, never ignored; and what may have been meant is told."""

    error_messages: dict[str, str] = {"type": "Not an object: send a JSON object, in braces."}  # noqa: RUF012
    catalogue: ClassVar[str] = ""  # where the fields are listed, if there are many

    class Meta:
        """Marshmallow's settings."""

        unknown = RAISE

    def handle_error(self, error: ValidationError, data: Any, **_: Any) -> None:
        """Say more of unknown fields than that they are. Called by marshmallow before it raises ``error``."""
        messages = error.messages
        if not isinstance(messages, dict):
            return
        strange = [name for name, problems in messages.items() if problems == [UNKNOWN]]
        for name in strange[:MOST_GUESSES]:
            messages[name] = [about_unknown(str(name), self.load_fields, self.catalogue)]


class Moment(fields.AwareDateTime):
    """A point in time: RFC 3339, UTC, written with ``Z``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        found: datetime = super()._deserialize(value, attr, data, **kwargs)
        try:
            return found.astimezone(UTC)  # PostgreSQL knows of no zone that is further away than 16 hours
        except OverflowError as error:
            raise ValidationError("Lies before the year 1 or after 9999.") from error

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return show_moment(value)


def show_moment(value: datetime | None) -> str | None:
    """Return a point in time as answers have it."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class YesNo(fields.Boolean):
    """True or false of JSON, and nothing that is only like it: 1, "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Money(fields.Float):
    """US dollars, as a JSON number."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> float | None:
        return None if value is None else float(value)


class PageQuery(Strict):
    """Which page of a list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200), metadata={"description": "Rows a page."})
    offset = fields.Integer(
        load_default=0, validate=validate.Range(0, 10_000), metadata={"description": "Rows to skip."}
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(1, 1000),  # one of a list by names holds a name
        metadata={"description": "`next_cursor` of the page before."},
    )

    @validates_schema
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Offset and cursor are two ways to say the same."""
        if data.get("cursor") and data.get("offset"):
            raise ValidationError("Use either offset or cursor, not both.", "cursor")


def sort_by(*names: str) -> fields.String:
    """Return the parameter that chooses one of a list's orders, or the reverse of one; the first one's is usual."""
    unfinished = " What has not finished yet counts as the latest." if "finished_at" in names else ""
    return fields.String(
        load_default=f"-{names[0]}",
        validate=validate.OneOf([f"{sign}{name}" for name in names for sign in ("", "-")]),
        metadata={"description": f"In which order; with `-` from the latest, highest or last.{unfinished}"},
    )


class PageSchema(Schema):
    """What every list answers beside its rows."""

    total = fields.Integer(metadata={"description": "Rows in all, on every page; long lists are counted up to 10,000."})
    total_is_exact = fields.Boolean(metadata={"description": "False: there are at least `total` rows, maybe more."})
    limit = fields.Integer()
    offset = fields.Integer()
    next_cursor = fields.String(
        allow_none=True,
        metadata={"description": "Hand this back as `cursor`, with the same filters and sort; null: the last page."},
    )


class FaultSchema(Schema):
    """Why a job failed."""

    code = fields.String()
    message = fields.String()
    details = fields.Dict()


class ErrorSchema(Schema):
    """The one shape of every error answer."""

    error = fields.String(metadata={"description": "Stable code, for programs.", "example": "VALIDATION_ERROR"})
    message = fields.String(metadata={"description": "What is wrong and what to do, for people."})
    details = fields.Dict(metadata={"description": "By field path where fields are at fault."})
    request_id = fields.String()
