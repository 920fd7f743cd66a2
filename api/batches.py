"""Batches: submit one, see where it stands, page through its items."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask import g

from api import intake, links, quotes
from api.archive import pack
from api.auth import needs
from api.files import BINARY
from api.idempotency import Answer, answer_once
from api.intake import Submission
from api.items import show_item
from api.json import Blueprint
from api.lint import by_item, show_lint
from api.paging import ask_of, page_of, wanted_of
from api.results import write_lines
from api.streams import stream
from cards.lint import lint_batch
from cards.names import file_name
from models import db
from models.batches import Batch, Item
from models.db import Session
from models.errors import Invalid
from models.jobs import Job
from models.services import again, artifacts, batches, lineup, stops
from models.services.batches import NewBatch
from models.services.dossier import made_by
from models.services.events import counters
from models.services.jobs import NewJob
from models.services.listing import BatchFilter, list_batches
from models.services.pages import read_cursor, write_cursor
from models.states import Status
from schemas.generations import (
    BatchLintSchema,
    BatchListSchema,
    BatchQuery,
    BatchRequestSchema,
    BatchRetriedSchema,
    BatchRetrySchema,
    BatchSchema,
    BatchStatusSchema,
)
from schemas.jobs import ItemListSchema, ItemQuery
from schemas.results import DownloadQuery, ResultLineSchema
from schemas.usage import BatchEstimateSchema, OpenedBatchSchema
from tasks import dispatch
from tasks.quote import Quotes, quote
from tasks.webhooks import why_refused

blueprint = Blueprint("batches", __name__, url_prefix="/api/v2/batch-generations", description="Cards in bulk.")

ITEMS_SHOWN = 100
JSON_LINES, ZIP = "application/x-ndjson", "application/zip"


@blueprint.post("")
@blueprint.arguments(BatchRequestSchema)
@blueprint.response(202, OpenedBatchSchema)
def create(body: dict[str, Any]) -> Any:
    """Submit a batch.

    Each generation becomes an item with a job of its own. The batch is stored before this answers.
    """
    sent = intake.read_batch(body)

    def make(session: db.Session) -> Answer:
        jobs = intake.new_jobs(session, g.owner_id, sent)
        batch, first = batches.open_batch(session, g.owner_id, NewBatch(**sent.options), jobs, request_id=g.request_id)
        takes = estimate_jobs(session, sent, jobs)
        estimated = {
            "estimated_cost_usd": quotes.show_cost(takes.cost),
            "estimated_completion_time": quotes.completed_at(takes.seconds),
        }
        return Answer(OpenedBatchSchema().dump(show_accepted(batch) | estimated), links.batch(batch.id), first)

    return answer_once(make)


@blueprint.get("")
@blueprint.arguments(BatchQuery, location="query")
@blueprint.response(200, BatchListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List batches, newest first unless `sort` says otherwise."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = list_batches(session, g.owner_id, BatchFilter(**wanted_of(query)), ask)
    return page_of("batches", [show_batch(batch) for batch in page.rows], ask, page.total, page.next_cursor)


@blueprint.post("/estimate")
@needs("read")
@blueprint.arguments(BatchRequestSchema)
@blueprint.response(200, BatchEstimateSchema)
def estimate(body: dict[str, Any]) -> Any:
    """See what a batch would take and cost: same body, nothing stored, nobody asked."""
    sent = intake.read_batch(body)
    with db.transaction() as session:
        jobs = intake.new_jobs(session, g.owner_id, sent)
        takes = estimate_jobs(session, sent, jobs)
    return quotes.show_batch(takes, jobs)


def estimate_jobs(session: Session, sent: Submission, jobs: Sequence[NewJob]) -> Quotes:
    """Return what the jobs of a batch will take and cost."""
    limit, concurrent = sent.options["max_cost_usd"], sent.options["max_concurrent"]
    return quote(session, g.owner_id, jobs, limit=limit, concurrent=concurrent)


@blueprint.get("/<batch_id>")
@blueprint.response(200, BatchSchema)
def read(batch_id: str) -> Any:
    """See where a batch stands, with its first hundred items."""
    with db.transaction() as session:
        batch = batches.find_batch(session, g.owner_id, batch_id)
        rows = batches.list_items(session, batch, limit=ITEMS_SHOWN)
        return show_batch(batch) | {"items": show_items(session, rows)}


@blueprint.get("/<batch_id>/items")
@blueprint.arguments(ItemQuery, location="query")
@blueprint.response(200, ItemListSchema)
def list_items(query: dict[str, Any], batch_id: str) -> Any:
    """Page through a batch's items, in the order in which they were submitted."""
    ask = ask_of(query)
    after = position_of(ask.cursor)
    with db.transaction() as session:
        batch = batches.find_batch(session, g.owner_id, batch_id)
        rows = batches.list_items(
            session, batch, limit=ask.limit + 1, after=after, offset=ask.offset, status=query["status"]
        )
        shown, more = rows[: ask.limit], len(rows) > ask.limit
        next_cursor = write_cursor(str(shown[-1][0].position)) if more else None
        total = batches.count_items(batch, query["status"])
        return page_of("items", show_items(session, shown), ask, total, next_cursor, exact=True)


@blueprint.get("/<batch_id>/results")
@blueprint.response(200, ResultLineSchema, content_type=JSON_LINES)
def results(batch_id: str) -> Any:
    """Take all that a batch has made: JSON Lines, one object of this shape for each item, in order.

    Streamed, and so of any number of items. Each is as it is when its line is written; of a batch that still runs, the
    items that are not completed have no `result` yet.
    """
    with db.transaction() as session:
        batches.find_batch(session, g.owner_id, batch_id)
    return stream(write_lines(g.owner_id, batch_id), JSON_LINES, f"{batch_id}.jsonl")


@blueprint.get("/<batch_id>/download")
@blueprint.arguments(DownloadQuery, location="query")
@blueprint.response(200, BINARY, content_type=ZIP)
def download(query: dict[str, Any], batch_id: str) -> Any:
    """Download the files of a batch as one ZIP: all of them, or those of some formats.

    With several formats, each has a folder. `manifest.json` tells for each item its files with their SHA-256, or why it
    has none. Of a batch that still runs, what there is so far; 409 `BATCH_HAS_NO_FILES` when that is nothing.
    """
    with db.transaction() as session:
        batch = batches.find_batch(session, g.owner_id, batch_id)
        formats = artifacts.formats_to_pack(session, batch_id, query["format"])
    return stream(pack(g.owner_id, batch, formats), ZIP, f"{name_archive(batch)}.zip")


@blueprint.get("/<batch_id>/lint")
@blueprint.response(200, BatchLintSchema)
def lint(batch_id: str) -> Any:
    """Compare the cards of a batch: names, openings, traits, relationships, shared lore; and how its profiles fare.

    The first 200 of them. A finding's field names the item: `item_3.first_mes`.
    """
    with db.transaction() as session:
        lined = lineup.line_up(session, batches.find_batch(session, g.owner_id, batch_id))
    findings = lint_batch([card for _, card in lined.cards], outcomes=lined.outcomes)
    return show_lint(by_item(findings, [position for position, _ in lined.cards])) | {"compared": len(lined.cards)}


@blueprint.post("/<batch_id>/cancel")
@blueprint.response(202, BatchStatusSchema)
def cancel(batch_id: str) -> Any:
    """Cancel what has not ended: queued items at once, running ones within two seconds. What was paid stays booked."""
    with db.transaction() as session:
        batch, sent = stops.cancel_batch(session, g.owner_id, batch_id)
    dispatch.send(sent, dispatch.QUICK)
    return show_batch(batch)


@blueprint.post("/<batch_id>/retry")
@blueprint.arguments(BatchRetrySchema(policy=why_refused), required=False)
@blueprint.response(202, BatchRetriedSchema)
def retry(body: dict[str, Any], batch_id: str) -> Any:
    """Give each failed item a new job. Answers that were paid for are used again, unless `fresh`."""

    def make(session: db.Session) -> Answer:
        batch, jobs, sent = again.retry_batch(session, g.owner_id, batch_id, request_id=g.request_id, **body)
        return Answer(BatchRetriedSchema().dump(show_batch(batch) | {"retried": jobs}), sent=sent)

    return answer_once(make)


@blueprint.delete("/<batch_id>")
@blueprint.response(204)
def delete(batch_id: str) -> None:
    """Delete an ended batch with its jobs and files. Characters and the ledger stay."""
    with db.transaction() as session:
        again.delete_batch(session, g.owner_id, batch_id)


def name_archive(batch: Batch) -> str:
    """Return what a batch's ZIP is called, without its ending: by the batch's name, if it has one."""
    return file_name("{batch_id}", {"batch_id": batch.name or batch.id})


def position_of(cursor: str | None) -> int:
    """Return the place in the batch that a cursor means."""
    place = read_cursor(cursor) if cursor else "0"
    if not re.fullmatch(r"[0-9]{1,6}", place):
        raise Invalid("This cursor is of another list.", details={"cursor": ["Use the next_cursor of this list."]})
    return int(place)


def show_accepted(batch: Batch) -> dict[str, Any]:
    """Return a batch as the answer to its submission shows it."""
    return {
        "batch_id": batch.id,
        "status": batch.status,
        "total_items": batch.total,
        "status_url": links.batch(batch.id),
        **links.of_batch(batch.id),
        "created_at": batch.created_at,
    }


def show_batch(batch: Batch) -> dict[str, Any]:
    """Return a batch without its items."""
    return {
        **{
            name: getattr(batch, name) for name in ("name", "status", "priority", "max_concurrent", "continue_on_error")
        },
        **{name: getattr(batch, name) for name in ("max_cost_usd", "cost_usd", "wasted_usd", "callback_url")},
        **{name: getattr(batch, name) for name in ("created_at", "started_at", "finished_at")},
        "batch_id": batch.id,
        "progress": counters(batch),
        **links.of_batch(batch.id),
    }


def show_items(session: Session, rows: Sequence[tuple[Item, Job]]) -> list[dict[str, Any]]:
    """Return items with the links to what their jobs have made."""
    formats = batches.artifact_formats(session, [job.id for _, job in rows if job.status == Status.COMPLETED])
    made = made_by(session, [job for _, job in rows])
    return [show_item(item, job, formats.get(job.id, []), made.get(job.id)) for item, job in rows]
