"""What a card says that its source does not: names and figures, found in code, for cards that have to stay with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from cards.card import Card
from cards.lint import Finding
from cards.rules import Severity
from cards.text import proper_nouns
from tasks.lore.grounding import Given

RULE = "C11"
LEAST_WORDS = 120  # of source: with less, a writer has to add names and figures of its own
FIGURE = re.compile(r"(?<![\w.,])\d{2,}(?:[.,]\d+)*")
WORD = re.compile(r"[^\W\d_]+")
FACTUAL = ("description", "personality", "scenario")  # what tells facts: there a made-up figure is an error


def ungrounded(card: Card, source: str, off: Collection[str]) -> list[Finding]:
    """Return a finding for each field with names or figures that the source does not have (rule C11).

    A figure in a field that tells facts is an error, all else a warning.
    """
    if RULE in off or len(WORD.findall(source)) < LEAST_WORDS:
        return []
    folded = f"{source}\n{card.name}".casefold()
    words = {word.casefold() for word in WORD.findall(folded)}
    told = Given((source,))
    found: list[Finding] = []
    for field, text in _texts(card):
        figures = [match for match in FIGURE.finditer(text) if not told.has_figure(match.group())]
        if figures:
            said = ", ".join(match.group() for match in figures[:5])
            fix = "use the figures of the source, or none"
            severity: Severity = "E" if field in FACTUAL else "W"
            found.append(Finding(RULE, severity, field, f"not in the source: {said}", fix, figures[0].span()))
        names = strange_names(text, words)
        if names:
            fix = "use the names of the source, or none"
            found.append(Finding(RULE, "W", field, f"not in the source: {', '.join(names[:5])}", fix))
    return found


def strange_names(text: str, known: Collection[str]) -> list[str]:
    """Return the proper nouns of a text none of whose words is among the ``known`` (folded).

    Only those that also stand inside a sentence: at its beginning, and in speech cut short, any word has a capital.
    """
    nouns = [noun.name for noun in proper_nouns(text)]
    strange = [name for name in nouns if not any(word.casefold() in known for word in WORD.findall(name))]
    return [name for name in strange if re.search(rf"[\w,;] (?:\w+[ '’]s? )?{re.escape(name)}\b", text)]


def _texts(card: Card) -> Iterator[tuple[str, str]]:
    for field in (*FACTUAL, "first_mes", "mes_example"):
        yield field, getattr(card, field)
    yield from ((f"alternate_greetings[{place}]", text) for place, text in enumerate(card.alternate_greetings))
