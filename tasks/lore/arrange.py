"""Arranging a lorebook: keys that fire for one entry only, and order, position and strategy set by rule. Pure.

Order tiers follow the rubric (B09): premise, setting, faction, place, person, thing; lower stands higher in the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cards.card import Book, Entry
from cards.rules.keys import common_words
from cards.text import language

TIERS = {"world": 10, "event": 20, "faction": 30, "place": 40, "person": 50, "thing": 60}
MOST_KEYS = 8
SHORTEST_KEY = 3  # shorter ones fire inside other words; scripts without word breaks are exempt
LONGEST_KEY = 60
MOST_CONSTANTS = 1
TOKEN_BUDGET = 2048
SCAN_DEPTH = 4


def arrange(name: str, written: Iterable[Mapping[str, Any]], most: int) -> Book | None:
    """Return the book of the character ``name`` from entries as they were written; None when none can be kept."""
    taken: set[str] = {name.casefold()}
    constants = 0
    entries: list[Entry] = []
    for entry in list(written)[:most]:
        common = common_words(language(entry["content"]))
        keys = choose_keys([entry["name"], *entry["keys"]], taken | common)
        constant = bool(entry["constant"]) and constants < MOST_CONSTANTS
        if not keys and not constant:
            continue  # nothing would ever bring it up
        taken |= {key.casefold() for key in keys}
        constants += constant
        entries.append(_entry(entry, keys, constant))
    if not entries:
        return None
    entries.sort(key=lambda entry: (not entry.constant, TIERS[entry.category]))
    return Book(
        name=f"{name}'s Lorebook",
        description=f"What {name}'s story names: {len(entries)} entries.",
        scan_depth=SCAN_DEPTH,
        token_budget=TOKEN_BUDGET,
        recursive_scanning=False,
        entries=tuple(entries),
    )


def choose_keys(offered: Sequence[str], taken: set[str]) -> list[str]:
    """Return the keys that can be used: no commas (front ends split on them), none twice, none of ``taken``.

    Those are the keys of other entries, and words so common that the entry would nearly always fire.
    """
    kept: dict[str, str] = {}
    for key in offered:
        for part in key.split(","):
            plain = " ".join(part.split())
            long_enough = len(plain) >= SHORTEST_KEY or not plain.isascii()
            if long_enough and len(plain) <= LONGEST_KEY and plain.casefold() not in taken:
                kept.setdefault(plain.casefold(), plain)
    return list(kept.values())[:MOST_KEYS]


def _entry(written: Mapping[str, Any], keys: Sequence[str], constant: bool) -> Entry:
    return Entry(
        name=written["name"].strip(),
        comment=written["name"].strip(),
        content=written["content"].strip(),
        keys=tuple(keys),
        constant=constant,
        category=written["category"],
        insertion_order=TIERS[written["category"]],
        priority=100 if constant else 100 - TIERS[written["category"]],
        position="before_char",
    )
