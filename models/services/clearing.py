"""Clearing away what has ended, some at a time: no transaction is long, and counters are exact at each commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from models.batches import Batch, Item
from models.jobs import Job
from models.services import moves
from models.states import TERMINAL

AT_ONCE = 500


@dataclass(frozen=True)
class Ended:
    """Which jobs that have ended (None: all): with this status, and finished before a moment."""

    status: str | None = None
    before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return them in SQL."""
        wanted = [Job.status == self.status] if self.status else [Job.status.in_(TERMINAL)]
        return wanted + ([Job.finished_at < self.before] if self.before else [])


def ended_batches(session: Session, owner_id: str, ended: Ended) -> Sequence[str]:
    """Return the owner's batches that have ended and have such jobs, or none at all, oldest first.

    Only these: whoever clears has so many seconds, and would else spend them on the same batches each time.
    """
    jobs = exists().where(Job.batch_id == Batch.id)
    query = select(Batch.id).where(
        Batch.owner_id == owner_id, Batch.status.in_(TERMINAL), jobs.where(*ended.conditions()) | ~jobs
    )
    return session.scalars(query.order_by(Batch.created_at, Batch.id)).all()


def clear_batch(session: Session, batch_id: str, ended: Ended) -> int:
    """Delete some jobs of an ended batch, and the batch itself with its last job; returns how many, 0: none is left.

    Nothing of a batch that a retry has opened again meanwhile. Characters and calls stay.
    """
    batch = moves.lock_batch(session, batch_id)
    if batch is None or batch.status not in TERMINAL:
        return 0
    wanted = select(Job.id).where(Job.batch_id == batch_id, *ended.conditions()).order_by(Job.position).limit(AT_ONCE)
    ids = session.scalars(wanted).all()
    counted = select(Job.status, func.count()).join(Item, Item.job_id == Job.id).where(Job.id.in_(ids))
    for status, count in session.execute(counted.group_by(Job.status)).all():
        batch.total -= count
        setattr(batch, status, getattr(batch, status) - count)
    session.flush()
    _delete(session, ids)
    if batch.total == 0 and session.scalar(select(Job.id).where(Job.batch_id == batch_id).limit(1)) is None:
        session.delete(batch)
        session.flush()
    return len(ids)


def clear_singles(session: Session, owner_id: str, ended: Ended) -> int:
    """Delete some jobs of the owner that have ended and are in no batch; returns how many, 0: none is left."""
    wanted = select(Job.id).where(Job.owner_id == owner_id, Job.batch_id.is_(None), *ended.conditions())
    ids = session.scalars(wanted.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
    _delete(session, ids)
    return len(ids)


def _delete(session: Session, ids: Sequence[str]) -> None:
    session.execute(delete(Job).where(Job.id.in_(ids)).execution_options(synchronize_session=False))
