"""Mechanical checks of cards, lorebooks and batches: the table of rules, run over them, gives findings and a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from cards.card import Book, Card
from cards.rules import (
    Check,
    Fault,
    Limits,
    Severity,
    Subject,
    agency,
    batch,
    book,
    book_budget,
    book_mix,
    content,
    entry,
    example,
    fidelity,
    keys,
    limits,
    macros,
    messages,
    overlap,
    relations,
    style,
    variety,
    view,
    whole,
)

Group = Literal["structure", "prose", "agency", "lore", "fidelity"]
GROUPS: tuple[Group, ...] = ("structure", "prose", "agency", "lore", "fidelity")

_COSTS: dict[Severity, int] = {"E": 15, "W": 4, "I": 0}  # points off a hundred
_MOST_PER_FIELD = 5  # findings of one rule on one field: more say nothing new


@dataclass(frozen=True)
class Finding:
    """One thing wrong: ``field`` is a path as "alternate_greetings[0]", ``fix`` also the order for a repair.

    Severity E: not to be delivered so; W: lowers the score; I: good to know. ``span`` is [start, end) in characters
    of the field, None where the fault is in no one place of it.
    """

    rule: str
    severity: Severity
    field: str
    message: str
    fix: str
    span: tuple[int, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON; the span as a list."""
        return asdict(self) | {"span": list(self.span) if self.span else None}


@dataclass(frozen=True)
class Rule:
    """One rule: its severity unless the fault says otherwise, where it counts in the score, what it asks for.

    ``check`` looks at one card or book, ``across`` at a whole batch: a rule has one of the two.
    """

    severity: Severity
    group: Group
    title: str
    check: Check | None = None
    across: batch.BatchCheck | None = None


RULES: dict[str, Rule] = {
    "C01": Rule("E", "structure", "The card has a name: one line, not too long, no macro", whole.name),
    "C02": Rule("E", "structure", "Required fields are not empty", whole.required),
    "C03": Rule("W", "structure", "What is sent with every message is neither too long nor too short", whole.sizes),
    "C04": Rule("W", "structure", "The description carries the card", whole.shares),
    "C05": Rule("E", "prose", "No refusals, talk about the writing, fences or placeholders", style.leaks),
    "C06": Rule("E", "structure", "Macros are closed, known and in their place", macros.macros),
    "C07": Rule("W", "prose", "Texts are finished; quotes and stars come in pairs", style.endings),
    "C08": Rule("E", "structure", "No field holds the text, label or marker of another", overlap.contamination),
    "C09": Rule("W", "prose", "No repeated paragraphs and sentence openings", style.repetition),
    "C10": Rule("W", "fidelity", "Name, age, figures and names of the source are kept", fidelity.kept),
    "C11": Rule("W", "fidelity", "Few names are made up", fidelity.invented),
    "C12": Rule("W", "prose", "The card is in one language, the one asked for", style.tongue),
    "C13": Rule("W", "structure", "Enough tags: short, in lower case, different", whole.tags),
    "C14": Rule("I", "structure", "There are notes for the one who imports the card, and a version", whole.notes),
    "C15": Rule("W", "fidelity", "No names from the examples of prompts", fidelity.samples),
    "C16": Rule("W", "prose", "Few worn phrases and names", style.cliches),
    "C17": Rule("W", "structure", "The description tells no events, the scenario is the start only", overlap.events),
    "G01": Rule("W", "structure", "Greetings have the wanted length, in paragraphs", messages.length),
    "G02": Rule("W", "prose", "Each greeting has speech and action", messages.beats),
    "G03": Rule("W", "agency", "Each greeting acknowledges {{user}}", messages.addresses_user),
    "G04": Rule("E", "agency", "No greeting decides what {{user}} says, feels, does or agrees to", agency.agency),
    "G05": Rule("W", "prose", "Each greeting ends with something to answer", messages.hook),
    "G06": Rule("W", "prose", "No greeting opens like any other", messages.opener),
    "G07": Rule("W", "prose", "One point of view and one tense", view.consistent),
    "G08": Rule("W", "prose", "Greetings are few and differ from each other", variety.alternates),
    "G09": Rule("I", "structure", "No greeting depends on another", messages.independence),
    "X01": Rule("E", "structure", "Example dialogues open with <START>", example.start_marker),
    "X02": Rule("E", "structure", "{{char}} speaks in each example dialogue, under the macro", example.speakers),
    "X03": Rule("W", "structure", "There are some example dialogues, each complete in itself", example.blocks),
    "X04": Rule("W", "prose", "Example dialogues are long enough and show the personality", example.shows_character),
    "X05": Rule("W", "prose", "Example dialogues copy nothing, and {{char}} says most", example.own_words),
    "L01": Rule("E", "lore", "An entry has content and can fire", entry.usable),
    "L02": Rule("W", "lore", "An entry has some keys, not very many", entry.key_count),
    "L03": Rule("E", "lore", "Keys are clean; patterns compile and are quick", keys.form),
    "L04": Rule("W", "lore", "Keys are not so common that they always fire", keys.telling),
    "L05": Rule("E", "lore", "No key is the character's own name", entry.own_name),
    "L06": Rule("W", "lore", "What people would call the thing is a key", keys.names),
    "L07": Rule("W", "lore", "Entries are neither empty talk nor over the budget", entry.tokens),
    "L08": Rule("W", "lore", "An entry names its subject in the first sentence", content.standalone),
    "L09": Rule("W", "lore", "An entry states facts: no dialogue, no orders", content.plain),
    "L10": Rule("W", "lore", "An entry does not repeat the card", content.repeats_card),
    "L11": Rule("E", "lore", "Settings of an entry are in range", entry.ranges),
    "B01": Rule("W", "lore", "A key stands for one entry", book.collisions),
    "B02": Rule("W", "lore", "No key hides in another entry's key", book.shadowing),
    "B03": Rule("W", "lore", "No two entries say the same", book.duplicates),
    "B04": Rule("W", "lore", "Few entries are always on, one of them the premise", book_budget.constants),
    "B05": Rule("E", "lore", "What is always on fits the budget", book_budget.constant_cost),
    "B06": Rule("W", "lore", "Entries do not fire each other without end", book.recursion),
    "B07": Rule("W", "lore", "Every entry can fire, and none nearly always", book.reach),
    "B08": Rule("W", "lore", "What is named often has an entry", book_mix.coverage),
    "B09": Rule("W", "lore", "Order follows what entries are about", book_mix.tiers),
    "B10": Rule("I", "lore", "How much fits where tokens are few", book_budget.portability),
    "B11": Rule("W", "lore", "Entries have categories, kept apart", book_mix.mix),
    "B12": Rule("W", "lore", "No entry makes up facts about {{user}}", book_mix.user_facts),
    "S01": Rule("E", "structure", "Names in a batch differ", across=batch.names),
    "S02": Rule("W", "prose", "First messages in a batch begin differently", across=batch.openings),
    "S03": Rule("W", "prose", "Characters in a batch have traits of their own", across=batch.traits),
    "S04": Rule("E", "fidelity", "Cards in a batch agree on relationships and ages", across=relations.agree),
    "S05": Rule("W", "lore", "Shared lore stands in one book", across=batch.shared_lore),
    "S06": Rule("I", "structure", "How a profile fares: pass rate, repairs, cost", across=batch.figures),
}


def merge_limits(overrides: Mapping[str, Any] | None = None) -> Limits:
    """The thresholds of ``cards/data/lint.json`` with a profile's on top; see `cards.rules.limits.merged`."""
    return _standard() if not overrides else limits.merged(overrides, RULES)


@cache
def _standard() -> Limits:
    return limits.merged(None, RULES)


def lint_card(
    card: Card,
    *,
    source: str = "",
    language: str = "",
    name: str = "",
    overrides: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """All findings on the card and its book, in the order of the rules.

    ``source`` is what it was made from, ``language`` (ISO 639-1) and ``name`` what was asked for: rules that need
    them say nothing without. CardError for overrides that cannot be.
    """
    merged = merge_limits(overrides)
    subject = Subject(card=card, book=card.book, limits=merged, source=source, language=language, name=name)
    return [finding for rule, check in _checks() for finding in _findings(rule, check(subject), merged)]


def lint_book(book: Book, *, overrides: Mapping[str, Any] | None = None) -> list[Finding]:
    """All findings on a lorebook of its own: the rules L and B. CardError for overrides that cannot be."""
    merged = merge_limits(overrides)
    subject = Subject(card=None, book=book, limits=merged)
    found = (_findings(rule, check(subject), merged) for rule, check in _checks() if rule[0] in "LB")
    return [finding for each in found for finding in each]


def lint_batch(
    cards: Sequence[Card],
    *,
    outcomes: Sequence[batch.Outcome] = (),
    overrides: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """The findings on cards against each other (S), with fields as "cards[3].name"; ``outcomes`` for the figures."""
    merged = merge_limits(overrides)
    subject = batch.Batch(cards=cards, limits=merged, outcomes=outcomes)
    across = ((rule, each.across) for rule, each in RULES.items() if each.across)
    return [finding for rule, check in across for finding in _findings(rule, check(subject), merged)]


def score(findings: Iterable[Finding]) -> dict[str, int]:
    """100 less 15 for each error and 4 for each warning, at least 0: ``overall`` and for each group of rules."""
    lost: Counter[str] = Counter()
    for finding in findings:
        cost = _COSTS[finding.severity]
        lost["overall"] += cost
        lost[RULES[finding.rule].group] += cost
    return {name: max(0, 100 - lost[name]) for name in ("overall", *GROUPS)}


def _checks() -> Iterator[tuple[str, Check]]:
    return ((rule, each.check) for rule, each in RULES.items() if each.check)


def _findings(rule: str, faults: Iterator[Fault], merged: Limits) -> Iterator[Finding]:
    """The faults of a rule as findings: with the profile's severity, none of a rule that is off."""
    if rule in merged["rules"]["off"]:
        return
    counted: Counter[str] = Counter()
    given = merged["rules"]["severity"].get(rule)
    for fault in faults:
        counted[fault.field] += 1
        if counted[fault.field] <= _MOST_PER_FIELD:
            severity = given or fault.severity or RULES[rule].severity
            yield Finding(rule, severity, fault.field, fault.message, fault.fix, fault.span)
