"""What a batch has made, on the wire: as lines of JSON, and as one ZIP."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields

from cards.errors import CardError
from cards.formats import FORMATS, known
from schemas.common import Strict
from schemas.generations import ItemSchema
from schemas.jobs import UsageSchema


class LineResultSchema(Schema):
    """What an item has made; `result_url` has its findings and files too."""

    character_id = fields.String()
    name = fields.String()
    card = fields.Dict(metadata={"description": "The card as V3, its book included, as it is now."})
    score = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        allow_none=True,
        metadata={"description": "By group of rules, of the card when it was written; 100 is best."},
    )
    usage = fields.Nested(UsageSchema)


class ResultLineSchema(ItemSchema):
    """One line: an item with what it has made."""

    result = fields.Nested(
        LineResultSchema,
        allow_none=True,
        metadata={"description": "Null until the item is completed, and once its character is deleted."},
    )


class Names(fields.String):
    """Names with commas between them; none: all."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        names = list(dict.fromkeys(name.strip() for name in text.split(",")))
        try:
            for name in names:
                known(FORMATS, name)
        except CardError as error:
            raise ValidationError(str(error)) from error
        return names


class DownloadQuery(Strict):
    """Which files to pack."""

    format = Names(
        load_default=list,
        metadata={
            "description": f"Formats, with commas between them; all if not given. Of: {', '.join(FORMATS)}.",
            "example": "tavernai,json",
        },
    )
