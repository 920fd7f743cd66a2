"""The cards of a batch beside each other, and how each of its items came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from cards.card import Book as CardBook
from cards.card import Card
from cards.rules.batch import Outcome
from models.batches import Batch, Item
from models.books import Book, Entry
from models.characters import Character
from models.jobs import Job, Step
from models.services import books, characters
from models.states import TERMINAL, Status

MOST_CARDS = 200  # compared with each other: each with each


@dataclass(frozen=True)
class Lineup:
    """The cards of a batch, each with the position of its item, and the outcomes of what has ended."""

    cards: list[tuple[int, Card]]
    outcomes: list[Outcome]


def line_up(session: Session, batch: Batch) -> Lineup:
    """Return the first `MOST_CARDS` cards of a batch, and how so many of its items ended; a query for each table."""
    ended = session.execute(
        select(Item.position, Job, Step.output)
        .join(Job, Job.id == Item.job_id)
        .join(Step, (Step.job_id == Job.id) & (Step.index == 0))
        .where(Item.batch_id == batch.id, Job.status.in_(TERMINAL))
        .order_by(Item.position)
        .limit(MOST_CARDS)
    ).all()
    places = {output["character_id"]: place for place, job, output in ended if job.status == Status.COMPLETED}
    rows = session.scalars(
        select(Character).where(Character.id.in_(places)).options(undefer(Character.card), undefer(Character.wrapper))
    ).all()
    held = books_of(session, [row.id for row in rows])
    found = [(places[row.id], replace(characters.bare_card(row), book=held.get(row.id))) for row in rows]
    outcomes = [
        Outcome(
            profile=f"{job.profile_id} v{job.profile_version}",
            accepted=job.status == Status.COMPLETED,
            repairs=int((output or {}).get("repairs") or 0),
            cost_usd=float(job.cost_usd),
        )
        for _, job, output in ended
    ]
    return Lineup(sorted(found, key=lambda one: one[0]), outcomes)


def books_of(session: Session, character_ids: Sequence[str]) -> dict[str, CardBook]:
    """Return the lorebooks of characters, by character."""
    rows = session.scalars(select(Book).where(Book.character_id.in_(character_ids))).all()
    entries: dict[str, list[Entry]] = {row.id: [] for row in rows}
    for entry in session.scalars(select(Entry).where(Entry.book_id.in_(entries)).order_by(Entry.book_id, Entry.index)):
        entries[entry.book_id].append(entry)
    return {str(row.character_id): books.book_of(row, entries[row.id]) for row in rows}
