"""The ledger: an answer is stored with its cost before it is used, and used again instead of paid for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from models.batches import Batch
from models.calls import ANSWERED, FAULTED, Call
from models.jobs import Job
from models.services.claims import Claim
from models.states import Status


@dataclass(frozen=True)
class Bill:
    """What a call used and cost; the field names are those of the ledger's columns."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_basis: str = "unknown"


@dataclass(frozen=True)
class Asked:
    """One question as the ledger knows it: which step's, what for, to whom, when. ``id`` is that of its row."""

    id: str
    key: str
    purpose: str
    provider: str
    model: str
    started_at: datetime


@dataclass(frozen=True)
class Totals:
    """What a job's calls used, with what failed and discarded ones cost shown apart."""

    calls: int
    cost_usd: Decimal
    wasted_usd: Decimal
    by_model: Mapping[str, Mapping[str, Any]]


def find_answer(session: Session, root_id: str, key: str) -> Call | None:
    """Return the stored answer to a question, if this line of jobs has one."""
    return session.scalar(
        select(Call)
        .where(Call.root_id == root_id, Call.key == key, Call.status == ANSWERED, Call.discarded.is_(False))
        .options(undefer(Call.response))
    )


def record_answer(
    session: Session,
    claim: Claim,
    asked: Asked,
    bill: Bill,
    *,
    response: str,
    finish_reason: str,
    response_id: str,
) -> None:
    """Book an answered call and its cost. A second answer to the same question is booked as discarded."""
    values = _row(claim, asked, bill) | {
        "status": ANSWERED,
        "response": response,
        "finish_reason": finish_reason,
        "response_id": response_id,
    }
    first = insert(Call).values(values).on_conflict_do_nothing().returning(Call.id)
    if session.scalar(first) is not None or _add_row(session, values | {"discarded": True}):
        _add_cost(session, claim, bill.cost_usd)


def record_fault(session: Session, claim: Claim, asked: Asked, bill: Bill, error: Mapping[str, Any]) -> None:
    """Book a call that gave nothing usable, with what it cost all the same."""
    values = _row(claim, asked, bill) | {"status": FAULTED, "error": dict(error)}
    if _add_row(session, values):
        _add_cost(session, claim, bill.cost_usd)


def _add_row(session: Session, values: Mapping[str, Any]) -> bool:
    """Add a row, and say whether it was not there already, from a commit whose answer was lost."""
    row = insert(Call).values(values).on_conflict_do_nothing(index_elements=[Call.id]).returning(Call.id)
    return session.scalar(row) is not None


def _row(claim: Claim, asked: Asked, bill: Bill) -> dict[str, Any]:
    return {
        "owner_id": claim.owner_id,
        "job_id": claim.job_id,
        "root_id": claim.root_id,
        "batch_id": claim.batch_id,
        "step": claim.step,
        "attempt": claim.attempt,
        **vars(asked),
        **vars(bill),
    }


def _add_cost(session: Session, claim: Claim, cost: Decimal) -> None:
    """Add to the totals of batch and job, in this order: the batch's row is always locked first."""
    if cost and claim.batch_id:
        session.execute(update(Batch).where(Batch.id == claim.batch_id).values(cost_usd=Batch.cost_usd + cost))
    session.execute(
        update(Job).where(Job.id == claim.job_id).values(cost_usd=Job.cost_usd + cost, reserved_usd=Decimal(0))
    )


def count_faults(session: Session, job_id: str, key: str) -> int:
    """Return how often this question of this job has failed so far."""
    failed = select(func.count()).where(Call.job_id == job_id, Call.key == key, Call.status == FAULTED)
    return session.scalar(failed) or 0


def reserve(session: Session, claim: Claim) -> bool:
    """Set aside what one call may cost, if the batch's ``max_cost_usd`` still has room for it; say whether it had.

    What a call may cost is the dearest that the batch has paid for so far. With the batch's row locked, calls that
    begin at one time see each other's reservations. A batch without a limit, or a job without a batch, always has room.
    """
    limit = session.scalar(select(Batch.max_cost_usd).where(Batch.id == claim.batch_id)) if claim.batch_id else None
    if limit is None:
        return True
    session.execute(select(Batch.id).where(Batch.id == claim.batch_id).with_for_update())
    dearest = select(func.coalesce(func.max(Call.cost_usd), 0)).where(Call.batch_id == claim.batch_id).scalar_subquery()
    reserved = (
        select(func.coalesce(func.sum(Job.reserved_usd), 0))
        .where(Job.batch_id == claim.batch_id, Job.status == Status.PROCESSING, Job.id != claim.job_id)
        .scalar_subquery()
    )
    spent, others, next_call = session.execute(
        select(Batch.cost_usd, reserved, dearest).where(Batch.id == claim.batch_id)
    ).one()
    # The first calls cost what nobody knows yet: they are let through while nothing is spent.
    if spent + others + next_call > limit or spent >= limit:
        return False
    session.execute(update(Job).where(Job.id == claim.job_id).values(reserved_usd=next_call))
    return True


def job_totals(session: Session, job_id: str) -> Totals:
    """Add up a job's calls."""
    wasted = (Call.status == FAULTED) | Call.discarded
    rows: Sequence[Any] = session.execute(
        select(
            Call.model,
            func.count().label("calls"),
            func.sum(Call.prompt_tokens + Call.completion_tokens).label("tokens"),
            func.sum(Call.prompt_tokens).label("prompt_tokens"),
            func.sum(Call.completion_tokens).label("completion_tokens"),
            func.sum(Call.cost_usd).label("cost"),
            func.coalesce(func.sum(Call.cost_usd).filter(wasted), 0).label("wasted"),
        )
        .where(Call.job_id == job_id)
        .group_by(Call.model)
        .order_by(Call.model)
    ).all()
    return Totals(
        calls=sum(row.calls for row in rows),
        cost_usd=sum((row.cost for row in rows), Decimal(0)),
        wasted_usd=sum((row.wasted for row in rows), Decimal(0)),
        by_model={
            row.model: {
                "tokens": row.tokens,
                "prompt_tokens": row.prompt_tokens,
                "completion_tokens": row.completion_tokens,
                "cost": row.cost,
            }
            for row in rows
        },
    )
