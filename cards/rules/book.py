"""Rules for a lorebook as a whole: what its entries do to each other (B01 to B03, B06, B07)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cards.card import Book, Entry
from cards.graph import Analysis, analyse
from cards.keys import clean, fold
from cards.rules import Fault, Severity, Subject, entries, texts
from cards.rules.entry import title_of
from cards.rules.wording import listed
from cards.simulate import Settings
from cards.simulate.settings import expand
from cards.text_blocks import stop_words

_ANALYSIS = "_book_analysis"  # where a subject keeps what all these rules look at
_DO_NOT_NAME = 5  # entries that a message lists at most


def figures(subject: Subject) -> Mapping[str, Any]:
    """The thresholds of these rules."""
    section: Mapping[str, Any] = subject.limits["book"]
    return section


def settings_of(subject: Subject) -> Settings:
    """The front end that the book is judged for."""
    return Settings(match_whole_words=figures(subject)["match_whole_words"])


def analysis_of(subject: Subject) -> Analysis:
    """The graph of the subject's book, made once for all rules."""
    kept = vars(subject)
    if _ANALYSIS not in kept:
        name = subject.card.name if subject.card else subject.name
        settings = settings_of(subject)
        told = [text for field, text in texts(subject) if not field.startswith(("character_book", "entries"))]
        parts = [part for text in told for part in text.split("<START>") if part.strip()]
        sample = [expand(text, name, settings.user) for text in (*parts, subject.source) if text.strip()] or [" "]
        degree = figures(subject)["hub_degree"]
        kept[_ANALYSIS] = analyse(subject.book or Book(), texts=sample, settings=settings, char=name, hub_degree=degree)
    analysis: Analysis = kept[_ANALYSIS]
    return analysis


def root(subject: Subject) -> str:
    """The path of the book, with a point behind it; "" for a bare one."""
    return "character_book." if subject.card else ""


def collisions(subject: Subject) -> Iterator[Fault]:
    """B01: a key stands for one entry, or the entries share an inclusion group, or the author says that it is meant."""
    named = list(entries(subject))
    for found in analysis_of(subject).collisions:
        place, entry = named[found.entries[-1]]
        index = _key_index(entry, found.key)
        others = _titles(subject, found.entries[:-1])
        message = f"the key {found.key!r:.60} of {title_of(entry)} is one of {others} too"
        fix = "give each a key of its own, put them into one inclusion group, or list the key in allow_overlap"
        severity: Severity | None = "I" if found.told_apart else None
        yield Fault(f"{place}.keys[{index}]", message, fix, severity)


def _key_index(entry: Entry, key: str) -> int:
    forms = [" ".join(fold(clean(each)).split()) for each in entry.keys]
    return forms.index(key) if key in forms else 0


def _titles(subject: Subject, indexes: tuple[int, ...]) -> str:
    named = [title_of(entry) for _, entry in entries(subject)]
    shown = ", ".join(named[index] for index in indexes[:_DO_NOT_NAME])
    return f"{shown} and {len(indexes) - _DO_NOT_NAME} more" if len(indexes) > _DO_NOT_NAME else shown


def shadowing(subject: Subject) -> Iterator[Fault]:
    """B02: no key fires within a key of another entry, or within common words."""
    named = list(entries(subject))
    seen: set[tuple[int, str]] = set()
    for found in analysis_of(subject).shadows:
        if (found.entry, found.key) in seen:
            continue
        seen.add((found.entry, found.key))
        place, entry = named[found.entry]
        message = f"{found.key!r:.60} fires wherever {found.within!r:.60} of {title_of(named[found.other][1])} stands"
        fix = "match whole words in this entry, or write a longer key"
        yield Fault(f"{place}.keys[{entry.keys.index(found.key)}]", message, fix)
    yield from _in_common_words(subject, seen)


def _in_common_words(subject: Subject, seen: set[tuple[int, str]]) -> Iterator[Fault]:
    language, default = subject.written_in, bool(figures(subject)["match_whole_words"])
    common = sorted(listed(language, "common") | stop_words().get(language, frozenset()))
    joined = "\n".join(common)
    for number, (place, entry) in enumerate(entries(subject)):
        whole = entry.extensions.get("match_whole_words")
        if (default if whole is None else whole) or entry.constant or not entry.enabled or entry.use_regex:
            continue
        for index, key in enumerate(entry.keys):
            folded = fold(key.strip())
            if (number, key) in seen or len(folded) < 2 or folded not in joined:
                continue
            word = next((each for each in common if folded in each and each != folded), "")
            if word:
                message = f"{key!r:.60} fires within {word!r}"
                yield Fault(f"{place}.keys[{index}]", message, "match whole words in this entry, or write a longer key")


def duplicates(subject: Subject) -> Iterator[Fault]:
    """B03: no two entries that say nearly the same."""
    named = list(entries(subject))
    for group in analysis_of(subject).twins:
        place = named[group.entries[-1]][0]
        message = f"{_titles(subject, group.entries)} are nearly the same: {group.links[0][2]}"
        yield Fault(place, message, "make one entry of them, or say in each only what is its own")


def recursion(subject: Subject) -> Iterator[Fault]:
    """B06: entries that fire others stay within the budget; cycles and hubs are told."""
    analysis = analysis_of(subject)
    if subject.book is None or not analysis.recursive:
        return
    named = list(entries(subject))
    budget = settings_of(subject).budget_for(subject.book)
    worst = analysis.worst
    if worst and worst.entries > 1 and worst.tokens > budget:
        message = f"{title_of(named[worst.seed][1])} can bring {worst.entries} entries of about {worst.tokens} tokens"
        fix = f"set prevent_recursion on it or on what it fires: the budget is {budget} tokens"
        yield Fault(f"{named[worst.seed][0]}.extensions.prevent_recursion", message, fix)
    for index, degree in analysis.hubs:
        message = f"{title_of(named[index][1])} fires {degree} other entries"
        fix = "set prevent_recursion on it, or exclude_recursion on those that state plain facts"
        yield Fault(f"{named[index][0]}.extensions.prevent_recursion", message, fix, "I")
    for cycle in analysis.cycles:
        path = _titles(subject, (*cycle.path, cycle.path[0]))
        message = f"{len(cycle.entries)} entries always come together: {path}"
        fix = "set prevent_recursion on one of them unless that is meant"
        yield Fault(f"{named[cycle.path[0]][0]}.extensions.prevent_recursion", message, fix, "I")


def reach(subject: Subject) -> Iterator[Fault]:
    """B07: something makes each entry fire, and not nearly everything."""
    analysis, limits = analysis_of(subject), figures(subject)
    named = list(entries(subject))
    for index in analysis.dead:
        place, entry = named[index]
        if any(key.strip() for key in entry.keys):
            message = f"nothing makes {title_of(entry)} fire: no text of the card, no other entry, not its own title"
            yield Fault(f"{place}.keys", message, "add the words that people would use for it")
    if _samples(subject) < limits["sample_least"]:
        return
    for index, share in analysis.shares:
        place, entry = named[index]
        if share > limits["sample_share"] and not (entry.selective and any(entry.secondary_keys)):
            message = f"{title_of(entry)} fires on {share:.0%} of the card's texts"
            yield Fault(f"{place}.keys", message, "make it constant, or write more telling keys")


def _samples(subject: Subject) -> int:
    """How many texts the analysis looked at."""
    told = [text for field, text in texts(subject) if not field.startswith(("character_book", "entries"))]
    return sum(bool(part.strip()) for text in told for part in text.split("<START>"))
