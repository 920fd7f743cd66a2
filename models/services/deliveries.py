"""Webhooks: announced in the transaction that ends a batch or job, tried by one worker at a time until they arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from models.batches import Batch
from models.deliveries import DELIVERED, FAILED, WAITING, Delivery
from models.errors import NotFound
from models.ids import new_id
from models.jobs import Job
from models.services import events
from models.services.messages import Dispatch, notice
from models.services.pages import Ask, Page, fetch_page
from models.states import Status

# How long a try may take before the message counts as not sent: a killed worker's is then due again.
TRY = timedelta(seconds=60)
MOST_TRIES_KEPT = 50


@dataclass(frozen=True)
class Sending:
    """The right to try one message once: ``attempt`` is its number (from 1) since it was announced or sent anew."""

    id: str
    owner_id: str
    url: str
    body: Mapping[str, Any]
    attempt: int


@dataclass(frozen=True)
class Tried:
    """What came of a try: ``status`` of the answer (None: there was none), and why it is no success (None: it is)."""

    status: int | None
    error: str | None
    milliseconds: int


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries to list (None: all)."""

    batch_id: str | None = None
    job_id: str | None = None
    status: str | None = None


def announce_batch(session: Session, batch: Batch) -> list[Dispatch]:
    """Write what tells the client that a locked batch has ended, and return its message; nothing without a URL."""
    if batch.callback_url is None:
        return []
    session.refresh(batch, ["started_at", "finished_at"])  # set by the database
    path = f"/api/v2/batch-generations/{batch.id}"
    told = {
        **events.show_batch(batch),
        "name": batch.name,
        "created_at": moment(batch.created_at),
        "started_at": moment(batch.started_at),
        "finished_at": moment(batch.finished_at),
        "status_url": path,
        "items_url": f"{path}/items",
        "results_url": f"{path}/results",
        "download_url": f"{path}/download",
    }
    return _announce(session, batch, "batch", told, batch_id=batch.id)


def announce_job(session: Session, job: Job) -> list[Dispatch]:
    """Write what tells the client that a job without a batch has ended, and return its message.

    Of an error the code only: a message may quote what was submitted.
    """
    if job.callback_url is None:
        return []
    path = f"/api/v2/jobs/{job.id}"
    told = {
        "job_id": job.id,
        "kind": job.kind,
        "status": str(job.status),
        "progress": job.progress,
        "cost_usd": float(job.cost_usd),
        "error": {"code": job.error["code"]} if job.error else None,
        "retry_of": job.retry_of,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
        "status_url": path,
        "result_url": f"{path}/result" if job.status == Status.COMPLETED else None,
    }
    return _announce(session, job, "job", told, job_id=job.id)


def _announce(session: Session, row: Batch | Job, noun: str, told: Mapping[str, Any], **place: str) -> list[Dispatch]:
    event = f"{noun}.{row.status}"
    delivery = Delivery(
        id=new_id("delivery"),
        owner_id=row.owner_id,
        event=event,
        url=row.callback_url,
        body={"type": event, "timestamp": moment(row.finished_at), "data": told},
        **place,
    )
    session.add(delivery)
    session.flush()
    return [notice(delivery.id)]


def moment(value: datetime | None) -> str | None:
    """Return a point in time as the API writes it."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def claim(session: Session, delivery_id: str) -> Sending | None:
    """Take the right to try a delivery; None when it is not due. Of several at one time, one gets it."""
    row = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.status == WAITING, Delivery.due_at <= func.clock_timestamp())
        .values(due_at=func.clock_timestamp() + TRY, attempts=Delivery.attempts + 1)
        .returning(Delivery.id, Delivery.owner_id, Delivery.url, Delivery.body, Delivery.attempts)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if row is None else Sending(*row)


def settle(session: Session, sending: Sending, tried: Tried, again: float | None) -> None:
    """Note what came of a try. ``again``: in how many seconds it is tried once more; None: never.

    A success counts whoever brings it; a failure only if no later try has begun.
    """
    where = [Delivery.id == sending.id, Delivery.status == WAITING]
    values: dict[str, Any] = {"last_status": tried.status, "last_error": tried.error, "tries": _with(tried)}
    if tried.error is None:
        values |= {"status": DELIVERED, "delivered_at": func.clock_timestamp()}
    else:
        where.append(Delivery.attempts == sending.attempt)
        values |= {"status": FAILED} if again is None else {"due_at": _in(again)}
    session.execute(update(Delivery).where(*where).values(values).execution_options(synchronize_session=False))


def _with(tried: Tried) -> Any:
    """Return the log of tries with one more; the oldest goes when it is full."""
    entry = {
        "at": moment(datetime.now(UTC)),
        "status": tried.status,
        "error": tried.error,
        "milliseconds": tried.milliseconds,
    }
    full = func.jsonb_array_length(Delivery.tries) >= MOST_TRIES_KEPT
    kept = case((full, Delivery.tries.op("-", return_type=JSONB())(0)), else_=Delivery.tries)
    return kept.op("||")(literal(entry, JSONB))


def _in(seconds: float) -> Any:
    return func.clock_timestamp() + timedelta(seconds=seconds)


def put_off(session: Session, delivery_id: str, seconds: float) -> None:
    """Let a delivery that is due be so later: its receiver is busy with others."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.status == WAITING, Delivery.due_at <= func.clock_timestamp())
        .values(due_at=_in(seconds))
        .execution_options(synchronize_session=False)
    )


def find_due(session: Session, limit: int) -> list[Dispatch]:
    """Return the messages of deliveries that are due, the longest first."""
    due = select(Delivery.id).where(Delivery.status == WAITING, Delivery.due_at <= func.clock_timestamp())
    return [notice(delivery_id) for delivery_id in session.scalars(due.order_by(Delivery.due_at).limit(limit))]


def url_of(session: Session, delivery_id: str) -> str | None:
    """Return where a delivery goes; None when it is gone."""
    return session.scalar(select(Delivery.url).where(Delivery.id == delivery_id))


def list_deliveries(session: Session, owner_id: str, wanted: DeliveryFilter, ask: Ask) -> Page:
    """Return one page of the owner's deliveries, newest first."""
    query = select(Delivery).where(Delivery.owner_id == owner_id)
    for column, value in (
        (Delivery.batch_id, wanted.batch_id),
        (Delivery.job_id, wanted.job_id),
        (Delivery.status, wanted.status),
    ):
        if value is not None:
            query = query.where(column == value)
    return fetch_page(session, query, Delivery, ask)


def find_delivery(session: Session, owner_id: str, delivery_id: str) -> Delivery:
    """Return the owner's delivery; raises `NotFound`."""
    delivery = session.scalar(select(Delivery).where(Delivery.id == delivery_id, Delivery.owner_id == owner_id))
    if delivery is None:
        raise NotFound("delivery", delivery_id)
    return delivery


def redeliver(session: Session, owner_id: str, delivery_id: str) -> tuple[Delivery, list[Dispatch]]:
    """Have a delivery tried at once, from the first try on, under the same id; raises `NotFound`."""
    delivery = session.scalar(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.owner_id == owner_id)
        .values(status=WAITING, attempts=0, due_at=func.clock_timestamp(), delivered_at=None)
        .returning(Delivery)
    )
    if delivery is None:
        raise NotFound("delivery", delivery_id)
    return delivery, [notice(delivery_id)]
