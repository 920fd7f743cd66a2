"""Lists of jobs and batches: filters and orders in SQL, each of them with an index of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, literal_column, select, true, union_all
from sqlalchemy.orm import Session

from models.batches import Batch
from models.characters import Character
from models.jobs import Job
from models.services.pages import MOST_COUNTED, Ask, Key, Page, Sorts, fetch_page, read_amount, read_moment

LATEST = "'infinity'::timestamptz"  # what has not finished yet will finish after all that has
WORD = re.compile(r"[^\W_]+")

JOB_SORTS: Sorts = {
    "created_at": (Key(Job.created_at, read_moment), Key(Job.id)),
    "finished_at": (Key(Job.finished_at, read_moment, LATEST), Key(Job.id)),
    # Within a batch only: an index by cost would have to be written at every call.
    "cost_usd": (Key(Job.cost_usd, read_amount), Key(Job.id)),
    "status": (Key(Job.status), Key(Job.created_at, read_moment), Key(Job.id)),
}
BATCH_SORTS: Sorts = {
    "created_at": (Key(Batch.created_at, read_moment), Key(Batch.id)),
    "finished_at": (Key(Batch.finished_at, read_moment, LATEST), Key(Batch.id)),
    "status": (Key(Batch.status), Key(Batch.created_at, read_moment), Key(Batch.id)),
}


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list (None: all)."""

    status: str | None = None
    batch_id: str | None = None
    profile_id: str | None = None
    kind: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    q: str | None = None


@dataclass(frozen=True)
class BatchFilter:
    """Which batches to list (None: all). ``name`` is a part of it, in any case."""

    status: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    name: str | None = None


def list_jobs(session: Session, owner_id: str, wanted: JobFilter, ask: Ask) -> Page:
    """Return one page of the owner's jobs, newest first unless it asks for another order."""
    return fetch_page(session, select_jobs(owner_id, wanted), Job, ask, JOB_SORTS)


def list_batches(session: Session, owner_id: str, wanted: BatchFilter, ask: Ask) -> Page:
    """Return one page of the owner's batches, newest first unless it asks for another order."""
    query = _created(select(Batch).where(Batch.owner_id == owner_id), Batch, wanted)
    query = _equal(query, {Batch.status: wanted.status})
    if wanted.name:
        query = query.where(Batch.name.icontains(wanted.name, autoescape=True))
    return fetch_page(session, query, Batch, ask, BATCH_SORTS)


def select_jobs(owner_id: str, wanted: JobFilter) -> Select[Any]:
    """Return the query of the owner's jobs that are wanted."""
    query = _created(select(Job).where(Job.owner_id == owner_id), Job, wanted)
    chosen = {Job.status: wanted.status, Job.batch_id: wanted.batch_id}
    query = _equal(query, chosen | {Job.profile_id: wanted.profile_id, Job.kind: wanted.kind})
    return query.where(Job.id.in_(_about(owner_id, wanted.q))) if wanted.q else query


def _equal(query: Select[Any], chosen: Mapping[Any, Any]) -> Select[Any]:
    return query.where(*(column == value for column, value in chosen.items() if value is not None))


def _created(query: Select[Any], table: Any, wanted: JobFilter | BatchFilter) -> Select[Any]:
    if wanted.created_after is not None:
        query = query.where(table.created_at >= wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(table.created_at < wanted.created_before)
    return query


def _about(owner_id: str, text: str) -> Any:
    """The ids of jobs whose character or batch is called so, that failed with this code, or that have this id.

    Each part goes by an index of its own, which one condition over all of them could not, and has an end: a word that
    everything is called by must not have everything sorted.
    """
    named = select(Character.job_id).where(Character.owner_id == owner_id, _called(Character.name, text))
    batches = select(Batch.id).where(Batch.owner_id == owner_id, _called(Batch.name, text))
    batch = batches.order_by(Batch.id.desc()).limit(MOST_COUNTED).subquery()
    # Batch by batch, newest first, until there are enough: as a plain join, all jobs might be read for a few.
    inside = select(Job.id).where(Job.batch_id == batch.c.id).limit(MOST_COUNTED).lateral()
    code = Job.error["code"].astext
    failed = select(Job.id).where(Job.owner_id == owner_id, Job.error.is_not(None), code == text.strip().upper())
    return union_all(
        named.limit(MOST_COUNTED),
        select(inside.c.id).select_from(batch).join(inside, true()).limit(MOST_COUNTED),
        failed.order_by(Job.id.desc()).limit(MOST_COUNTED),
        select(Job.id).where(Job.owner_id == owner_id, Job.id == text.strip()),
    )


def _called(name: Any, text: str) -> ColumnElement[bool]:
    """Each word of the text begins a word of the name, whatever their order and case."""
    words = WORD.findall(text)
    if not words:
        return false()
    simple: ColumnElement[Any] = literal_column("'simple'")
    asked = func.to_tsquery(simple, " & ".join(f"{word}:*" for word in words))
    return func.to_tsvector(simple, name).op("@@", is_comparison=True)(asked)
