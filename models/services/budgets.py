"""Budgets: what each limit over a call has room for, read and set aside under the locks that make it true.

Lock order, as everywhere: the batch's row, the owner's day, the job's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, case, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

import settings
from models import statements
from models.batches import Batch
from models.calls import ANSWERED, Call
from models.db import table_of
from models.jobs import Job
from models.services import claims
from models.services.claims import Claim
from models.services.usage import Day, day_after, today
from models.states import Status
from models.usage import DailyUsage

BATCHES, CALLS, DAYS, JOBS = table_of(Batch), table_of(Call), table_of(DailyUsage), table_of(Job)
LOOKED_AT = 100  # of a model's newest calls: enough to know what it costs, and a moment to read
STEEPEST = 10  # how many times as dear as one of its prompt a token of the answer may be; 4 to 8 are common


@dataclass(frozen=True)
class Limit:
    """One limit in dollars over a call. ``held``: what other calls under it hold; ``until``: the end of its day."""

    name: str
    code: str
    most: Decimal
    spent: Decimal
    held: Decimal = Decimal(0)
    until: datetime | None = None


@dataclass(frozen=True)
class Room:
    """All that limits a job's next call: dollars, how many calls it has made (that got anywhere), the owner's day."""

    limits: Sequence[Limit]
    made: int
    day: Day
    shared: bool  # somebody else may set something aside under one of the limits


@dataclass(frozen=True)
class Seen:
    """What the ledger has seen a model cost, in its newest calls.

    ``prompt`` and ``completion``: dollars a token that were not exceeded; None where no call had a known cost.
    ``least``: what no token fell short of; ``usual``: dollars a token, of all of them. ``mean``: dollars a call, of
    the same purpose where there is one. ``unpriced``: answers whose cost nobody knows.
    """

    prompt: Decimal | None
    completion: Decimal | None
    least: Decimal | None
    usual: Decimal | None
    mean: Decimal | None
    unpriced: int


def find_room(session: Session, claim: Claim, job_usd: Decimal | None) -> Room:
    """Return what limits the next call of a claimed job, in one statement; ``job_usd``: the job's own budget.

    Raises `StaleAttempt` when the claim is over: a worker that stood still past its lease pays for nothing more.
    """
    daily = settings.daily()
    asked = {**claims.fence(claim), "owner": claim.owner_id}
    row = statements.first(session, _room(bool(daily.cost_usd)), asked)
    if row is None:
        raise claims.over(claim)
    day = Day(row.tokens, row.day_spent, daily, day_after(row.now))
    limits = []
    if job_usd is not None:
        limits.append(Limit("the job's max_cost_usd", "BUDGET_EXCEEDED", job_usd, row.job_spent))
    if row.max_cost_usd is not None:
        name = "the batch's max_cost_usd"
        limits.append(Limit(name, "BUDGET_EXCEEDED", row.max_cost_usd, row.batch_spent, row.batch_held))
    if daily.cost_usd:
        name = "the daily limit in dollars"
        limits.append(Limit(name, "QUOTA_EXCEEDED", daily.cost_usd, row.day_spent, row.day_held, day.resets_at))
    return Room(limits, row.made, day, row.max_cost_usd is not None or daily.cost_usd > 0)


@cache
def _room(daily: bool) -> Select[Any]:
    """``daily``: whether the owner's day is limited in dollars, so that what all of its jobs hold has to be known."""
    job: BindParameter[str] = bindparam("job")
    owner: BindParameter[str] = bindparam("owner")
    other = JOBS.alias("other")
    held = select(func.coalesce(func.sum(other.c.reserved_usd), 0)).where(
        other.c.status == Status.PROCESSING.value, other.c.reserved_usd > 0, other.c.id != job
    )
    in_batch = held.where(other.c.batch_id == BATCHES.c.id).correlate(BATCHES).scalar_subquery()
    of_owner = held.where(other.c.owner_id == owner).scalar_subquery()
    day_is = (DAYS.c.owner_id == owner) & (DAYS.c.day == today())
    # Being told to come later is no call: a busy server must not use a job's calls up.
    wrote = (CALLS.c.status == ANSWERED) | (CALLS.c.prompt_tokens + CALLS.c.completion_tokens > 0)
    return (
        select(
            BATCHES.c.max_cost_usd,
            BATCHES.c.cost_usd.label("batch_spent"),
            case((BATCHES.c.max_cost_usd.is_not(None), in_batch), else_=0).label("batch_held"),
            JOBS.c.cost_usd.label("job_spent"),
            select(func.count()).where(CALLS.c.job_id == job, wrote).scalar_subquery().label("made"),
            func.coalesce(DAYS.c.tokens, 0).label("tokens"),
            func.coalesce(DAYS.c.cost_usd, 0).label("day_spent"),
            (of_owner if daily else literal(Decimal(0))).label("day_held"),
            func.now().label("now"),
        )
        .select_from(JOBS)
        .outerjoin(BATCHES, BATCHES.c.id == JOBS.c.batch_id)
        .outerjoin(DAYS, day_is)
        .where(JOBS.c.id == job, *claims.in_force())
    )


def lock_room(session: Session, claim: Claim) -> None:
    """Lock what other calls set aside under as well, until the transaction ends; what `find_room` then says holds."""
    session.execute(
        select(Batch.id).where(Batch.id == claim.batch_id, Batch.max_cost_usd.is_not(None)).with_for_update()
    )
    if settings.daily().cost_usd:
        row = insert(DailyUsage).values(owner_id=claim.owner_id, day=today())
        # An update of nothing locks the row that is there, and makes the one that is not.
        session.execute(
            row.on_conflict_do_update(
                index_elements=[DailyUsage.owner_id, DailyUsage.day], set_={"requests": DailyUsage.requests}
            )
        )


def set_aside(session: Session, claim: Claim, amount: Decimal) -> None:
    """Set aside what the job's next call may cost; it is free again when the call is booked, or the job let go.

    Raises `StaleAttempt` when the claim is over: what a newer attempt has set aside stays.
    """
    if not statements.run(session, _setting_aside(), {**claims.fence(claim), "amount": amount}):
        raise claims.over(claim)


@cache
def _setting_aside() -> ReturningUpdate[Any]:
    return claims.fenced().values(reserved_usd=bindparam("amount")).returning(JOBS.c.id)


def look_back(session: Session, provider: str, model: str, purpose: str) -> Seen:
    """Return what the ledger has seen a model cost.

    A price in each direction that the calls cannot have exceeded follows from each call's cost, as long as a token of
    the answer costs at least as much as one of the prompt, and at most `STEEPEST` times that.
    """
    newest: Any = (
        select(Call.prompt_tokens, Call.completion_tokens, Call.cost_usd, Call.cost_basis, Call.purpose, Call.status)
        .where(Call.provider == provider, Call.asked_model == model)
        .order_by(Call.finished_at.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    # A call that got nowhere, or was answered out of a cache, is no sign of being free.
    local = (newest.c.status == ANSWERED) & (newest.c.cost_basis == "local")
    counted = newest.c.prompt_tokens + newest.c.completion_tokens > 0
    known = (newest.c.cost_basis != "unknown") & (counted | local)
    cost, prompt, completion = newest.c.cost_usd, newest.c.prompt_tokens, newest.c.completion_tokens
    row = session.execute(
        select(
            func.count().filter(known).label("known"),
            func.max(_each(cost, prompt + completion)).filter(known).label("prompt"),
            func.max(_each(cost, prompt / STEEPEST + completion)).filter(known).label("completion"),
            func.min(_each(cost, prompt + completion * STEEPEST)).filter(known).label("least"),
            (func.sum(cost).filter(known) / func.nullif(func.sum(prompt + completion).filter(known), 0)).label("usual"),
            func.avg(cost).filter(known & (newest.c.purpose == purpose)).label("same"),
            func.avg(cost).filter(known).label("any"),
            func.count().filter(~known & (newest.c.status == ANSWERED)).label("unpriced"),
        )
    ).one()
    if not row.known:
        return Seen(None, None, None, None, None, row.unpriced)
    mean = row.any if row.same is None else row.same
    prompt, completion, least, usual = (
        getattr(row, name) or Decimal(0) for name in ("prompt", "completion", "least", "usual")
    )
    return Seen(prompt, completion, least, usual, mean, row.unpriced)


def _each(cost: ColumnElement[Any], tokens: ColumnElement[Any]) -> ColumnElement[Any]:
    return cost / func.nullif(tokens, 0)
