"""The step `export`: render every format that was asked for, and draw the portrait if one has a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from cards.card import Card
from cards.errors import CardError
from cards.formats import FORMATS, render
from cards.names import file_name
from cards.portrait import portrait_of
from models import db
from models.db import Session
from models.services import artifacts, batches, characters
from models.services.artifacts import File
from tasks.errors import StepFailed
from tasks.work import Work

DEFAULT_FORMATS = ("json", "v2", "tavernai")
DEFAULT_PATTERN = "{character_name}_{timestamp}"


@dataclass(frozen=True)
class Exported:
    """The files of a card, and the picture that is in them (None: no format that was asked for has one)."""

    portrait: bytes | None
    files: tuple[File, ...]


def work(work: Work) -> Exported:
    """Render the files; raises `StepFailed` with ``EXPORT_FAILED`` when a format cannot hold the card."""
    with db.transaction() as session:
        character = characters.find_character(session, work.claim.owner_id, job_id=work.claim.job_id)
        card = characters.load_card(session, character)
        portrait = character.portrait
        width = batches.index_width(session, work.claim.batch_id)
    formats = work.option("format") or DEFAULT_FORMATS
    if portrait is None and any(FORMATS[name].media_type.startswith("image/") for name in formats):
        portrait = portrait_of(card)
    pattern = work.option("filename_pattern") or DEFAULT_PATTERN
    files = []
    for name in formats:
        try:
            content = render(card, name, portrait)
        except CardError as error:
            raise StepFailed("EXPORT_FAILED", f"The format {name} cannot be written: {error}") from error
        values = file_values(work, card, name, width)
        files.append(File(name, name_file(pattern, values, name), FORMATS[name].media_type, content))
    return Exported(portrait, tuple(files))


def save(session: Session, work: Work, exported: Exported) -> Mapping[str, Any]:
    """Store files and picture; the checkpoint lists them."""
    if exported.portrait is not None:
        character = characters.find_character(session, work.claim.owner_id, job_id=work.claim.job_id)
        character.portrait = exported.portrait
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
    extension = FORMATS[format_name].extension
    plain = format_name in {"json", "tavernai"} or "{format}" in pattern
    return (
        f"{file_name(pattern, values)}.{extension}"
        if plain
        else f"{file_name(pattern, values)}.{format_name}.{extension}"
    )
