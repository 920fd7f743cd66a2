"""What an owner has used: counted with each call, added up by SQL, held to a day's limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CTE, ColumnElement, Date, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import settings
from models.calls import FAULTED, Call
from models.db import table_of
from models.errors import QuotaExceeded
from models.jobs import Job
from models.states import Status
from models.usage import DailyUsage

DAYS = table_of(DailyUsage)
JOBS_LOOKED_AT, CALLS_LOOKED_AT, LEAST_JOBS = 50, 1000, 3  # for how long a job takes, and how much it writes


@dataclass(frozen=True)
class Day:
    """What an owner has used today (UTC), the limits (0: none), and when the day ends."""

    tokens: int
    cost_usd: Decimal
    limits: settings.Daily
    resets_at: datetime

    def over(self) -> str | None:
        """Return which limit is used up, in words; None while there is something left of each."""
        if self.limits.tokens and self.tokens >= self.limits.tokens:
            return f"{self.tokens} of {self.limits.tokens} tokens a day"
        if self.limits.cost_usd and self.cost_usd >= self.limits.cost_usd:
            return f"${dollars(self.cost_usd)} of ${dollars(self.limits.cost_usd)} a day"
        return None


@dataclass(frozen=True)
class Used:
    """What an owner's calls used in a time. ``wasted_usd``: of failed and discarded calls, part of ``cost_usd``."""

    requests: int
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    wasted_usd: Decimal
    unpriced: int
    by_model: Mapping[str, Mapping[str, Any]]


def today() -> ColumnElement[Any]:
    """The day that it is in UTC, by PostgreSQL's clock."""
    return cast(func.timezone("UTC", func.now()), Date)


def counting(owner_id: Any, tokens: Any, cost: Any, when: ColumnElement[bool]) -> CTE:
    """Return the part of a statement that counts a call to its owner's day, if ``when`` says so."""
    counted = select(owner_id, today(), literal(1), tokens, cost).where(when)
    row = insert(DAYS).from_select(["owner_id", "day", "requests", "tokens", "cost_usd"], counted)
    added = {name: DAYS.c[name] + row.excluded[name] for name in ("requests", "tokens", "cost_usd")}
    row = row.on_conflict_do_update(index_elements=[DAYS.c.owner_id, DAYS.c.day], set_=added)
    return row.returning(DAYS.c.day).cte("day")


def read_day(session: Session, owner_id: str) -> Day:
    """Return what the owner has used today."""
    counted = select(DailyUsage.tokens, DailyUsage.cost_usd).where(
        DailyUsage.owner_id == owner_id, DailyUsage.day == today()
    )
    row = session.execute(counted).one_or_none()
    tokens, cost = (row.tokens, row.cost_usd) if row else (0, Decimal(0))
    return Day(tokens, cost, settings.daily(), day_after(datetime.now(UTC)))


def day_after(moment: datetime) -> datetime:
    """Return when the next day begins, in UTC."""
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def refuse_spent(session: Session, owner_id: str) -> None:
    """Raise `QuotaExceeded` when the owner's day is used up: no new work is taken on."""
    if settings.daily() == settings.Daily():
        return
    day = read_day(session, owner_id)
    if (used := day.over()) is not None:
        raise QuotaExceeded(f"The daily limit is used up: {used}.", resets_at=day.resets_at)


def all_time(session: Session, owner_id: str) -> tuple[int, int, Decimal]:
    """Return how many requests, tokens and dollars the owner has used in all."""
    sums: list[Any] = [func.coalesce(func.sum(column), 0) for column in (DailyUsage.requests, DailyUsage.tokens)]
    sums.append(func.coalesce(func.sum(DailyUsage.cost_usd), 0))
    row: Any = session.execute(select(*sums).where(DailyUsage.owner_id == owner_id)).one()
    return int(row[0]), int(row[1]), Decimal(row[2])


def list_days(session: Session, owner_id: str, most: int) -> Sequence[DailyUsage]:
    """Return the owner's last days with any use, newest first."""
    days = select(DailyUsage).where(DailyUsage.owner_id == owner_id).order_by(DailyUsage.day.desc())
    return session.scalars(days.limit(most)).all()


def mean_seconds(session: Session, owner_id: str, profile_id: str, server: str, model: str) -> float | None:
    """Return how long the owner's last jobs of a profile took from begin to end, on average; None of too few.

    Only those that this model of this server wrote; ``model`` empty: whichever the server has.
    """
    asked = exists().where(
        Call.job_id == Job.id, Call.provider == server, *([Call.asked_model == model] if model else [])
    )
    newest = (
        select(func.extract("epoch", Job.finished_at - Job.started_at).label("seconds"))
        .where(Job.owner_id == owner_id, Job.status == Status.COMPLETED, Job.profile_id == profile_id, asked)
        .order_by(Job.created_at.desc(), Job.id.desc())
        .limit(JOBS_LOOKED_AT)
        .subquery()
    )
    row = session.execute(select(func.count(newest.c.seconds), func.avg(newest.c.seconds))).one()
    return float(row[1]) if row[0] >= LEAST_JOBS else None


def learned(session: Session, owner_id: str, profile_id: str, models: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return by purpose how long answers were (tokens), and how many calls a job made, on average.

    Of the owner's newest calls to these models in completed jobs of a profile; nothing where these are too few.
    """
    newest = (
        select(Call.purpose, Call.job_id, Call.completion_tokens)
        .join(Job, Job.id == Call.job_id)
        .where(Call.owner_id == owner_id, Call.asked_model.in_(models), Call.completion_tokens > 0)
        .where(Job.profile_id == profile_id, Job.status == Status.COMPLETED)
        .order_by(Call.finished_at.desc())
        .limit(CALLS_LOOKED_AT)
        .subquery()
    )
    jobs = session.scalar(select(func.count(newest.c.job_id.distinct()))) or 0
    if jobs < LEAST_JOBS:
        return {}
    rows = session.execute(
        select(newest.c.purpose, func.avg(newest.c.completion_tokens), func.count()).group_by(newest.c.purpose)
    )
    return {purpose: (float(writes), calls / jobs) for purpose, writes, calls in rows}


def add_up(session: Session, owner_id: str, since: datetime) -> Used:
    """Add up the owner's calls since a moment."""
    wasted = (Call.status == FAULTED) | Call.discarded
    tokens = Call.prompt_tokens + Call.completion_tokens
    rows = session.execute(
        select(
            Call.model,
            func.count().label("requests"),
            func.sum(tokens).label("tokens"),
            func.sum(Call.prompt_tokens).label("prompt_tokens"),
            func.sum(Call.completion_tokens).label("completion_tokens"),
            func.sum(Call.cost_usd).label("cost"),
            func.coalesce(func.sum(Call.cost_usd).filter(wasted), 0).label("wasted"),
            func.count().filter(Call.cost_basis == "unknown").label("unpriced"),
        )
        .where(Call.owner_id == owner_id, Call.finished_at >= since)
        .group_by(Call.model)
        .order_by(Call.model)
    ).all()
    return Used(
        requests=sum(row.requests for row in rows),
        tokens=sum(row.tokens for row in rows),
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        cost_usd=sum((row.cost for row in rows), Decimal(0)),
        wasted_usd=sum((row.wasted for row in rows), Decimal(0)),
        unpriced=sum(row.unpriced for row in rows),
        by_model={row.model: _model_of(row) for row in rows},
    )


def _model_of(row: Any) -> dict[str, Any]:
    names = ("requests", "tokens", "prompt_tokens", "completion_tokens", "cost", "wasted")
    return {name: getattr(row, name) for name in names}


def dollars(amount: Decimal) -> str:
    """Return an amount for people: as many digits as it needs, at least cents, at most ten-thousandths of a cent."""
    text = format(amount.quantize(Decimal("0.000001")), "f").rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2}"
