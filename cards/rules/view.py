"""Who tells a greeting and when: point of view and tense (G)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cards.card import Card
from cards.rules import Fault, Subject, greetings
from cards.rules.speech import narration
from cards.rules.wording import LONGEST, any_of, any_word, lists

_NAME = 200  # characters of a name that are looked for
_PAST = re.compile(r"(?:\b(?:he|she|it|they|i|you)|\{\{char\}\})\s+(?:\w+ly\s+)?\w+ed\b", re.IGNORECASE)
_PRESENT = re.compile(
    r"(?:\b(?:he|she|it)|\{\{char\}\})\s+(?:\w+ly\s+)?(?!was\b|always\b|perhaps\b)\w{2,}s\b", re.IGNORECASE
)


def consistent(subject: Subject) -> Iterator[Fault]:
    """G07: one point of view and one tense in what is told, those of the profile where it names one."""
    card, limits = subject.card, subject.limits["greeting"]
    if card is None:
        return
    for field, text in greetings(subject):
        told, language = narration(text[:LONGEST]), subject.language_of(text)
        first, named, third = _voices(told, card, language)
        if _is_mixed(first, named, limits["mixed_least"], limits["mixed_share"]):
            message = f"the narration says I or my {first} times and names {{{{char}}}} {named} times"
            yield Fault(field, message, "tell all of it in the first person, or all in the third")
        wanted, found = limits["pov"], _pov(told, first, named + third, language)
        if wanted and found and wanted != found:
            fix = f"tell it in the {wanted} person"
            yield Fault(field, f"is told in the {found} person, the profile asks for the {wanted}", fix)
        past, present = tenses(told, language)
        if _is_mixed(past, present, limits["tense_least"], limits["tense_share"]):
            message = f"the narration has {past} verbs of the past and {present} of the present"
            yield Fault(field, message, "keep to one tense")


def _voices(told: str, card: Card, language: str) -> tuple[int, int, int]:
    """How often the narration says I, the character's name, he or she."""
    own = any_of(
        [
            "{{char}}",
            "<bot>",
            *(name[:_NAME] for name in (card.name.strip(), *card.name.split()[:1], card.nickname.strip())),
        ]
    )
    first, third = any_word(language, "first"), any_word(language, "third")
    counts = [sum(1 for _ in pattern.finditer(told)) if pattern else 0 for pattern in (first, own, third)]
    return counts[0], counts[1], counts[2]


def _is_mixed(one: int, other: int, least: int, share: float) -> bool:
    return min(one, other) >= least and min(one, other) >= share * (one + other)


def _pov(told: str, first: int, third: int, language: str) -> str:
    """The point of view, or "" where too little is told to say."""
    second = any_word(language, "second")
    addressed = sum(1 for _ in second.finditer(told)) if second else 0
    if first > 1 and first * 2 > third:
        return "first"
    if third > 1 and third >= addressed:
        return "third"
    return "second" if addressed > 2 else ""


def tenses(told: str, language: str) -> tuple[int, int]:
    """How many verbs of a narration are past and how many present, of those that can be told; (0, 0) if unknown."""
    was, now = any_word(language, "was"), any_word(language, "is")
    if "was" not in lists(language) or was is None or now is None:
        return 0, 0
    past = {match.end() for pattern in (was, _PAST) for match in pattern.finditer(told)}
    present = {match.end() for pattern in (now, _PRESENT) for match in pattern.finditer(told)}
    return len(past), len(present - past)
