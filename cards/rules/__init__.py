"""The lint rules, one function each, by what they look at; thresholds are in ``cards/data/lint.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from cards.card import Book, Card, Entry
from cards.text import language

Severity = Literal["E", "W", "I"]
Limits = Mapping[str, Mapping[str, Any]]

LIMITS: dict[str, dict[str, Any]] = json.loads(files("cards").joinpath("data/lint.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is looked at: a card with its book, or a bare book (``card`` is then None), against what it was made from.

    ``limits`` are the thresholds of ``cards/data/lint.json`` with a profile's on top. ``source`` is the source
    material, ``language`` (ISO 639-1) and ``name`` what was asked for; "" where that is unknown.
    """

    card: Card | None
    book: Book | None
    limits: Limits
    source: str = ""
    language: str = ""
    name: str = ""

    def language_of(self, text: str) -> str:
        """The language of one of the texts: guessed, or that of the card where the text is too short to tell."""
        found = _guessed(text[:_SAMPLE])
        return found if found != "en" or len(text) >= _TELLING else self.written_in

    @cached_property
    def written_in(self) -> str:
        """The language of the card, or of the bare book, as ISO 639-1, guessed from its texts."""
        return language("\n".join(text[:_SAMPLE] for _, text in (prose(self) if self.card else contents(self))))


class Fault(NamedTuple):
    """What a rule found: the field's path, what is wrong, what to do; severity None: the rule's own.

    ``fix`` is an order, usable as the instruction for a repair of that one field. ``span`` is [start, end) in
    characters of the field, where the fault can be pointed at.
    """

    field: str
    message: str
    fix: str
    severity: Severity | None = None
    span: tuple[int, int] | None = None


Check = Callable[[Subject], Iterator[Fault]]

_SAMPLE = 5_000  # characters of each text: enough to tell its language
_TELLING = 200  # characters that tell English, which is also what a guess falls back to


@lru_cache(maxsize=64)
def _guessed(text: str) -> str:
    return language(text)


def greetings(subject: Subject) -> Iterator[tuple[str, str]]:
    """The first message, its alternates and those of group chats with their paths, without empty ones."""
    card = subject.card
    if card is None:
        return
    if card.first_mes.strip():
        yield "first_mes", card.first_mes
    for field in ("alternate_greetings", "group_only_greetings"):
        for index, greeting in enumerate(getattr(card, field)):
            if greeting.strip():
                yield f"{field}[{index}]", greeting


def profile(subject: Subject) -> Iterator[tuple[str, str]]:
    """Description, personality and scenario with their paths, without empty ones."""
    for field in ("description", "personality", "scenario") if subject.card else ():
        if getattr(subject.card, field).strip():
            yield field, getattr(subject.card, field)


def prose(subject: Subject) -> Iterator[tuple[str, str]]:
    """The fields of running text with their paths, without empty ones."""
    yield from profile(subject)
    yield from greetings(subject)


def texts(subject: Subject) -> Iterator[tuple[str, str]]:
    """Every text of card and book that can reach a model, with its path, without empty ones."""
    yield from prose(subject)
    for field in ("mes_example", "system_prompt", "post_history_instructions") if subject.card else ():
        if getattr(subject.card, field).strip():
            yield field, getattr(subject.card, field)
    yield from contents(subject)


def contents(subject: Subject) -> Iterator[tuple[str, str]]:
    """The contents of the entries with their paths, without empty ones."""
    for place, entry in entries(subject):
        if entry.content.strip():
            yield f"{place}.content", entry.content


def entries(subject: Subject) -> Iterator[tuple[str, Entry]]:
    """The entries of the book with their paths: within a card those of its book, else those of the bare one."""
    root = "character_book.entries" if subject.card else "entries"
    for index, entry in enumerate(subject.book.entries if subject.book else ()):
        yield f"{root}[{index}]", entry
