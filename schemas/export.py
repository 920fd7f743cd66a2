"""Everything about a job, on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.common import Moment, Money, Strict
from schemas.jobs import JobSummarySchema, LogLineSchema, ResultSchema, StepSchema

EXPORTS = ("json", "yaml", "csv")


class ExportQuery(Strict):
    """In which form, and how much."""

    format = fields.String(load_default="json", validate=validate.OneOf(EXPORTS))
    debug = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "Also what models answered, the steps' checkpoints, and who holds the job."},
    )


class ExportedJobSchema(JobSummarySchema):
    """A job."""

    callback_url = fields.String(allow_none=True)
    character_id = fields.String(allow_none=True)
    waiting_until = Moment(allow_none=True)
    cancel_requested_at = Moment(allow_none=True)


class ExportedItemSchema(Schema):
    """The job's place in its batch, with what the client said of it."""

    position = fields.Integer()
    metadata = fields.Dict(attribute="info")


class ExportedStepSchema(StepSchema):
    """One step."""

    output = fields.Dict(metadata={"description": "Its checkpoint; with `debug` only."})


class CallSchema(Schema):
    """One request to a model server, as the ledger has it."""

    id = fields.String()
    step = fields.String()
    attempt = fields.Integer(metadata={"description": "Of the job."})
    purpose = fields.String()
    provider = fields.String()
    model = fields.String(metadata={"description": "The one that answered."})
    asked_model = fields.String(metadata={"description": "The one that was asked for."})
    status = fields.String()
    discarded = fields.Boolean(metadata={"description": "Paid for, but of no use."})
    finish_reason = fields.String(allow_none=True)
    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    reasoning_tokens = fields.Integer()
    cached_tokens = fields.Integer()
    cost_usd = Money()
    cost_basis = fields.String()
    error = fields.Dict(allow_none=True)
    started_at = Moment()
    finished_at = Moment()
    key = fields.String(metadata={"description": "Which question it was; with `debug` only."})
    response = fields.String(allow_none=True, metadata={"description": "With `debug` only."})
    response_id = fields.String(metadata={"description": "With `debug` only."})


class HeldSchema(Schema):
    """Who holds a job, and since when."""

    root_id = fields.String(metadata={"description": "The first job of its line of retries."})
    request_id = fields.String()
    current_step = fields.String(allow_none=True)
    detail = fields.String(allow_none=True)
    lease_owner = fields.String(allow_none=True, metadata={"description": "The worker, as the job's log calls it."})
    lease_expires_at = Moment(allow_none=True)
    reserved_usd = Money()
    sent = fields.Integer(metadata={"description": "How often a message was sent for it."})
    dispatched_at = Moment(allow_none=True)
    updated_at = Moment()


class ExportSchema(Schema):
    """Everything about a job."""

    job = fields.Nested(ExportedJobSchema)
    item = fields.Nested(ExportedItemSchema, allow_none=True)
    request = fields.Dict()
    steps = fields.List(fields.Nested(ExportedStepSchema))
    calls = fields.List(fields.Nested(CallSchema))
    logs = fields.List(fields.Nested(LogLineSchema))
    result = fields.Nested(ResultSchema, allow_none=True)
    held = fields.Nested(HeldSchema, metadata={"description": "With `debug` only."})


DEBUG_ONLY = ("held", "steps.output", "calls.key", "calls.response", "calls.response_id")
