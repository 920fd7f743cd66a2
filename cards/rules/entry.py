"""Rules for the entries of a lorebook (L)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cards.book import PLACES
from cards.card import Card, Entry
from cards.rules import LIMITS, Fault, Severity, entries

_ENTRY = LIMITS["entry"]
_REGEX = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-z]*)", re.DOTALL)


def usable(card: Card) -> Iterator[Fault]:
    """L01: an entry says something, and something makes it appear."""
    for place, entry in entries(card):
        if not entry.content.strip():
            yield Fault(f"{place}.content", f"{_title(entry)} has no content", "write it or remove the entry")
        if entry.enabled and not entry.constant and not any(key.strip() for key in entry.keys):
            yield Fault(
                f"{place}.keys",
                f"{_title(entry)} has no keys and never fires",
                "add keys or make it constant",
            )


def key_count(card: Card) -> Iterator[Fault]:
    """L02: enough keys to fire, not so many that it always does."""
    least, most, limit = _ENTRY["keys_min"], _ENTRY["keys_max"], _ENTRY["keys_limit"]
    for place, entry in entries(card):
        count = len(entry.keys)
        if not entry.constant and count and not least <= count <= most:
            severity: Severity | None = "E" if count > limit else None
            yield Fault(f"{place}.keys", f"{_title(entry)} has {count} keys", f"give {least} to {most}", severity)


def key_form(card: Card) -> Iterator[Fault]:
    """L03: keys that front ends keep as they are, none twice; patterns that compile."""
    for place, entry in entries(card):
        seen: set[str] = set()
        for index, key in enumerate(entry.keys):
            for message, fix in _key_faults(key, entry.use_regex):
                yield Fault(f"{place}.keys[{index}]", f"{key!r:.60} {message}", fix)
            if key.casefold() in seen:
                yield Fault(f"{place}.keys[{index}]", f"{key!r:.60} is there twice", "remove one")
            seen.add(key.casefold())


def _key_faults(key: str, use_regex: bool) -> Iterator[tuple[str, str]]:
    delimited = _REGEX.fullmatch(key)
    if delimited or use_regex:
        if fault := _pattern_fault(delimited["pattern"] if delimited else key):
            yield f"is no valid pattern: {fault}", "correct it or write a plain key"
        return
    if not key.strip():
        yield "is empty", "remove it"
    elif key != key.strip():
        yield "has a blank at its end", "remove the blank"
    if re.search("[,，、]", key):
        yield "holds a comma, where front ends split keys", "make two keys of it"
    if len(key) > _ENTRY["key_max_characters"]:
        yield f"has {len(key)} characters", f"use at most {_ENTRY['key_max_characters']}"


def _pattern_fault(pattern: str) -> str:
    """Why the pattern does not compile, or nothing; named groups may be spelled as in JavaScript."""
    try:
        re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return ""


def own_name(card: Card) -> Iterator[Fault]:
    """L05: no entry hangs on the character's name, which front ends put before every message."""
    own = {each.strip().casefold() for each in (card.name, card.nickname, "{{char}}", "<bot>") if each.strip()}
    for place, entry in entries(card):
        if entry.constant or not entry.enabled:
            continue
        for index, key in enumerate(entry.keys):
            if key.strip().casefold() in own:
                yield Fault(
                    f"{place}.keys[{index}]",
                    f"{key!r:.60} is the character's own name, so {_title(entry)} always fires",
                    "remove the key or make the entry constant",
                )


def ranges(card: Card) -> Iterator[Fault]:
    """L11: figures within their ranges, places of the enum, secondary keys where they are asked for."""
    for place, entry in entries(card):
        if entry.position not in PLACES:
            yield Fault(f"{place}.position", f"{entry.position!r} is no position", f"use {' or '.join(PLACES)}")
        if not _is_whole(entry.insertion_order):
            yield Fault(f"{place}.insertion_order", "is no whole number", "write a whole number, as 100")
        if entry.selective and not any(key.strip() for key in entry.secondary_keys):
            yield Fault(f"{place}.secondary_keys", "selective without secondary keys", "add them or unset selective")
        for field, least, most in (("probability", 0, 100), ("depth", 0, None)):
            value = entry.extensions.get(field, least)
            if not _is_number(value) or value < least or (most is not None and value > most):
                span = f"{least} to {most}" if most is not None else f"{least} or more"
                yield Fault(f"{place}.extensions.{field}", f"{value!r:.40} is out of range", f"write {span}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _title(entry: Entry) -> str:
    title = entry.name or entry.comment or (entry.keys[0] if entry.keys else "")
    return f"entry {title!r:.40}" if title else "the entry"
