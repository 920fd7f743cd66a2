"""Lists of jobs: filters in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.jobs import Job
from models.services.pages import Ask, Page, fetch_page


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list (None: all)."""

    status: str | None = None
    batch_id: str | None = None
    profile_id: str | None = None
    kind: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def list_jobs(session: Session, owner_id: str, wanted: JobFilter, ask: Ask) -> Page:
    """Return one page of the owner's jobs, newest first."""
    query = select(Job).where(Job.owner_id == owner_id)
    for column, value in {
        Job.status: wanted.status,
        Job.batch_id: wanted.batch_id,
        Job.profile_id: wanted.profile_id,
        Job.kind: wanted.kind,
    }.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.created_after is not None:
        query = query.where(Job.created_at >= wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(Job.created_at < wanted.created_before)
    return fetch_page(session, query, Job, ask)
