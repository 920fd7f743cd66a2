"""Batches: opened in one transaction, read at a cost that does not grow with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import Session

from models.artifacts import Artifact
from models.batches import Batch, Item
from models.db import table_of
from models.errors import NotFound
from models.ids import new_id
from models.jobs import Job
from models.services import events, moves
from models.services.jobs import NewJob, insert_jobs
from models.services.moves import Dispatch
from models.states import Status


@dataclass(frozen=True)
class NewBatch:
    """How a batch is to run."""

    max_concurrent: int
    continue_on_error: bool
    priority: str
    name: str = ""
    max_cost_usd: Decimal | None = None
    callback_url: str | None = None


def open_batch(
    session: Session, owner_id: str, new: NewBatch, jobs: Sequence[NewJob], *, request_id: str
) -> tuple[Batch, list[Dispatch]]:
    """Open a batch with its jobs and take its first window; returns the messages to send once this is committed.

    Jobs that carry an error are failed items from the start; they do not stop a batch that stops on errors.
    """
    refused = sum(job.error is not None for job in jobs)
    batch = Batch(
        id=new_id("batch"),
        owner_id=owner_id,
        name=new.name,
        priority=new.priority,
        max_concurrent=new.max_concurrent,
        continue_on_error=new.continue_on_error,
        max_cost_usd=new.max_cost_usd,
        callback_url=new.callback_url,
        total=len(jobs),
        queued=len(jobs) - refused,
        failed=refused,
    )
    session.add(batch)
    session.flush()
    ids = insert_jobs(session, owner_id, jobs, batch_id=batch.id, priority=new.priority, request_id=request_id)
    session.execute(
        insert(table_of(Item)),
        [
            {"batch_id": batch.id, "position": position, "job_id": job_id, "info": dict(job.info)}
            for position, (job_id, job) in enumerate(zip(ids, jobs, strict=True), start=1)
        ],
    )
    session.refresh(batch)
    if refused:
        events.tell(session, *refusals(batch, ids, jobs))
    return batch, moves.advance_batch(session, batch)


def refusals(batch: Batch, ids: Sequence[str], jobs: Sequence[NewJob]) -> list[dict[str, Any]]:
    """Return the events of a new batch's items that have failed from the start."""
    positions = zip(ids, jobs, range(1, len(jobs) + 1), strict=True)
    return events.ended(
        batch,
        [(job_id, position, 1, 0, job.error) for job_id, job, position in positions if job.error],
        Status.FAILED,
    )


def find_batch(session: Session, owner_id: str, batch_id: str) -> Batch:
    """Return the owner's batch; raises `NotFound`."""
    batch = session.scalar(select(Batch).where(Batch.id == batch_id, Batch.owner_id == owner_id))
    if batch is None:
        raise NotFound("batch", batch_id)
    return batch


def list_items(
    session: Session, batch: Batch, *, limit: int, after: int = 0, offset: int = 0, status: str | None = None
) -> Sequence[tuple[Item, Job]]:
    """Return items with their current jobs, in order, behind position ``after``."""
    query = (
        select(Item, Job)
        .join(Job, Job.id == Item.job_id)
        .where(Item.batch_id == batch.id, Item.position > after, *_having(status))
        .order_by(Item.position)
        .limit(limit)
        .offset(offset)
    )
    return [(item, job) for item, job in session.execute(query)]


def count_items(batch: Batch, status: str | None) -> int:
    """Return how many items a listing has in all: the batch's own counters know."""
    return batch.total if status is None else int(getattr(batch, Status(status)))


def _having(status: str | None) -> list[ColumnElement[bool]]:
    return [] if status is None else [Job.status == status]


def artifact_formats(session: Session, job_ids: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the formats that each job has files of."""
    query = select(Artifact.job_id, func.array_agg(Artifact.format)).where(Artifact.job_id.in_(job_ids))
    return {job_id: sorted(formats) for job_id, formats in session.execute(query.group_by(Artifact.job_id))}


def index_width(session: Session, batch_id: str | None) -> int:
    """Return how many digits a place in the batch has, for names that sort."""
    total = session.scalar(select(Batch.total).where(Batch.id == batch_id)) if batch_id else None
    return len(str(total or 1))
