"""Entries that say nearly the same, or are about the same thing: found without comparing each with each.

Source: R. Bayardo, Y. Ma, R. Srikant, "Scaling up all pairs similarity search" (2007): sets that are alike share one of
their rarest members.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import ceil
from typing import Any

from cards.graph.overlaps import normal
from cards.simulate.record import Record

ALIKE = 0.6  # common words by all words of two contents
CONTAINED = 0.9  # of the words of the shorter content
RELATED = 0.25  # what contents must share for titles that differ in a letter or two
_LEAST_WORDS = 8
_MOST_COMPARED = 2_000_000
_BITS = 512  # of the rough picture of a content
_MOST_TITLE = 40  # letters of a title that are compared
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]|[^\W_]+")


@dataclass(frozen=True)
class Twins:
    """Entries (places in the book) that belong together, directly or through others; ``links`` say why."""

    entries: tuple[int, ...]
    links: tuple[tuple[int, int, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """The group as JSON."""
        links = [{"entries": [one, other], "why": why} for one, other, why in self.links]
        return {"entries": list(self.entries), "links": links}


def twins(records: Sequence[Record]) -> list[Twins]:
    """Groups of enabled entries that are nearly the same."""
    used = [record for record in records if record.entry.enabled]
    sets = {record.index: words_of(record.content) for record in used}
    home = {record.index: record.index for record in used}
    links: list[tuple[int, int, str]] = []

    def root(index: int) -> int:
        while home[index] != index:
            home[index] = home[home[index]]
            index = home[index]
        return index

    for one, other, why in _links(used, sets):
        if root(one) != root(other):
            home[root(other)] = root(one)
            links.append((min(one, other), max(one, other), why))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index in home:
        members[root(index)].append(index)
    groups = (sorted(group) for group in members.values() if len(group) > 1)
    return [Twins(tuple(group), tuple(link for link in links if link[0] in set(group))) for group in sorted(groups)]


def words_of(text: str) -> frozenset[str]:
    """The different words, folded; pairs of characters in scripts without blanks."""
    found = _WORD.findall(text.casefold())
    return frozenset(
        word if len(word) > 1 or ord(word) < 0x2E80 else word + following for word, following in pairwise([*found, ""])
    )


def _links(used: Sequence[Record], sets: dict[int, frozenset[str]]) -> Iterator[tuple[int, int, str]]:
    yield from _same_titles(used)
    yield from _same_contents(used, sets)
    yield from _shared_keys(used)
    yield from _near_titles(used, sets)
    yield from _alike(sets)


def _same_titles(used: Sequence[Record]) -> Iterator[tuple[int, int, str]]:
    first: dict[str, int] = {}
    for record in used:
        title = normal(record.entry.name or record.entry.comment)
        if title and first.setdefault(title, record.index) != record.index:
            yield first[title], record.index, "they have the same name"


def _same_contents(used: Sequence[Record], sets: dict[int, frozenset[str]]) -> Iterator[tuple[int, int, str]]:
    """Contents of the same words; all but one of them are taken out of the sets."""
    first: dict[frozenset[str], int] = {}
    for record in used:
        own = sets[record.index]
        if own and first.setdefault(own, record.index) != record.index:
            yield first[own], record.index, "their contents are of the same words"
            del sets[record.index]


def _shared_keys(used: Sequence[Record]) -> Iterator[tuple[int, int, str]]:
    """Entries that share two keys or more, and half of what the one with fewer has."""
    keys = {record.index: {normal(use.written) for use in record.primary} - {""} for record in used}
    users: defaultdict[str, list[int]] = defaultdict(list)
    for index, own in keys.items():
        for key in own:
            users[key].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for owners in users.values():
        shared.update(combinations(owners[:50], 2))
    for (one, other), count in sorted(shared.items()):
        if count >= 2 and count * 2 >= min(len(keys[one]), len(keys[other])):
            yield one, other, f"they share {count} keys"


def _near_titles(used: Sequence[Record], sets: dict[int, frozenset[str]]) -> Iterator[tuple[int, int, str]]:
    """Titles that differ in a letter, from 12 letters on in two, where contents or keys have something in common."""
    forms: defaultdict[str, list[int]] = defaultdict(list)
    by_index = {record.index: record for record in used}
    for record in used:
        title = normal(record.entry.name or record.entry.comment)[:_MOST_TITLE]
        if len(title) < 5 or any(char.isdigit() for char in title):
            continue
        shortened = set(_shortened(title, 1 if len(title) < 12 else 2))
        near = {index for form in shortened for index in forms[form][:20]}
        for index in sorted(near):
            one, other = sets.get(index, frozenset()), sets.get(record.index, frozenset())
            own = {normal(use.written) for use in record.primary}
            shares_key = any(normal(use.written) in own for use in by_index[index].primary)
            if shares_key or (one and other and len(one & other) >= RELATED * min(len(one), len(other))):
                yield index, record.index, "their names differ in hardly a letter"
        for form in shortened:
            forms[form].append(record.index)


def _shortened(title: str, most: int) -> Iterator[str]:
    """The title with up to so many letters left out: near titles have one such form in common."""
    yield title
    for count in range(1, most + 1):
        for places in combinations(range(len(title)), count):
            yield "".join(char for place, char in enumerate(title) if place not in places)


def _alike(sets: dict[int, frozenset[str]]) -> Iterator[tuple[int, int, str]]:
    """Contents whose words are mostly the same, or nearly all in the other one."""
    frequency = Counter(word for words in sets.values() for word in words)
    ordered = {
        index: sorted(words, key=lambda word: (frequency[word], word))
        for index, words in sets.items()
        if len(words) >= _LEAST_WORDS
    }
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for index, words in ordered.items():
        for word in words:
            holders[word].append(index)
    bit = {word: 1 << place % _BITS for place, word in enumerate(sorted(frequency))}
    bits = {index: sum({bit[word] for word in words}) for index, words in ordered.items()}
    compared = 0
    for index, words in ordered.items():
        own = sets[index]
        candidates = {other for word in words[: _prefix(len(words), ALIKE)] for other in holders[word] if other > index}
        # One that holds this one has one of its very rarest words, wherever that stands in its own order.
        rare = words[: _prefix(len(words), CONTAINED)]
        candidates |= {other for word in rare for other in holders[word] if other != index}
        for other in sorted(candidates):
            compared += 1
            if compared > _MOST_COMPARED:
                return
            size, total = min(len(own), len(sets[other])), len(own) + len(sets[other])
            most = (total - (bits[index] ^ bits[other]).bit_count()) // 2  # differing bits are words of one only
            if most < CONTAINED * size and most < ALIKE * (total - most):
                continue
            common = len(own & sets[other])
            if common >= ALIKE * (total - common):
                yield index, other, f"{common / (total - common):.0%} of their words are the same"
            elif common >= CONTAINED * size:
                yield index, other, f"{common / size:.0%} of the words of one are in the other"


def _prefix(size: int, share: float) -> int:
    """How many of the rarest words must be looked up so that no set that shares so much is missed."""
    return size - ceil(share * size) + 1
