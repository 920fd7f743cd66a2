"""Everything that is known of one job, for its export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.batches import Item
from models.calls import Call
from models.characters import Character
from models.jobs import Job, Step
from models.services import calls, jobs
from models.states import Status

MOST_LINES = 100_000


@dataclass(frozen=True)
class CharacterRef:
    """The character that a job made, by its id and name."""

    id: str
    name: str


@dataclass(frozen=True)
class Dossier:
    """A job with its request, its steps, its part of the ledger and its log; ``item`` is its place in a batch.

    ``made``: what it made, if that is still there.
    """

    job: Job
    item: Item | None
    steps: Sequence[Step]
    calls: Sequence[Call]
    logs: Sequence[dict[str, Any]]
    made: CharacterRef | None


def open_dossier(session: Session, owner_id: str, job_id: str, *, responses: bool) -> Dossier:
    """Return all about the owner's job, with ``responses`` also what models answered; raises `NotFound`."""
    job = jobs.find_job(session, owner_id, job_id, with_request=True)
    return Dossier(
        job=job,
        item=session.scalar(select(Item).where(Item.job_id == job_id)),
        steps=jobs.list_steps(session, job_id),
        calls=calls.list_calls(session, job_id, responses=responses),
        logs=jobs.list_logs(session, job_id, level=None, after=0, limit=MOST_LINES),
        made=made_by(session, [job]).get(job.id),
    )


def made_by(session: Session, owned: Sequence[Job]) -> dict[str, CharacterRef]:
    """Return by job the character that it made: of the completed ones among jobs of one owner, if it is still there."""
    done = [job.id for job in owned if job.status == Status.COMPLETED]
    if not done:
        return {}
    query = (
        select(Step.job_id, Character.id, Character.name)
        .join(Character, Character.id == Step.output["character_id"].astext)
        .where(Step.job_id.in_(done), Step.index == 0, Character.owner_id == owned[0].owner_id)
    )
    return {job_id: CharacterRef(character_id, name) for job_id, character_id, name in session.execute(query)}
