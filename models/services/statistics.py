"""Figures for whoever watches the service: of all owners together, each by an index or over few rows.

At 100,000 jobs and a million calls a look takes some 60 ms, most of it the count of jobs by status
(tests/operations/test_statistics.py). No figure names an owner, a job or a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Float, case, func, select, text
from sqlalchemy.orm import Session

import settings
from models.batches import Batch
from models.calls import FAULTED, Call
from models.deliveries import WAITING, Delivery
from models.events import Event
from models.jobs import Job, Step
from models.owners import Owner
from models.services.usage import today
from models.services.workers import LATELY
from models.states import Status
from models.usage import DailyUsage
from models.workers import Worker

LATELY_ENDED = timedelta(minutes=5)
SECONDS = (0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""Upper bounds of the histogram of calls: a short answer of a local model to a long one of a thinking model."""


@dataclass(frozen=True)
class Work:
    """What there is to do and who does it. Seconds are ages of the oldest, 0 where there is none."""

    jobs: Mapping[str, int]
    batches: Mapping[str, int]
    leases: Mapping[str, int]
    oldest: Mapping[str, float]
    workers: Mapping[str, int]
    deliveries: Mapping[str, int]
    delivery_overdue: float
    events: int


@dataclass(frozen=True)
class Usage:
    """What was used since the beginning, and how much of the daily limits the heaviest owner has used (0 to 1)."""

    calls: int
    tokens: int
    cost_usd: Decimal
    limits_used: Mapping[str, float]


@dataclass(frozen=True)
class Server:
    """The database itself: size in bytes, connections open and allowed, and its clock."""

    size: int
    connections: int
    most_connections: int
    now: datetime


@dataclass(frozen=True)
class Ended:
    """What ended lately: jobs by ``(status, code)``, and seconds by step, median and 95th percentile."""

    jobs: Mapping[tuple[str, str], int]
    steps: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Calls:
    """The calls of one label. ``outcome``: answered, or the fault's kind; ``within``: how many took up to `SECONDS`."""

    provider: str
    model: str
    outcome: str
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    seconds: float = 0.0
    within: tuple[int, ...] = (0,) * len(SECONDS)

    def plus(self, other: Calls) -> Calls:
        """Return the sum of two of the same label."""
        return Calls(
            self.provider,
            self.model,
            self.outcome,
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
            self.seconds + other.seconds,
            tuple(a + b for a, b in zip(self.within, other.within, strict=True)),
        )


def work(session: Session) -> Work:
    """Count what there is to do."""
    deliveries, overdue = _deliveries(session)
    return Work(
        jobs=_by_status(session, Job.status),
        batches=_by_status(session, Batch.status),
        leases=_leases(session),
        oldest={"queued": _longest_queued(session), "processing": _longest_processing(session)},
        workers=_workers(session),
        deliveries=deliveries,
        delivery_overdue=overdue,
        events=session.scalar(select(func.max(Event.id))) or 0,
    )


def _by_status(session: Session, column: Any) -> dict[str, int]:
    found: dict[str, int] = dict(session.execute(select(column, func.count()).group_by(column)).all())
    return {status.value: found.get(status, 0) for status in Status}


def _leases(session: Session) -> dict[str, int]:
    """Count running jobs by what becomes of their lease; only an expired one that somebody holds is a lost worker."""
    past = Job.lease_expires_at < func.clock_timestamp()
    state = case(
        (Job.lease_owner.is_not(None) & past, "expired"),
        (Job.lease_owner.is_not(None), "held"),
        (Job.waiting_until.is_not(None), "waiting"),
        else_="between_steps",
    )
    running = select(state, func.count()).where(Job.status == Status.PROCESSING).group_by(state)
    return {"held": 0, "expired": 0, "waiting": 0, "between_steps": 0} | dict(session.execute(running).all())


def _longest_queued(session: Session) -> float:
    """How long the oldest sent job has waited to be begun."""
    sent = select(func.min(Job.dispatched_at)).where(Job.status == Status.QUEUED)
    return _age(session, sent.scalar_subquery())


def _longest_processing(session: Session) -> float:
    begun = select(func.min(Job.started_at)).where(Job.status == Status.PROCESSING)
    return _age(session, begun.scalar_subquery())


def _age(session: Session, moment: Any) -> float:
    return float(session.scalar(select(_seconds(func.clock_timestamp() - moment))) or 0)


def _seconds(interval: Any) -> ColumnElement[float]:
    return func.extract("epoch", interval).cast(Float)


def _workers(session: Session) -> dict[str, int]:
    queues = select(func.unnest(Worker.queues).label("queue")).where(Worker.seen_at > func.now() - LATELY).subquery()
    return dict(session.execute(select(queues.c.queue, func.count()).group_by(queues.c.queue)).all())


def _deliveries(session: Session) -> tuple[dict[str, int], float]:
    """Count those not sent yet, by whether they have been tried, and say for how long the oldest is overdue."""
    overdue = _seconds(func.clock_timestamp() - func.min(Delivery.due_at))
    tried = func.count().filter(Delivery.attempts > 0)
    row = session.execute(select(func.count(), tried, overdue).where(Delivery.status == WAITING)).one()
    return {"new": row[0] - row[1], "failing": row[1]}, max(0.0, float(row[2] or 0))


def be_brief(session: Session) -> None:
    """Let nothing of this transaction take long: whoever looks comes again."""
    session.execute(text("SET LOCAL statement_timeout = '5s'"))


def usage(session: Session) -> Usage:
    """Add up what was used; a row an owner and day."""
    sums = select(func.sum(DailyUsage.requests), func.sum(DailyUsage.tokens), func.sum(DailyUsage.cost_usd))
    calls, tokens, cost = session.execute(sums).one()
    most = select(func.max(DailyUsage.tokens), func.max(DailyUsage.cost_usd)).where(DailyUsage.day == today())
    most_tokens, most_cost = session.execute(most).one()
    limit = settings.daily()
    used = {
        "tokens": (most_tokens or 0) / limit.tokens if limit.tokens else None,
        "cost": float((most_cost or 0) / limit.cost_usd) if limit.cost_usd else None,
    }
    shown = {name: share for name, share in used.items() if share is not None}
    return Usage(int(calls or 0), int(tokens or 0), Decimal(cost or 0), shown)


def server(session: Session) -> Server:
    """Ask the database about itself."""
    row = session.execute(
        text(
            "SELECT pg_database_size(current_database()), "
            "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
            "current_setting('max_connections')::int, now()"
        )
    ).one()
    return Server(*row)


def ended(session: Session) -> Ended:
    """Look at what ended in the last five minutes."""
    jobs = _ended_jobs().subquery()
    counts = select(jobs.c.status, jobs.c.code, func.count()).group_by(jobs.c.status, jobs.c.code)
    seconds = _seconds(Step.finished_at - Step.started_at)
    quantiles = [func.percentile_cont(share).within_group(seconds) for share in (0.5, 0.95)]
    took = (
        select(Step.name, *quantiles)
        .join(jobs, jobs.c.id == Step.job_id)
        .where(Step.status == Status.COMPLETED, Step.finished_at.is_not(None))
        .group_by(Step.name)
    )
    return Ended(
        {(status, code): count for status, code, count in session.execute(counts)},
        {name: (float(median or 0), float(most or 0)) for name, median, most in session.execute(took)},
    )


def _ended_jobs() -> Any:
    """Each owner's by the index of their list: what has not finished counts there as the latest."""
    finished = func.coalesce(Job.finished_at, text("'infinity'::timestamptz"))
    code = func.coalesce(Job.error["code"].astext, "")
    return (
        select(Job.id, Job.status, code.label("code"))
        .join(Owner, Owner.id == Job.owner_id)
        .where(finished >= func.now() - LATELY_ENDED, finished <= func.now())
    )


def calls_between(session: Session, start: datetime, end: datetime) -> Sequence[Calls]:
    """Add up the calls that ended from ``start`` on and before ``end``. What has ended stays as it is."""
    model = case((Call.asked_model == "", Call.model), else_=Call.asked_model)
    kind = func.coalesce(Call.error["kind"].astext, Call.error["code"].astext, "unknown")
    outcome = case((Call.status == FAULTED, kind), else_="answered")
    seconds = _seconds(Call.finished_at - Call.started_at)
    # By names that no column has: GROUP BY would take the column.
    labels = [Call.provider.label("by_provider"), model.label("by_model"), outcome.label("by_outcome")]
    rows = session.execute(
        select(
            *labels,
            func.count(),
            func.sum(Call.prompt_tokens),
            func.sum(Call.completion_tokens),
            func.sum(Call.cost_usd),
            func.sum(func.greatest(seconds, 0)),
            *(func.count().filter(seconds <= bound) for bound in SECONDS),
        )
        .join(Owner, Owner.id == Call.owner_id)
        .where(Call.finished_at >= start, Call.finished_at < end)
        .group_by("by_provider", "by_model", "by_outcome")
    )
    return [Calls(*row[:8], within=tuple(row[8:])) for row in rows]
