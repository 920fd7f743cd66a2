"""Cancelling: at once where nobody works on a job, else by a mark that its worker sees within a second."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.batches import Batch
from models.errors import WrongState
from models.jobs import Job
from models.services import moves
from models.services.batches import find_batch
from models.services.jobs import hold_job
from models.services.moves import Dispatch
from models.states import TERMINAL, Status

REASON = "Cancelled on request."


def cancel_job(session: Session, owner_id: str, job_id: str) -> tuple[Job, list[Dispatch]]:
    """Cancel one job, and return it with what its batch sends next.

    Raises `NotFound`, or `WrongState` when it has ended.
    """
    # With the row locked, its worker cannot hand it on between our look and our move.
    job, _ = hold_job(session, owner_id, job_id)
    if job.status in TERMINAL:
        details = {"status": job.status}
        raise WrongState(f"Job {job_id} is {job.status} already.", code="JOB_NOT_CANCELLABLE", details=details)
    sent = stop(session, job)
    session.refresh(job)
    return job, sent


def stop(session: Session, job: Job) -> list[Dispatch]:
    """Cancel a locked job that has not ended; its batch is locked too."""
    if job.status == Status.QUEUED or job.lease_owner is None:
        _, sent = moves.end_job(session, job.id, Status(job.status), Status.CANCELLED, error=moves.cancelled(REASON))
        return sent
    job.cancel_requested_at = func.coalesce(Job.cancel_requested_at, func.now())
    session.flush()
    return []


def cancel_batch(session: Session, owner_id: str, batch_id: str) -> tuple[Batch, list[Dispatch]]:
    """Cancel everything of a batch that has not ended, and return it with what to send.

    Raises `NotFound`, or `WrongState` when all of it has ended.
    """
    find_batch(session, owner_id, batch_id)
    batch = moves.lock_batch(session, batch_id)
    if batch is None or batch.status in TERMINAL:
        status = batch.status if batch else "gone"
        raise WrongState(
            f"Batch {batch_id} is {status} already.", code="BATCH_NOT_CANCELLABLE", details={"status": status}
        )
    batch.cancel_requested_at = func.coalesce(Batch.cancel_requested_at, func.now())
    moves.cancel_queued(session, batch, REASON)
    running = select(Job).where(Job.batch_id == batch_id, Job.status == Status.PROCESSING).order_by(Job.id)
    sent: list[Dispatch] = []
    for job in session.scalars(running.with_for_update().execution_options(populate_existing=True)).all():
        sent += stop(session, job)
    sent += moves.advance_batch(session, batch)
    session.flush()
    session.refresh(batch)
    return batch, sent


def held_by(session: Session, worker_id: str) -> dict[str, bool]:
    """Return the jobs that a worker holds, each with whether it is to be cancelled."""
    held = select(Job.id, Job.cancel_requested_at.is_not(None)).where(
        Job.lease_owner == worker_id, Job.status == Status.PROCESSING
    )
    return {row[0]: row[1] for row in session.execute(held)}
