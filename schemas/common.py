"""What the shapes share: strictness, times, money, pages and errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from models.states import Status

STATUSES = [status.value for status in Status]


class Strict(Schema):
    """A request: unknown fields are refused, never ignored."""

    class Meta:
        """Marshmallow's settings."""

        unknown = RAISE


class Moment(fields.AwareDateTime):
    """A point in time: RFC 3339, UTC, written with ``Z``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return (
            None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )


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
