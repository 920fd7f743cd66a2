"""Sums over jobs, on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields

from schemas.common import Money
from schemas.usage import ModelSpentSchema


class StatusCountsSchema(Schema):
    """How many jobs stand where."""

    queued = fields.Integer()
    processing = fields.Integer()
    completed = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()


class DurationSchema(Schema):
    """How long completed jobs took, from their first begin to their end; null while there is none."""

    mean_seconds = fields.Float(allow_none=True)
    p50_seconds = fields.Float(allow_none=True, metadata={"description": "Half of them took no longer."})
    p95_seconds = fields.Float(allow_none=True, metadata={"description": "Of twenty, nineteen took no longer."})


class SumsSchema(Schema):
    """What some jobs come to."""

    total = fields.Integer()
    by_status = fields.Nested(StatusCountsSchema)
    duration = fields.Nested(DurationSchema)
    cost_usd = Money(metadata={"description": "Failed and discarded calls included."})


class TokenSumsSchema(Schema):
    """Tokens of all calls."""

    total = fields.Integer()
    prompt = fields.Integer()
    completion = fields.Integer()


class StatisticsSchema(SumsSchema):
    """Sums over all the jobs, and over parts of them."""

    wasted_usd = Money(metadata={"description": "Of failed and discarded calls, part of cost_usd."})
    tokens = fields.Nested(TokenSumsSchema)
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "How many jobs ended in which error, by code, the most frequent first."},
    )
    by_kind = fields.Dict(keys=fields.String(), values=fields.Nested(SumsSchema))
    by_profile = fields.Dict(keys=fields.String(), values=fields.Nested(SumsSchema))
    by_model = fields.Dict(keys=fields.String(), values=fields.Nested(ModelSpentSchema))
