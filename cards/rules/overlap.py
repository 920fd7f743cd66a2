"""Rules against text in the wrong place: of one field in another, of a message in the description (C)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from cards.rules import Fault, Severity, Subject, texts
from cards.rules.wording import LONGEST, WORD, lists, shared, shingles
from cards.text import estimate_tokens

_FIELDS = ("description", "personality", "scenario", "first_mes")
_START = re.compile(r"<START>", re.IGNORECASE)
_MARKS = "*_#=[] \t\"'“”【】"
_LABELLED = re.compile(r"^[^\n:：]{3,60}(?=[:：])", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]+\**[^\n:：]{2,50}[:：–—]", re.MULTILINE)


def contamination(subject: Subject) -> Iterator[Fault]:
    """C08: no field holds the text, the label or the marker of another one."""
    card, limits = subject.card, subject.limits["overlap"]
    if card is None:
        return
    runs = {field: shingles(getattr(card, field), limits["shingle_words"]) for field in (*_FIELDS, "mes_example")}
    for one, other in combinations(runs, 2):
        if (one, other) == ("first_mes", "mes_example"):
            continue  # X05 says that
        enough = min(len(runs[one]), len(runs[other])) >= limits["shingles_least"]
        part = shared(runs[one], runs[other])
        if enough and part > limits["fields_most"]:
            field = min((other, one), key=lambda each: len(runs[each]))
            source = other if field == one else one
            message = f"{part:.0%} of it stands in the {source} too"
            fix = f"write what belongs in the {field}, and nothing that the {source} says"
            # An example may well let the character say what the card says of it.
            yield Fault(field, message, fix, "W" if "mes_example" in (one, other) else None)
    yield from _markers(subject)
    yield from _labels(subject)


def _markers(subject: Subject) -> Iterator[Fault]:
    for field, text in texts(subject):
        if field != "mes_example" and (match := _START.search(text)):
            message = "<START> belongs in the example dialogues only"
            yield Fault(field, message, "move the dialogue to mes_example", span=match.span())


def _labels(subject: Subject) -> Iterator[Fault]:
    """Lines that open with the name of another field, lists of lore, lists of keys."""
    card = subject.card
    tables = (lists(code).get("labels", {}) for code in ("en", subject.written_in))
    by_label = {label: field for table in tables for field, names in table.items() for label in names}
    for field in _FIELDS if card else ():
        text = getattr(card, field)[:LONGEST]
        for match in _LABELLED.finditer(text):
            label = match.group().strip(_MARKS)
            other = by_label.get(label.casefold(), field)
            # In a description labels of its parts are a common style: a fault only where the field itself is there.
            soft = field == "description" and other in ("personality", "scenario")
            if other == field or (soft and not getattr(card, other).strip()):
                continue
            severity: Severity | None = "W" if soft else None
            place = "the lorebook" if other == "book" else other
            message = f"has a part {label!r:.40}, which belongs in {place}"
            start = text.index(label, match.start())
            yield Fault(field, message, f"move that part to {place}", severity, (start, start + len(label)))
            break
        numbered = list(_NUMBERED.finditer(text)) if field in ("scenario", "first_mes") else []
        if len(numbered) > 2:
            yield Fault(field, "holds a numbered list of lore", "move it to the lorebook", span=numbered[0].span())


def events(subject: Subject) -> Iterator[Fault]:
    """C17: the description tells nothing of the first message; the scenario is the start of the situation only."""
    card = subject.card
    if card is None:
        return
    size = subject.limits["overlap"]["event_words"]
    told = shingles(card.first_mes, size)
    text = card.description[:LONGEST]
    if told and (common := told & shingles(text, size)):
        span = _first_run(text, size, common)
        message = "tells what happens in the first message"
        yield Fault("description", message, "keep to what is true before the first message", span=span)
    most = subject.limits["card"]["scenario_max_tokens"]
    if (tokens := estimate_tokens(card.scenario)) > most and subject.limits["length"]["preset"] != "verbose":
        fix = f"keep the situation at the start, in at most {most} tokens; move the rest to the description or lorebook"
        yield Fault("scenario", f"the scenario is about {tokens} tokens", fix)


def _first_run(text: str, size: int, common: set[int]) -> tuple[int, int] | None:
    """Where the first of the common runs stands."""
    found = list(WORD.finditer(text))
    for width in (size, 2 * size):
        for place in range(len(found) - width + 1):
            if hash(tuple(match.group().casefold() for match in found[place : place + width])) in common:
                return found[place].start(), found[place + width - 1].end()
    return None
