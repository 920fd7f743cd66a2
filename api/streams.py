"""Long answers, sent while they are made: read some, with a transaction of its own, send it, read on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from flask import Response

from models import db
from models.db import Session

T = TypeVar("T")

PATIENCE = 30
"""Seconds that a stream waits for a database that is away: what is sent already cannot be taken back."""


def read_some(read: Callable[[Session], T]) -> T:
    """Return what ``read`` finds in a short transaction of its own: none is open while a slow client reads."""
    return db.patiently(read, seconds=PATIENCE)


def stream(parts: Iterator[bytes], media_type: str, name: str) -> Response:
    """Return an answer that is sent as ``parts`` yields it, to be saved under a name.

    When a part cannot be had, the connection is broken off: half an answer must not look like a whole one.
    """
    response = Response(parts, content_type=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy that collects all of it first would time out
    return response
