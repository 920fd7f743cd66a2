"""Pieces of the pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 150  # as the other pages are wrapped


def paragraph(text: str) -> list[str]:
    """Return a paragraph, wrapped, and the empty line behind it."""
    return [*textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False), ""]


def heading(text: str) -> list[str]:
    """Return a heading of the second order."""
    return [f"## {text}", ""]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]
