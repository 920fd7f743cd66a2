"""Usage, models and estimates on the wire: what was used, what it costs, what it will cost."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.common import Moment, Money, PageQuery, PageSchema
from schemas.generations import AcceptedBatchSchema


class ModelSpentSchema(Schema):
    """What one model was used for. ``wasted``: of failed and discarded calls, part of ``cost``."""

    requests = fields.Integer()
    tokens = fields.Integer()
    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    cost = Money()
    wasted = Money()


class SpentSchema(Schema):
    """What was used in a time."""

    tokens_used = fields.Integer()
    requests_count = fields.Integer()
    total_cost = Money(metadata={"description": "Dollars, failed tries included."})


class MonthSchema(SpentSchema):
    """What was used in the month (UTC)."""

    since = Moment()
    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    wasted = Money(metadata={"description": "Dollars of failed and discarded calls, part of total_cost."})
    unpriced_requests = fields.Integer(metadata={"description": "Calls whose cost nobody knows; counted as 0."})
    by_model = fields.Dict(keys=fields.String(), values=fields.Nested(ModelSpentSchema))


class DaySchema(SpentSchema):
    """What was used on a day (UTC)."""

    day = fields.Date()


class DailyLimitSchema(Schema):
    """What may be used today, and what is left of it; null: as much as you like."""

    tokens = fields.Integer(allow_none=True)
    remaining = fields.Integer(allow_none=True, metadata={"description": "Tokens."})
    cost_usd = Money(allow_none=True)
    remaining_usd = Money(allow_none=True)
    used = fields.Integer(metadata={"description": "Tokens used today."})
    used_usd = Money()
    resets_at = Moment()


class PriceSchema(Schema):
    """Prices as decimal strings: dollars a million tokens, ``request`` in dollars a call. Null: not said."""

    prompt = fields.String()
    completion = fields.String()
    request = fields.String()
    internal_reasoning = fields.String(allow_none=True)
    input_cache_read = fields.String(allow_none=True)
    input_cache_write = fields.String(allow_none=True)
    basis = fields.String(
        metadata={"description": "Who set it: `operator` (MODEL_PRICES), or `table` (the server's own list)."}
    )


class CurrentUsageSchema(Schema):
    """The month so far, and the day's limit."""

    current_month = fields.Nested(MonthSchema)
    daily_limit = fields.Nested(DailyLimitSchema)


class AllUsageSchema(CurrentUsageSchema):
    """The month, the day's limit, all time, and the last days with any use, newest first."""

    all_time = fields.Nested(SpentSchema)
    days = fields.List(fields.Nested(DaySchema))


class MonthUsageSchema(Schema):
    """The answer to a look at this month's usage."""

    usage = fields.Nested(CurrentUsageSchema)
    pricing = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(PriceSchema, allow_none=True),
        metadata={"description": "Of the models used this month and the one that is set up; null: not known."},
    )


class OwnUsageSchema(MonthUsageSchema):
    """The answer to a look at all usage."""

    usage = fields.Nested(AllUsageSchema)


class ModelQuery(PageQuery):
    """Which models to list."""

    q = fields.String(load_default=None, validate=validate.Length(1, 100), metadata={"description": "In the id."})


class ModelSchema(Schema):
    """A model as its server lists it; null: the server does not say."""

    id = fields.String()
    context_tokens = fields.Integer(allow_none=True)
    output_cap = fields.Integer(allow_none=True, metadata={"description": "Most tokens of one answer."})
    pricing = fields.Nested(PriceSchema, allow_none=True, metadata={"description": "Null: not known."})
    supported_parameters = fields.List(fields.String())
    updated_at = Moment(allow_none=True)


class ModelListSchema(PageSchema):
    """Models of the server that is set up."""

    models = fields.List(fields.Nested(ModelSchema))
    server = fields.String()
    default_model = fields.String(allow_none=True)
    refreshed_at = Moment(allow_none=True, metadata={"description": "When the server's list was last read."})
    refresh_error = fields.String(allow_none=True)


class PricingSchema(Schema):
    """All prices that are known."""

    currency = fields.String()
    unit = fields.String()
    pricing = fields.Dict(keys=fields.String(), values=fields.Nested(PriceSchema))
    refreshed_at = Moment(allow_none=True)


class CountRangeSchema(Schema):
    """A count: at least, expected, at most."""

    low = fields.Integer()
    expected = fields.Integer()
    max = fields.Integer()


class CostRangeSchema(Schema):
    """Dollars: at least, expected, at most, and what that is based on; null where nobody knows a price."""

    low = Money(allow_none=True)
    expected = Money(allow_none=True)
    max = Money(allow_none=True)
    basis = fields.String(
        metadata={
            "description": "`price_table`; `history` (what such calls have cost so far); `local` (the server charges"
            " nothing); `none`."
        }
    )
    reason = fields.String(allow_none=True, metadata={"description": "Why nothing can be said."})


class StageEstimateSchema(Schema):
    """One kind of call of a generation."""

    purpose = fields.String()
    calls = fields.Nested(CountRangeSchema)
    tokens = fields.Nested(CountRangeSchema)


class TakesSchema(Schema):
    """What work will take, if it is completed."""

    calls = fields.Nested(CountRangeSchema)
    prompt_tokens = fields.Nested(CountRangeSchema)
    completion_tokens = fields.Nested(CountRangeSchema)
    tokens = fields.Nested(CountRangeSchema)
    cost_usd = fields.Nested(CostRangeSchema)


class EstimateSchema(TakesSchema):
    """What one generation will take."""

    model = fields.String(allow_none=True)


class SingleEstimateSchema(EstimateSchema):
    """What one generation will take, stage by stage."""

    stages = fields.List(fields.Nested(StageEstimateSchema))
    estimated_seconds = fields.Float(allow_none=True)


class ItemEstimateSchema(EstimateSchema):
    """What one item of a batch will take. An item that would be refused takes nothing, and says why."""

    item_id = fields.String()
    error = fields.Dict(allow_none=True)


class BatchEstimateSchema(Schema):
    """What a batch will take: per item and in total."""

    total_items = fields.Integer()
    total = fields.Nested(TakesSchema)
    items = fields.List(fields.Nested(ItemEstimateSchema))
    estimated_seconds = fields.Float(allow_none=True)


class OpenedBatchSchema(AcceptedBatchSchema):
    """The answer to an accepted batch, with what it will take."""

    estimated_cost_usd = fields.Nested(CostRangeSchema)
    estimated_completion_time = Moment(allow_none=True, metadata={"description": "Null until there is a basis."})
