"""The journal: written in the transaction of what it tells of, read in order from anywhere on.

Written only with the row locked that it is about; see `Event` for why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Insert,
    TableValuedAlias,
    Text,
    bindparam,
    column,
    func,
    insert,
    lateral,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.orm import Session

from models import statements
from models.batches import Batch
from models.db import table_of
from models.events import Event, Kind
from models.jobs import Job
from models.states import TERMINAL, Status

EVENTS = table_of(Event)
AT_ONCE = 1000
Noun = Literal["job", "batch"]
Unbegun = tuple[str, int | None, int, Any, Mapping[str, Any]]
"""A job that ended without having begun: id, position, attempt, cost, error."""


@dataclass(frozen=True)
class Stream:
    """Whose events: of one job, or of one batch."""

    noun: Noun
    id: str


@dataclass(frozen=True)
class Told:
    """One event as it is read."""

    id: int
    kind: str
    at: Any
    data: Mapping[str, Any]


def tell(session: Session, *events: Mapping[str, Any]) -> None:
    """Write events in this order: ``{job_id, batch_id, kind, data}`` each. A thousand go in one statement."""
    for start in range(0, len(events), AT_ONCE):
        statements.run(session, _telling(), {"told": events[start : start + AT_ONCE]})


@cache
def _telling() -> Insert:
    told = in_order(bindparam("told", type_=JSONB))
    event = told.c.value
    rows = select(event["job_id"].astext, event["batch_id"].astext, event["kind"].astext, event["data"])
    return insert(EVENTS).from_select(["job_id", "batch_id", "kind", "data"], rows.order_by(told.c.nth))


def in_order(events: BindParameter[Any]) -> TableValuedAlias:
    """Return a value that is a list of events as rows: ``value``, and ``nth`` to order them by."""
    values = func.jsonb_array_elements(events).table_valued(column("value", JSONB), with_ordinality="nth")
    return values.render_derived("told")


def line(job_id: str, **said: Any) -> dict[str, Any]:
    """Return a line of a job's log: ``level, step, attempt, message, details``."""
    return {"job_id": job_id, "kind": Kind.LOG, "data": said}


def step(job_id: str, name: str, status: Status, **more: Any) -> dict[str, Any]:
    """Return that a step began, ended, or waits to be begun again."""
    return {"job_id": job_id, "kind": Kind.STEP, "data": {"name": name, "status": status.value, **more}}


def status(job: Job, batch: Batch | None) -> list[dict[str, Any]]:
    """Return where a job stands now, with the counters of its batch, whose row is locked too; and that it is done."""
    data = show_job(job)
    event = {"job_id": job.id, "kind": Kind.STATUS, "data": data}
    if batch is not None:
        event |= {"batch_id": batch.id, "data": data | {"batch": show_batch(batch)}}
    done = {"job_id": job.id, "kind": Kind.DONE, "data": data}
    return [event, done] if Status(job.status) in TERMINAL else [event]


def ended(batch: Batch, jobs: Iterable[Unbegun], end: Status) -> list[dict[str, Any]]:
    """Return the events of jobs of a locked batch that ended without having begun."""
    shown = show_batch(batch)
    found: list[dict[str, Any]] = []
    for job_id, position, attempt, cost, error in jobs:
        data = {
            "job_id": job_id,
            "status": end.value,
            "attempt": attempt,
            "progress": 0,
            "cost_usd": float(cost),
            "error": dict(error),
            **_place(position),
        }
        found += [
            {"job_id": job_id, "batch_id": batch.id, "kind": Kind.STATUS, "data": data | {"batch": shown}},
            {"job_id": job_id, "kind": Kind.DONE, "data": data},
        ]
    return found


def tell_done(session: Session, batch: Batch) -> None:
    """Tell that a locked batch has ended."""
    tell(session, {"batch_id": batch.id, "kind": Kind.DONE, "data": show_batch(batch)})


def show_job(job: Job) -> dict[str, Any]:
    """Return a job as its events show it."""
    return {
        "job_id": job.id,
        "status": job.status,
        "attempt": job.attempt,
        "progress": job.progress,
        "cost_usd": float(job.cost_usd),
        "error": job.error,
        **_place(job.position),
    }


def _place(position: int | None) -> dict[str, Any]:
    return {} if position is None else {"item_id": f"item_{position}", "position": position}


def show_batch(batch: Batch) -> dict[str, Any]:
    """Return a locked batch as its events show it: the counters are those of the commit that writes them."""
    return {
        "batch_id": batch.id,
        "status": str(batch.status),
        "progress": counters(batch),
        "cost_usd": float(Decimal(batch.cost_usd)),
    }


def counters(batch: Batch) -> dict[str, Any]:
    """Return where the items of a batch stand; the counts add up to ``total``."""
    ended = batch.completed + batch.failed + batch.cancelled
    counts = {each.value: getattr(batch, each) for each in Status}
    return {"total": batch.total, **counts, "percent": round(100 * ended / max(batch.total, 1), 1)}


def list_events(session: Session, stream: Stream, after: int, limit: int) -> Sequence[Told]:
    """Return a stream's events behind the event ``after``, oldest first."""
    return read_streams(session, {stream: after}, limit).get(stream, [])


def read_streams(session: Session, places: Mapping[Stream, int], limit: int) -> dict[Stream, list[Told]]:
    """Return for each stream its next events behind the one that it has been read up to, at most ``limit`` of each."""
    found: dict[Stream, list[Told]] = {}
    for noun, owner in (("job", Event.job_id), ("batch", Event.batch_id)):
        streams = [stream for stream in places if stream.noun == noun]
        if not streams:
            continue
        asked = (
            func.unnest(
                array([stream.id for stream in streams], type_=Text),
                array([places[stream] for stream in streams], type_=BigInteger),
            )
            .table_valued(column("id", Text), column("after", BigInteger))
            .render_derived("asked")
        )
        following = lateral(
            select(Event.id, Event.kind, Event.at, Event.data)
            .where(owner == asked.c.id, Event.id > asked.c.after)
            .order_by(Event.id)
            .limit(limit)
        )
        rows = select(asked.c.id.label("stream"), following).join_from(asked, following, true())
        for row in session.execute(rows.order_by(following.c.id)):
            stream = Stream(streams[0].noun, row.stream)
            found.setdefault(stream, []).append(Told(row.id, row.kind, row.at, row.data))
    return found


def last_event(session: Session, stream: Stream) -> int:
    """Return the id of a stream's newest event, 0 of none."""
    owner = Event.job_id if stream.noun == "job" else Event.batch_id
    return session.scalar(select(func.max(Event.id)).where(owner == stream.id)) or 0


def is_over(session: Session, stream: Stream) -> bool:
    """Say whether nothing more is to come: what the stream is about has ended, or is gone."""
    table = Job if stream.noun == "job" else Batch
    found = session.scalar(select(table.status).where(table.id == stream.id))
    return found is None or Status(found) in TERMINAL
