"""Requests for cards: one generation, and a batch of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates, validates_schema

from cards.errors import CardError
from cards.read import read_card
from models.states import Priority
from schemas.books import LintSchema
from schemas.common import STATUSES, Moment, Money, PageQuery, PageSchema, Strict, YesNo, sort_by
from schemas.options import OptionsSchema
from schemas.webhooks import CallbackUrl, CalledBack

SOURCE_CHARACTERS = 200_000
MOST_GENERATIONS = 10_000
MOST_DOLLARS = 1_000_000
PRIORITIES = [priority.value for priority in Priority]
DEFAULT_KIND = "character_card"


class CharacterCardSchema(Strict):
    """One card to make: from what, and how."""

    kind = fields.String(load_default=DEFAULT_KIND, metadata={"description": "What to make."})
    source_material = fields.String(
        required=True,
        validate=validate.Length(1, SOURCE_CHARACTERS),
        metadata={
            "description": "What the character is written from: notes, a wiki page, a chapter.",
            "example": "Sir Galahad keeps watch at the chapel in the Silverwood. He fears only mirrors.",
        },
    )
    profile_id = fields.String(
        validate=validate.Length(1, 100),
        metadata={"description": "How to write; the default profile if not given."},
    )
    character_card = fields.Dict(metadata={"description": "A card (V1, V2 or V3) to update."})
    options = fields.Nested(OptionsSchema, load_default=dict, metadata={"example": {"format": ["v2", "tavernai"]}})
    metadata = fields.Dict(
        load_default=dict, metadata={"description": "Your own, handed back with the item.", "example": {"row": 1}}
    )

    @validates("source_material")
    def not_blank(self, value: str, **_: Any) -> None:
        """White space alone says nothing about anybody."""
        if not any(character.isalnum() for character in value):
            raise ValidationError("Holds no words: give at least one.")

    @validates("character_card")
    def readable(self, value: Mapping[str, Any], **_: Any) -> None:
        """The card has to be one."""
        try:
            read_card(value)
        except CardError as error:
            raise ValidationError(str(error)) from error

    @validates_schema
    def agrees_with_itself(self, data: Mapping[str, Any], **_: Any) -> None:
        """Options that cannot all be had are refused, each with what to do."""
        faults = dict(disagreements(data.get("options", {}), existing="character_card" in data))
        if faults:
            raise ValidationError({"options": {name: [message] for name, message in faults.items()}})


def disagreements(options: Mapping[str, Any], *, existing: bool) -> Iterator[tuple[str, str]]:
    """Yield options that contradict others, with what to do."""
    if options.get("keep") and not existing:
        yield "keep", "Keeps fields of an existing card: give it as character_card, or leave this out."
    books = sorted({"worldinfo", "character_book", "lorebook_v3"} & set(options.get("format") or ()))
    if books and (options.get("include_book") is False or options.get("lorebook_entries") == 0) and not existing:
        yield "format", f"{books[0]} holds a lorebook, and none is asked for: leave it out, or ask for entries."
    context, answer = options.get("context_tokens"), options.get("max_tokens")
    if context and answer and answer >= context:
        yield "max_tokens", f"An answer of {answer} tokens does not fit into context_tokens, {context}: lower it."
    if len(options.get("greeting_ideas") or ()) > 1 + options.get("alternate_greetings", 5):
        yield "greeting_ideas", "There are more of them than greetings: raise alternate_greetings, or give fewer."
    both = sorted(set(options.get("provider_order") or ()) & set(options.get("provider_ignore") or ()))
    if both:
        yield "provider_ignore", f"{both[0]} is in provider_order too: take it out of one of them."


class SingleSchema(CalledBack, CharacterCardSchema):
    """One generation by itself."""

    callback_url = CallbackUrl("Is told when the job has ended, by a signed POST.", load_default=None, allow_none=True)
    priority = fields.String(load_default=Priority.STANDARD.value, validate=validate.OneOf(PRIORITIES))


class PreviewedCallSchema(Schema):
    """One question as it would be sent."""

    purpose = fields.String()
    messages = fields.List(fields.Dict(), metadata={"description": "role and content, as the server gets them."})
    schema = fields.Dict(metadata={"description": "The shape of the answer (JSON Schema)."})
    sampling = fields.Dict()
    tokens = fields.Integer(metadata={"description": "Estimated, of the messages."})


class PreviewSchema(Schema):
    """The questions that a card would be written with, in their order."""

    provider = fields.String()
    calls = fields.List(fields.Nested(PreviewedCallSchema))
    tokens = fields.Integer()


class Unread(fields.Nested):
    """Documented like the schema it names, but handed on as it came: each kind of job reads its own."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("type", input=value, type="object")
        return value


class Budget(fields.Decimal):
    """US dollars to spend: a JSON number, kept as a Decimal."""

    def __init__(self, *, metadata: Mapping[str, Any], **kwargs: Any) -> None:
        bounds = validate.Range(0, MOST_DOLLARS, min_inclusive=False)
        super().__init__(validate=bounds, metadata={**metadata, "exclusiveMinimum": 0}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        found: Decimal = super()._deserialize(value, attr, data, **kwargs)
        return found

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value  # the bounds, on their way into the document


class BatchOptionsSchema(CalledBack):
    """How a batch runs."""

    max_concurrent = fields.Integer(
        strict=True,
        load_default=10,
        validate=validate.Range(1, 1000),
        metadata={"description": "Most items in work at one time."},
    )
    continue_on_error = YesNo(
        load_default=True,
        metadata={"description": "False: the first failed item cancels those that have not begun."},
    )
    priority = fields.String(load_default=Priority.STANDARD.value, validate=validate.OneOf(PRIORITIES))
    max_cost_usd = Budget(
        load_default=None,
        allow_none=True,
        metadata={"description": "No call is made once this much has been spent.", "example": 5.0},
    )
    skip_invalid = YesNo(
        load_default=False,
        metadata={"description": "True: an invalid item fails by itself instead of refusing the batch."},
    )
    name = fields.String(load_default="", validate=validate.Length(max=200))
    callback_url = CallbackUrl(
        "Is told when the batch has ended, by a signed POST.", load_default=None, allow_none=True
    )


class BatchRequestSchema(Strict):
    """A batch of generations."""

    generations = fields.List(Unread(CharacterCardSchema), required=True, validate=validate.Length(1, MOST_GENERATIONS))
    # Read together with the generations, so that what is wrong with one does not hide what is wrong with the others.
    batch_options = Unread(
        BatchOptionsSchema, load_default=dict, metadata={"example": {"name": "harbour folk", "max_cost_usd": 5.0}}
    )


class AcceptedBatchSchema(Schema):
    """The answer to an accepted batch."""

    batch_id = fields.String()
    status = fields.String()
    total_items = fields.Integer()
    status_url = fields.String()
    items_url = fields.String()
    events_url = fields.String(metadata={"description": "What happens, as server-sent events."})
    results_url = fields.String(metadata={"description": "What each item has made, as JSON Lines."})
    download_url = fields.String(metadata={"description": "All files as one ZIP."})
    created_at = Moment()


class ProgressSchema(Schema):
    """Where the items of a batch stand; the counts add up to ``total`` at every moment."""

    total = fields.Integer()
    queued = fields.Integer()
    processing = fields.Integer()
    completed = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    percent = fields.Float()


class ItemSchema(Schema):
    """One item of a batch."""

    item_id = fields.String()
    position = fields.Integer()
    profile_id = fields.String()
    status = fields.String()
    progress = fields.Integer()
    job_id = fields.String()
    character_id = fields.String(allow_none=True, metadata={"description": "What it made, if that is still there."})
    character_name = fields.String(allow_none=True)
    status_url = fields.String()
    result_url = fields.String(allow_none=True)
    downloads = fields.Dict(keys=fields.String(), values=fields.String())
    error = fields.Dict(allow_none=True)
    metadata = fields.Dict()


class BatchStatusSchema(Schema):
    """Where a batch stands."""

    batch_id = fields.String()
    name = fields.String()
    status = fields.String()
    priority = fields.String()
    max_concurrent = fields.Integer()
    continue_on_error = fields.Boolean()
    max_cost_usd = Money(allow_none=True)
    cost_usd = Money()
    wasted_usd = Money(metadata={"description": "Of failed and discarded calls, part of cost_usd."})
    callback_url = fields.String(allow_none=True, metadata={"description": "Is told when the batch has ended."})
    progress = fields.Nested(ProgressSchema)
    items_url = fields.String()
    events_url = fields.String(metadata={"description": "What happens, as server-sent events."})
    results_url = fields.String(metadata={"description": "What each item has made, as JSON Lines."})
    download_url = fields.String(metadata={"description": "All files as one ZIP."})
    created_at = Moment()
    started_at = Moment(allow_none=True)
    finished_at = Moment(allow_none=True)


class BatchSchema(BatchStatusSchema):
    """A batch and its first items."""

    items = fields.List(fields.Nested(ItemSchema))


class BatchQuery(PageQuery):
    """Which batches to list."""

    status = fields.String(load_default=None, validate=validate.OneOf(STATUSES))
    name = fields.String(
        load_default=None, validate=validate.Length(1, 200), metadata={"description": "A part of it, in any case."}
    )
    created_after = Moment(load_default=None, metadata={"description": "At this time or later."})
    created_before = Moment(load_default=None, metadata={"description": "Before this time."})
    sort = sort_by("created_at", "finished_at", "status")


class BatchListSchema(PageSchema):
    """A page of batches."""

    batches = fields.List(fields.Nested(BatchStatusSchema))


class BatchLintSchema(LintSchema):
    """The cards of a batch beside each other: what is alike that should not be, and the figures of its profiles."""

    compared = fields.Integer(metadata={"description": "How many cards were looked at."})


class BatchRetrySchema(CalledBack):
    """Which items to retry, and how."""

    include_cancelled = YesNo(load_default=False)
    fresh = YesNo(
        load_default=False,
        metadata={"description": "True: ask the model anew instead of using the answers that were paid for."},
    )
    max_cost_usd = Budget(
        metadata={"description": "The batch's budget from here on, what is spent already included."},
    )
    callback_url = CallbackUrl("In place of the batch's, from here on.")


class BatchRetriedSchema(BatchStatusSchema):
    """A batch whose items were retried."""

    retried = fields.Integer(metadata={"description": "How many items have a new job."})
