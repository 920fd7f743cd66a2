"""The roster: whom a source speaks of, most important first, each with a role and with what sets them apart."""

from __future__ import annotations

import re

from cards.rules.distance import within
from cards.text import ProperNoun
from cards.text_blocks import word_list
from providers.offline.fields import role_in_phrase, role_of
from providers.offline.lists import words
from providers.offline.notes import ended, upper_first, with_article
from providers.offline.prose import standing_alone
from providers.offline.reading import Line, Source
from providers.offline.sorting import is_portrait

LONGEST = 220  # characters of a hook
ALIKE = 1  # edits between two first names that would be mistaken for each other


def plan_roster(source: Source, size: int) -> list[dict[str, str]]:
    """Up to ``size`` persons as {name, role, hook}; the one whom the source is about first."""
    kept: list[dict[str, str]] = []
    main = next((noun for noun in source.nouns if source.is_main(noun.name)), None)
    people = [noun for noun in source.nouns if noun.kind == "person" and noun is not main and _is_sure(noun)]
    for name, noun in [(source.name, main), *((noun.name, noun) for noun in people)]:
        free = next((form for form in (name, _plain(name)) if not _is_taken(form, kept)), "")
        if free and len(kept) < max(1, size):
            kept.append({"name": free, "role": role_in(source, name, noun), "hook": hook_of(source, name)})
    return kept


def _is_sure(noun: ProperNoun) -> bool:
    """Whether somebody is more than a capital letter at the start of a sentence."""
    if noun.count > 1 or len(noun.name.split()) > 1:
        return True
    return any(re.search(rf"[\w,;]\s{re.escape(noun.name)}\b", line) for line in noun.sentences)


def _plain(name: str) -> str:
    """The name without its titles."""
    own = [word for word in name.split() if word.rstrip(".").casefold() not in word_list("titles")]
    return " ".join(own) or name


def _is_taken(name: str, kept: list[dict[str, str]]) -> bool:
    """Whether somebody of the roster has that name, nearly that name, or that first word."""
    folded = name.casefold()
    others = [one["name"].casefold() for one in kept]
    return any(
        folded == other or folded.split()[0] == other.split()[0] or within(folded, other, ALIKE) for other in others
    )


def role_in(source: Source, name: str, noun: ProperNoun | None) -> str:
    """Who they are, as the source says it: "the innkeeper"; else that they belong to it."""
    forms = sorted((name, *(noun.aliases if noun else ())), key=len, reverse=True)
    named = "|".join(map(re.escape, forms))
    heads = words("roles") | word_list("kin") | PLAIN
    patterns = (
        rf"(?:{named})(?:\s(?:is|was)|,)\s((?:an?|the|his|her|their)\s[\w'’,-]+(?:\s[\w'’,-]+){{0,5}})",
        rf"\b((?:[Hh]is|[Hh]er|[Tt]heir|[Tt]he|[Aa]n?)\s(?:[\w'’-]+\s){{0,2}}[\w'’-]+),\s(?:{named})\b",
        rf"(?:{named})[,:]\s([a-z][\w'’-]*(?:\s[a-z][\w'’-]*){{0,2}})(?=[,.;]|$)",
    )
    about = [line.text for line in source.lines if any(form in line.text for form in forms)]
    shown = [re.sub(r"^(?:He|She)\b", name, line.text) for line in source.lines if line.follows and line.about == name]
    for pattern in patterns:
        for match in (found for text in (*about, *shown) for found in re.finditer(pattern, text)):
            role = role_in_phrase(match[1], heads) or role_in_phrase(f"a {match[1]}", heads).removeprefix("a ")
            if role:
                return with_article(role[0].lower() + role[1:])
    if source.is_main(name):
        return role_of(source) or "the one at the centre of it all"
    return f"one of the people around {source.name}"


PLAIN = frozenset(
    {"man", "woman", "boy", "girl", "child", "youth", "giant", "director", "officer", "clerk", "gatekeeper"}
)


def hook_of(source: Source, name: str) -> str:
    """A sentence about them that stands by itself and tells the most; else one that names them."""
    own = [line for line in source.lines if not line.spoken and _is_about(line, name, source)]
    own = own or [line for line in source.lines if name.rsplit(maxsplit=1)[-1] in line.text]
    if not own:
        return ended(upper_first(name))
    best = max(own, key=lambda line: (is_portrait(line), _telling(line.text), -line.place))
    text = standing_alone(best, source)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _is_about(line: Line, name: str, source: Source) -> bool:
    return source.is_main(line.about) if source.is_main(name) else line.about == name


def _telling(text: str) -> int:
    found = set(re.findall(r"[\w-]+", text.lower()))
    return len(found & (words("en", "personality") | words("en", "description"))) if len(found) < 40 else 0
