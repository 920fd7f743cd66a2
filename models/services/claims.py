"""Claims: the right of one worker to run one step of one job, from taking it to its checkpoint or its end.

What is executed for every step of every job is built once, on tables (`models.db.table_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SmallInteger,
    Text,
    Update,
    bindparam,
    case,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

import settings
from models import statements
from models.db import table_of
from models.errors import JobCancelled, StaleAttempt
from models.events import Event, Kind
from models.jobs import Job, Step
from models.services import events, moves
from models.services.moves import Dispatch, Holder
from models.services.profiles import texts_of
from models.states import Status

LEASE = timedelta(seconds=settings.engine().lease)  # renewed by the heartbeat of whoever holds it
# Counted from the moment of its statement, as leases are (`moves.taken`).
GRACE = timedelta(seconds=settings.engine().grace)  # how long a message may be on its way before it counts as lost
EVENTS, JOBS, STEPS = table_of(Event), table_of(Job), table_of(Step)


@dataclass(frozen=True)
class Line:
    """A line of a job's log, for whoever asked for the card: ``level`` is info, warning or error."""

    level: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """What a running step has to say: how far the job is (percent), what is done now, and lines for its log."""

    progress: int = 0
    detail: str | None = None
    lines: Sequence[Line] = ()

    def __bool__(self) -> bool:
        return bool(self.detail is not None or self.lines)


NOTHING = Said()


@dataclass(frozen=True)
class Claim:
    """The right to run one step of one job at one attempt, with what it needs to know.

    ``tries``: how often the step has been begun, this time included. ``done``: it was finished earlier, and only the
    next one is left to run. ``steps``: how many the job has. ``worker``: whose claim it is. ``outputs``: the
    checkpoints of the steps that are done.
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
    worker: str
    request: Mapping[str, Any] = field(repr=False)
    profile_id: str
    profile_version: int
    config: Mapping[str, Any] = field(repr=False)
    prompts: Mapping[str, str] = field(repr=False)
    request_id: str
    position: int | None
    created_at: datetime
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def holder(self) -> Holder:
        """Who runs the step."""
        return Holder(self.worker, self.step, self.tries)

    @property
    def last(self) -> bool:
        """Whether the job ends with this step."""
        return self.index == self.steps - 1


def claim_step(session: Session, job_id: str, attempt: int, name: str, worker: str) -> Claim | None:
    """Take the right to run the step ``name``; None when there is nothing to do for this message.

    Nothing to do: the job is gone, ended, or at another attempt; somebody runs the step right now; an earlier step
    is not done. The job's row is the lock: of two deliveries one gets the claim, and the other changes nothing.
    """
    # Looked at first and then locked: a look that waits for a lock keeps it also when the row is not wanted any more,
    # and who holds a job must not wait for its batch.
    wanted = {"job": job_id, "tried": attempt}
    found = statements.first(session, _status(), wanted)
    if found is not None and found.status == Status.QUEUED:
        return _begin(session, job_id, attempt, name, worker)
    job = statements.first(session, _running(), wanted)
    if job is None:
        return None
    steps = statements.run(session, _steps(), {"job": job_id})
    step = next((step for step in steps if step.name == name), None)
    if step is not None and step.status == Status.COMPLETED:
        return _claim(session, job, step, steps, worker)
    if step is None or step.status != Status.QUEUED or not _is_next(step, steps):
        return None
    claim = _claim(session, job, step, steps, worker)
    statements.run(session, _take_job(), {"job": job_id, "name": name, "worker": worker, "lease": LEASE})
    statements.run(session, _take_step(), {"job": job_id, "place": step.index})
    events.tell(session, _step(claim, Status.PROCESSING))
    return claim


def _is_next(step: Any, steps: Sequence[Any]) -> bool:
    return all(earlier.status == Status.COMPLETED for earlier in steps[: step.index])


def _begin(session: Session, job_id: str, attempt: int, name: str, worker: str) -> Claim | None:
    """Begin a queued job with its first step; None if it is not there to be begun.

    What can be read before the batch is locked is: its row is what all of its jobs wait for.
    """
    steps = statements.run(session, _steps(), {"job": job_id})
    if not steps or steps[0].name != name:
        return None
    place = {"index": 1, "total": len(steps), "attempt": attempt}
    told = events.step(job_id, name, Status.PROCESSING, **place)
    job = moves.begin_job(session, job_id, attempt, worker=worker, step=name, lease=LEASE, then=told)
    if job is None:
        return None
    statements.run(session, _take_step(), {"job": job_id, "place": 0})
    return _claim(session, job, steps[0], steps, worker)


@cache
def _status() -> Select[Any]:
    return select(JOBS.c.status).where(JOBS.c.id == bindparam("job"), JOBS.c.attempt == bindparam("tried"))


@cache
def _steps() -> Select[Any]:
    shown = (STEPS.c[name] for name in ("index", "name", "status", "attempts", "output"))
    return select(*shown).where(STEPS.c.job_id == bindparam("job")).order_by(STEPS.c.index)


@cache
def _take_job() -> Update:
    return update(JOBS).where(JOBS.c.id == bindparam("job")).values(updated_at=func.now(), **moves.taken())


@cache
def _take_step() -> Update:
    begun = {
        "status": Status.PROCESSING.value,
        "attempts": STEPS.c.attempts + 1,
        "started_at": func.coalesce(STEPS.c.started_at, func.now()),
    }
    return update(STEPS).where(STEPS.c.job_id == bindparam("job"), STEPS.c.index == bindparam("place")).values(begun)


def _step(claim: Claim, status: Status, **more: Any) -> dict[str, Any]:
    """Return the event that says where the claimed step stands."""
    place = {"index": claim.index + 1, "total": claim.steps, "attempt": claim.attempt}
    return events.step(claim.job_id, claim.step, status, **place, **more)


@cache
def _running() -> Select[Any]:
    running = JOBS.c.attempt == bindparam("tried"), JOBS.c.status == Status.PROCESSING.value
    return select(JOBS).where(JOBS.c.id == bindparam("job"), *running).with_for_update()


def fenced() -> Update:
    """Return an update of the job of a claim that changes nothing once the claim is over.

    What it is given is the `fence` of the claim, and the values of the update.
    """
    return update(JOBS).where(JOBS.c.id == bindparam("job"), *in_force())


def in_force() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions, with a claim's `fence` as their values, that its job's row says that it is not over.

    It is over when the job has ended, its attempt is old, another worker has it, or its step is done or begun anew.
    """
    return JOBS.c.attempt == bindparam("tried"), JOBS.c.status == Status.PROCESSING.value, *moves.held_by()


def fence(claim: Claim) -> dict[str, Any]:
    """Return what tells a claim from all others, as the values of statements."""
    return {"job": claim.job_id, "tried": claim.attempt, **claim.holder._asdict()}


def over(claim: Claim) -> StaleAttempt:
    """Return the error of a claim that is over."""
    return StaleAttempt(f"Attempt {claim.attempt} of {claim.job_id} is over.")


def _claim(session: Session, job: Any, step: Any, steps: Sequence[Any], worker: str) -> Claim:
    config, prompts = texts_of(session, job.profile_id, job.profile_version)
    done = step.status == Status.COMPLETED
    return Claim(
        job_id=job.id,
        root_id=job.root_id,
        batch_id=job.batch_id,
        owner_id=job.owner_id,
        kind=job.kind,
        attempt=job.attempt,
        step=step.name,
        index=step.index,
        tries=step.attempts + (not done),
        done=done,
        steps=len(steps),
        worker=worker,
        request=job.request,
        profile_id=job.profile_id,
        profile_version=job.profile_version,
        config=config,
        prompts=prompts,
        request_id=job.request_id,
        position=job.position,
        created_at=job.created_at,
        outputs={step.name: step.output for step in steps if step.status == Status.COMPLETED},
    )


def finish_step(session: Session, claim: Claim, *, progress: int, said: Said = NOTHING) -> list[Dispatch]:
    """Move the job past the claimed step, or to its end; ``said``: what the step says with its last words.

    Raises `StaleAttempt` when the claim is not good any more, and `JobCancelled` when the next step is not wanted.

    Called first in the transaction that also writes what the step made (`write_checkpoint`), so that all of it is
    dropped together when the fence does not hold. Returns what to send next.
    """
    told = [*_lines(claim, said), _step(claim, Status.COMPLETED, progress=100 if claim.last else progress)]
    if claim.last:
        job, sent = moves.end_job(
            session,
            claim.job_id,
            Status.PROCESSING,
            Status.COMPLETED,
            attempt=claim.attempt,
            holder=claim.holder,
            first=told,
        )
        if job is None:
            raise over(claim)
        return sent
    moved = statements.first(session, _move_on(), {**fence(claim), "now_at": progress})
    if moved is None:
        raise over(claim)
    events.tell(session, *told)
    if moved.cancel_requested_at is not None:
        raise JobCancelled(f"{claim.job_id} is to be cancelled.")
    return []


@cache
def _move_on() -> ReturningUpdate[Any]:
    moved = {"progress": bindparam("now_at"), "detail": None, "updated_at": func.now(), **_unheld(GRACE)}
    return fenced().values(moved).returning(JOBS.c.cancel_requested_at)


def write_checkpoint(session: Session, claim: Claim, output: Mapping[str, Any]) -> None:
    """Store a step's output and mark the step completed; only in a transaction that `finish_step` has fenced."""
    statements.run(session, _complete_step(), {"job": claim.job_id, "place": claim.index, "made": dict(output)})


@cache
def _complete_step() -> Update:
    done = {"status": Status.COMPLETED.value, "output": bindparam("made"), "finished_at": func.now()}
    return update(STEPS).where(STEPS.c.job_id == bindparam("job"), STEPS.c.index == bindparam("place")).values(done)


def fail_job(session: Session, claim: Claim, error: moves.Fault, said: Said = NOTHING) -> list[Dispatch]:
    """End the job of a claim with an error; returns what to send next. Nothing happens if the claim is stale."""
    line = Line("error", error["message"], {"code": error["code"]})
    return _end(session, claim, Status.FAILED, error, Said(lines=[*said.lines, line]))


def end_cancelled(session: Session, claim: Claim, said: Said = NOTHING) -> list[Dispatch]:
    """End the job of a claim as cancelled; returns what to send next. Nothing happens if the claim is stale."""
    return _end(session, claim, Status.CANCELLED, moves.cancelled("Cancelled on request while it ran."), said)


def _end(session: Session, claim: Claim, after: Status, error: moves.Fault, said: Said) -> list[Dispatch]:
    return moves.end_job(
        session,
        claim.job_id,
        Status.PROCESSING,
        after,
        attempt=claim.attempt,
        holder=claim.holder,
        error=dict(error),
        first=[*_lines(claim, said), _step(claim, after)],
    )[1]


def let_go(
    session: Session, claim: Claim, *, seconds: float = 0.0, detail: str | None = None, said: Said = NOTHING
) -> list[Dispatch]:
    """Give a claimed step back, to be begun again at once or in ``seconds``; returns what to send (later: nothing yet).

    Nothing is lost by it: the answers that the step has been given are in the ledger. A stale claim changes nothing.
    """
    wait = timedelta(seconds=seconds)
    values = _unheld(wait) | {"detail": detail, "waiting_until": func.clock_timestamp() + wait if seconds else None}
    given = fenced().values(updated_at=func.now(), **values).returning(JOBS.c.id)
    if session.scalar(given, fence(claim)) is None:
        return []
    session.execute(
        update(Step)
        .where(Step.job_id == claim.job_id, Step.index == claim.index, Step.status == Status.PROCESSING)
        .values(status=Status.QUEUED)
    )
    waits = _step(claim, Status.QUEUED, detail=detail, wait_seconds=round(seconds, 1))
    events.tell(session, *_lines(claim, said), waits)
    return [] if seconds else moves.mark_dispatched(session, [claim.job_id])


def _unheld(wait: timedelta) -> dict[str, Any]:
    """Return a lease that nobody holds, and by when somebody should have taken the job up."""
    return {"lease_owner": None, "lease_expires_at": func.clock_timestamp() + wait, "reserved_usd": 0}


def tell(session: Session, claim: Claim, said: Said) -> None:
    """Write what a running step says; raises `StaleAttempt` when it is not ours any more. Progress never goes back."""
    if not said:
        return
    shown = {"now_at": said.progress, "now_done": said.detail}
    told = [{"kind": Kind.PROGRESS, "data": {"step": claim.step, "detail": said.detail}}]
    told = [] if said.detail is None else told
    told += _lines(claim, said)
    if not statements.run(session, _show(), {**fence(claim), **shown, "told": told}):
        raise over(claim)


@cache
def _show() -> ReturningInsert[str]:
    """One statement, and so a transaction of its own where there is none around it."""
    shown = {
        "progress": func.greatest(JOBS.c.progress, bindparam("now_at", type_=SmallInteger)),
        "detail": func.coalesce(bindparam("now_done", type_=Text), JOBS.c.detail),
        "updated_at": func.now(),
    }
    job = fenced().values(shown).returning(JOBS.c.id, JOBS.c.progress, JOBS.c.cost_usd).cte("job")
    told = events.in_order(bindparam("told", type_=JSONB))
    kind, data = told.c.value["kind"].astext, told.c.value["data"]
    stands = func.jsonb_build_object("progress", job.c.progress, "cost_usd", func.trim_scale(job.c.cost_usd))
    data = case((kind == Kind.PROGRESS.value, data.concat(stands)), else_=data)
    rows = select(job.c.id, kind, data).join_from(job, told, true()).order_by(told.c.nth)
    return insert(EVENTS).from_select(["job_id", "kind", "data"], rows).returning(EVENTS.c.job_id)


def _lines(claim: Claim, said: Said) -> list[dict[str, Any]]:
    place = {"step": claim.step, "attempt": claim.attempt}
    return [
        events.line(claim.job_id, level=line.level, message=line.message, details=dict(line.details), **place)
        for line in said.lines
    ]
