"""Pages of long lists: sorted by indexed columns, by offset or by cursor, counted and filtered in SQL."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.errors import Invalid

MOST_COUNTED = 10_000
"""A list's total is counted up to here: to count on would make every page as slow as the table is long."""

MOST_DOLLARS = 10**8  # what the column can hold


@dataclass(frozen=True)
class Ask:
    """Which page: ``limit`` rows behind ``offset`` rows or behind ``cursor`` (of an earlier page).

    ``sort`` is the name of one of the list's orders, with a minus for its reverse; empty: the list's own.
    """

    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    sort: str = ""


@dataclass(frozen=True)
class Page:
    """One page of rows, how many there are in all (up to `MOST_COUNTED`), and the next cursor (None: no more)."""

    rows: Sequence[Any]
    total: int
    next_cursor: str | None


@dataclass(frozen=True)
class Key:
    """A column to sort by. ``read`` makes its value of the text in a cursor; ``absent``: what null counts as, in SQL.

    With ``absent``, the index has to be one of ``coalesce(column, absent)``.
    """

    column: InstrumentedAttribute[Any]
    read: Callable[[str], Any] = str
    absent: str = ""

    @property
    def expression(self) -> ColumnElement[Any]:
        """What the database sorts by."""
        return func.coalesce(self.column, self._nothing()) if self.absent else self.column.expression

    def write(self, row: Any) -> str:
        """Return a row's value as a cursor holds it; empty for null."""
        value = getattr(row, self.column.key)
        return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)

    def value(self, text: str) -> Any:
        """Return what a cursor's text means, to compare the expression with; raises ValueError."""
        return self._nothing() if self.absent and not text else self.read(text)

    def _nothing(self) -> ColumnElement[Any]:
        return literal_column(self.absent, self.column.type)


Sorts = Mapping[str, tuple[Key, ...]]
"""The orders that a list has, by name. The last key of each is unique; all run in one direction."""


def read_moment(text: str) -> datetime:
    """Return the point in time in a cursor; raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no year that there is") from error


def read_amount(text: str) -> Decimal:
    """Return the amount in a cursor; raises ValueError."""
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("no number") from error
    if not amount.is_finite() or abs(amount) > MOST_DOLLARS:
        raise ValueError("no amount")
    return amount


def fetch_page(session: Session, query: Select[Any], table: Any, ask: Ask, sorts: Sorts | None = None) -> Page:
    """Run ``query`` (a select of ``table``, filtered, not ordered) for one page.

    Without ``sorts`` by id, and ids sort by time: newest first. Else by the first of these, the latest first.
    """
    sorts = sorts or {"": (Key(table.id),)}
    sort = ask.sort or f"-{next(iter(sorts))}"
    keys, down = sorts[sort.removeprefix("-")], sort.startswith("-")
    total = count(session, query.order_by(*(key.expression for key in next(iter(sorts.values())))))
    if ask.cursor is not None:
        query = query.where(_behind(keys, down, read_places(ask.cursor, sort, len(keys))))
    order = [key.expression.desc() if down else key.expression.asc() for key in keys]
    # One row more than asked for tells whether there is a next page.
    rows = session.scalars(query.order_by(*order).limit(ask.limit + 1).offset(ask.offset)).all()
    page = rows[: ask.limit]
    more = len(rows) > ask.limit
    return Page(page, total, write_places(sort, [key.write(page[-1]) for key in keys]) if more else None)


def count(session: Session, query: Select[Any]) -> int:
    """Return how many rows a query has, up to `MOST_COUNTED`.

    In an order that has an index: with a limit alone, the table might be read from its beginning, through the rows of
    other owners.
    """
    some = query.with_only_columns(literal_column("1")).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _behind(keys: Sequence[Key], down: bool, places: Sequence[str]) -> ColumnElement[bool]:
    """The rows behind a place. Compared as one tuple, which is what an index of several columns can search for."""
    try:
        place = tuple_(*(key.value(text) for key, text in zip(keys, places, strict=True)))
    except ValueError as error:
        raise no_cursor() from error
    row = tuple_(*(key.expression for key in keys))
    return row < place if down else row > place


def write_places(sort: str, places: Sequence[str]) -> str:
    """Return an opaque cursor that means: in this order, behind the row with these values."""
    return write_cursor(json.dumps([sort, *places], separators=(",", ":")))


def read_places(cursor: str, sort: str, keys: int) -> list[str]:
    """Return the values in a cursor; raises `Invalid` when it is none of ours, or one of another order."""
    try:
        found = json.loads(read_cursor(cursor))
    except (ValueError, RecursionError) as error:
        raise no_cursor() from error
    if not isinstance(found, list) or not found or not all(map(_is_text, found)):
        raise no_cursor()
    if found[0] != sort or len(found) != keys + 1:
        raise Invalid(
            "This cursor is of a list in another order.",
            details={"cursor": [f"Ask with the same sort as for the page before: {found[0]!r:.30}, not {sort!r}."]},
        )
    return found[1:]


def _is_text(part: Any) -> bool:
    return isinstance(part, str) and (part.isprintable() or not part)  # no NUL, no half of a surrogate pair


def write_cursor(place: str) -> str:
    """Return an opaque cursor that means: behind ``place``."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Return the place that a cursor means; raises `Invalid` when it is none of ours."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except ValueError:  # no base64 (binascii.Error is one too), no ASCII in it, or none to begin with
        place = ""
    if not place.isprintable() or not place:
        raise no_cursor()
    return place


def no_cursor() -> Invalid:
    """Return the error for what is no cursor."""
    return Invalid(
        "This cursor is not one that a list has given out.",
        details={"cursor": ["Use the next_cursor of the page before, unchanged."]},
    )
