"""Pages on the wire: the same words in every list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.services.pages import MOST_COUNTED, Ask

PAGE = ("limit", "offset", "cursor", "sort")


def ask_of(query: Mapping[str, Any]) -> Ask:
    """Return which page a validated query asks for."""
    return Ask(**{name: query[name] for name in PAGE if name in query})


def wanted_of(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters of a validated query: all of it that does not say which page."""
    return {name: value for name, value in query.items() if name not in PAGE}


def page_of(
    noun: str, rows: Sequence[Any], ask: Ask, total: int, next_cursor: str | None, *, exact: bool | None = None
) -> dict[str, Any]:
    """Return the body of a list. ``exact``: the total was not counted by `fetch_page`, which stops at some number."""
    return {
        noun: rows,
        "total": total,
        "total_is_exact": total < MOST_COUNTED if exact is None else exact,
        "limit": ask.limit,
        "offset": ask.offset,
        "next_cursor": next_cursor,
    }
