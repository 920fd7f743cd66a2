"""Rules for the cards of a batch against each other (S), and the figures of how they were made."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cards.card import Book, Card
from cards.entry import OWN
from cards.rules import Fault, Limits
from cards.rules.distance import near_pairs
from cards.rules.wording import LONGEST, jaccard, sentences, shingles, words
from cards.text import paragraphs
from cards.text_blocks import word_list

_LABEL = re.compile(r"^[*_ \t-]*archetype[*_ ]{0,3}[:：][*_ \t]*([^\n.;,]{3,60})", re.IGNORECASE | re.MULTILINE)
_NAME = 200  # characters of a name that are compared
_SYLLABLES = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MOST_ALIKE = 50  # cards that share a run of words or a trait: what more share is no sign of a copy but of a style


@dataclass(frozen=True)
class Outcome:
    """How one card came about: under which profile, whether it passed, its repairs, its cost in US dollars."""

    profile: str
    accepted: bool
    repairs: int
    cost_usd: float


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What the rules for a batch look at; ``outcomes`` is empty where nobody kept count."""

    cards: Sequence[Card]
    limits: Limits
    outcomes: Sequence[Outcome] = ()


BatchCheck = Callable[[Batch], Iterator[Fault]]


def names(batch: Batch) -> Iterator[Fault]:
    """S01: no two cards of one name, of nearly one, or of one first name; initials spread over the alphabet."""
    limits = batch.limits["batch"]
    folded = [" ".join(card.name[:_NAME].split()).casefold() for card in batch.cards]
    pairs = {other: one for one, other in _same(folded)}
    if limits["name_distance"] > 1:
        # One letter is much of a short name, and one character of a Chinese, Japanese or Korean one.
        comparable = [name if len(name) > 2 and not _SYLLABLES.search(name) else "" for name in folded]
        pairs = {other: one for one, other in near_pairs(comparable)} | pairs
    for other, one in sorted(pairs.items()):
        message = f"{batch.cards[other].name!r:.60} is nearly the name of card {one}, {batch.cards[one].name!r:.60}"
        yield Fault(f"cards[{other}].name", message, "give it another name")
    for one, other in _same([_first_name(name) for name in folded]):
        if other not in pairs:
            message = f"{batch.cards[other].name!r:.60} has the first name of card {one}, {batch.cards[one].name!r:.60}"
            yield Fault(f"cards[{other}].name", message, "give it another first name")
    initials = Counter(_first_name(name)[:1] for name in folded if name)
    if len(folded) >= limits["initial_from"] and initials:
        initial, count = initials.most_common(1)[0]
        if count > limits["initial_share"] * len(folded):
            last = max(place for place, name in enumerate(folded) if _first_name(name)[:1] == initial)
            message = f"{count} of {len(folded)} names begin with {initial.upper()!r}"
            yield Fault(f"cards[{last}].name", message, "choose names with other initials", "W")


def _first_name(folded: str) -> str:
    """The first word that is no title and no article."""
    small = word_list("titles") | word_list("articles")
    found = folded.split()
    return next((word for word in found if word.rstrip(".") not in small), found[0] if found else "")


def _same(folded: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs (first of its kind, later one) of equal values, without empty ones."""
    first: dict[str, int] = {}
    for place, value in enumerate(folded):
        if value and first.setdefault(value, place) != place:
            yield first[value], place


def openings(batch: Batch) -> Iterator[Fault]:
    """S02: no two first messages begin alike, names aside."""
    limits = batch.limits["batch"]
    runs, firsts = [], []
    for card in batch.cards:
        text = _nameless(card.first_mes[:5_000], card)
        opening = " ".join(words(text)[: limits["opening_words"]])
        runs.append(shingles(opening, 5))
        start, end = next(iter(sentences(text)), (0, 0))
        first = words(text[start:end])
        firsts.append(" ".join(first) if len(first) > 3 else "")
    alike = {(one, other) for one, other in _alike(runs, limits["opening_most"])} | set(_same(firsts))
    for one, other in sorted(_first_of_each(alike)):
        message = f"begins like the first message of card {one}"
        yield Fault(f"cards[{other}].first_mes", message, "open with another moment, in other words")


def _nameless(text: str, card: Card) -> str:
    return re.sub(re.escape(card.name), "{{char}}", text, flags=re.IGNORECASE) if card.name.strip() else text


def _alike(members: Sequence[set[Any]], most: float) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) of sets whose Jaccard index is at least ``most``, found through what they share."""
    holders: defaultdict[Any, list[int]] = defaultdict(list)
    for place, own in enumerate(members):
        seen = Counter(other for member in own for other in holders[member])
        for other, _ in seen.most_common(_MOST_ALIKE):
            if jaccard(members[other], own) >= most:
                yield other, place
        for member in own:
            if len(holders[member]) < _MOST_ALIKE:
                holders[member].append(place)


def _first_of_each(pairs: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """One pair for each later card: that with the earliest other."""
    earliest: dict[int, int] = {}
    for one, other in sorted(pairs):
        earliest.setdefault(other, one)
    return [(one, other) for other, one in earliest.items()]


def traits(batch: Batch) -> Iterator[Fault]:
    """S03: no two cards with mostly the same traits, no archetype twice."""
    limits = batch.limits["batch"]
    sets = [_traits(card) for card in batch.cards]
    sets = [own if len(own) >= limits["traits_least"] else set() for own in sets]
    for one, other in sorted(_first_of_each(set(_alike(sets, limits["traits_most"])))):
        message = f"has mostly the traits of card {one}: {', '.join(sorted(sets[one] & sets[other])[:6])}"
        yield Fault(f"cards[{other}].personality", message, "give it traits of its own")
    archetypes = [_archetype(card) for card in batch.cards]
    for one, other in _same(archetypes):
        message = f"has the archetype of card {one}: {archetypes[other]!r:.60}"
        yield Fault(f"cards[{other}].personality", message, "choose another archetype")


def _traits(card: Card) -> set[str]:
    """The traits that a personality lists: pieces of one to three words between commas and the like."""
    pieces = re.split(r"[,;.\n、，。；/•|]+|\band\b|\bund\b|\bet\b", card.personality[:LONGEST].casefold())
    stripped = (re.sub(r"^[^:：]{1,30}[:：]", "", piece).strip(" -*_\"'“”()[]+") for piece in pieces)
    return {piece for piece in stripped if piece and len(piece.split()) <= 3 and len(piece) > 2}


def _archetype(card: Card) -> str:
    found = _LABEL.search(f"{card.personality}\n{card.description}"[:LONGEST])
    return " ".join(found[1].casefold().split()) if found else ""


def shared_lore(batch: Batch) -> Iterator[Fault]:
    """S05: lore that several cards share stands in one book, not as a copy in each."""
    least = batch.limits["batch"]["shared_words"]
    first: dict[tuple[str, ...], tuple[int, str]] = {}
    copies: Counter[tuple[str, ...]] = Counter()
    places: dict[tuple[str, ...], str] = {}
    for index, card in enumerate(batch.cards):
        for field, text in _lore(card):
            told = tuple(words(text))
            if len(told) < least:
                continue
            home, _ = first.setdefault(told, (index, field))
            if home != index:
                copies[told] += 1
                places.setdefault(told, f"cards[{index}].{field}")
    for told, place in places.items():
        home, field = first[told]
        message = f"the same lore stands in card {home} ({field})" + (
            f" and in {copies[told] - 1} more" if copies[told] > 1 else ""
        )
        yield Fault(place, message, "put it into one lorebook that the cards share")


def _is_shared(book: Book) -> bool:
    """Whether it is a copy of one book that cards of a batch have in common, and says so."""
    own = book.extensions.get(OWN)
    return isinstance(own, Mapping) and bool(own.get("shared"))


def _lore(card: Card) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(card.book.entries if card.book and not _is_shared(card.book) else ()):
        yield f"character_book.entries[{index}].content", entry.content[:LONGEST]
    for paragraph in paragraphs(card.description[:LONGEST]):
        yield "description", paragraph


def figures(batch: Batch) -> Iterator[Fault]:
    """S06: pass rate, repairs a card and cost of an accepted card, by profile: no check, but figures to read."""
    by_profile: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in batch.outcomes:
        by_profile[outcome.profile].append(outcome)
    for profile, outcomes in sorted(by_profile.items()):
        accepted = sum(outcome.accepted for outcome in outcomes)
        repairs = sum(outcome.repairs for outcome in outcomes) / len(outcomes)
        cost = sum(outcome.cost_usd for outcome in outcomes)
        price = f"${cost / accepted:.4f} an accepted card" if accepted else f"${cost:.4f}, and no card accepted"
        message = (
            f"profile {profile}: {accepted} of {len(outcomes)} cards accepted, {repairs:.2f} repairs a card, {price}"
        )
        yield Fault("cards", message, "compare it with other versions of the profile")
