"""Doing it again: a new job with the request of an ended one, linked both ways; and deleting what has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Text, column, func, select, update, values
from sqlalchemy.orm import Session, undefer

from models.batches import Batch, Item
from models.errors import Invalid, NotFound, WrongState
from models.jobs import Job
from models.services import calls, events, moves
from models.services.batches import find_batch
from models.services.jobs import NewJob, find_job, hold_job, insert_jobs, step_names
from models.services.moves import Dispatch
from models.states import TERMINAL, Status

UNTOUCHED = {"synchronize_session": False}
NOTHING = "No item of this batch is to be retried. One that was refused as invalid stays so: submit it anew, mended."


def retry_job(
    session: Session,
    owner_id: str,
    job_id: str,
    *,
    options: Mapping[str, Any] | None = None,
    fresh: bool = False,
    request_id: str,
    callback_url: str | None = None,
    check: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> tuple[Job, list[Dispatch]]:
    """Open a new job with the request of an ended one; returns it with what to send.

    ``options`` replace those of the request that they name. Stored answers are used again, unless ``fresh``, but for
    those that the old job failed for. In a batch the item points at the new job from here on, and the counters follow.
    ``callback_url`` replaces that of a job without a batch; ``check`` is shown the new request and may raise. Raises
    `NotFound`, `Invalid`, or `WrongState` when the job has not ended, was retried already, or never was valid.
    """
    old, batch = hold_job(session, owner_id, job_id, with_request=True)
    refuse_open(old)
    refuse_invalid(old)
    if batch is not None and callback_url is not None:
        raise Invalid(
            "This job is an item of a batch, which has a callback_url of its own.",
            details={"callback_url": ["Leave it out, or give it with the retry of the batch."]},
        )
    if old.retried_by is not None:
        raise WrongState(
            f"Job {job_id} was retried already, as {old.retried_by}.",
            code="JOB_ALREADY_RETRIED",
            details={"retried_by": old.retried_by},
        )
    request = {**old.request, "options": {**old.request.get("options", {}), **(options or {})}}
    check(request)
    told = callback_url or old.callback_url
    again = _clone(session, [old], [request], fresh=fresh, request_id=request_id, callback_url=told)
    if batch is None:
        calls.discard_answers(session, old)
        sent = moves.mark_dispatched(session, list(again.values()))
    else:
        sent = _replace(session, batch, [old], again)
    return find_job(session, owner_id, again[old.id]), sent


def refuse_open(job: Job) -> None:
    """Raise `WrongState` for a job that has not ended."""
    if job.status not in TERMINAL:
        raise WrongState(
            f"Job {job.id} is {job.status}: cancel it first, or wait.",
            code="JOB_NOT_TERMINAL",
            details={"status": job.status},
        )


def refuse_invalid(job: Job) -> None:
    """Raise `WrongState` for an item that was refused as it came: nothing of it has been read, and it stays so."""
    if (job.error or {}).get("code") == "VALIDATION_ERROR" and job.started_at is None:
        raise WrongState(
            f"Job {job.id} was refused as invalid, and would be again: submit it anew, mended. See its error.",
            code="JOB_INVALID",
            details={"error": job.error},
        )


def _clone(
    session: Session,
    olds: Sequence[Job],
    requests: Sequence[Mapping[str, Any]],
    *,
    fresh: bool,
    request_id: str,
    callback_url: str | None = None,
) -> dict[str, str]:
    """Open a job for each of some locked ones (of one batch, or one), linked both ways; returns the new ids by the old.

    A fixed number of statements, whatever theirs: a batch may have ten thousand, and is locked meanwhile.
    """
    names = step_names(session, [old.id for old in olds])
    new = [
        NewJob(
            kind=old.kind,
            steps=names[old.id],
            profile_id=old.profile_id,
            profile_version=old.profile_version,
            request=request,
            links={"retry_of": old.id, "batch_id": old.batch_id, "position": old.position}
            | ({} if fresh else {"root_id": old.root_id}),
        )
        for old, request in zip(olds, requests, strict=True)
    ]
    owner_id, priority = olds[0].owner_id, olds[0].priority
    ids = insert_jobs(session, owner_id, new, priority=priority, request_id=request_id, callback_url=callback_url)
    again = {old.id: new_id for old, new_id in zip(olds, ids, strict=True)}
    pairs = _pairs(again)
    session.execute(
        update(Job).where(Job.id == pairs.c.old).values(retried_by=pairs.c.new), execution_options=UNTOUCHED
    )
    return again


def _pairs(again: Mapping[str, str]) -> Any:
    """Return the ids of old jobs and of the new ones as a table."""
    return values(column("old", Text), column("new", Text), name="pairs").data(list(again.items()))


def _replace(session: Session, batch: Batch, olds: Sequence[Job], again: Mapping[str, str]) -> list[Dispatch]:
    """Put new jobs in the old ones' places in a locked batch, and open the batch again if it had ended."""
    pairs = _pairs(again)
    session.execute(
        update(Item).where(Item.job_id == pairs.c.old).values(job_id=pairs.c.new), execution_options=UNTOUCHED
    )
    for old in olds:
        batch.wasted_usd += calls.discard_answers(session, old)
        moves.count(batch, Status(old.status), Status.QUEUED, 1)
    if batch.status in TERMINAL:
        batch.status = Status.PROCESSING
        batch.finished_at = None
        batch.cancel_requested_at = None
    session.flush()
    new = session.scalars(select(Job).where(Job.id.in_(again.values())).order_by(Job.position))
    events.tell(session, *(event for job in new for event in events.status(job, batch)))
    return moves.advance_batch(session, batch)


def retry_batch(
    session: Session,
    owner_id: str,
    batch_id: str,
    *,
    include_cancelled: bool,
    fresh: bool,
    request_id: str,
    max_cost_usd: Decimal | None = None,
    callback_url: str | None = None,
) -> tuple[Batch, int, list[Dispatch]]:
    """Retry the failed items of a batch (and the cancelled ones); returns it, how many, and what to send.

    ``max_cost_usd`` replaces the batch's budget, ``callback_url`` its own.

    Items that were refused as invalid stay as they are: the same request would be refused again. Raises `NotFound`,
    or `WrongState` when there is nothing to retry.
    """
    find_batch(session, owner_id, batch_id)
    batch = moves.lock_batch(session, batch_id)
    wanted = [Status.FAILED, Status.CANCELLED] if include_cancelled else [Status.FAILED]
    invalid = func.coalesce(Job.error["code"].astext, "") == "VALIDATION_ERROR"
    olds = session.scalars(
        select(Job)
        .join(Item, Item.job_id == Job.id)
        .where(Item.batch_id == batch_id, Job.status.in_(wanted), ~invalid)
        .order_by(Item.position)
        .options(undefer(Job.request))
        .with_for_update(of=Job)
    ).all()
    if batch is None or not olds:
        hint = "" if include_cancelled else " For cancelled ones, say include_cancelled."
        raise WrongState(f"{NOTHING}{hint}", code="NOTHING_TO_RETRY")
    if max_cost_usd is not None:
        batch.max_cost_usd = max_cost_usd
    if callback_url is not None:
        batch.callback_url = callback_url
    again = _clone(session, olds, [old.request for old in olds], fresh=fresh, request_id=request_id)
    sent = _replace(session, batch, olds, again)
    session.refresh(batch)
    return batch, len(olds), sent


def delete_job(session: Session, owner_id: str, job_id: str) -> None:
    """Delete an ended job with what it made, but for its character and its calls; raises `NotFound` or `WrongState`."""
    job, batch = hold_job(session, owner_id, job_id)
    refuse_open(job)
    if batch is not None and session.scalar(select(Item.position).where(Item.job_id == job_id)) is not None:
        batch.total -= 1
        setattr(batch, job.status, getattr(batch, job.status) - 1)
    session.delete(job)
    session.flush()


def delete_batch(session: Session, owner_id: str, batch_id: str) -> None:
    """Delete an ended batch with its jobs; raises `NotFound` or `WrongState`. Characters and calls stay."""
    find_batch(session, owner_id, batch_id)
    batch = moves.lock_batch(session, batch_id)  # or a retry might open it again between our look and our delete
    if batch is None:
        raise NotFound("batch", batch_id)
    if batch.status not in TERMINAL:
        raise WrongState(
            f"Batch {batch_id} is {batch.status}: cancel it first, or wait.",
            code="BATCH_NOT_TERMINAL",
            details={"status": batch.status},
        )
    session.delete(batch)
    session.flush()
