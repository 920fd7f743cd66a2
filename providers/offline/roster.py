"""The roster: whom a source speaks of, most important first, each with a role and with what sets them apart."""

from __future__ import annotations

import re

from cards.rules.distance import within
from cards.text import ProperNoun
from cards.text_blocks import word_list
from providers.offline.lists import words
from providers.offline.notes import ended, upper_first
from providers.offline.prose import standing_alone
from providers.offline.reading import Line, Source

LONGEST = 220  # characters of a hook
ALIKE = 1  # edits between two first names that would be mistaken for each other


def plan_roster(source: Source, size: int) -> list[dict[str, str]]:
    """Up to ``size`` persons as {name, role, hook}; the one whom the source is about first."""
    kept: list[dict[str, str]] = []
    main = next((noun for noun in source.nouns if source.is_main(noun.name)), None)
    people = [noun for noun in source.nouns if noun.kind == "person" and noun is not main]
    for name, noun in [(source.name, main), *((noun.name, noun) for noun in people)]:
        free = next((form for form in (name, _plain(name)) if not _is_taken(form, kept)), "")
        if free and len(kept) < max(1, size):
            kept.append({"name": free, "role": role_in(source, name, noun), "hook": hook_of(source, name)})
    return kept


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
    """Who they are, as the source says it: "the innkeeper"; else what place they have in it."""
    forms = sorted((name, *(noun.aliases if noun else ())), key=len, reverse=True)
    named = "|".join(map(re.escape, forms))
    for pattern in (
        rf"(?:{named})(?:\s(?:is|was)|,)\s((?:an?|the|his|her|their)\s(?:[\w'’-]+\s){{0,4}}?([\w'’-]+))(?=[\s,.;]|$)",
        rf"\b((?:[Hh]is|[Hh]er|[Tt]heir|[Tt]he|[Aa]n?)\s(?:[\w'’-]+\s){{0,2}}([\w'’-]+)),\s(?:{named})\b",
    ):
        for line in source.lines:
            match = re.search(pattern, line.text)
            if match and match[2].lower() in words("roles") | word_list("kin"):
                return match[1][0].lower() + match[1][1:]
    if source.is_main(name):
        return "the one whom the source is about"
    return f"named {noun.count} times in the source" if noun and noun.count > 1 else "named in the source"


def hook_of(source: Source, name: str) -> str:
    """A sentence about them that stands by itself and tells the most; else one that names them."""
    own = [line for line in source.lines if not line.spoken and _is_about(line, name, source)]
    own = own or [line for line in source.lines if name.rsplit(maxsplit=1)[-1] in line.text]
    if not own:
        return ended(upper_first(name))
    best = max(own, key=lambda line: (_telling(line.text), -line.place))
    text = standing_alone(best, source)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _is_about(line: Line, name: str, source: Source) -> bool:
    return source.is_main(line.about) if source.is_main(name) else line.about == name


def _telling(text: str) -> int:
    found = set(re.findall(r"[\w-]+", text.lower()))
    return len(found & (words("en", "personality") | words("en", "description"))) if len(found) < 40 else 0
