"""What upkeep looks for: jobs that a crash, a killed worker or a lost message has left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

import settings
from models.batches import Batch
from models.events import Event, Kind
from models.jobs import Job, Step
from models.services import events, idempotency, moves, workers
from models.services.claims import GRACE, LEASE
from models.services.moves import Dispatch
from models.states import OPEN, TERMINAL, Priority, Status
from models.workers import Worker

AT_ONCE = 500  # rows a tick: a long outage is worked off in ticks, not in one burst
STARVING_AT_ONCE = 5
MOST_ROUNDS = 4  # times the attempts that a job may lose: the end of looking for who kills them
MOST_DOUBLINGS = 8
LOCK = 0x0CA4DF05


@dataclass(frozen=True)
class Waiting:
    """How many messages wait in Redis: in the queues of first steps, in those of later ones, and of webhooks."""

    first: int = 0
    later: int = 0
    webhooks: int = 0


def find_stranded(session: Session, waiting: Waiting) -> list[Dispatch]:
    """Return what has to be sent again."""
    return [dispatch for found in find_by_kind(session, waiting).values() for dispatch in found]


def find_by_kind(session: Session, waiting: Waiting) -> dict[str, list[Dispatch]]:
    """Return what has to be sent again, by what had become of it.

    Of several upkeeps at one time, one works and the others find nothing. Those that lock batches look first: whoever
    has locked rows of jobs must not wait for a batch.
    """
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
        return {}
    workers.forget_silent(session)
    idempotency.delete_stale(session)
    return {
        "orphaned": find_orphaned(session),
        "idle": find_idle(session),
        "suspect": find_suspects(session),
        "dropped": find_dropped(session, waiting.first + waiting.later),
        "starving": find_starving(session),
        "unclaimed": find_unclaimed(session, waiting.first),
    }


def find_orphaned(session: Session) -> list[Dispatch]:
    """Take jobs from workers that have let their leases run out: cancelled, given up, or begun anew.

    After the database itself was away, every worker gets the time of a lease to renew its own.
    """
    started = session.scalar(select(func.pg_postmaster_start_time() > func.now() - LEASE))
    if started:
        return []
    lost = select(Job.id, Job.attempt, Job.lease_owner, Job.cancel_requested_at).where(_orphaned())
    rows = session.execute(lost.limit(AT_ONCE)).all()
    suspects = Counter(row.lease_owner for row in rows if row.attempt >= _most())
    found: list[Dispatch] = []
    for row in rows:
        found += _take_over(session, row, alone=suspects[row.lease_owner] == 1)
    return found


def _take_over(session: Session, job: Any, *, alone: bool) -> list[Dispatch]:
    """End a job or begin its next attempt. ``alone``: no other suspect was lost with the same worker.

    A job that has lost as many workers as it may is a suspect, and so is every job that was only near the one that
    killed them. They go on in ever smaller groups (`find_suspects`) until one is lost alone: that one is given up,
    unless workers die of something else these minutes.
    """
    if job.cancel_requested_at is not None:
        return _end(session, job, Status.CANCELLED, moves.cancelled("Cancelled on request."))
    guilty = alone and job.attempt >= _most() and not workers_died_of_something_else(session, job.lease_owner)
    if guilty or job.attempt >= MOST_ROUNDS * _most():
        message = f"The worker was lost {job.attempt} times while it ran this job."
        error = {"code": "WORKER_LOST", "message": message, "details": {"attempts": job.attempt}}
        return _end(session, job, Status.FAILED, error)
    suspect = job.attempt + 1 >= _most()
    moves.lock_batch_of(session, job.id)  # the next of these jobs may be one of the same batch that is to be ended
    unheld = {"lease_owner": None, "lease_expires_at": func.clock_timestamp() + (timedelta(0) if suspect else GRACE)}
    begun = session.scalar(
        update(Job)
        .where(Job.id == job.id, Job.attempt == job.attempt, _orphaned())
        .values(attempt=Job.attempt + 1, reserved_usd=0, waiting_until=func.now() if suspect else None, **unheld)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if begun is None:
        return []  # its heart has beaten after all
    session.execute(
        update(Step).where(Step.job_id == job.id, Step.status == Status.PROCESSING).values(status=Status.QUEUED)
    )
    message = "The worker that ran this was lost; it goes on from its last finished step."
    details = {"worker": workers.mark(job.lease_owner)}
    said = {"level": "warning", "step": None, "attempt": job.attempt + 1, "message": message, "details": details}
    events.tell(session, events.line(job.id, **said))
    return [] if suspect else moves.mark_dispatched(session, [job.id])


def workers_died_of_something_else(session: Session, worker: str) -> bool:
    """Say whether, of the workers that fell silent in the last minutes, one was lost that held none of the suspects.

    Then machines are failing or somebody kills processes, and that a job was lost once more with ``worker`` tells
    nothing of the job. Rows of silent workers are kept for ten leases.
    """
    silent = set(session.scalars(select(Worker.id).where(Worker.seen_at < func.now() - LEASE))) - {worker}
    suspects = select(Job.id).where(Job.status == Status.PROCESSING, Job.attempt >= _most())
    held = select(Event.data["details"]["worker"].astext).where(Event.job_id.in_(suspects), Event.kind == Kind.LOG)
    return bool({workers.mark(one) for one in silent} - set(session.scalars(held)))


def _end(session: Session, job: Any, after: Status, error: Mapping[str, Any]) -> list[Dispatch]:
    moves.lock_batch_of(session, job.id)
    still = select(Job.id).where(Job.id == job.id, Job.attempt == job.attempt, _orphaned()).with_for_update()
    if session.scalar(still) is None:
        return []  # its heart has beaten after all
    _, following = moves.end_job(session, job.id, Status.PROCESSING, after, attempt=job.attempt, error=dict(error))
    return following


def find_suspects(session: Session) -> list[Dispatch]:
    """Send half of the suspects that wait, once none of the last half is still in the step that its worker died in.

    Whoever has come through that step has not killed anybody by it. Upkeep looks, and each worker that brings a suspect
    through: with a tick for each half, the last of many would wait for a minute.
    """
    suspect = and_(Job.status == Status.PROCESSING, Job.attempt >= _most())
    waits = and_(suspect, Job.lease_owner.is_(None), Job.waiting_until.is_not(None))
    waiting = _count(session, waits)
    if not waiting or _count(session, and_(suspect, ~waits, _is_in_a_lost_step())):
        return []
    # Those that were lost the least often first: who is left in the end is lost alone.
    most_trusted = select(Job.id).where(waits).order_by(Job.attempt, Job.id)
    half = most_trusted.limit((waiting + 1) // 2).with_for_update(skip_locked=True)
    return _send_next(session, half)


def _is_in_a_lost_step() -> ColumnElement[bool]:
    """Whether the job's open step was begun before: it is to be begun again, or runs for another time."""
    again = or_(
        and_(Step.status == Status.QUEUED, Step.attempts >= 1),
        and_(Step.status == Status.PROCESSING, Step.attempts >= 2),
    )
    return exists().where(Step.job_id == Job.id, again)


def find_dropped(session: Session, waiting: int) -> list[Dispatch]:
    """Send the next step's message for jobs whose wait is over, and for those that nobody has taken up in time.

    The latter only when their messages must have been lost: see `find_unclaimed`. The attempt stays the same:
    nothing ran in between.
    """
    trusted = or_(Job.attempt < _most(), Job.waiting_until.is_(None))  # suspects that wait are sent by `find_suspects`
    unheld = and_(_expired(), Job.lease_owner.is_(None), trusted)
    overdue = Job.lease_expires_at < func.clock_timestamp() - _patience() + GRACE
    lost = _count(session, unheld) > waiting
    due = unheld if lost else and_(unheld, Job.waiting_until.is_not(None) | overdue)
    return _send_next(session, select(Job.id).where(due).limit(AT_ONCE).with_for_update(skip_locked=True))


def _send_next(session: Session, jobs: Any) -> list[Dispatch]:
    """Give running jobs that nobody holds the time of a grace to be taken up, and return their next messages."""
    ids = session.scalars(
        update(Job)
        .where(Job.id.in_(jobs))
        .values(lease_expires_at=func.clock_timestamp() + GRACE, waiting_until=None)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).all()
    return moves.mark_dispatched(session, ids) if ids else []


def find_starving(session: Session) -> list[Dispatch]:
    """Send a few jobs of lower priority once more, at the highest, when they have waited for their grace.

    A low batch so moves on while high work keeps arriving; few, so that high work still goes first. Once for each
    job: the first message may still be there.
    """
    starving = and_(_unclaimed(), Job.sent == 1, Job.priority != Priority.HIGH)
    return moves.mark_dispatched(session, _longest(starving, STARVING_AT_ONCE), priority=Priority.HIGH.value)


def find_unclaimed(session: Session, waiting: int) -> list[Dispatch]:
    """Send jobs again whose message must have been lost: more of them are unclaimed than messages wait.

    Without that look, workers that are only busy, or away for an hour, would find the queue full of copies. Behind a
    backlog that never ends nobody can tell, so each job is also sent again after ever longer waits.
    """
    lost = _count(session, _unclaimed()) > waiting
    overdue = Job.dispatched_at < func.now() - _patience()
    return moves.mark_dispatched(session, _longest(_unclaimed() if lost else and_(_unclaimed(), overdue), AT_ONCE))


def _patience() -> ColumnElement[timedelta]:
    """Return how long to wait for a job's message where nobody can tell whether it is lost.

    One and a half graces after the first, and twice as long after each one more.
    """
    doubled = func.power(2, func.least(Job.sent, MOST_DOUBLINGS) - 1)
    return func.make_interval(0, 0, 0, 0, 0, 0, doubled * (1.5 * GRACE.total_seconds()))


def _unclaimed() -> ColumnElement[bool]:
    return and_(Job.status == Status.QUEUED, Job.dispatched_at < func.now() - GRACE)


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(which)) or 0


def _longest(which: ColumnElement[bool], most: int) -> Any:
    """Return the query of those jobs that have waited the longest."""
    return select(Job.id).where(which).order_by(Job.dispatched_at).limit(most).with_for_update(skip_locked=True)


def find_idle(session: Session) -> list[Dispatch]:
    """Advance each open batch that has room in its window, or nothing left to wait for."""
    in_flight = (
        select(func.count())
        .where(Job.batch_id == Batch.id, Job.status.in_(OPEN), Job.dispatched_at.is_not(None))
        .scalar_subquery()
    )
    room = and_(Batch.queued + Batch.processing > in_flight, in_flight < Batch.max_concurrent)
    idle = select(Batch.id).where(Batch.status.in_(OPEN), room | (Batch.queued + Batch.processing == 0))
    found: list[Dispatch] = []
    for batch_id in session.scalars(idle.order_by(Batch.id).limit(AT_ONCE)).all():
        batch = moves.lock_batch(session, batch_id)
        found += moves.advance_batch(session, batch) if batch is not None else []
    return found


def delete_old(session: Session, days: int) -> int:
    """Delete finished batches and single jobs that ended more than ``days`` ago; returns how many. The ledger stays."""
    old = func.now() - timedelta(days=days)
    gone = 0
    for table, alone in ((Batch, []), (Job, [Job.batch_id.is_(None)])):
        ended = select(table.id).where(table.status.in_(TERMINAL), table.finished_at < old, *alone).limit(AT_ONCE)
        # Once more with the row locked: somebody may have opened it again between the look and the lock.
        still = delete(table).where(table.id.in_(ended), table.status.in_(TERMINAL)).returning(table.id)
        deleted = session.scalars(still, execution_options={"synchronize_session": False})
        gone += len(deleted.all())
    return gone


def _most() -> int:
    return settings.engine().max_attempts


def _orphaned() -> ColumnElement[bool]:
    return and_(_expired(), Job.lease_owner.is_not(None))


def _expired() -> ColumnElement[bool]:
    return and_(Job.status == Status.PROCESSING, Job.lease_expires_at < func.clock_timestamp())
