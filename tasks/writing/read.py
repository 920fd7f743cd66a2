"""Reading the source: all of it where it fits, else facts and passages; nothing is left out without being told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cards.text import estimate_tokens, main_character
from tasks.work import Work
from tasks.writing import card as cards
from tasks.writing import facts, roster
from tasks.writing.brief import Brief
from tasks.writing.source import Span, left_out, passages_about, quoted

CONTEXT = 16_000  # tokens that a model can read when neither its server nor the options say
PROMPT = 2_000  # tokens of a prompt beside the source: rules, plan, what is written so far
LEAST = 500


def read(work: Work) -> tuple[Brief, dict[str, Any]]:
    """Return what the card is written from, and the report on it: parts, facts with their places, what is left out."""
    source = work.source
    existing = cards.existing_card(work)
    known: list[dict[str, Any]] = []
    if is_gathering(work, source):
        known = facts.gather(work, source)
    shown = facts.listed(known[: int(work.option("most_facts"))])
    place = roster.find_place(work, roster_source(work, source), shown)
    name = cards.name_for(work, (place.name if place else "") or (existing.name if existing else ""))
    if (asked := work.option("name")) and name != asked:
        work.log("warning", f"The name {asked!r} cannot stand in files and macros: the character is called {name!r}.")
    chosen = facts.choose(known, name or main_character(source), int(work.option("most_facts")))
    room = room_for(work, chosen)
    spans = [Span(0, len(source))]
    if estimate_tokens(source) > room:
        spans = passages_about(source, [name or main_character(source)], room)
    brief = Brief(
        source="\n\n".join(part for part in (_fact_list(chosen), quoted(source, spans)) if part),
        given=source,
        name=name,
        role=place.role if place else "",
        others=place.others if place else (),
        card=cards.fields_of(existing) if existing else None,
        kept=frozenset(work.option("keep") or ()) if existing else frozenset(),
        facts=tuple(chosen),
    )
    return brief, _report(work, source, spans, known, chosen)


def is_gathering(work: Work, source: str) -> bool:
    """Say whether facts are gathered first. A writer that is no language model reads the whole source by itself."""
    wanted = work.option("facts")
    if work.provider.whole or wanted == "never":
        return False
    return wanted == "always" or estimate_tokens(source) > int(work.option("chunk_tokens"))


def roster_source(work: Work, source: str) -> str:
    """Return the part of the source that the roster is planned from: its beginning, where it is long."""
    room = room_for(work, ())
    spans = [Span(0, len(source))] if estimate_tokens(source) <= room else passages_about(source, [], room)
    return quoted(source, spans)


def room_for(work: Work, chosen: Sequence[Mapping[str, Any]]) -> int:
    """Return how many tokens of source go into a prompt beside the facts, the answer and the rules."""
    if work.provider.whole:
        return 10**9
    context = int(work.option("context_tokens") or work.context_tokens or CONTEXT)
    room = context - int(work.option("max_tokens")) - PROMPT - estimate_tokens(facts.listed(chosen))
    return max(LEAST, min(room, int(work.option("chunk_tokens"))))


def _fact_list(chosen: Sequence[Mapping[str, Any]]) -> str:
    return f"What the source says in all:\n{facts.listed(chosen)}\n\nPassages of the source:" if chosen else ""


def _report(
    work: Work,
    source: str,
    spans: Sequence[Span],
    known: Sequence[Mapping[str, Any]],
    chosen: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what was read, and log what was left out of the prompts."""
    out = left_out(source, spans)
    unread = 0 if known else sum(span.end - span.start for span in out)
    if unread:
        work.log(
            "warning",
            f"{unread} of {len(source)} characters of the source did not fit and were not read: set facts to always,"
            " or context_tokens to what the model can read.",
            left_out=[list(span) for span in out[:50]],
        )
    return {
        "characters": len(source),
        "facts": [dict(fact) for fact in chosen],
        "facts_left_out": len(known) - len(chosen),
        "passages": [list(span) for span in spans],
        "unread_characters": unread,
    }
