"""The ledger: an answer is stored with its cost before it is used, and used again instead of paid for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Select, Update, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer
from sqlalchemy.sql.dml import ReturningInsert

from models.batches import Batch
from models.calls import ANSWERED, FAULTED, Call
from models.db import table_of
from models.jobs import Job
from models.rates import read_rates
from models.services import prices, usage
from models.services.claims import Claim

BATCHES, CALLS, JOBS = table_of(Batch), table_of(Call), table_of(Job)


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
    """One question as the ledger knows it: which step's, what for, to whom, when. ``id`` is that of its row.

    ``model``: the one that answered, where it is known; ``asked_model``: the one that was asked for.
    """

    id: str
    key: str
    purpose: str
    provider: str
    model: str
    started_at: datetime
    asked_model: str = ""


@dataclass(frozen=True)
class Totals:
    """What a job's calls used, with what failed and discarded ones cost shown apart."""

    calls: int
    cost_usd: Decimal
    wasted_usd: Decimal
    by_model: Mapping[str, Mapping[str, Any]]


@cache
def _tries() -> Select[Call]:
    asked = Call.key == bindparam("key")
    answer = (Call.root_id == bindparam("root")) & (Call.status == ANSWERED) & ~Call.discarded
    fault = (Call.job_id == bindparam("job")) & (Call.status == FAULTED)
    return select(Call).where(asked, answer | fault).order_by(Call.finished_at, Call.id).options(undefer(Call.response))


def find_tries(session: Session, claim: Claim, key: str) -> tuple[Call | None, list[dict[str, Any]]]:
    """Return the stored answer to a question, if this line of jobs has one, and what else this job got, oldest first.

    The latter are the errors that its tries to have it answered ended in.
    """
    found = session.scalars(_tries(), {"root": claim.root_id, "job": claim.job_id, "key": key}).all()
    answer = next((call for call in found if call.status == ANSWERED), None)
    return answer, [call.error or {} for call in found if call.status == FAULTED]


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
    bill = settle(session, asked, bill)
    values = _row(claim, asked, bill) | {
        "status": ANSWERED,
        "response": response,
        "finish_reason": finish_reason,
        "response_id": response_id,
    }
    if session.scalar(_add_first(), values) is not None:
        _add_cost(session, claim, bill)
    elif _add_row(session, values | {"discarded": True}):
        _add_cost(session, claim, bill, wasted=True)


def discard_answers(session: Session, job: Job) -> Decimal:
    """Discard the answers that an ended job failed for as unusable, those of its batch that it shared included.

    Returns what they had cost. Nothing happens to answers that came later: another job has asked anew since.
    """
    keys = (job.error or {}).get("details", {}).get("questions") or []
    if not keys:
        return Decimal(0)
    line = or_(Call.root_id == job.root_id, *([Call.batch_id == job.batch_id] if job.batch_id else []))
    answers = (Call.key.in_(keys), Call.status == ANSWERED, ~Call.discarded)
    costs = session.scalars(
        update(Call)
        .where(line, *answers, Call.finished_at <= job.finished_at)
        .values(discarded=True)
        .returning(Call.cost_usd)
    )
    return sum(costs, Decimal(0))


def record_fault(session: Session, claim: Claim, asked: Asked, bill: Bill, error: Mapping[str, Any]) -> None:
    """Book a call that gave nothing usable, with what it cost all the same."""
    bill = settle(session, asked, bill)
    values = _row(claim, asked, bill) | {"status": FAULTED, "error": dict(error)}
    if _add_row(session, values):
        _add_cost(session, claim, bill, wasted=True)


def settle(session: Session, asked: Asked, bill: Bill) -> Bill:
    """Return the bill with its cost by the price table, where the server has not said what it charges.

    A local server charges nothing, unless the operator has set a price. Where nobody knows a price, or no tokens were
    counted, the bill stays as it is: unknown is not zero.
    """
    if bill.cost_basis not in {"unknown", "local"} or not bill.prompt_tokens + bill.completion_tokens:
        return bill
    names = list(dict.fromkeys(filter(None, (asked.model, asked.asked_model))))
    known = prices.known_models(session, names, asked.provider)
    for name in names:
        facts = known.get(name)
        rates = read_rates(facts.pricing, bill.prompt_tokens, asked.started_at) if facts else None
        if facts and rates and (bill.cost_basis == "unknown" or facts.basis == prices.OPERATOR):
            cost = rates.cost(
                bill.prompt_tokens,
                bill.completion_tokens,
                cached=bill.cached_tokens,
                reasoning=bill.reasoning_tokens,
            )
            return replace(bill, cost_usd=cost, cost_basis="table")
    return bill


def _add_row(session: Session, values: Mapping[str, Any]) -> bool:
    """Add a row, and say whether it was not there already, from a commit whose answer was lost."""
    return session.scalar(_add(), values) is not None


@cache
def _add() -> ReturningInsert[str]:
    return insert(CALLS).on_conflict_do_nothing(index_elements=[CALLS.c.id]).returning(CALLS.c.id)


@cache
def _add_first() -> ReturningInsert[str]:
    """The same where an answer to the question, too, keeps the row out."""
    return insert(CALLS).on_conflict_do_nothing().returning(CALLS.c.id)


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
        "asked_model": asked.asked_model or asked.model,
    }


def _add_cost(session: Session, claim: Claim, bill: Bill, *, wasted: bool = False) -> None:
    """Add to the totals of batch, day and job, in this order everywhere: the batch's row is always locked first.

    What the call had set aside is free again; what a newer attempt has set aside is not this call's.
    """
    cost = bill.cost_usd
    if cost and claim.batch_id:
        lost = cost if wasted else Decimal(0)
        session.execute(_add_to_batch(), {"batch": claim.batch_id, "cost": cost, "lost": lost})
    usage.count_call(session, claim.owner_id, bill.prompt_tokens + bill.completion_tokens, cost)
    session.execute(_add_to_job(), {"job": claim.job_id, "cost": cost, "tried": claim.attempt})


@cache
def _add_to_batch() -> Update:
    more = {"cost_usd": BATCHES.c.cost_usd + bindparam("cost"), "wasted_usd": BATCHES.c.wasted_usd + bindparam("lost")}
    return update(BATCHES).where(BATCHES.c.id == bindparam("batch")).values(more)


@cache
def _add_to_job() -> Update:
    held = case((JOBS.c.attempt == bindparam("tried"), 0), else_=JOBS.c.reserved_usd)
    more = {"cost_usd": JOBS.c.cost_usd + bindparam("cost"), "reserved_usd": held}
    return update(JOBS).where(JOBS.c.id == bindparam("job")).values(more)


def job_totals(session: Session, job_id: str) -> Totals:
    """Add up a job's calls."""
    return totals(session, [job_id])[job_id]


def totals(session: Session, job_ids: Sequence[str]) -> dict[str, Totals]:
    """Add up the calls of each of these jobs."""
    wasted = (Call.status == FAULTED) | Call.discarded
    rows = session.execute(
        select(
            Call.job_id,
            Call.model,
            func.count().label("calls"),
            func.sum(Call.prompt_tokens + Call.completion_tokens).label("tokens"),
            func.sum(Call.prompt_tokens).label("prompt_tokens"),
            func.sum(Call.completion_tokens).label("completion_tokens"),
            func.sum(Call.cost_usd).label("cost"),
            func.coalesce(func.sum(Call.cost_usd).filter(wasted), 0).label("wasted"),
        )
        .where(Call.job_id.in_(job_ids))
        .group_by(Call.job_id, Call.model)
        .order_by(Call.model)
    ).all()
    by_job: dict[str, list[Any]] = {job_id: [] for job_id in job_ids}
    for row in rows:
        by_job[row.job_id].append(row)
    return {job_id: _totals_of(found) for job_id, found in by_job.items()}


def _totals_of(rows: Sequence[Any]) -> Totals:
    summed = ("tokens", "prompt_tokens", "completion_tokens", "cost")
    return Totals(
        calls=sum(row.calls for row in rows),
        cost_usd=sum((row.cost for row in rows), Decimal(0)),
        wasted_usd=sum((row.wasted for row in rows), Decimal(0)),
        by_model={row.model: {name: getattr(row, name) for name in summed} for row in rows},
    )


def list_calls(session: Session, job_id: str, *, responses: bool = False) -> Sequence[Call]:
    """Return the calls of a job in their order; with ``responses`` also what was answered."""
    options = [undefer(Call.response)] if responses else []
    query = select(Call).where(Call.job_id == job_id).options(*options)
    return session.scalars(query.order_by(Call.started_at, Call.id)).all()
