"""Lorebooks as ``character_book`` (V2) and ``Lorebook`` (V3), inside a card or in a file of their own.

Source: character-card-spec-v2, character-card-spec-v3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cards.card import Book, Entry
from cards.entry import from_entry, to_entry
from cards.errors import CardError
from cards.fields import as_object, given, read_flag, read_number, read_text, rest

SPEC = "lorebook_v3"  # of a V3 book in a file of its own
MOST_ENTRIES = 10_000
KNOWN = frozenset({"name", "description", "scan_depth", "token_budget", "recursive_scanning", "extensions", "entries"})


def to_book(book: Book, *, v3: bool) -> dict[str, Any]:
    """The book as an object; V3 entries have ``use_regex`` and keep their decorators."""
    numbers = entry_ids(book.entries, texts=v3)
    return {
        **book.extra,
        "name": book.name,
        "description": book.description,
        **given(
            scan_depth=book.scan_depth,
            token_budget=book.token_budget,
            recursive_scanning=book.recursive_scanning,
        ),
        "extensions": dict(book.extensions),
        "entries": [to_entry(entry, index, numbers[index], v3=v3) for index, entry in enumerate(book.entries)],
    }


def to_lorebook_v3(book: Book) -> dict[str, Any]:
    """The book as a file of its own, as V3 describes it."""
    return {**book.wrapper, "spec": SPEC, "data": to_book(book, v3=True)}


def entry_ids(entries: Sequence[Entry], *, texts: bool) -> list[int | str]:
    """An id for each entry, all different (SillyTavern would drop the others); without ``texts`` numbers only.

    Ids that were given stay; the others are the place in the list, or the lowest free number.
    """
    taken: set[int | str] = set()
    chosen: list[int | str | None] = []
    for entry in entries:
        kept = entry.id if entry.id not in taken and (texts or isinstance(entry.id, int)) else None
        chosen.append(kept)
        if kept is not None:
            taken.add(kept)
    free = 0
    for index, kept in enumerate(chosen):
        if kept is not None:
            continue
        while free in taken:
            free += 1
        number = free if index in taken else index
        chosen[index] = number
        taken.add(number)
    return [number for number in chosen if number is not None]


def from_book(value: Any, place: str = "character_book") -> Book | None:
    """The book, from entries as a list or as a map by uid; None for null; CardError names the place."""
    if value is None:
        return None
    source = as_object(value, place)
    entries = source.get("entries")
    rows = list(entries.values()) if isinstance(entries, Mapping) else entries
    if rows is not None and not isinstance(rows, list):
        raise CardError(f"{place}.entries must be a list: write [] if the book is empty")
    if len(rows or ()) > MOST_ENTRIES:
        raise CardError(f"{place}.entries has {len(rows or ()):,} entries; {MOST_ENTRIES:,} at most: split the book")
    recursive = source.get("recursive_scanning")
    return Book(
        name=read_text(source, "name", f"{place}."),
        description=read_text(source, "description", f"{place}."),
        scan_depth=read_number(source, "scan_depth", f"{place}."),
        token_budget=read_number(source, "token_budget", f"{place}."),
        recursive_scanning=None if recursive is None else read_flag(source, "recursive_scanning"),
        extensions=as_object(source.get("extensions"), f"{place}.extensions"),
        extra=rest(source, KNOWN),
        entries=tuple(from_entry(row, index, f"{place}.entries[{index}].") for index, row in enumerate(rows or [])),
    )
