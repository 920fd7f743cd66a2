"""The one place where jobs change status and batches keep count.

Lock order, everywhere: the batch's row first, then rows of its jobs. Whoever moves a job holds its batch, so the
counters are exact at every commit and two movers cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Interval, Select, Update, bindparam, case, exists, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from models import statements
from models.batches import Batch
from models.db import table_of
from models.jobs import Job, Step
from models.services import deliveries, events
from models.services.messages import Dispatch
from models.states import OPEN, TERMINAL, Status, batch_end, may_move

BATCHES, JOBS, STEPS = table_of(Batch), table_of(Job), table_of(Step)


class Holder(NamedTuple):
    """Who runs a step of a job: the worker, the step, and how often that has been begun, this time included."""

    worker: str
    step: str
    times: int


Fault = Mapping[str, Any]
"""A job's error: ``{code, message, details}``."""


def cancelled(reason: str) -> Fault:
    """Return the error of a job that was cancelled."""
    return {"code": "CANCELLED", "message": reason, "details": {}}


def lock_batch_of(session: Session, job_id: str) -> Batch | None:
    """Lock the row of the job's batch until the transaction ends; None for a job that stands alone."""
    return session.scalar(_batch_of(), {"job": job_id})


@cache
def _batch_of() -> Select[Batch]:
    batch_id = select(Job.batch_id).where(Job.id == bindparam("job")).scalar_subquery()
    return _locked(batch_id)


def lock_batch(session: Session, batch_id: Any) -> Batch | None:
    """Lock a batch's row and read it as it is once the lock is ours."""
    return session.scalar(_locked(batch_id))


def _locked(batch_id: Any) -> Select[Batch]:
    return select(Batch).where(Batch.id == batch_id).with_for_update().execution_options(populate_existing=True)


def begin_job(
    session: Session, job_id: str, attempt: int, *, worker: str, step: str, lease: timedelta, then: Mapping[str, Any]
) -> Any:
    """Move a queued job to processing, in the hands of a worker, count it, and return its row.

    ``then``: an event that is told behind its beginning. None when somebody was first.
    """
    locked = statements.first(session, _lock_batch_of(), {"job": job_id})
    taken = {"job": job_id, "tried": attempt, "worker": worker, "name": step, "lease": lease}
    job = statements.first(session, _beginning(), taken)
    if job is None:
        return None
    batch = None if locked is None else statements.first(session, _count_begun(), {"batch": locked.id})
    events.tell(session, *events.status(job, batch), then)
    return job


@cache
def _lock_batch_of() -> Select[Any]:
    batch_id = select(JOBS.c.batch_id).where(JOBS.c.id == bindparam("job")).scalar_subquery()
    return select(BATCHES.c.id).where(BATCHES.c.id == batch_id).with_for_update()


@cache
def _beginning() -> ReturningUpdate[Any]:
    began = {"started_at": func.coalesce(JOBS.c.started_at, func.now()), **taken()}
    query = _moving(JOBS, Status.QUEUED, Status.PROCESSING).where(JOBS.c.attempt == bindparam("tried"))
    return query.values(began).returning(JOBS)


@cache
def _count_begun() -> ReturningUpdate[Any]:
    """Count one job of a locked batch as begun, and begin the batch with its first job (as `count` does)."""
    begins = BATCHES.c.status == Status.QUEUED.value
    begun = {
        "queued": BATCHES.c.queued - 1,
        "processing": BATCHES.c.processing + 1,
        "status": case((begins, Status.PROCESSING.value), else_=BATCHES.c.status),
        "started_at": func.coalesce(BATCHES.c.started_at, case((begins, func.now()))),
    }
    return update(BATCHES).where(BATCHES.c.id == bindparam("batch")).values(begun).returning(BATCHES)


def taken() -> dict[str, Any]:
    """Return what a job's row says once a worker (``worker``) has its step (``name``), for so long (``lease``).

    It counts from the moment of the statement: `now` is the start of the transaction, which may have waited for a
    batch's row for longer than a lease.
    """
    return {
        "lease_owner": bindparam("worker"),
        "lease_expires_at": func.clock_timestamp() + bindparam("lease", type_=Interval),
        "waiting_until": None,
        "current_step": bindparam("name"),
        "detail": None,
        "reserved_usd": 0,
    }


def end_job(
    session: Session,
    job_id: str,
    before: Status,
    after: Status,
    *,
    attempt: int | None = None,
    holder: Holder | None = None,
    error: Fault | None = None,
    first: Sequence[Mapping[str, Any]] = (),
) -> tuple[Job | None, list[Dispatch]]:
    """End one job and do what follows for its batch. ``first``: events that are told before its end.

    It ends only while it is at ``attempt`` and in the hands of ``holder``, where these are given.
    Returns the job (None: it was not as said, somebody was first) and what to send next.
    """
    batch = lock_batch_of(session, job_id)
    given = {"job": job_id, "tried": attempt, "why": error, **(holder._asdict() if holder else {})}
    ended = session.scalar(_ending(before, after, attempt is not None, holder is not None), given)
    job = _count(session, batch, ended, before, first=first)
    if job is None:
        return None, []
    if after is not Status.COMPLETED:
        close_steps(session, [job_id], after)
    if batch is None:
        return job, deliveries.announce_job(session, job)
    if after is Status.FAILED and not batch.continue_on_error:
        cancel_queued(session, batch, "An earlier item failed and continue_on_error is false.")
    return job, advance_batch(session, batch)


@cache
def _ending(before: Status, after: Status, fenced: bool, held: bool) -> ReturningUpdate[Job]:
    ended: dict[str, Any] = {
        "error": bindparam("why", type_=Job.error.type),
        "finished_at": func.now(),
        "lease_owner": None,
        "lease_expires_at": None,
        "waiting_until": None,
        "reserved_usd": 0,
    }
    whole = {"progress": 100, "detail": None} if after is Status.COMPLETED else {}
    query = _moving(Job, before, after).values(ended | whole)
    query = query.where(Job.attempt == bindparam("tried")) if fenced else query
    if held:
        query = query.where(*held_by())
    return query.returning(Job).execution_options(populate_existing=True)


def held_by() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions, with the fields of a `Holder` as their values, that a job is in somebody's hands.

    When a statement has waited for the job's row, PostgreSQL looks at that row again, but not at the steps: these tell
    one worker's own claims of one step apart, and its row all others.
    """
    running = exists().where(
        STEPS.c.job_id == JOBS.c.id,
        STEPS.c.name == bindparam("step"),
        STEPS.c.status == Status.PROCESSING.value,
        STEPS.c.attempts == bindparam("times"),
    )
    return JOBS.c.lease_owner == bindparam("worker"), JOBS.c.current_step == bindparam("step"), running


def _moving(target: Any, before: Status, after: Status) -> Update:
    if not may_move(before, after):
        raise ValueError(f"{before} -> {after} is no legal move")
    moved = {"status": after.value, "updated_at": func.now()}
    return update(target).where(JOBS.c.id == bindparam("job"), JOBS.c.status == before.value).values(moved)


def _count(
    session: Session,
    batch: Batch | None,
    job: Job | None,
    before: Status,
    *,
    first: Sequence[Mapping[str, Any]] = (),
) -> Job | None:
    """Count a job (None: it has not moved) that has moved, and tell of it, behind ``first``."""
    if job is None:
        return None
    if batch is not None:
        count(batch, before, Status(job.status), 1)
        session.flush()
    events.tell(session, *first, *events.status(job, batch))
    return job


def close_steps(session: Session, job_ids: Sequence[str], after: Status) -> None:
    """End the steps of jobs that end early: the running one as its job does, those behind it as cancelled."""
    ran = case((Step.status == Status.PROCESSING, after.value), else_=Status.CANCELLED.value)
    session.execute(
        update(Step)
        .where(Step.job_id.in_(job_ids), Step.status.in_(OPEN))
        .values(status=ran, finished_at=case((Step.status == Status.PROCESSING, func.now())))
        .execution_options(synchronize_session=False)
    )


def count(batch: Batch, before: Status, after: Status, jobs: int) -> None:
    """Move ``jobs`` from one counter of a locked batch to another, and begin the batch with its first job."""
    setattr(batch, before, getattr(batch, before) - jobs)
    setattr(batch, after, getattr(batch, after) + jobs)
    if after is Status.PROCESSING and batch.status == Status.QUEUED:
        batch.status = Status.PROCESSING
        batch.started_at = func.coalesce(Batch.started_at, func.now())


def cancel_queued(session: Session, batch: Batch, reason: str) -> int:
    """Cancel every job of a locked batch that no worker has begun; returns how many."""
    error = cancelled(reason)
    jobs = session.execute(
        update(Job)
        .where(Job.batch_id == batch.id, Job.status == Status.QUEUED)
        .values(status=Status.CANCELLED, error=dict(error), finished_at=func.now(), updated_at=func.now())
        .returning(Job.id, Job.position, Job.attempt, Job.cost_usd)
        .execution_options(synchronize_session=False)
    ).all()
    close_steps(session, [job.id for job in jobs], Status.CANCELLED)
    count(batch, Status.QUEUED, Status.CANCELLED, len(jobs))
    session.flush()
    ended = [(job.id, job.position, job.attempt, job.cost_usd, error) for job in jobs]
    ended.sort(key=lambda job: job[1] or 0)
    events.tell(session, *events.ended(batch, ended, Status.CANCELLED))
    return len(jobs)


def advance_batch(session: Session, batch: Batch) -> list[Dispatch]:
    """End a locked batch that has nothing left, or take the jobs that its window has room for."""
    if batch.status in TERMINAL:
        return []
    if batch.queued + batch.processing == 0:
        batch.status = end_of(batch)
        batch.finished_at = func.now()
        session.flush()
        events.tell_done(session, batch)
        return deliveries.announce_batch(session, batch)
    return take_window(session, batch)


def end_of(batch: Batch) -> Status:
    """Return the status that a batch ends with when all of its jobs have ended."""
    if batch.cancel_requested_at is not None:
        return Status.CANCELLED
    return batch_end(
        completed=batch.completed,
        failed=batch.failed,
        cancelled=batch.cancelled,
        continue_on_error=batch.continue_on_error,
    )


def take_window(session: Session, batch: Batch) -> list[Dispatch]:
    """Mark as many queued jobs of a locked batch as sent as its window has room for, and return them in order.

    The batch is locked in an earlier statement: this count then sees what the lock's last holder committed, which
    a count inside the locking statement would not (it reads the snapshot from before the wait).
    """
    room = batch.max_concurrent - (session.scalar(_in_flight(), {"batch": batch.id}) or 0)
    if room <= 0:
        return []
    return _marked(session, session.execute(_dispatch_waiting(), {"batch": batch.id, "room": room}).all())


@cache
def _in_flight() -> Select[int]:
    sent = JOBS.c.status.in_(OPEN), JOBS.c.dispatched_at.is_not(None)
    return select(func.count()).select_from(JOBS).where(JOBS.c.batch_id == bindparam("batch"), *sent)


@cache
def _dispatch_waiting() -> ReturningUpdate[Any]:
    unsent = JOBS.c.status == Status.QUEUED.value, JOBS.c.dispatched_at.is_(None)
    waiting = select(JOBS.c.id).where(JOBS.c.batch_id == bindparam("batch"), *unsent).order_by(JOBS.c.position)
    return _dispatch(waiting.limit(bindparam("room")).with_for_update(skip_locked=True))


def _dispatch(jobs: Any) -> ReturningUpdate[Any]:
    sent = {"dispatched_at": func.clock_timestamp(), "sent": JOBS.c.sent + 1}
    told = (JOBS.c[name] for name in ("id", "kind", "attempt", "priority", "position", "sent"))
    return update(JOBS).where(JOBS.c.id.in_(jobs)).values(sent).returning(*told)


def mark_dispatched(session: Session, jobs: Any, *, priority: str | None = None) -> list[Dispatch]:
    """Note on jobs (ids, or a subquery of ids) that a message is about to be sent, and say what to send, in order.

    ``priority`` replaces the jobs' own. Each message begins at the job's first step that is not done.
    """
    return _marked(session, session.execute(_dispatch(jobs)).all(), priority)


def _marked(session: Session, rows: Sequence[Any], priority: str | None = None) -> list[Dispatch]:
    starts = first_steps(session, [row.id for row in rows if row.sent > 1])
    return [
        Dispatch(row.id, row.kind, row.attempt, priority or row.priority, starts.get(row.id, 0))
        for row in sorted(rows, key=lambda row: (row.position or 0, row.id))
    ]


def first_steps(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """Return for each job the index of its first step that is not done; jobs that have none are left out."""
    if not job_ids:
        return {}
    undone = select(Step.job_id, func.min(Step.index)).where(Step.job_id.in_(job_ids), Step.status != Status.COMPLETED)
    return {row[0]: row[1] for row in session.execute(undone.group_by(Step.job_id))}
