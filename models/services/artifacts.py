"""Rendered files, stored in the database: nothing of value is kept on a worker's disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, undefer

from models.artifacts import Artifact
from models.batches import Item
from models.errors import NotFound, WrongState


@dataclass(frozen=True)
class File:
    """A rendered file. ``filename`` has its extension."""

    format: str
    filename: str
    media_type: str
    content: bytes


def save_files(session: Session, job_id: str, files: Sequence[File]) -> None:
    """Write a job's files; those of an earlier run are replaced."""
    session.execute(delete(Artifact).where(Artifact.job_id == job_id))
    session.add_all(
        Artifact(
            job_id=job_id,
            format=file.format,
            filename=file.filename,
            media_type=file.media_type,
            content=file.content,
            sha256=hashlib.sha256(file.content).hexdigest(),
            size=len(file.content),
        )
        for file in files
    )


def list_files(session: Session, job_id: str) -> Sequence[Artifact]:
    """Return a job's files without their content."""
    return session.scalars(select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.format)).all()


def list_many(session: Session, job_ids: Sequence[str]) -> dict[str, list[Artifact]]:
    """Return the files of jobs without their content, by job."""
    query = select(Artifact).where(Artifact.job_id.in_(job_ids)).order_by(Artifact.job_id, Artifact.format)
    found: dict[str, list[Artifact]] = {}
    for file in session.scalars(query):
        found.setdefault(file.job_id, []).append(file)
    return found


def formats_to_pack(session: Session, batch_id: str, wanted: Sequence[str]) -> list[str]:
    """Return the formats that a batch has files of, of those that are wanted (none: all); raises `WrongState`."""
    query = select(Artifact.format).distinct().join(Item, Item.job_id == Artifact.job_id)
    there = sorted(session.scalars(query.where(Item.batch_id == batch_id)))
    found = [name for name in there if name in wanted or not wanted]
    if not found:
        remedy = f"it has files of: {', '.join(there)}." if there else "wait until an item is completed."
        raise WrongState(
            f"This batch has no {' or '.join(wanted) or 'file'} yet: {remedy}",
            code="BATCH_HAS_NO_FILES",
            details={"wanted": list(wanted), "formats": there},
        )
    return found


def load_file(session: Session, job_id: str, format_name: str) -> Artifact | None:
    """Return one file with its content, or None."""
    query = select(Artifact).where(Artifact.job_id == job_id, Artifact.format == format_name)
    return session.scalar(query.options(undefer(Artifact.content)))


def find_file(session: Session, job_id: str, format_name: str) -> Artifact:
    """Return one file with its content; raises `NotFound` naming the formats that there are."""
    file = load_file(session, job_id, format_name)
    if file is None:
        there = ", ".join(artifact.format for artifact in list_files(session, job_id)) or "none"
        message = f"This job made no file of the format {format_name!r}; it has: {there}."
        remedy = "Its character can be had in any: GET /api/v2/characters/{character_id}/download/{format}."
        raise NotFound("format", format_name, f"{message} {remedy}")
    return file
