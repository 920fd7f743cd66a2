"""Which entries may bring up others, and which may be brought up: decided on the graph of the book. Pure.

SillyTavern never reads a book's ``recursive_scanning`` and recurses unless told otherwise: so what the option says is
set on the entries as well.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cards.card import Book, Entry
from cards.graph import Analysis, analyse
from cards.rules import LIMITS

HUB = int(LIMITS["book"]["hub_degree"])  # entries that one may fire at most
STATIC = frozenset({"world", "event", "thing"})  # plain facts: no reason to be there because another entry names them


def with_flags(book: Book, new: Collection[str], char: str) -> Book:
    """Return the book with the flags of its ``new`` entries (names) set.

    Without recursion none of them is brought up by another entry. With it, static facts are not; hubs bring up
    nothing; and nothing does that would bring more than the budget holds.
    """
    if not book.recursive_scanning:
        return _flagged(book, [n for n, entry in enumerate(book.entries) if entry.name in new], "exclude_recursion")
    static = [n for n, entry in enumerate(book.entries) if entry.name in new and entry.category in STATIC]
    book = _flagged(book, [n for n in static if not book.entries[n].constant], "exclude_recursion")
    found = analyse(book, char=char, hub_degree=HUB)
    book = _flagged(book, [n for n, _ in found.hubs if book.entries[n].name in new], "prevent_recursion")
    for _ in book.entries:
        culprit = _over(analyse(book, char=char, hub_degree=HUB), book, new)
        if culprit is None:
            break
        book = _flagged(book, [culprit], "prevent_recursion")
    return book


def _over(found: Analysis, book: Book, new: Collection[str]) -> int | None:
    """Return a new entry that brings more than the budget holds, constants counted; None when nothing does."""
    budget = book.token_budget
    if not budget or found.worst_tokens <= budget:
        return None
    sources = {edge.source for edge in found.edges}
    ranked = sorted(found.closures, key=lambda closure: -closure.tokens)
    seeds = [closure.seed for closure in ranked if closure.entries > 1]
    always = [n for n in found.always if n in sources]
    return next((n for n in (*always, *seeds) if n in sources and book.entries[n].name in new), None)


def _flagged(book: Book, places: Collection[int], flag: str) -> Book:
    entries = tuple(
        _with(entry, flag) if place in places and not (entry.constant and flag == "exclude_recursion") else entry
        for place, entry in enumerate(book.entries)
    )
    return replace(book, entries=entries)


def _with(entry: Entry, flag: str) -> Entry:
    return replace(entry, extensions={**entry.extensions, flag: True})
