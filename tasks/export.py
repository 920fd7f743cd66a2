"""The step `export`: render every format that was asked for, and draw the portrait if one has a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from typing import Any

from cards.card import Card
from cards.errors import CardError
from cards.formats import FORMATS, render, suffix
from cards.media import picture
from cards.names import file_name
from models import db
from models.db import Session
from models.services import artifacts, batches, calls, characters
from models.services.artifacts import File
from tasks.errors import StepFailed
from tasks.lore.arrange import without_evidence
from tasks.work import Work

BOOKS = ("worldinfo", "character_book", "lorebook_v3")  # formats that hold nothing but the lorebook


@dataclass(frozen=True)
class Exported:
    """The files of a card, the card as it is in them, and its picture (None: no format that was asked for has one)."""

    card: Card
    portrait: bytes | None
    files: tuple[File, ...]


def work(work: Work) -> Exported:
    """Render the files; raises `StepFailed` with ``EXPORT_FAILED`` when a format cannot hold the card."""
    with db.transaction() as session:
        character = work.find_character(session)
        card = priced(characters.load_card(session, character), calls.job_totals(session, work.claim.job_id).cost_usd)
        media = characters.load_media(session, character)
        width = batches.index_width(session, work.claim.batch_id)
    media = replace(media, style=work.option("portrait_style") or media.style)
    formats = work.option("format")
    if any(FORMATS[name].pictured for name in formats):
        media = replace(media, portrait=picture(card, media))
    pattern = work.option("filename_pattern")
    files = []
    for name in formats:
        try:
            content = render(as_asked(work, card, name), name, media)
        except CardError as error:
            raise StepFailed("EXPORT_FAILED", f"The format {name} cannot be written: {error}") from error
        values = file_values(work, card, name, width)
        files.append(File(name, name_file(pattern, values, name), FORMATS[name].media_type, content))
    return Exported(card, media.portrait, tuple(files))


def as_asked(work: Work, card: Card, format_name: str) -> Card:
    """Return the card as its files are to have it: without its lorebook, or without how it was made."""
    if work.option("embed_book") is False and format_name not in BOOKS:
        card = replace(card, book=None)
    if work.option("provenance") is False:
        card = replace(card, extensions={name: v for name, v in card.extensions.items() if name != "cardforge"})
        card = replace(card, book=without_evidence(card.book) if card.book else None)
    return card


def priced(card: Card, cost: Decimal) -> Card:
    """Return the card with what it cost in its record of how it was made; it is known only when all else is done."""
    made = {**card.extensions.get("cardforge", {}), "cost_usd": float(cost)}
    return replace(card, extensions={**card.extensions, "cardforge": made})


def save(session: Session, work: Work, exported: Exported) -> Mapping[str, Any]:
    """Store files and picture; the checkpoint lists them. What was edited while they were rendered stays."""
    character = characters.touch(session, work.claim.owner_id, work.find_character(session).id, None)
    card = characters.bare_card(character)
    made = {"cardforge": exported.card.extensions["cardforge"]}
    characters.write_card(character, replace(card, extensions={**card.extensions, **made}))
    character.portrait = character.portrait or exported.portrait
    character.portrait_style = work.option("portrait_style") or character.portrait_style
    artifacts.save_files(session, work.claim.job_id, exported.files)
    return {"files": {file.format: file.filename for file in exported.files}}


def file_values(work: Work, card: Card, format_name: str, width: int) -> dict[str, str]:
    """Return what the placeholders of a file name pattern stand for; ``width``: the digits of ``index``.

    Times are those of the job, so that a re-run makes the same names.
    """
    made = work.claim.created_at.astimezone(UTC)
    index = work.claim.position or 1
    return {
        "character_name": card.name,
        "timestamp": made.strftime("%Y%m%dT%H%M%SZ"),
        "date": made.strftime("%Y-%m-%d"),
        "world": next((e.name for e in card.book.entries if e.category == "world"), "") if card.book else "",
        "class": card.tags[0] if card.tags else "",
        "version": card.character_version,
        "format": format_name,
        "batch_id": work.claim.batch_id or work.claim.job_id,
        "index": f"{index:0{width}d}",
    }


def name_file(pattern: str, values: Mapping[str, str], format_name: str) -> str:
    """Return the name of a file. Formats that share an extension are told apart before it: ``name.v2.json``."""
    format_ = FORMATS[format_name]
    ending = format_.extension if "{format}" in pattern else suffix(format_)
    return f"{file_name(pattern, values)}.{ending}"
