"""Jobs: opened and found. What happens to one while it runs is in `claims`, its moves in `moves`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session, undefer

from models.batches import Batch
from models.db import table_of
from models.errors import NotFound, WrongState
from models.events import Event, Kind
from models.ids import new_id
from models.jobs import Job, Step
from models.profiles import ProfileVersion
from models.services import moves, usage
from models.services.moves import Dispatch
from models.services.profiles import completed
from models.states import TERMINAL, Status

JOBS = table_of(Job)
# The rows are made where they are kept: thirty thousand steps of a large batch need not be written out and read.
ADD_STEPS = text(
    "INSERT INTO steps (job_id, index, name) SELECT job.id, step.place - 1, step.name"
    " FROM unnest(CAST(:ids AS text[])) AS job (id),"
    " unnest(CAST(:names AS text[])) WITH ORDINALITY AS step (name, place)"
)


@dataclass(frozen=True)
class NewJob:
    """A job to open. ``request`` is what the client asked for, already valid; ``error`` makes it fail at once.

    ``links`` are columns that tie it to the older job that it does again.
    """

    kind: str
    steps: Sequence[str]
    profile_id: str
    profile_version: int
    request: Mapping[str, Any]
    info: Mapping[str, Any] = field(default_factory=dict)
    error: moves.Fault | None = None
    links: Mapping[str, Any] = field(default_factory=dict)


def insert_jobs(
    session: Session,
    owner_id: str,
    new: Sequence[NewJob],
    *,
    batch_id: str | None = None,
    priority: str,
    request_id: str,
    callback_url: str | None = None,
) -> list[str]:
    """Write jobs and their steps with a fixed number of statements, whatever their own; returns the ids in order.

    Raises `QuotaExceeded` when the owner's day is used up.
    """
    usage.refuse_spent(session, owner_id)
    ids = [new_id("job") for _ in new]
    session.execute(
        insert(JOBS),
        [
            {
                "id": job_id,
                "root_id": job_id,
                "retry_of": None,
                "owner_id": owner_id,
                "kind": job.kind,
                "batch_id": batch_id,
                "position": position if batch_id else None,
                "profile_id": job.profile_id,
                "profile_version": job.profile_version,
                "priority": priority,
                "request": dict(job.request),
                "request_id": request_id,
                "callback_url": callback_url,
                "status": Status.FAILED if job.error else Status.QUEUED,
                "error": dict(job.error) if job.error else None,
                **job.links,
            }
            for position, (job_id, job) in enumerate(zip(ids, new, strict=True), start=1)
        ],
    )
    for steps in dict.fromkeys(tuple(job.steps) for job in new):
        these = [job_id for job_id, job in zip(ids, new, strict=True) if tuple(job.steps) == steps]
        session.execute(ADD_STEPS, {"ids": these, "names": list(steps)})
    refused = [job_id for job_id, job in zip(ids, new, strict=True) if job.error]
    if refused:
        session.execute(update(Job).where(Job.id.in_(refused)).values(finished_at=func.now()))
    return ids


def open_job(
    session: Session, owner_id: str, new: NewJob, *, priority: str, request_id: str, callback_url: str | None = None
) -> tuple[Job, Dispatch]:
    """Open one job that belongs to no batch; returns it and the message to send once this is committed."""
    (job_id,) = insert_jobs(
        session, owner_id, [new], priority=priority, request_id=request_id, callback_url=callback_url
    )
    (dispatch,) = moves.mark_dispatched(session, [job_id])
    return find_job(session, owner_id, job_id), dispatch


def find_job(session: Session, owner_id: str, job_id: str, *, with_request: bool = False) -> Job:
    """Return the owner's job; raises `NotFound`."""
    options = [undefer(Job.request)] if with_request else []
    job = session.scalar(select(Job).where(Job.id == job_id, Job.owner_id == owner_id).options(*options))
    if job is None:
        raise NotFound("job", job_id)
    return job


def hold_job(session: Session, owner_id: str, job_id: str, *, with_request: bool = False) -> tuple[Job, Batch | None]:
    """Lock the owner's job, its batch first, and return both as they are once they are ours; raises `NotFound`."""
    find_job(session, owner_id, job_id)  # before anything is locked: it may be another owner's
    batch = moves.lock_batch_of(session, job_id)
    query = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = session.scalar(query.options(undefer(Job.request)) if with_request else query)
    if job is None:
        raise NotFound("job", job_id)
    return job, batch


def find_completed(session: Session, owner_id: str, job_id: str) -> Job:
    """Return the owner's job if it is completed; raises `NotFound`, or `WrongState` saying where it stands."""
    job = find_job(session, owner_id, job_id)
    if job.status != Status.COMPLETED:
        remedy = "See its error." if job.status in TERMINAL else "Ask again when it is completed."
        raise WrongState(
            f"Job {job_id} is {job.status}. {remedy}",
            code="JOB_NOT_COMPLETED",
            details={"status": job.status, "progress": job.progress, "error": job.error},
        )
    return job


def list_steps(session: Session, job_id: str) -> Sequence[Step]:
    """Return the job's steps in order."""
    return session.scalars(select(Step).where(Step.job_id == job_id).order_by(Step.index)).all()


def step_names(session: Session, job_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of the steps of each of these jobs, in order."""
    found: dict[str, list[str]] = {job_id: [] for job_id in job_ids}
    for job_id, name in session.execute(
        select(Step.job_id, Step.name).where(Step.job_id.in_(job_ids)).order_by(Step.job_id, Step.index)
    ):
        found[job_id].append(name)
    return found


def list_logs(session: Session, job_id: str, *, level: str | None, after: int, limit: int) -> Sequence[dict[str, Any]]:
    """Return log lines behind the line ``after``, oldest first: `LogLineSchema` has their shape."""
    query = select(Event).where(Event.job_id == job_id, Event.kind == Kind.LOG, Event.id > after)
    if level:
        query = query.where(Event.data["level"].astext == level)
    lines = session.scalars(query.order_by(Event.id).limit(limit)).all()
    return [{"id": line.id, "at": line.at, **line.data} for line in lines]


@dataclass(frozen=True)
class Origin:
    """What a card was made from: the source material, the profile's settings and the request's options over them."""

    source: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    profile_id: str | None = None

    def option(self, name: str) -> Any:
        """Return the value of an option: the request's, else the profile's; None where neither sets it."""
        value = self.options.get(name)
        return self.config.get(name) if value is None else value


def origin_of(session: Session, job_id: str | None) -> Origin:
    """Return what the card of a job was made from; nothing is known where the job is gone (None)."""
    version = (ProfileVersion.profile_id == Job.profile_id) & (ProfileVersion.version == Job.profile_version)
    row = session.execute(
        select(
            Job.request["source_material"].astext,
            ProfileVersion.config,
            Job.request["options"],
            Job.profile_id,
        )
        .outerjoin(ProfileVersion, version)
        .where(Job.id == job_id)
    ).one_or_none()
    if row is None:
        return Origin()
    config = {} if row[1] is None else completed(row[1])
    return Origin(row[0] or "", config, row[2] or {}, row[3])
