"""Sums over an owner's jobs: how many stand where, how long they took, what they cost. All of it added up in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from models.calls import FAULTED, Call
from models.jobs import Job
from models.services.listing import JobFilter, select_jobs
from models.states import Status

QUANTILES = (0.5, 0.95)


@dataclass(frozen=True)
class Sums:
    """What some jobs come to. Durations are of completed jobs, from their first begin to their end, in seconds."""

    total: int
    by_status: Mapping[str, int]
    mean_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    cost_usd: Decimal


@dataclass(frozen=True)
class Statistics:
    """Sums over all the jobs, and over those of each kind and of each profile; errors by code; tokens by model."""

    all: Sums
    by_kind: Mapping[str, Sums]
    by_profile: Mapping[str, Sums]
    errors: Mapping[str, int]
    by_model: Mapping[str, Mapping[str, Any]]


def add_up(session: Session, owner_id: str, wanted: JobFilter) -> Statistics:
    """Add up the owner's jobs that are wanted."""
    # Sorting for the quantiles would else spill to disk at some ten thousand jobs.
    session.execute(text("SET LOCAL work_mem = '32MB'"))
    seconds = func.extract("epoch", Job.finished_at - Job.started_at).label("seconds")
    jobs = select_jobs(owner_id, wanted)
    chosen = jobs.with_only_columns(Job.kind, Job.profile_id, Job.status, Job.cost_usd, seconds).subquery()
    done = chosen.c.status == Status.COMPLETED
    rows = session.execute(
        select(
            chosen.c.kind,
            chosen.c.profile_id,
            *(func.count().filter(chosen.c.status == status).label(status.value) for status in Status),
            func.avg(chosen.c.seconds).filter(done).label("mean"),
            func.percentile_cont(list(QUANTILES)).within_group(chosen.c.seconds).filter(done).label("quantiles"),
            func.coalesce(func.sum(chosen.c.cost_usd), 0).label("cost_usd"),
        ).group_by(func.grouping_sets(text("()"), chosen.c.kind, chosen.c.profile_id))
    ).all()
    return Statistics(
        all=next(_sums(row) for row in rows if row.kind is None and row.profile_id is None),
        by_kind={row.kind: _sums(row) for row in rows if row.kind is not None},
        by_profile={row.profile_id: _sums(row) for row in rows if row.profile_id is not None},
        errors=_errors(session, owner_id, wanted),
        by_model=_models(session, owner_id, wanted),
    )


def _sums(row: Any) -> Sums:
    counts = {status.value: getattr(row, status) for status in Status}
    figures = (row.mean, *(row.quantiles or (None, None)))
    mean, half, most = (None if value is None else round(float(value), 3) for value in figures)
    return Sums(sum(counts.values()), counts, mean, half, most, row.cost_usd)


def _errors(session: Session, owner_id: str, wanted: JobFilter) -> dict[str, int]:
    """Count failed and cancelled jobs by the code of their error, the most frequent first."""
    code = Job.error["code"].astext
    query = select_jobs(owner_id, wanted).where(Job.error.is_not(None)).with_only_columns(code, func.count())
    rows = session.execute(query.group_by(code).order_by(func.count().desc(), code))
    return {row[0] or "INTERNAL": row[1] for row in rows}


def _models(session: Session, owner_id: str, wanted: JobFilter) -> dict[str, dict[str, Any]]:
    """Add up the calls of the jobs by model."""
    wasted = (Call.status == FAULTED) | Call.discarded
    sums: dict[str, ColumnElement[Any]] = {
        "requests": func.count(),
        "tokens": func.sum(Call.prompt_tokens + Call.completion_tokens),
        "prompt_tokens": func.sum(Call.prompt_tokens),
        "completion_tokens": func.sum(Call.completion_tokens),
        "cost": func.sum(Call.cost_usd),
        "wasted": func.coalesce(func.sum(Call.cost_usd).filter(wasted), 0),
    }
    ids = select_jobs(owner_id, wanted).with_only_columns(Job.id)
    query = select(Call.model, *(value.label(name) for name, value in sums.items()))
    rows = session.execute(
        query.where(Call.owner_id == owner_id, Call.job_id.in_(ids)).group_by(Call.model).order_by(Call.model)
    )
    return {row.model: {name: getattr(row, name) for name in sums} for row in rows}
