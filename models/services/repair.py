"""What upkeep looks for: jobs that a crash, a killed worker or a lost message has left behind."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, select, text, update
from sqlalchemy.orm import Session

from models.batches import Batch
from models.jobs import Job, Step
from models.services import moves, workers
from models.services.jobs import HANDOVER
from models.services.moves import Dispatch
from models.states import OPEN, Status

GRACE = timedelta(seconds=60)  # how long a sent message may wait for a worker before it is sent again
MAX_ATTEMPTS = 3  # a job that has taken so many workers with it does not get another
AT_ONCE = 500  # rows a tick: a long outage is worked off in ticks, not in one burst
LOCK = 0x0CA4DF05


def find_stranded(session: Session) -> list[Dispatch]:
    """Return what has to be sent again. Of several upkeeps at one time, one works and the others find nothing."""
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
        return []
    workers.forget_silent(session)
    return [
        *give_up(session),
        *find_orphaned(session),
        *find_dropped(session),
        *find_unclaimed(session),
        *find_idle(session),
    ]


def give_up(session: Session) -> list[Dispatch]:
    """Fail jobs whose every attempt has lost its worker; returns what their batches send next."""
    lost = select(Job.id, Job.attempt).where(_expired(), Job.lease_owner.is_not(None), Job.attempt >= MAX_ATTEMPTS)
    found: list[Dispatch] = []
    for job_id, attempt in session.execute(lost.limit(AT_ONCE)).all():
        error = {
            "code": "WORKER_LOST",
            "message": f"The worker was lost {attempt} times while it ran this job.",
            "details": {"attempts": attempt},
        }
        _, following = moves.end_job(session, job_id, Status.PROCESSING, Status.FAILED, attempt=attempt, error=error)
        found += following
    return found


def find_orphaned(session: Session) -> list[Dispatch]:
    """Begin a new attempt for jobs whose worker has let its lease run out; the step it ran is to be run again."""
    orphans = (
        select(Job.id)
        .where(_expired(), Job.lease_owner.is_not(None), Job.attempt < MAX_ATTEMPTS)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(
        update(Job)
        .where(Job.id.in_(orphans))
        .values(attempt=Job.attempt + 1, lease_owner=None, lease_expires_at=func.now() + HANDOVER)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(
        update(Step)
        .where(Step.job_id.in_(ids), Step.status == Status.PROCESSING)
        .values(status=Status.QUEUED)
        .execution_options(synchronize_session=False)
    )
    return moves.mark_dispatched(session, ids) if ids else []


def find_dropped(session: Session) -> list[Dispatch]:
    """Send the next step's message again where nobody took it over. Same attempt: nothing ran in between."""
    dropped = (
        select(Job.id).where(_expired(), Job.lease_owner.is_(None)).limit(AT_ONCE).with_for_update(skip_locked=True)
    )
    ids = session.scalars(
        update(Job)
        .where(Job.id.in_(dropped))
        .values(lease_expires_at=func.now() + HANDOVER)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).all()
    return moves.mark_dispatched(session, ids) if ids else []


def find_unclaimed(session: Session) -> list[Dispatch]:
    """Mark jobs whose message must have been lost as sent just now, and return their messages."""
    lost = (
        select(Job.id)
        .where(Job.status == Status.QUEUED, Job.dispatched_at < func.now() - GRACE)
        .order_by(Job.dispatched_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return moves.mark_dispatched(session, lost)


def find_idle(session: Session) -> list[Dispatch]:
    """Advance each open batch that has queued jobs and none on its way."""
    on_its_way = select(Job.id).where(Job.batch_id == Batch.id, Job.status.in_(OPEN), Job.dispatched_at.is_not(None))
    idle = select(Batch.id).where(Batch.status.in_(OPEN), ~on_its_way.exists()).order_by(Batch.id).limit(AT_ONCE)
    found: list[Dispatch] = []
    for batch_id in session.scalars(idle).all():
        batch = moves.lock_batch(session, batch_id)
        found += moves.advance_batch(session, batch) if batch is not None else []
    return found


def _expired() -> ColumnElement[bool]:
    return and_(Job.status == Status.PROCESSING, Job.lease_expires_at < func.now())
