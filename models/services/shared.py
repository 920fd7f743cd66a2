"""Shared questions: one job of a batch asks, and its answer serves the others."""

from __future__ import annotations

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.calls import ANSWERED, Call
from models.jobs import Job
from models.services.calls import STORED, Stored
from models.shared import SharedQuestion
from models.states import Status


def find_answer(session: Session, batch_id: str, key: str) -> Stored | None:
    """Return the first answer that a job of the batch got to the question, or None."""
    found = session.execute(
        select(*STORED)
        .where(Call.batch_id == batch_id, Call.key == key, Call.status == ANSWERED, ~Call.discarded)
        .order_by(Call.finished_at, Call.id)
        .limit(1)
    ).one_or_none()
    return None if found is None else Stored(*found)


def take(session: Session, batch_id: str, key: str, job_id: str) -> bool:
    """Take it on to ask the question; False while another job does, which holds a good lease all the time."""
    at_work = select(Job.id).where(
        Job.batch_id == batch_id,
        Job.status == Status.PROCESSING,
        Job.lease_owner.is_not(None),
        Job.lease_expires_at > func.clock_timestamp(),
    )
    # Not joined in the subquery: it would look for the row in conflict in the table as it was before the statement.
    asks = SharedQuestion.asked_by.in_(at_work)
    row = insert(SharedQuestion).values(batch_id=batch_id, key=key, asked_by=job_id)
    taken = row.on_conflict_do_update(
        index_elements=[SharedQuestion.batch_id, SharedQuestion.key],
        set_={"asked_by": job_id, "asked_at": func.now()},
        where=or_(SharedQuestion.asked_by == job_id, ~asks),
    ).returning(SharedQuestion.key)
    return session.scalar(taken) is not None


def leave(session: Session, batch_id: str, key: str, job_id: str) -> None:
    """Leave the question to whoever asks next: it is answered, or this job could not get an answer."""
    session.execute(
        delete(SharedQuestion).where(
            SharedQuestion.batch_id == batch_id, SharedQuestion.key == key, SharedQuestion.asked_by == job_id
        )
    )
