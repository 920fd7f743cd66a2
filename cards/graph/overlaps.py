"""Keys that several entries have, and keys that are hidden in those of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from cards.card import Book
from cards.entry import OWN
from cards.graph.edges import is_always_on, is_used
from cards.key_index import KeyIndex
from cards.keys import Key, Span, clean, fold
from cards.simulate.record import Record

MOST_SHADOWS = 10_000
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True)
class Collision:
    """One key of several entries (places in the book). ``told_apart``: their secondary keys or logic differ."""

    key: str
    entries: tuple[int, ...]
    told_apart: bool

    def to_dict(self) -> dict[str, Any]:
        """The collision as JSON."""
        return asdict(self) | {"entries": list(self.entries)}


@dataclass(frozen=True)
class Shadow:
    """``key`` of ``entry`` is a part of ``within``, a key of ``other``: it fires wherever that does."""

    entry: int
    key: str
    other: int
    within: str

    def to_dict(self) -> dict[str, Any]:
        """The shadow as JSON."""
        return asdict(self)


def normal(key: str) -> str:
    """A key as it is compared with others: folded, blanks made one."""
    return " ".join(fold(clean(key)).split())


def allowed_overlaps(book: Book) -> frozenset[str]:
    """The keys that the author has declared to be shared on purpose: ``extensions.cardforge.allow_overlap``."""
    own = book.extensions.get(OWN)
    listed = own.get("allow_overlap") if isinstance(own, Mapping) else None
    return frozenset(normal(key) for key in listed if isinstance(key, str)) if isinstance(listed, list) else frozenset()


def collisions(records: Iterable[Record], allowed: frozenset[str] = frozenset()) -> list[Collision]:
    """Keys of two or more entries that hang on keys, unless one inclusion group holds them all."""
    users: defaultdict[str, dict[int, tuple[Record, set[str]]]] = defaultdict(dict)
    for record in _keyed(records):
        for use in record.primary:
            if (form := normal(use.written)) and use.key:
                sensitive = use.key.case_sensitive and not use.key.pattern
                users[form].setdefault(record.index, (record, set()))[1].add(use.key.text if sensitive else "")
    found = []
    for form, by_entry in users.items():
        if len(by_entry) < 2 or form in allowed:
            continue
        members = [record for record, _ in by_entry.values()]
        if frozenset.intersection(*(frozenset(record.groups) for record in members)):
            continue
        spellings = [spelling for _, spelling in by_entry.values()]
        if all(not one & other and "" not in one | other for one, other in combinations(spellings, 2)):
            continue  # capitals tell them apart
        found.append(Collision(form, tuple(by_entry), len({_condition(record) for record in members}) == len(members)))
    return found


def _condition(record: Record) -> tuple[int, frozenset[str]] | None:
    """What must be there besides a key; None for nothing."""
    if not record.entry.selective or not record.secondary:
        return None
    return record.logic, frozenset(normal(use.written) for use in record.secondary)


def shadows(records: Sequence[Record], allowed: frozenset[str] = frozenset()) -> list[Shadow]:
    """Keys within longer keys of other entries, where they fire within words; the first 10,000.

    Entries that match whole words are only in it with keys of several words, which SillyTavern finds anywhere.
    """
    users: defaultdict[Key, list[tuple[Record, str]]] = defaultdict(list)
    longer: dict[str, list[tuple[Record, str]]] = {}
    for record in _keyed(records):
        for use in record.primary:
            if use.key and use.key.text and not use.key.pattern and normal(use.written) not in allowed:
                users[use.key].append((record, use.written))
                longer.setdefault(clean(use.written).strip(), []).append((record, use.written))
    index = KeyIndex(users)
    found: list[Shadow] = []
    for text, owners in longer.items():
        for key, span in index.find(text).items():
            if len(key.text) >= len(text):
                continue
            for record, written in users[key]:
                if record.whole_words and not _is_within_word(text, span):
                    continue
                for other, within in owners:
                    if other is not record and not set(record.groups) & set(other.groups):
                        found.append(Shadow(record.index, written, other.index, within))
        if len(found) > MOST_SHADOWS:
            return found[:MOST_SHADOWS]
    return found


def _keyed(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if is_used(record) and not is_always_on(record)]


def _is_within_word(text: str, span: Span) -> bool:
    start, end = span
    before = start > 0 and text[start - 1] in _LETTERS and text[start] in _LETTERS
    behind = text[end : end + 1] in _LETTERS and text[end - 1] in _LETTERS
    return before or (end < len(text) and behind)
