"""Rules for what a lorebook costs: its constants, and what front ends have room for (B04, B05, B10)."""

from __future__ import annotations

from collections.abc import Iterator

from cards.card import Entry
from cards.rules import Fault, Severity, Subject, entries
from cards.rules.book import analysis_of, figures, root, settings_of
from cards.text import estimate_tokens


def constants(subject: Subject) -> Iterator[Fault]:
    """B04: few entries are always on, they leave room for the others, and one of them says what the world is."""
    if subject.book is None:
        return
    limits, place = figures(subject), f"{root(subject)}entries"
    enabled = [entry for _, entry in entries(subject) if entry.enabled]
    always = [entry for entry in enabled if entry.constant]
    most = max(limits["constants_most"], int(limits["constants_share"] * len(enabled)))
    if len(always) > most:
        message = f"{len(always)} of {len(enabled)} entries are constant"
        yield Fault(place, message, f"keep at most {most} constant; give the others keys")
    budget, tokens = settings_of(subject).budget_for(subject.book), analysis_of(subject).constant_tokens
    if limits["constants_of_budget"] * budget < tokens <= budget:
        message = f"the constants take about {tokens} of {budget} tokens"
        part = round(limits["constants_of_budget"] * 100)
        yield Fault(place, message, f"shorten them to {part} % of the budget, or give some of them keys")
    if subject.card is None and len(enabled) >= limits["world_from"]:
        yield from _premise(place, enabled, limits["tiers"][0].split())


def _premise(place: str, enabled: list[Entry], names: list[str]) -> Iterator[Fault]:
    """A book of its own has one constant that says what the world is."""
    sorted_out = any(entry.category for entry in enabled)
    premises = [entry for entry in enabled if entry.constant and (entry.category in names or not sorted_out)]
    if not premises:
        severity: Severity | None = None if sorted_out else "I"
        fix = f"add a constant entry that does{f', of the category {names[0]}' if sorted_out else ''}"
        yield Fault(place, "no constant says what the world is", fix, severity)
    elif sorted_out and len(premises) > 1:
        message = f"{len(premises)} constants say what the world is"
        yield Fault(place, message, "make one entry of them")


def constant_cost(subject: Subject) -> Iterator[Fault]:
    """B05: the constants fit the budget. A book without one is held to that of the front end, as a warning."""
    if subject.book is None:
        return
    budget, tokens = settings_of(subject).budget_for(subject.book), analysis_of(subject).constant_tokens
    if tokens > budget:
        own = subject.book.token_budget is not None
        message = f"the constants take about {tokens} tokens, the budget is {budget}"
        fix = "shorten them or give some of them keys" + ("; or raise token_budget" if own else "")
        field = f"{root(subject)}{'token_budget' if own else 'entries'}"
        yield Fault(field, message, fix, None if own else "W")


def portability(subject: Subject) -> Iterator[Fault]:
    """B10: in how many front ends not all entries fit at once, and how many do."""
    limits = figures(subject)
    enabled = [entry for _, entry in entries(subject) if entry.enabled]
    enabled.sort(key=lambda entry: (not entry.constant, -entry.insertion_order))
    sizes = [estimate_tokens(entry.content) for entry in enabled]
    short = []
    for name, room in limits["targets"].items():
        used = fitting = 0
        for size in sizes:
            if used + size > room:
                break
            used, fitting = used + size, fitting + 1
        if fitting < len(sizes):
            short.append(f"{fitting} in {name} ({room} tokens)")
    if short:
        message = f"of {len(sizes)} entries with about {sum(sizes)} tokens fit at once: {'; '.join(short)}"
        yield Fault(f"{root(subject)}entries", message, "keep entries short, and the important ones first", "I")
