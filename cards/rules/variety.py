"""The rule that greetings differ (G08)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from cards.rules import Fault, Subject, greetings
from cards.rules.wording import jaccard, sentences, shingles, words


def alternates(subject: Subject) -> Iterator[Fault]:
    """G08: a few alternates; no two greetings alike, none with the first sentence of another."""
    card, limits = subject.card, subject.limits["greeting"]
    if card is None:
        return
    least, most = limits["alternates"]
    count = len(card.alternate_greetings)
    if count < least and card.first_mes.strip():
        fix = f"give {least} to {most} other situations to start from"
        yield Fault("alternate_greetings", f"there are {count} alternate greetings", fix, "I")
    if count > most:
        yield Fault("alternate_greetings", f"there are {count} alternate greetings", f"keep the best {most}")
    compared = list(greetings(subject))[: limits["compared_most"]]
    runs = [shingles(text, limits["shingle_words"]) for _, text in compared]
    openings = [_opening(text) for _, text in compared]
    for one, other in combinations(range(len(compared)), 2):
        first, field = compared[one][0], compared[other][0]
        if jaccard(runs[one], runs[other]) >= limits["alike_most"]:
            yield Fault(field, f"is much like {first}", "write another situation, in other words")
        elif openings[one] and openings[one] == openings[other]:
            message = f"opens with the same sentence as {first}"
            yield Fault(field, message, "open with another sentence", span=_span(compared[other][1]))


def _opening(text: str) -> tuple[str, ...]:
    return tuple(words(text[slice(*_span(text))]))


def _span(text: str) -> tuple[int, int]:
    return next(iter(sentences(text[:1_000])), (0, 0))
