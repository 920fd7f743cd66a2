"""Whether two names mean the same subject, and which of many do. Pure.

Found before any model is asked, in the ways that near-duplicate lore shows: the same name, a shared alias, one name
within the other, hardly a letter's difference for the length.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from cards.rules.distance import within
from cards.text_blocks import word_list
from cards.text_scripts import WIDE

LEAST_LETTERS = 5  # shorter names that differ in a letter are two names
LONG_NAME = 12  # letters from which two may differ
RARE = 2  # mentions up to which a name that is nearly another one is taken for a slip of the pen
_EDGES = " \t\n.,;:!?'’\"“”„«»()[]*_"
_HONORIFIC = re.compile(r"(?<=\w)(?:さん|さま|様|くん|君|ちゃん|殿|先生|氏|님|씨)$")
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True)
class Named:
    """A name with its other forms, what kind of thing it is ("unknown": not told) and how often it is mentioned."""

    name: str
    aliases: tuple[str, ...] = ()
    kind: str = "unknown"
    mentions: int = 0

    @property
    def forms(self) -> tuple[str, ...]:
        """All that it is called."""
        return (self.name, *self.aliases)


@lru_cache(maxsize=4096)
def core(name: str) -> tuple[str, ...]:
    """Return the words of a name, folded, without a leading article."""
    words = tuple(_POSSESSIVE.sub("", word.strip(_EDGES)).casefold() for word in name.split())
    words = tuple(word for word in words if word)
    while len(words) > 1 and words[0] in word_list("articles"):
        words = words[1:]
    return words


@lru_cache(maxsize=4096)
def bare(name: str) -> tuple[str, ...]:
    """Return the words of a name without article and titles: of "Captain Mara Voss" her own names."""
    words = core(name)
    while len(words) > 1 and words[0] in word_list("titles") and words[1] not in word_list("particles"):
        words = words[1:]
    return (*words[:-1], _HONORIFIC.sub("", words[-1])) if words else words


def same_name(one: str, other: str) -> bool:
    """Whether both are one name: with or without article or title, but not with two different titles."""
    first, second = core(one), core(other)
    if first == second:
        return bool(first)
    return bare(one) == bare(other) and (first == bare(one) or second == bare(other))


def short_for(short: str, full: str) -> bool:
    """Whether one name is a part of another that people use for it: "Voss" and "Mara Voss", "the Ashen Vow".

    Not every part is: "Karst" is not short for "Duke of Karst", nor "Gull Rock" for "Gull Rock Tower".
    """
    part, whole = bare(short), bare(full)
    if not 0 < len(part) < len(whole):
        return False
    joints = [place for place, word in enumerate(whole) if word in word_list("particles")]
    if joints:
        return part == whole[: joints[0]] or (part == whole[joints[-1] + 1 :] and len(part) > 1)
    if whole[-1] in _heads():
        return part == whole[-1:]
    if len(part) == 1:
        return part[0] in (whole[0], whole[-1])
    return part[0] == whole[0] and (part[-1] == whole[-1] or whole[: len(part)] == part)


@cache
def _heads() -> frozenset[str]:
    """Words that say what kind of thing a name is: street, order, sword."""
    return word_list("places_are") | word_list("factions_are") | word_list("things_are") | word_list("events_are")


def near(one: str, other: str) -> bool:
    """Whether two names differ in hardly a letter: one, from twelve letters on two. Figures tell names apart."""
    first, second = " ".join(core(one)), " ".join(core(other))
    least = min(len(first), len(second))
    if least < LEAST_LETTERS or first[0] != second[0] or any(char.isdigit() for char in first + second):
        return False
    return within(first, second, 1 if least < LONG_NAME else 2)


def same(one: Named, other: Named) -> bool:
    """Whether two subjects are one: by name, by a shared alias, or by a slip of the pen."""
    if any(same_name(first, second) for first in one.forms for second in other.forms):
        return True
    plural = {first.removesuffix("s") for first in (" ".join(core(one.name)), " ".join(core(other.name)))}
    rare = min(one.mentions, other.mentions) <= RARE or len(plural) == 1
    return rare and not _conflict(one, other) and near(one.name, other.name)


def covers(known: Collection[Named], one: Named) -> bool:
    """Whether one of the known subjects is this one, under any of its names or a part of them."""
    return any(
        same(each, one) or short_for(one.name, each.name) or short_for(each.name, one.name)
        for each in known
        if not _conflict(each, one)
    )


def is_person(one: Named, names: Sequence[str]) -> bool:
    """Whether the subject is the person of these names: by its main name, or by an alias that is all of theirs."""
    own = [name for name in names if name.strip()]
    if any(same_name(form, name) for form in one.forms for name in own):
        return True
    if WIDE.search(one.name):
        return any(one.name in name or name in one.name for name in own)
    return any(short_for(one.name, name) or short_for(name, one.name) for name in own)


def groups(subjects: Sequence[Named]) -> list[list[int]]:
    """Return the subjects (places in the list) in groups that mean the same; the first of a group is the earliest.

    Grouped transitively. A name that is a part of several others goes to the one with the most mentions, and does not
    make one of those.
    """
    home = list(range(len(subjects)))

    def root(place: int) -> int:
        while home[place] != place:
            home[place] = home[home[place]]
            place = home[place]
        return place

    for later, one in enumerate(subjects):
        for earlier in range(later):
            if root(earlier) != root(later) and same(subjects[earlier], one):
                home[root(later)] = root(earlier)
    hosts = {place: _host(place, subjects) for place in range(len(subjects))}
    for place, host in hosts.items():
        if host is not None and root(place) != root(host):
            home[max(root(place), root(host))] = min(root(place), root(host))
    members: defaultdict[int, list[int]] = defaultdict(list)
    for place in range(len(subjects)):
        members[root(place)].append(place)
    return [sorted(group) for _, group in sorted(members.items())]


def _host(place: int, subjects: Sequence[Named]) -> int | None:
    """Return the subject that this one's name is short for; the one with the most mentions."""
    one = subjects[place]
    fitting = [
        other
        for other, each in enumerate(subjects)
        if other != place and not _conflict(one, each) and short_for(one.name, each.name)
    ]
    return max(fitting, key=lambda other: (subjects[other].mentions, -other), default=None)


def _conflict(one: Named, other: Named) -> bool:
    return "unknown" not in (one.kind, other.kind) and one.kind != other.kind
