"""What a finished job made, and all the jobs of a batch, put together for the wire."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from api import links
from api.items import show_item
from api.lint import judge
from api.shapes import show_book
from api.streams import read_some
from cards.card import Card
from cards.lint import score
from cards.loss import losses
from cards.v3 import to_v3
from models.artifacts import Artifact
from models.books import Book, Entry
from models.characters import Character
from models.db import Session
from models.jobs import Job
from models.services import artifacts, books, calls, characters, jobs
from models.services.calls import Totals
from models.services.dossier import CharacterRef
from models.services.harvest import Reaped, reap
from models.services.jobs import Origin
from schemas.results import ResultLineSchema

ITEMS_READ = 20  # at one time, each with its card and book


@dataclass(frozen=True)
class Made:
    """What a completed job made, as it was found; checking it takes a moment, so that comes after the transaction."""

    job_id: str
    character: Character
    card: Card
    book: Book | None
    entries: Sequence[Entry]
    files: Sequence[Artifact]
    usage: Totals
    origin: Origin
    writing: Mapping[str, Any]


def find_made(session: Session, job: Job) -> Made:
    """Return what a completed job made."""
    character = characters.find_character(session, job.owner_id, job_id=job.id)
    book = books.book_of_character(session, character.id)
    return Made(
        job_id=job.id,
        character=character,
        card=characters.load_card(session, character),
        book=book,
        entries=books.list_entries(session, book.id) if book else [],
        files=artifacts.list_files(session, job.id),
        usage=calls.job_totals(session, job.id),
        origin=jobs.origin_of(session, job.id),
        writing=jobs.list_steps(session, job.id)[0].output,
    )


def show_made(made: Made) -> dict[str, Any]:
    """Return what a completed job made, checked, for the wire."""
    findings = judge(made.card, made.origin)
    return {
        "job_id": made.job_id,
        "character_id": made.character.id,
        "name": made.character.name,
        "card": to_v3(made.card),
        "book": show_book(made.book, len(made.entries), entries=made.entries) if made.book else None,
        "written": show_written(made.writing),
        "lint": findings,
        "score": score(findings),
        "usage": vars(made.usage),
        "artifacts": [show_file(made.job_id, file) | show_losses(made, file.format) for file in made.files],
    }


def write_lines(owner_id: str, batch_id: str) -> Generator[bytes]:
    """Yield each item of a batch with what it has made, in order, as a line of JSON."""
    schema, after = ResultLineSchema(), 0
    while rows := read_some(partial(reap, owner_id=owner_id, batch_id=batch_id, after=after, most=ITEMS_READ)):
        for row in rows:
            yield json.dumps(schema.dump(show_reaped(row)), ensure_ascii=False).encode() + b"\n"
        after = rows[-1].item.position


def show_reaped(row: Reaped) -> dict[str, Any]:
    """Return an item of a batch with what it has made."""
    made = (
        {
            "character_id": row.character_id,
            "name": row.card.name,
            "card": to_v3(row.card),
            "score": row.score,
            "usage": vars(row.usage),
        }
        if row.card
        else None
    )
    formats = [file.format for file in row.files]
    character = CharacterRef(row.character_id, row.card.name) if row.card and row.character_id else None
    return {**show_item(row.item, row.job, formats, character), "result": made}


def show_losses(made: Made, format_name: str) -> dict[str, Any]:
    """Return what a format does not carry of the card, and what each front end that was asked about makes of it."""
    return {
        "losses": losses(made.card, format_name),
        "front_ends": {name: losses(made.card, format_name, name) for name in made.origin.option("front_ends") or ()},
    }


def show_written(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the card was written: what was read of its source, how often fields were mended, its variants."""
    return {name: output.get(name) for name in ("source", "repairs", "chosen", "variants")}


def show_file(job_id: str, file: Any) -> dict[str, Any]:
    """Return one file without its content."""
    shown = {name: getattr(file, name) for name in ("format", "filename", "media_type", "size", "sha256")}
    return shown | {"download_url": links.download(job_id, file.format)}
