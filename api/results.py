"""What a finished job made, put together for the wire."""

from __future__ import annotations

from typing import Any

from api import links
from cards.lint import lint_card
from cards.v3 import to_v3
from models.books import Book, Entry
from models.db import Session
from models.jobs import Job
from models.services import artifacts, calls, characters


def show_result(session: Session, job: Job) -> dict[str, Any]:
    """Return a completed job's result."""
    character = characters.find_character(session, job.owner_id, job_id=job.id)
    card = characters.load_card(session, character)
    book = characters.find_book(session, character.id)
    files = artifacts.list_files(session, job.id)
    return {
        "job_id": job.id,
        "character_id": character.id,
        "name": character.name,
        "card": to_v3(card),
        "book": show_book(*book) if book else None,
        "lint": [finding.to_dict() for finding in lint_card(card)],
        "usage": vars(calls.job_totals(session, job.id)),
        "artifacts": [show_file(job.id, file) for file in files],
    }


def show_file(job_id: str, file: Any) -> dict[str, Any]:
    """Return one file without its content."""
    shown = {name: getattr(file, name) for name in ("format", "filename", "media_type", "size", "sha256")}
    return shown | {"download_url": links.download(job_id, file.format)}


def show_book(book: Book, entries: list[Entry]) -> dict[str, Any]:
    """Return a lorebook and its entries with their ids."""
    return {
        "id": book.id,
        "name": book.name,
        "description": book.description,
        "version": book.version,
        "scan_depth": book.scan_depth,
        "token_budget": book.token_budget,
        "entries": [show_entry(entry) for entry in entries],
        "metadata": {
            "total_entries": len(entries),
            "total_tokens": sum(entry.tokens for entry in entries),
            "tags": book.tags,
        },
    }


def show_entry(entry: Entry) -> dict[str, Any]:
    """Return one entry in the words of the contract."""
    shown = ("id", "name", "content", "priority", "insertion_order", "category")
    flags = ("constant", "selective", "enabled", "position", "case_sensitive")
    return {
        **{name: getattr(entry, name) for name in (*shown, *flags)},
        "keywords": entry.keys,
        "secondary_keywords": entry.secondary_keys,
        "metadata": {"tokens": entry.tokens},
    }
