"""Rules for a lorebook entry as a record: it can fire, its sizes and figures are in range (L)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cards.card import Entry
from cards.rules import Fault, Severity, Subject, entries
from cards.rules.patterns import pattern_of
from cards.tavern import PLACES
from cards.text import estimate_tokens

# SillyTavern's figures: least and most (None: no end), by their names in ``extensions``
_RANGES: dict[str, tuple[int, int | None]] = {
    "probability": (0, 100),
    "depth": (0, None),
    "position": (0, 7),
    "role": (0, 2),
    "selectiveLogic": (0, 3),
    "scan_depth": (0, None),
    "group_weight": (0, None),
    "sticky": (0, None),
    "cooldown": (0, None),
    "delay": (0, None),
}


def usable(subject: Subject) -> Iterator[Fault]:
    """L01: an entry says something, and something makes it appear."""
    for place, entry in entries(subject):
        if not entry.content.strip():
            yield Fault(f"{place}.content", f"{title_of(entry)} has no content", "write it or remove the entry")
        if entry.enabled and not entry.constant and not any(key.strip() for key in entry.keys):
            message = f"{title_of(entry)} has no keys and never fires"
            yield Fault(f"{place}.keys", message, "add keys or make it constant")


def key_count(subject: Subject) -> Iterator[Fault]:
    """L02: enough keys to fire, not so many that it always does. One pattern may stand for several keys."""
    limits = subject.limits["entry"]
    least, most = limits["keys"]
    for place, entry in entries(subject):
        count = len(entry.keys)
        if entry.constant or not count or (count < least and pattern_of(entry.keys[0], entry.use_regex) is not None):
            continue
        if not least <= count <= most:
            severity: Severity | None = "E" if count > limits["keys_limit"] else None
            if count == 1 and entry.keys[0] != entry.keys[0].lower():
                severity = "I"  # a proper name may well be all that the thing is called
            keys = "1 key" if count == 1 else f"{count} keys"
            yield Fault(f"{place}.keys", f"{title_of(entry)} has {keys}", f"give {least} to {most}", severity)


def own_name(subject: Subject) -> Iterator[Fault]:
    """L05: no entry hangs on the character's name, which front ends put before every message."""
    card = subject.card
    names = (card.name, card.nickname) if card else ()
    own = {each.strip().casefold() for each in (*names, "{{char}}", "<bot>") if each.strip()}
    for place, entry in entries(subject):
        if entry.constant or not entry.enabled or (entry.selective and any(entry.secondary_keys)):
            continue
        for index, key in enumerate(entry.keys):
            if key.strip().casefold() in own:
                message = f"{key!r:.60} is the character's own name, so {title_of(entry)} always fires"
                yield Fault(f"{place}.keys[{index}]", message, "remove the key or make the entry constant")


def tokens(subject: Subject) -> Iterator[Fault]:
    """L07: enough to be worth its place, not so much that it pushes others out of the budget."""
    limits = subject.limits["entry"]
    budget = subject.book.token_budget if subject.book else None
    for place, entry in entries(subject):
        count = estimate_tokens(entry.content)
        if budget and count > budget:
            message = f"{title_of(entry)} is about {count} tokens, more than the book's budget of {budget}"
            yield Fault(f"{place}.content", message, "shorten it, or raise the budget", "E")
        elif count > limits["tokens_most"]:
            fix = f"shorten it to {limits['tokens_most']}, or make two entries of it"
            yield Fault(f"{place}.content", f"{title_of(entry)} is about {count} tokens", fix)
        elif 0 < count < limits["tokens_least"]:
            message = f"{title_of(entry)} says hardly anything"
            yield Fault(f"{place}.content", message, "say more, or put it into another entry", "I")


def ranges(subject: Subject) -> Iterator[Fault]:
    """L11: figures within their ranges, places of the enum, secondary keys where they are asked for.

    ``selective`` without secondary keys does no harm, and SillyTavern writes it everywhere: that one is information.
    """
    for place, entry in entries(subject):
        if entry.position not in PLACES:
            yield Fault(f"{place}.position", f"{entry.position!r} is no position", f"use {' or '.join(PLACES)}")
        if not _is_whole(entry.insertion_order):
            yield Fault(f"{place}.insertion_order", "is no whole number", "write a whole number, as 100")
        if entry.selective and not any(key.strip() for key in entry.secondary_keys):
            fix = "add them or unset selective"
            yield Fault(f"{place}.secondary_keys", "selective without secondary keys", fix, "I")
        for field, (least, most) in _RANGES.items():
            value = entry.extensions.get(field)
            if value is None:
                continue
            if not _is_number(value) or value < least or (most is not None and value > most):
                span = f"{least} to {most}" if most is not None else f"{least} or more"
                yield Fault(f"{place}.extensions.{field}", f"{value!r:.40} is out of range", f"write {span}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def title_of(entry: Entry) -> str:
    """How a message names the entry."""
    title = entry.name or entry.comment or (entry.keys[0] if entry.keys else "")
    return f"entry {title!r:.40}" if title else "the entry"
