"""The one place where jobs change status and batches keep count.

Lock order, everywhere: the batch's row first, then rows of its jobs. Whoever moves a job holds its batch, so the
counters are exact at every commit and two movers cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.batches import Batch
from models.jobs import Job
from models.states import OPEN, TERMINAL, Status, batch_end, may_move

Fault = Mapping[str, Any]
"""A job's error: ``{code, message, details}``."""


@dataclass(frozen=True)
class Dispatch:
    """What a message has to say: which job, and of which kind, attempt and priority."""

    job_id: str
    kind: str
    attempt: int
    priority: str


def lock_batch_of(session: Session, job_id: str) -> Batch | None:
    """Lock the row of the job's batch until the transaction ends; None for a job that stands alone."""
    batch_id = select(Job.batch_id).where(Job.id == job_id).scalar_subquery()
    return lock_batch(session, batch_id)


def lock_batch(session: Session, batch_id: Any) -> Batch | None:
    """Lock a batch's row and read it as it is once the lock is ours."""
    return session.scalar(
        select(Batch).where(Batch.id == batch_id).with_for_update().execution_options(populate_existing=True)
    )


def move_job(
    session: Session, job_id: str, before: Status, after: Status, *, attempt: int | None = None, **values: Any
) -> Job | None:
    """Move one job, count it, and return it.

    None when it was not in ``before`` (at ``attempt``): somebody was first.
    """
    return _move(session, lock_batch_of(session, job_id), job_id, before, after, attempt=attempt, **values)


def _move(
    session: Session,
    batch: Batch | None,
    job_id: str,
    before: Status,
    after: Status,
    *,
    attempt: int | None,
    **values: Any,
) -> Job | None:
    if not may_move(before, after):
        raise ValueError(f"{before} -> {after} is no legal move")
    query = update(Job).where(Job.id == job_id, Job.status == before)
    if attempt is not None:
        query = query.where(Job.attempt == attempt)
    ended = {"finished_at": func.now(), "lease_owner": None, "lease_expires_at": None} if after in TERMINAL else {}
    job = session.scalar(
        query.values(status=after, updated_at=func.now(), **ended, **values)
        .returning(Job)
        .execution_options(populate_existing=True)
    )
    if job is not None and batch is not None:
        count(batch, before, after, 1)
        session.flush()
    return job


def count(batch: Batch, before: Status, after: Status, jobs: int) -> None:
    """Move ``jobs`` from one counter of a locked batch to another, and begin the batch with its first job."""
    setattr(batch, before, getattr(batch, before) - jobs)
    setattr(batch, after, getattr(batch, after) + jobs)
    if after is Status.PROCESSING and batch.status == Status.QUEUED:
        batch.status = Status.PROCESSING
        batch.started_at = func.now()


def end_job(
    session: Session,
    job_id: str,
    before: Status,
    after: Status,
    *,
    attempt: int | None = None,
    error: Fault | None = None,
    **values: Any,
) -> tuple[Job | None, list[Dispatch]]:
    """End one job and do what follows for its batch. Returns the job (None: not ours to end) and what to send next."""
    batch = lock_batch_of(session, job_id)
    job = _move(session, batch, job_id, before, after, attempt=attempt, error=error, **values)
    if job is None or batch is None:
        return job, []
    if after is Status.FAILED and not batch.continue_on_error:
        cancel_queued(session, batch, "An earlier item failed and continue_on_error is false.")
    return job, advance_batch(session, batch)


def cancel_queued(session: Session, batch: Batch, reason: str) -> int:
    """Cancel every job of a locked batch that no worker has begun; returns how many."""
    cancelled = session.scalars(
        update(Job)
        .where(Job.batch_id == batch.id, Job.status == Status.QUEUED)
        .values(
            status=Status.CANCELLED,
            error={"code": "CANCELLED", "message": reason, "details": {}},
            finished_at=func.now(),
            updated_at=func.now(),
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).all()
    count(batch, Status.QUEUED, Status.CANCELLED, len(cancelled))
    session.flush()
    return len(cancelled)


def advance_batch(session: Session, batch: Batch) -> list[Dispatch]:
    """End a locked batch that has nothing left, or take the jobs that its window has room for."""
    if batch.status in TERMINAL:
        return []
    if batch.queued + batch.processing == 0:
        batch.status = batch_end(
            completed=batch.completed,
            failed=batch.failed,
            cancelled=batch.cancelled,
            continue_on_error=batch.continue_on_error,
        )
        batch.finished_at = func.now()
        session.flush()
        return []
    return take_window(session, batch)


def take_window(session: Session, batch: Batch) -> list[Dispatch]:
    """Mark as many queued jobs of a locked batch as sent as its window has room for, and return them in order.

    The batch is locked in an earlier statement: this count then sees what the lock's last holder committed, which
    a count inside the locking statement would not (it reads the snapshot from before the wait).
    """
    in_flight = session.scalar(
        select(func.count()).where(Job.batch_id == batch.id, Job.status.in_(OPEN), Job.dispatched_at.is_not(None))
    )
    room = batch.max_concurrent - (in_flight or 0)
    if room <= 0:
        return []
    waiting = (
        select(Job.id)
        .where(Job.batch_id == batch.id, Job.status == Status.QUEUED, Job.dispatched_at.is_(None))
        .order_by(Job.position)
        .limit(room)
        .with_for_update(skip_locked=True)
    )
    return mark_dispatched(session, waiting)


def mark_dispatched(session: Session, jobs: Any) -> list[Dispatch]:
    """Note on the jobs of the subquery ``jobs`` that a message is about to be sent, and say what to send."""
    rows = session.execute(
        update(Job)
        .where(Job.id.in_(jobs))
        .values(dispatched_at=func.now())
        .returning(Job.id, Job.kind, Job.attempt, Job.priority, Job.position)
        .execution_options(synchronize_session=False)
    ).all()
    return [dispatch_of(row) for row in sorted(rows, key=lambda row: (row.position or 0, row.id))]


def dispatch_of(job: Any) -> Dispatch:
    """Return the message of a job (a row or an object with id, kind, attempt, priority)."""
    return Dispatch(job.id, job.kind, job.attempt, job.priority)
