"""Rules for what a lorebook is about: gaps, order, categories, the user (B08, B09, B11, B12)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from cards.card import Entry
from cards.entry import OWN
from cards.rules import Fault, Subject, entries, texts
from cards.rules.book import figures, root
from cards.rules.entry import title_of
from cards.rules.wording import sentences, words
from cards.text import language, proper_nouns
from cards.text_blocks import stop_words

_READ = 200_000  # characters of source and card that names are looked for in
_USER_FIRST = re.compile(r"^\W*\{\{user\}\}|\{\{user\}\}['’]s\b", re.IGNORECASE)
_USER = re.compile(r"\{\{user\}\}", re.IGNORECASE)


def coverage(subject: Subject) -> Iterator[Fault]:
    """B08: what source and card name often has an entry, unless ``extensions.cardforge.no_entry`` lists it."""
    if subject.book is None or not subject.book.entries:
        return
    limits = figures(subject)
    told = "\n\n".join([subject.source, *(text for field, text in texts(subject) if not field.endswith(".content"))])
    main = {subject.name, *((subject.card.name, subject.card.nickname) if subject.card else ()), "char", "user"}
    known = _folded_words(" ".join(main))
    for _, entry in entries(subject):
        known |= _folded_words(" ".join((entry.name, entry.comment, *entry.keys)))
    own = subject.book.extensions.get(OWN)
    accepted = own.get("no_entry", ()) if isinstance(own, Mapping) else ()
    known |= _folded_words(" ".join(map(str, accepted)))
    german = language(told[:_READ]) == "de"
    gaps = [
        noun
        for noun in proper_nouns(told[:_READ])
        if noun.count >= limits["mentions"]
        and not re.search(r"[.!?]\s", noun.name)  # two sentences, taken for one name
        and (noun.kind in ("person", "place") or not german)  # German writes every noun like a name
        and not any(_folded_words(name) & known for name in (noun.name, *noun.aliases))
    ]
    for noun in gaps[: limits["gaps_most"]]:
        message = f"{noun.name!r:.60} is named {noun.count} times and has no entry"
        yield Fault(
            f"{root(subject)}entries", message, f"add an entry with the key {noun.name}, or list it in no_entry"
        )


def _folded_words(text: str) -> set[str]:
    return {word for word in words(text) if len(word) > 1 or not word.isascii()} - stop_words()["en"]


def tiers(subject: Subject) -> Iterator[Fault]:
    """B09: the insertion order goes from the world to the single thing, with room between the tiers."""
    limits = figures(subject)
    rank = {name: number for number, names in enumerate(limits["tiers"]) for name in names.split()}
    spans: dict[int, list[tuple[float, str, Entry]]] = {}
    for place, entry in entries(subject):
        if entry.enabled and (tier := rank.get(entry.category.strip().casefold())) is not None:
            spans.setdefault(tier, []).append((entry.insertion_order, place, entry))
    present = sorted(spans)
    for upper, lower in pairwise(present):
        last = max(spans[upper], key=lambda row: row[0])
        first, place, entry = min(spans[lower], key=lambda row: row[0])
        if first <= last[0]:
            message = f"{title_of(entry)} ({entry.category}, {first:g}) stands before {title_of(last[2])}"
            message += f" ({last[2].category}, {last[0]:g})"
            fix = f"give it an insertion order over {last[0]:g}"
            yield Fault(f"{place}.insertion_order", message, fix)
        elif first - last[0] < limits["tier_gap"]:
            message = f"only {first - last[0]:g} lie between {last[2].category} and {entry.category}"
            fix = f"leave {limits['tier_gap']} between the tiers"
            yield Fault(f"{place}.insertion_order", message, fix, "I")


def mix(subject: Subject) -> Iterator[Fault]:
    """B11: categories are given to all entries or to none, and what concerns the user stands by itself."""
    limits = figures(subject)
    rows = [(place, entry) for place, entry in entries(subject) if entry.enabled]
    if not any(entry.category for _, entry in rows):
        if len(rows) >= limits["category_from"]:
            message = f"none of {len(rows)} entries has a category"
            fix = "say of each whether it is about the world, a person, a scene or the player"
            yield Fault(f"{root(subject)}entries", message, fix, "I")
        return
    known = {name for names in limits["tiers"] for name in names.split()}
    for place, entry in rows:
        category = entry.category.strip().casefold()
        if not category:
            yield Fault(f"{place}.category", f"{title_of(entry)} has no category, others have", "give it one")
        elif category not in known:
            yield Fault(
                f"{place}.category", f"{entry.category!r:.40} is a category that is not known", "use another", "I"
            )
        elif category not in limits["about_user"] and (found := _USER.search(entry.content)):
            message = f"{title_of(entry)} is of the category {category} and speaks of {{{{user}}}}"
            fix = "move that part to an entry of the category player or relation"
            yield Fault(f"{place}.content", message, fix, span=found.span())


def user_facts(subject: Subject) -> Iterator[Fault]:
    """B12: entries state nothing about the user that the source does not give. Without a source nothing is said."""
    if not subject.source.strip():
        return
    share, small = (
        figures(subject)["user_fact_share"],
        stop_words().get(subject.written_in, frozenset()) | {"user", "char"},
    )
    given = set(words(subject.source))
    for place, entry in entries(subject):
        if "{{user}}" not in entry.content.lower():
            continue
        for start, end in sentences(entry.content):
            sentence = entry.content[start:end]
            said = {word.removesuffix("'s") for word in words(sentence)} - small
            if _USER_FIRST.search(sentence) and said and len(said & given) < share * len(said):
                message = f"{title_of(entry)} states something about {{{{user}}}} that the source does not give"
                yield Fault(f"{place}.content", message, "leave it out", span=(start, end))
