"""The ledger: an answer is stored with its cost before it is used, and used again instead of paid for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import CTE, BigInteger, BindParameter, ScalarSelect, Select, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from models import statements
from models.batches import Batch
from models.calls import ANSWERED, FAULTED, Call
from models.db import table_of
from models.jobs import Job
from models.rates import read_rates
from models.services import prices, usage
from models.services.claims import Claim

BATCHES, CALLS, JOBS = table_of(Batch), table_of(Call), table_of(Job)
BOOKED = [column.name for column in CALLS.columns if column.name != "finished_at"]
UNSAID = {"discarded": False, "finish_reason": None, "response": None, "response_id": "", "error": None}


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


class Stored(NamedTuple):
    """An answer that the ledger has."""

    id: str
    model: str
    response: str
    response_id: str
    finish_reason: str | None


STORED = [CALLS.c[name] for name in Stored._fields]


def find_tries(session: Session, claim: Claim, key: str) -> tuple[Stored | None, list[dict[str, Any]]]:
    """Return the stored answer to a question, if this line of jobs has one, and what else this job got, oldest first.

    The latter are the errors that its tries to have it answered ended in.
    """
    found = statements.run(session, _tries(), {"root": claim.root_id, "job": claim.job_id, "key": key})
    answer = next((Stored(*call[: len(STORED)]) for call in found if call.status == ANSWERED), None)
    return answer, [call.error or {} for call in found if call.status == FAULTED]


@cache
def _tries() -> Select[Any]:
    asked = CALLS.c.key == bindparam("key")
    answer = (CALLS.c.root_id == bindparam("root")) & (CALLS.c.status == ANSWERED) & ~CALLS.c.discarded
    fault = (CALLS.c.job_id == bindparam("job")) & (CALLS.c.status == FAULTED)
    found = select(*STORED, CALLS.c.status, CALLS.c.error)
    return found.where(asked, answer | fault).order_by(CALLS.c.finished_at, CALLS.c.id)


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
    answer = {
        "status": ANSWERED,
        "response": response,
        "finish_reason": finish_reason,
        "response_id": response_id,
    }
    if not _book(session, claim, asked, bill, answer, first=True):
        _book(session, claim, asked, bill, answer | {"discarded": True})


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
    _book(session, claim, asked, bill, {"status": FAULTED, "error": dict(error)})


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


def _book(
    session: Session, claim: Claim, asked: Asked, bill: Bill, outcome: Mapping[str, Any], *, first: bool = False
) -> bool:
    """Add a call to the ledger, and its cost to batch, day and job; says whether it was not there already.

    It is there already after a commit whose answer was lost; with ``first`` also if its question has an answer. What
    the call had set aside is free again; what a newer attempt has set aside is not this call's.
    """
    row = {**UNSAID, **vars(asked), **vars(bill), **outcome}
    row |= {name: getattr(claim, name) for name in ("owner_id", "job_id", "root_id", "batch_id", "step", "attempt")}
    row["asked_model"] = asked.asked_model or asked.model
    wasted = row["status"] == FAULTED or row["discarded"]
    given = {f"call_{name}": value for name, value in row.items()}
    given |= {"cost": bill.cost_usd, "lost": bill.cost_usd if wasted else Decimal(0)}
    given |= {"tokens": bill.prompt_tokens + bill.completion_tokens}
    return bool(statements.first(session, _booking(first=first), given).rows)


@cache
def _booking(*, first: bool) -> Select[Any]:
    """One statement: what everybody waits for, the rows of batch and day, is locked for as long as PostgreSQL works.

    With a statement each, it was locked for as long as a thread among hundreds takes to send the next. Each part reads
    the one before, so that locks are taken in the order of everywhere: batch, day, job.
    """
    row = insert(CALLS).values({name: bindparam(f"call_{name}") for name in BOOKED})
    row = row.on_conflict_do_nothing() if first else row.on_conflict_do_nothing(index_elements=[CALLS.c.id])
    booked = row.returning(CALLS.c.id).cte("booked")
    cost: BindParameter[Decimal] = bindparam("cost", type_=CALLS.c.cost_usd.type)
    batch = (
        update(BATCHES)
        .where(BATCHES.c.id == bindparam("call_batch_id"), cost > 0, _rows(booked) > 0)
        .values(cost_usd=BATCHES.c.cost_usd + cost, wasted_usd=BATCHES.c.wasted_usd + bindparam("lost"))
        .returning(BATCHES.c.id)
        .cte("batch")
    )
    day = usage.counting(
        bindparam("call_owner_id"),
        bindparam("tokens", type_=BigInteger),
        cost,
        (_rows(booked) > 0) & (_rows(batch) >= 0),
    )
    held = case((JOBS.c.attempt == bindparam("call_attempt"), 0), else_=JOBS.c.reserved_usd)
    job = (
        update(JOBS)
        .where(JOBS.c.id == bindparam("call_job_id"), _rows(day) > 0)
        .values(cost_usd=JOBS.c.cost_usd + cost, reserved_usd=held)
        .returning(JOBS.c.id)
        .cte("job")
    )
    return select(func.count().label("rows")).select_from(booked).add_cte(job)


def _rows(part: CTE) -> ScalarSelect[int]:
    """Return how many rows a part of a statement has written; whoever asks is run after it."""
    return select(func.count()).select_from(part).scalar_subquery()


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
