"""What a finished job made, put together for the wire."""

from __future__ import annotations

from typing import Any

from api import links
from api.shapes import show_book
from cards.lint import lint_card, score
from cards.loss import losses
from cards.v3 import to_v3
from models.db import Session
from models.jobs import Job
from models.services import artifacts, books, calls, characters, jobs


def show_result(session: Session, job: Job) -> dict[str, Any]:
    """Return a completed job's result."""
    character = characters.find_character(session, job.owner_id, job_id=job.id)
    card = characters.load_card(session, character)
    book = books.book_of_character(session, character.id)
    entries = books.list_entries(session, book.id) if book else []
    files = artifacts.list_files(session, job.id)
    origin = jobs.origin_of(session, job.id)
    findings = lint_card(card, source=origin.source, overrides=origin.lint)
    return {
        "job_id": job.id,
        "character_id": character.id,
        "name": character.name,
        "card": to_v3(card),
        "book": show_book(book, len(entries), entries=entries) if book else None,
        "lint": findings,
        "score": score(findings),
        "usage": vars(calls.job_totals(session, job.id)),
        "artifacts": [show_file(job.id, file) | {"losses": losses(card, file.format)} for file in files],
    }


def show_file(job_id: str, file: Any) -> dict[str, Any]:
    """Return one file without its content."""
    shown = {name: getattr(file, name) for name in ("format", "filename", "media_type", "size", "sha256")}
    return shown | {"download_url": links.download(job_id, file.format)}
