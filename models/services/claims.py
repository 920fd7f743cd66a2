"""Claims: the right of one worker to run one step of one job, from taking it to its checkpoint or its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

import settings
from models.errors import JobCancelled, StaleAttempt
from models.events import Kind
from models.jobs import Job, Step
from models.services import events, moves
from models.services.jobs import list_steps
from models.services.moves import Dispatch
from models.services.profiles import texts_of
from models.states import Status

# Leases and graces count from the moment of their statement (`clock_timestamp`): `now` is the start of the transaction,
# which may have waited for a batch's row for longer than a lease.
LEASE = timedelta(seconds=settings.engine().lease)  # renewed by the heartbeat of whoever holds it
GRACE = timedelta(seconds=settings.engine().grace)  # how long a message may be on its way before it counts as lost


@dataclass(frozen=True)
class Claim:
    """The right to run one step of one job at one attempt, with what it needs to know.

    ``tries``: how often the step has been begun, this time included. ``done``: it was finished earlier, and only the
    next one is left to run. ``steps``: how many the job has.
    """

    job_id: str
    root_id: str
    batch_id: str | None
    owner_id: str
    kind: str
    attempt: int
    step: str
    index: int
    tries: int
    done: bool
    steps: int
    request: Mapping[str, Any] = field(repr=False)
    profile_id: str
    profile_version: int
    config: Mapping[str, Any] = field(repr=False)
    prompts: Mapping[str, str] = field(repr=False)
    request_id: str
    position: int | None
    created_at: datetime

    @property
    def last(self) -> bool:
        """Whether the job ends with this step."""
        return self.index == self.steps - 1


def claim_step(session: Session, job_id: str, attempt: int, name: str, worker: str) -> Claim | None:
    """Take the right to run the step ``name``; None when there is nothing to do for this message.

    Nothing to do: the job is gone, ended, or at another attempt; somebody runs the step right now; an earlier step
    is not done. The job's row is the lock: of two deliveries one gets the claim, and the other changes nothing.
    """
    names = session.scalars(select(Step.name).where(Step.job_id == job_id).order_by(Step.index)).all()
    if name not in names:
        return None
    index = names.index(name)
    job = _enter(session, job_id, attempt, begin=index == 0)
    if job is None:
        return None
    steps = list_steps(session, job_id)
    step = steps[index]
    if step.status == Status.COMPLETED:
        return _claim(session, job, step, len(steps))
    if step.status != Status.QUEUED or any(earlier.status != Status.COMPLETED for earlier in steps[:index]):
        return None
    job.lease_owner = worker
    job.lease_expires_at = func.clock_timestamp() + LEASE
    job.waiting_until = None
    job.current_step = name
    job.detail = None
    job.reserved_usd = Decimal(0)
    job.updated_at = func.now()
    step.status = Status.PROCESSING
    step.attempts += 1
    step.started_at = func.coalesce(Step.started_at, func.now())
    session.flush()
    claim = _claim(session, job, step, len(steps))
    events.tell(session, _step(claim, Status.PROCESSING))
    return claim


def _step(claim: Claim, status: Status, **more: Any) -> dict[str, Any]:
    """Return the event that says where the claimed step stands."""
    place = {"index": claim.index + 1, "total": claim.steps, "attempt": claim.attempt}
    return events.step(claim.job_id, claim.step, status, **place, **more)


def _enter(session: Session, job_id: str, attempt: int, *, begin: bool) -> Job | None:
    """Return the job's row, locked, if it runs at this attempt; with ``begin`` a queued one is begun first."""
    if begin:
        began = func.coalesce(Job.started_at, func.now())
        job = moves.begin_job(session, job_id, attempt, started_at=began)
        if job is not None:
            return job
    return session.scalar(
        select(Job)
        .where(Job.id == job_id, Job.attempt == attempt, Job.status == Status.PROCESSING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _touch(session: Session, claim: Claim, **values: Any) -> Job | None:
    """Update the job of a claim and return it; None when the claim is over: job ended, attempt old, or step done."""
    running = exists().where(Step.job_id == claim.job_id, Step.index == claim.index, Step.status == Status.PROCESSING)
    return session.scalar(
        update(Job)
        .where(Job.id == claim.job_id, Job.attempt == claim.attempt, Job.status == Status.PROCESSING, running)
        .values(updated_at=func.now(), **values)
        .returning(Job)
        .execution_options(populate_existing=True, synchronize_session=False)
    )


def confirm(session: Session, claim: Claim) -> None:
    """Raise `StaleAttempt` when the claim is not good any more. Locks nothing: for what cannot be fenced later."""
    good = exists().where(Job.id == claim.job_id, Job.attempt == claim.attempt, Job.status == Status.PROCESSING)
    runs = exists().where(Step.job_id == claim.job_id, Step.index == claim.index, Step.status == Status.PROCESSING)
    if not session.scalar(select(good & runs)):
        raise StaleAttempt(f"Attempt {claim.attempt} of {claim.job_id} is over.")


def _claim(session: Session, job: Job, step: Step, steps: int) -> Claim:
    config, prompts = texts_of(session, job.profile_id, job.profile_version)
    return Claim(
        job_id=job.id,
        root_id=job.root_id,
        batch_id=job.batch_id,
        owner_id=job.owner_id,
        kind=job.kind,
        attempt=job.attempt,
        step=step.name,
        index=step.index,
        tries=step.attempts,
        done=step.status == Status.COMPLETED,
        steps=steps,
        request=job.request,
        profile_id=job.profile_id,
        profile_version=job.profile_version,
        config=config,
        prompts=prompts,
        request_id=job.request_id,
        position=job.position,
        created_at=job.created_at,
    )


def finish_step(session: Session, claim: Claim, *, progress: int) -> list[Dispatch]:
    """Move the job past the claimed step, or to its end.

    Raises `StaleAttempt` when the claim is not good any more, and `JobCancelled` when the next step is not wanted.

    Called first in the transaction that also writes what the step made (`write_checkpoint`), so that all of it is
    dropped together when the fence does not hold. Returns what to send next.
    """
    sent: list[Dispatch] = []
    if claim.last:
        job, sent = moves.end_job(
            session,
            claim.job_id,
            Status.PROCESSING,
            Status.COMPLETED,
            attempt=claim.attempt,
            first=[_step(claim, Status.COMPLETED, progress=100)],
            progress=100,
            detail=None,
        )
    else:
        job = _touch(session, claim, progress=progress, detail=None, **_unheld(GRACE))
    if job is None:
        raise StaleAttempt(f"Attempt {claim.attempt} of {claim.job_id} is over.")
    if not claim.last:
        events.tell(session, _step(claim, Status.COMPLETED, progress=progress))
    if job.cancel_requested_at is not None and not claim.last:
        raise JobCancelled(f"{claim.job_id} is to be cancelled.")
    return sent


def write_checkpoint(session: Session, claim: Claim, output: Mapping[str, Any]) -> None:
    """Store a step's output and mark the step completed; only in a transaction that `finish_step` has fenced."""
    session.execute(
        update(Step)
        .where(Step.job_id == claim.job_id, Step.index == claim.index)
        .values(status=Status.COMPLETED, output=dict(output), finished_at=func.now())
    )


def fail_job(session: Session, claim: Claim, error: moves.Fault) -> list[Dispatch]:
    """End the job of a claim with an error; returns what to send next. Nothing happens if the claim is stale."""
    return _end(session, claim, Status.FAILED, error, _line(claim, "error", error["message"], {"code": error["code"]}))


def end_cancelled(session: Session, claim: Claim) -> list[Dispatch]:
    """End the job of a claim as cancelled; returns what to send next. Nothing happens if the claim is stale."""
    return _end(session, claim, Status.CANCELLED, moves.cancelled("Cancelled on request while it ran."))


def _end(
    session: Session, claim: Claim, after: Status, error: moves.Fault, *lines: Mapping[str, Any]
) -> list[Dispatch]:
    first = [*lines, _step(claim, after)]
    return moves.end_job(
        session, claim.job_id, Status.PROCESSING, after, attempt=claim.attempt, error=dict(error), first=first
    )[1]


def let_go(session: Session, claim: Claim, *, seconds: float = 0.0, detail: str | None = None) -> list[Dispatch]:
    """Give a claimed step back, to be begun again at once or in ``seconds``; returns what to send (later: nothing yet).

    Nothing is lost by it: the answers that the step has been given are in the ledger. A stale claim changes nothing.
    """
    wait = timedelta(seconds=seconds)
    values = _unheld(wait) | {"detail": detail, "waiting_until": func.clock_timestamp() + wait if seconds else None}
    if _touch(session, claim, **values) is None:
        return []
    session.execute(
        update(Step)
        .where(Step.job_id == claim.job_id, Step.index == claim.index, Step.status == Status.PROCESSING)
        .values(status=Status.QUEUED)
    )
    events.tell(session, _step(claim, Status.QUEUED, detail=detail, wait_seconds=round(seconds, 1)))
    return [] if seconds else moves.mark_dispatched(session, [claim.job_id])


def _unheld(wait: timedelta) -> dict[str, Any]:
    """Return a lease that nobody holds, and by when somebody should have taken the job up."""
    return {"lease_owner": None, "lease_expires_at": func.clock_timestamp() + wait, "reserved_usd": 0}


def note_progress(session: Session, claim: Claim, progress: int, detail: str | None) -> None:
    """Show how far a running step is; raises `StaleAttempt` when it is not ours any more. Progress never goes back."""
    values = {"progress": func.greatest(Job.progress, progress), "detail": detail}
    job = _touch(session, claim, **values)
    if job is None:
        raise StaleAttempt(f"Attempt {claim.attempt} of {claim.job_id} is over.")
    data = {"progress": job.progress, "step": claim.step, "detail": detail, "cost_usd": float(job.cost_usd)}
    events.tell(session, {"job_id": claim.job_id, "kind": Kind.PROGRESS, "data": data})


def write_log(
    session: Session, claim: Claim, level: str, message: str, details: Mapping[str, Any] | None = None
) -> None:
    """Add a line to the job's log; raises `StaleAttempt` when the claim is over."""
    if _touch(session, claim) is None:
        raise StaleAttempt(f"Attempt {claim.attempt} of {claim.job_id} is over.")
    events.tell(session, _line(claim, level, message, details or {}))


def _line(claim: Claim, level: str, message: str, details: Mapping[str, Any]) -> dict[str, Any]:
    said = {"level": level, "step": claim.step, "attempt": claim.attempt, "message": message, "details": dict(details)}
    return events.line(claim.job_id, **said)


def step_outputs(session: Session, job_id: str) -> dict[str, dict[str, Any]]:
    """Return the checkpoints of the job's finished steps, by step name."""
    return {step.name: step.output for step in list_steps(session, job_id) if step.status == Status.COMPLETED}
