"""Pages of long lists: newest first, by offset or by cursor, counted and filtered in SQL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models.errors import Invalid


@dataclass(frozen=True)
class Ask:
    """Which page: ``limit`` rows behind ``offset`` rows or behind ``cursor`` (of an earlier page)."""

    limit: int = 50
    offset: int = 0
    cursor: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of rows, how many there are in all, and the cursor of the next page (None: this is the last)."""

    rows: Sequence[Any]
    total: int
    next_cursor: str | None


def fetch_page(session: Session, query: Select[Any], table: Any, ask: Ask) -> Page:
    """Run ``query`` (a select of ``table``, filtered, not ordered) for one page. Ids sort by time: newest first."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    if ask.cursor is not None:
        query = query.where(table.id < read_cursor(ask.cursor))
    # One row more than asked for tells whether there is a next page.
    rows = session.scalars(query.order_by(table.id.desc()).limit(ask.limit + 1).offset(ask.offset)).all()
    page = rows[: ask.limit]
    more = len(rows) > ask.limit
    return Page(page, total, write_cursor(page[-1].id) if more else None)


def write_cursor(place: str) -> str:
    """Return an opaque cursor that means: behind ``place``."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Return the place that a cursor means; raises `Invalid` when it is none of ours."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        place = ""
    if not place.isprintable() or not place:
        raise Invalid(
            "This cursor is not one that a list has given out.",
            details={"cursor": ["Use the next_cursor of the page before, unchanged."]},
        )
    return place
