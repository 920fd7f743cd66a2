"""Events on the wire."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.common import Strict


class EventQuery(Strict):
    """From where on to watch."""

    after = fields.Integer(
        load_default=0,
        validate=validate.Range(0, (1 << 62) - 1),
        metadata={"description": "`id` of the last event seen, for clients that cannot send `Last-Event-ID`."},
    )
