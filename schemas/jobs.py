"""Jobs on the wire."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates, validates_schema

from models.states import TERMINAL
from schemas.books import BookSchema, FindingSchema
from schemas.characters import LossSchema
from schemas.common import STATUSES, FaultSchema, Moment, Money, PageQuery, PageSchema, Strict, YesNo, sort_by
from schemas.options import OptionsSchema
from schemas.webhooks import CallbackUrl, CalledBack


class JobFilterQuery(Strict):
    """Which jobs."""

    batch_id = fields.String(load_default=None)
    created_after = Moment(load_default=None, metadata={"description": "At this time or later."})
    created_before = Moment(load_default=None, metadata={"description": "Before this time."})


class JobQuery(PageQuery, JobFilterQuery):
    """Which jobs to list. ``kinds``: those that there are."""

    def __init__(self, *, kinds: Collection[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kinds = kinds

    status = fields.String(load_default=None, validate=validate.OneOf(STATUSES))
    profile_id = fields.String(load_default=None)
    kind = fields.String(load_default=None, metadata={"description": "What it makes, as `character_card`."})
    q = fields.String(
        load_default=None,
        validate=validate.Length(1, 200),
        metadata={
            "description": "Beginnings of words in the name of the character or of the batch; or the code of an error, "
            "or the id of a job, in full. Finds up to 10,000 of each.",
            "example": "ond mar",
        },
    )
    sort = sort_by("created_at", "finished_at", "cost_usd", "status")

    @validates("kind")
    def is_known(self, value: str | None, **_: Any) -> None:
        """An empty list would look like an answer."""
        if value is not None and value not in self.kinds:
            raise ValidationError(f"Is none of: {', '.join(self.kinds)}.")

    @validates_schema
    def within_a_batch(self, data: dict[str, Any], **_: Any) -> None:
        """Costs change all the time, so there is no index by them, and a batch has only so many jobs."""
        if data["sort"].endswith("cost_usd") and not data["batch_id"]:
            raise ValidationError("By cost within one batch only: give batch_id too.", "sort")


class ClearQuery(Strict):
    """Which jobs that have ended to delete; all if nothing is given."""

    status = fields.String(
        load_default=None, validate=validate.OneOf([status for status in STATUSES if status in TERMINAL])
    )
    before = Moment(load_default=None, metadata={"description": "Those that finished before this time."})


class ClearedSchema(Schema):
    """How many jobs were deleted."""

    deleted = fields.Integer()
    more = fields.Boolean(metadata={"description": "True: there are more, and the time was up; ask again."})


class ItemQuery(PageQuery):
    """Which items of a batch to list."""

    status = fields.String(load_default=None, validate=validate.OneOf(STATUSES))


class LogQuery(Strict):
    """Which log lines to read."""

    level = fields.String(load_default=None, validate=validate.OneOf(["info", "warning", "error"]))
    after = fields.Integer(
        load_default=0, validate=validate.Range(0), metadata={"description": "`id` of the last line read."}
    )
    limit = fields.Integer(load_default=200, validate=validate.Range(1, 1000))


class CurrentStepSchema(Schema):
    """The step that a job is at."""

    name = fields.String()
    index = fields.Integer(metadata={"description": "From 1."})
    total = fields.Integer()
    detail = fields.String(allow_none=True)


class StepSchema(Schema):
    """One step of a job."""

    name = fields.String()
    status = fields.String()
    attempts = fields.Integer()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class LinksSchema(Schema):
    """Where to go from a job."""

    self = fields.String()
    result = fields.String(allow_none=True)
    logs = fields.String()
    events = fields.String(metadata={"description": "What happens, as server-sent events."})
    export = fields.String(metadata={"description": "All about the job."})
    batch = fields.String(allow_none=True)
    character = fields.String(allow_none=True, metadata={"description": "What it made, if that is still there."})
    downloads = fields.Dict(keys=fields.String(), values=fields.String())


class JobSummarySchema(Schema):
    """A job as lists show it."""

    job_id = fields.String(attribute="id")
    kind = fields.String()
    status = fields.String()
    progress = fields.Integer(metadata={"description": "Percent, moved only by work done."})
    batch_id = fields.String(allow_none=True)
    profile_id = fields.String()
    profile_version = fields.Integer()
    priority = fields.String()
    attempt = fields.Integer()
    cost_usd = Money()
    error = fields.Nested(FaultSchema, allow_none=True)
    retry_of = fields.String(allow_none=True)
    retried_by = fields.String(allow_none=True)
    character_id = fields.String(allow_none=True, metadata={"description": "What it made, if that is still there."})
    character_name = fields.String(allow_none=True)
    created_at = Moment()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class ModelUsageSchema(Schema):
    """What one model was used for, and what that cost."""

    tokens = fields.Integer()
    prompt_tokens = fields.Integer()
    completion_tokens = fields.Integer()
    cost = Money()


class JobSchema(JobSummarySchema):
    """A job in full."""

    waiting_until = Moment(allow_none=True, metadata={"description": "Set while it waits for its provider."})
    cancel_requested_at = Moment(allow_none=True)
    callback_url = fields.String(allow_none=True, metadata={"description": "Null in a batch, which has its own."})
    current_step = fields.Nested(CurrentStepSchema, allow_none=True)
    steps = fields.List(fields.Nested(StepSchema))
    tokens = fields.Dict(
        keys=fields.String(), values=fields.Nested(ModelUsageSchema), metadata={"description": "By model."}
    )
    wasted_usd = Money(metadata={"description": "What failed and discarded calls cost; part of cost_usd."})
    links = fields.Nested(LinksSchema)


class JobListSchema(PageSchema):
    """A page of jobs."""

    jobs = fields.List(fields.Nested(JobSummarySchema))


class AcceptedJobSchema(Schema):
    """The answer to an accepted job."""

    job_id = fields.String()
    status = fields.String()
    status_url = fields.String()
    events_url = fields.String(metadata={"description": "What happens, as server-sent events."})
    created_at = Moment()


class JobRetrySchema(CalledBack):
    """What to do differently this time."""

    options = fields.Nested(OptionsSchema, load_default=dict, metadata={"description": "Replace those of the request."})
    fresh = YesNo(load_default=False)
    callback_url = CallbackUrl("In place of the job's; not for items of a batch, which have that of their batch.")


class ArtifactSchema(Schema):
    """One file of a finished job."""

    format = fields.String()
    filename = fields.String()
    media_type = fields.String()
    size = fields.Integer(metadata={"description": "Bytes."})
    sha256 = fields.String()
    download_url = fields.String()
    losses = fields.List(
        fields.Nested(LossSchema), metadata={"description": "What this format does not carry of the card."}
    )
    front_ends = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Nested(LossSchema)),
        metadata={"description": "The same for each front end that the option `front_ends` names."},
    )


class UsageSchema(Schema):
    """What a job used."""

    calls = fields.Integer()
    cost_usd = Money()
    wasted_usd = Money()
    by_model = fields.Dict(keys=fields.String(), values=fields.Nested(ModelUsageSchema))


class WrittenSchema(Schema):
    """How a card was written."""

    source = fields.Dict(
        allow_none=True,
        metadata={"description": "What was read: facts with their place in the source, passages, what did not fit."},
    )
    repairs = fields.Integer(allow_none=True, metadata={"description": "Fields that were sent back to be mended."})
    chosen = fields.Integer(allow_none=True, metadata={"description": "Which of the variants the card is, from 0."})
    variants = fields.List(
        fields.Dict(),
        allow_none=True,
        metadata={"description": "Each with fields, score, tokens, and the fields in which it differs from the card."},
    )


class ResultSchema(Schema):
    """What a finished job made."""

    job_id = fields.String()
    character_id = fields.String()
    name = fields.String()
    card = fields.Dict(metadata={"description": "The card as V3, its book included."})
    book = fields.Nested(BookSchema, allow_none=True, metadata={"description": "The lorebook with its entries' ids."})
    written = fields.Nested(WrittenSchema)
    lint = fields.List(fields.Nested(FindingSchema))
    score = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"description": "By group of rules; 100 is best."}
    )
    usage = fields.Nested(UsageSchema)
    artifacts = fields.List(fields.Nested(ArtifactSchema))


class LogLineSchema(Schema):
    """One line of a job's log."""

    id = fields.Integer()
    at = Moment()
    level = fields.String()
    step = fields.String(allow_none=True)
    attempt = fields.Integer(allow_none=True)
    message = fields.String()
    details = fields.Dict()


class LogSchema(Schema):
    """Lines of a job's log, oldest first."""

    logs = fields.List(fields.Nested(LogLineSchema))
    next_after = fields.Integer(metadata={"description": "Hand this back as `after` for what comes later."})


class ItemListSchema(PageSchema):
    """A page of a batch's items, in order."""

    items = fields.List(fields.Nested("ItemSchema"))
