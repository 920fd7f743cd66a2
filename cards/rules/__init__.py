"""The lint rules, one function each, by what they look at; thresholds are in ``cards/data/lint.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from cards.card import Card, Entry

Severity = Literal["E", "W", "I"]

LIMITS: dict[str, dict[str, Any]] = json.loads(files("cards").joinpath("data/lint.json").read_text(encoding="utf-8"))


class Fault(NamedTuple):
    """What a rule found: the field's path, what is wrong, what to do; None: the rule's own severity."""

    field: str
    message: str
    fix: str
    severity: Severity | None = None


Check = Callable[[Card], Iterator[Fault]]


def greetings(card: Card) -> Iterator[tuple[str, str]]:
    """The first message and its alternates with their paths, without empty ones."""
    if card.first_mes.strip():
        yield "first_mes", card.first_mes
    for index, greeting in enumerate(card.alternate_greetings):
        if greeting.strip():
            yield f"alternate_greetings[{index}]", greeting


def prose(card: Card) -> Iterator[tuple[str, str]]:
    """The fields of running text with their paths, without empty ones."""
    for field in ("description", "personality", "scenario"):
        if getattr(card, field).strip():
            yield field, getattr(card, field)
    yield from greetings(card)


def texts(card: Card) -> Iterator[tuple[str, str]]:
    """Every text of card and book that can reach a model, with its path, without empty ones."""
    yield from prose(card)
    for field in ("mes_example", "system_prompt", "post_history_instructions"):
        if getattr(card, field).strip():
            yield field, getattr(card, field)
    for index, greeting in enumerate(card.group_only_greetings):
        if greeting.strip():
            yield f"group_only_greetings[{index}]", greeting
    for place, entry in entries(card):
        if entry.content.strip():
            yield f"{place}.content", entry.content


def entries(card: Card) -> Iterator[tuple[str, Entry]]:
    """The entries of the book with their paths."""
    for index, entry in enumerate(card.book.entries if card.book else ()):
        yield f"character_book.entries[{index}]", entry
