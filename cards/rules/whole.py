"""Rules for the card as a whole (C)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cards.card import Card
from cards.rules import LIMITS, Fault, prose, texts

_CARD = LIMITS["card"]
_PROSE = LIMITS["prose"]
_MACROS = LIMITS["macros"]

_LEAKS = [re.compile(pattern, re.IGNORECASE) for pattern in _PROSE["leaks_anywhere"]]
_LEAKS_AT_START = [re.compile(rf"\s*{pattern}", re.IGNORECASE) for pattern in _PROSE["leaks_at_start"]]
_MACRO = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_LIST_STAR = re.compile(r"(?m)^\s*\*\s")  # a star that opens a list item closes nothing


def name(card: Card) -> Iterator[Fault]:
    """C01: a name, one line, of reasonable length, without macros."""
    if not card.name.strip():
        yield Fault("name", "the name is empty: the card imports but is not shown", "give the character a name")
    if len(card.name) > _CARD["name_max_characters"]:
        yield Fault("name", f"the name has {len(card.name)} characters", f"at most {_CARD['name_max_characters']}")
    if "{{" in card.name or "}}" in card.name:
        yield Fault("name", "the name holds a macro; it is itself the value of {{char}}", "write the name out")
    if len(card.name.splitlines()) > 1:
        yield Fault("name", "the name has a line break", "write it on one line")


def required(card: Card) -> Iterator[Fault]:
    """C02: no empty field where a chat cannot start without one."""
    for field in _CARD["required"]:
        if not getattr(card, field).strip():
            yield Fault(field, f"{field} is empty", f"write the {field}")


def leaks(card: Card) -> Iterator[Fault]:
    """C05: no words of the writing model about itself, fences, literal line breaks or placeholders."""
    for field, text in texts(card):
        found = [match.group() for pattern in _LEAKS if (match := pattern.search(text))]
        found += [match.group() for pattern in _LEAKS_AT_START if (match := pattern.match(text))]
        for words in found:
            yield Fault(field, f"holds {words.strip()[:60]!r}, which is not part of a card", "write the passage anew")


def macros(card: Card) -> Iterator[Fault]:
    """C06: braces in pairs, known macros, {{original}} only in the two prompts."""
    for field, content in texts(card):
        text = content
        found: list[str] = []
        while inner := _MACRO.findall(text):  # macros may stand in macros: from the inside out
            found += inner
            text = _MACRO.sub("", text)
        if "{{" in text or "}}" in text:
            yield Fault(field, "a macro is not closed or not opened", "write {{ and }} in pairs")
        for macro in dict.fromkeys(found):
            yield from _macro_fault(field, macro)


def _macro_fault(field: str, macro: str) -> Iterator[Fault]:
    word = re.split(r"::?|\s", macro, maxsplit=1)[0].lower()
    if macro.startswith("//") or word in _MACROS["anywhere"]:
        return
    if word not in _MACROS["prompts_only"]:
        yield Fault(field, f"{{{{{macro}}}}} is no known macro", "use {{char}} and {{user}}, or write it out")
    elif field not in ("system_prompt", "post_history_instructions"):
        yield Fault(field, f"{{{{{macro}}}}} belongs in the system prompt only", "remove it here")


def endings(card: Card) -> Iterator[Fault]:
    """C07: prose that ends as sentences end, quotes and stars in pairs: else it was cut off."""
    for field, text in prose(card):
        bare = text.rstrip().rstrip(_PROSE["closers"])
        closed = len(bare) < len(text.rstrip())
        if not closed and not bare.endswith(tuple(_PROSE["terminals"])):
            yield Fault(field, f"ends in the middle of a sentence: …{text.rstrip()[-30:]!r}", "finish the sentence")
        if text.count('"') % 2 or text.count("“") != text.count("”"):
            yield Fault(field, "a quotation mark has no partner", "close or remove it")
        if _LIST_STAR.sub("", text).count("*") % 2:
            yield Fault(field, "a * has no partner", "close or remove it")


def tags(card: Card) -> Iterator[Fault]:
    """C13: enough tags, short, lower-case, different, and not the name."""
    least, most = _CARD["tags_min"], _CARD["tags_max"]
    if not least <= len(card.tags) <= most:
        yield Fault("tags", f"there are {len(card.tags)} tags", f"give {least} to {most}")
    seen: set[str] = set()
    for index, tag in enumerate(card.tags):
        for message, fix in _tag_faults(tag, card.name, seen):
            yield Fault(f"tags[{index}]", f"{tag!r:.60} {message}", fix)
        seen.add(tag.strip().casefold())


def _tag_faults(tag: str, own_name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    words = len(tag.split())
    if not 1 <= words <= _CARD["tag_max_words"]:
        yield f"has {words} words", f"use 1 to {_CARD['tag_max_words']}"
    if tag != tag.lower():
        yield "is not in lower case", "write it in lower case"
    if tag.strip().casefold() in seen:
        yield "is there twice", "remove one"
    if tag.strip() and tag.strip().casefold() == own_name.strip().casefold():
        yield "is the character's name", "remove it"
