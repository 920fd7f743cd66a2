"""The rule that cards of a batch agree about each other (S04): relationships and ages.

Only what both cards state in plain English words can be compared: kin and the like before or after a name, and ages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cards.card import Card
from cards.rules import Fault
from cards.rules.batch import Batch
from cards.rules.wording import LONGEST

# What the other one is to somebody, if somebody is this to the other one
_ANSWERS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("brother", "sister", "sibling", "twin"), frozenset({"brother", "sister", "sibling", "twin"})),
    **dict.fromkeys(("father", "mother", "parent"), frozenset({"son", "daughter", "child"})),
    **dict.fromkeys(("son", "daughter", "child"), frozenset({"father", "mother", "parent"})),
    **dict.fromkeys(("husband", "wife", "spouse"), frozenset({"husband", "wife", "spouse"})),
    **dict.fromkeys(("uncle", "aunt"), frozenset({"nephew", "niece"})),
    **dict.fromkeys(("nephew", "niece"), frozenset({"uncle", "aunt"})),
    **dict.fromkeys(("grandfather", "grandmother"), frozenset({"grandson", "granddaughter", "grandchild"})),
    **dict.fromkeys(("grandson", "granddaughter", "grandchild"), frozenset({"grandfather", "grandmother"})),
    "cousin": frozenset({"cousin"}),
    **dict.fromkeys(("teacher", "mentor"), frozenset({"student", "pupil", "apprentice"})),
    **dict.fromkeys(("student", "pupil", "apprentice"), frozenset({"teacher", "mentor"})),
}
_KIN = "|".join(sorted(_ANSWERS, key=len, reverse=True))
_NAME = r"(?P<name>\b[A-Z][\w'’-]{1,30}(?: [A-Z][\w'’-]{1,30}){0,2})"
_DEGREE = r"(?:(?:older|elder|younger|little|big|twin|late|only|eldest|youngest|dear|beloved|estranged|half)[- ]){0,2}"
# "her brother Tom", "{{char}}'s older sister, Ann": the other one is the brother
_IS_MY = re.compile(
    rf"\b(?:her|his|their|my|[Hh]er|[Hh]is|[Tt]heir|\{{\{{char\}}\}}['’]s) {_DEGREE}(?P<kin>{_KIN}),? {_NAME}"
)
# "the brother of Ann", "twin sister to Ann": the card's own character is the brother
_I_AM = re.compile(rf"\b(?P<kin>{_KIN}) (?:of|to) {_NAME}")
# "Tom, 34," "Tom (34)", "Tom, aged 34", "Tom is 34"
_AGE_OF = re.compile(rf"{_NAME}(?:,? \(?aged? |, | \(| is )(?P<age>\d{{1,3}})(?=[),.; ])(?! (?:of|percent|times))")
_OWN_AGE = re.compile(
    r"^[*_ \t-]*age[*_ ]{0,3}[:：][*_ \t]*(?P<label>\d{1,4})"
    r"|\b(?P<old>\d{1,4})[- ]years?[- ]old\b|\baged (?P<aged>\d{1,4})\b"
    r"|(?:\{\{char\}\}|\b[Ss]he|\b[Hh]e) is (?P<bare>\d{1,3})(?=[.,;) ])",
    re.IGNORECASE | re.MULTILINE,
)


class _Claim(NamedTuple):
    """What a card says of another: the other's place, what the other is to it (or it to the other), where."""

    other: int
    kin: str
    own: bool  # whether it is the card's own character that is this kin
    field: str
    span: tuple[int, int]


def agree(batch: Batch) -> Iterator[Fault]:
    """S04: relationships answer each other and ages agree, where both cards state them."""
    places = _places(batch)
    claims = [list(_claims(card, index, places)) for index, card in enumerate(batch.cards)]
    for index, own in enumerate(claims):
        for claim in own:
            back = [each for each in claims[claim.other] if each.other == index]
            if claim.other < index and back and not any(_fits(claim, each) for each in back):
                name = batch.cards[claim.other].name
                message = (
                    f"calls {name!r:.40} and itself {_said(claim)}, the card of {name!r:.40} says {_said(back[0])}"
                )
                yield Fault(f"cards[{index}].{claim.field}", message, "make both cards say the same", span=claim.span)
    ages = [_own_age(card) for card in batch.cards]
    for index, card in enumerate(batch.cards):
        for field, text in _told(card):
            for match in _AGE_OF.finditer(text):
                other = places.get(match["name"].casefold())
                if other not in (None, index) and (age := ages[other or 0]) and age != match["age"]:
                    name = batch.cards[other or 0].name
                    message = f"says that {name!r:.40} is {match['age']}, the card of {name!r:.40} says {age}"
                    fix = "make both cards say the same"
                    yield Fault(f"cards[{index}].{field}", message, fix, span=match.span("age"))


def _places(batch: Batch) -> dict[str, int]:
    """The cards by name, and by first name where only one has it."""
    places: dict[str, int] = {}
    firsts: dict[str, list[int]] = {}
    for index, card in enumerate(batch.cards):
        name = " ".join(card.name.split()).casefold()
        if name:
            places.setdefault(name, index)
            firsts.setdefault(name.split()[0], []).append(index)
    return {first: found[0] for first, found in firsts.items() if len(found) == 1} | places


def _told(card: Card) -> Iterator[tuple[str, str]]:
    for field in ("description", "personality", "scenario"):
        yield field, getattr(card, field)[:LONGEST]


def _claims(card: Card, index: int, places: dict[str, int]) -> Iterator[_Claim]:
    for field, text in _told(card):
        for pattern, own in ((_IS_MY, False), (_I_AM, True)):
            for match in pattern.finditer(text):
                name = match["name"].casefold()
                other = places.get(name, places.get(name.split()[0]))
                if other is not None and other != index:
                    yield _Claim(other, match["kin"], own, field, match.span())


def _fits(claim: _Claim, back: _Claim) -> bool:
    """Whether two claims can both be true: brother and sister; or the same thing said from both sides."""
    if claim.own == back.own:
        return back.kin in _ANSWERS[claim.kin]
    return back.kin == claim.kin or _ANSWERS[back.kin] == _ANSWERS[claim.kin]


def _said(claim: _Claim) -> str:
    return f"{claim.kin} of the other" if claim.own else f"the other its {claim.kin}"


def _own_age(card: Card) -> str:
    """The one age that the description gives of its character, or ""."""
    found = {next(age for age in match.groups() if age) for match in _OWN_AGE.finditer(card.description[:LONGEST])}
    return found.pop() if len(found) == 1 else ""
