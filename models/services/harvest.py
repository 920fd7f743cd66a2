"""What the items of a batch have made, some at a time: a fixed number of queries for each part, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from cards.card import Card
from models.artifacts import Artifact
from models.batches import Item
from models.characters import Character
from models.jobs import Job, Step
from models.services import artifacts, batches, calls, characters, lineup
from models.services.calls import Totals
from models.states import Status


@dataclass(frozen=True)
class Reaped:
    """One item with its job. ``card`` (None: not finished, or deleted since) as it is now, and the character's id.

    ``score`` is that of the card when it was written.
    """

    item: Item
    job: Job
    usage: Totals
    files: Sequence[Artifact]
    character_id: str | None = None
    card: Card | None = None
    score: dict[str, int] | None = None


def reap(session: Session, owner_id: str, batch_id: str, *, after: int, most: int) -> list[Reaped]:
    """Return the next items behind position ``after``; raises `NotFound`, also when the batch has gone meanwhile."""
    rows = next_items(session, owner_id, batch_id, after=after, most=most)
    ids = [job.id for _, job in rows]
    done = [job.id for _, job in rows if job.status == Status.COMPLETED]
    usage = calls.totals(session, ids)
    files = artifacts.list_many(session, done)
    made = _cards(session, owner_id, done)
    return [Reaped(item, job, usage[job.id], files.get(job.id, []), *made.get(job.id, ())) for item, job in rows]


def next_items(session: Session, owner_id: str, batch_id: str, *, after: int, most: int) -> Sequence[tuple[Item, Job]]:
    """Return the next items behind position ``after`` with their jobs; raises `NotFound`."""
    batch = batches.find_batch(session, owner_id, batch_id)
    return batches.list_items(session, batch, limit=most, after=after)


def next_files(
    session: Session, owner_id: str, batch_id: str, *, after: int, most: int
) -> list[tuple[Item, Job, Sequence[Artifact]]]:
    """Return the next items behind position ``after`` with their jobs and files, but not what is in these."""
    rows = next_items(session, owner_id, batch_id, after=after, most=most)
    files = artifacts.list_many(session, [job.id for _, job in rows])
    return [(item, job, files.get(job.id, [])) for item, job in rows]


def _cards(session: Session, owner_id: str, job_ids: Sequence[str]) -> dict[str, tuple[str, Card, Any]]:
    """Return by job the character that it made, with its card and the score that it was taken with."""
    chosen = func.jsonb_extract_path(Step.output, "variants", Step.output["chosen"].astext, "score")
    steps = select(Step.job_id, Step.output["character_id"].astext, chosen)
    made = {row[0]: (row[1], row[2]) for row in session.execute(steps.where(Step.job_id.in_(job_ids), Step.index == 0))}
    rows = session.scalars(
        select(Character)
        .where(Character.id.in_({character_id for character_id, _ in made.values()}), Character.owner_id == owner_id)
        .options(undefer(Character.card), undefer(Character.wrapper))
    )
    cards = {row.id: characters.bare_card(row) for row in rows}
    books = lineup.books_of(session, list(cards))
    return {
        job_id: (character_id, replace(cards[character_id], book=books.get(character_id)), score)
        for job_id, (character_id, score) in made.items()
        if character_id in cards
    }
