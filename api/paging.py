"""Pages on the wire: the same words in every list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.services.pages import Ask


def ask_of(query: Mapping[str, Any]) -> Ask:
    """Return which page a validated query asks for."""
    return Ask(limit=query["limit"], offset=query["offset"], cursor=query["cursor"])


def page_of(noun: str, rows: Sequence[Any], ask: Ask, total: int, next_cursor: str | None) -> dict[str, Any]:
    """Return the body of a list."""
    return {noun: rows, "total": total, "limit": ask.limit, "offset": ask.offset, "next_cursor": next_cursor}
