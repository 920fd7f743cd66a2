"""Heartbeats: a worker says that it lives, and with the same breath keeps the leases of what it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.jobs import Job
from models.services.claims import LEASE
from models.states import Status
from models.workers import Worker

LATELY = LEASE  # who has not been seen for longer is taken for gone


def mark(worker_id: str) -> str:
    """Return what owners of jobs are told of a worker: the same for the same one, and nothing of our machines."""
    return hashlib.sha256(worker_id.encode()).hexdigest()[:12]


def beat(session: Session, worker_id: str, host: str, pid: int, queues: Sequence[str], running: Collection[str]) -> int:
    """Note that the worker lives and renew the leases of the jobs it runs; returns how many it still held.

    Only of those in ``running``: a job that a worker has lost track of must not be kept alive by it.
    """
    row = insert(Worker).values(id=worker_id, host=host, pid=pid, queues=list(queues), seen_at=func.now())
    session.execute(row.on_conflict_do_update(index_elements=[Worker.id], set_={"seen_at": func.now()}))
    renewed = session.scalars(
        update(Job)
        .where(Job.id.in_(running), Job.lease_owner == worker_id, Job.status == Status.PROCESSING)
        .values(lease_expires_at=func.clock_timestamp() + LEASE)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return len(renewed.all())


def leave(session: Session, worker_id: str) -> None:
    """Forget a worker that has stopped in good order."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def served_queues(session: Session) -> set[str]:
    """Return the queues that some worker seen lately takes messages from."""
    lists = session.scalars(select(Worker.queues).where(Worker.seen_at > func.now() - LATELY))
    return {queue for queues in lists for queue in queues}


def forget_silent(session: Session) -> None:
    """Drop the rows of workers that have not been seen for ten leases: they are gone."""
    session.execute(delete(Worker).where(Worker.seen_at < func.now() - 10 * LEASE))
