"""Rendered files, stored in the database: nothing of value is kept on a worker's disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, undefer

from models.artifacts import Artifact
from models.errors import NotFound


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


def find_file(session: Session, job_id: str, format_name: str) -> Artifact:
    """Return one file with its content; raises `NotFound` naming the formats that there are."""
    file = session.scalar(
        select(Artifact)
        .where(Artifact.job_id == job_id, Artifact.format == format_name)
        .options(undefer(Artifact.content))
    )
    if file is None:
        there = ", ".join(artifact.format for artifact in list_files(session, job_id)) or "none"
        message = f"This job made no file of the format {format_name!r}; it has: {there}."
        raise NotFound("format", format_name, message)
    return file
