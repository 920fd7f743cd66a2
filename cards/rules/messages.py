"""Rules for first messages (G) and example dialogues (X)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cards.card import Card
from cards.rules import LIMITS, Fault, greetings

_GREETING = LIMITS["greeting"]

# Straight, typographic, French, German, East Asian quotes; the dash that opens speech in Russian or Spanish
_SPEECH = re.compile(r'"[^"]+"|“[^”]+”?|„[^“”]+[“”]|«[^»]+»|»[^«]+«|「[^」]+」|『[^』]+』|(?m:^\s*[—–]\s*[^—–\n]+)')
_STARRED = re.compile(r"\*[^*]+\*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")  # scripts that put no blanks between words
_OPENERS = [re.compile(rf"{pattern}", re.IGNORECASE) for pattern in _GREETING["generic_openers"]]
_SECOND_PERSON = re.compile(rf"\b(?:{'|'.join(_GREETING['second_person'])})\b", re.IGNORECASE)
_BLOCK = re.compile(r"(?m)^\s*<START>\s*$")
_SPEAKER = re.compile(r"(?m)^\s*([^\s:：\"“*<{][^:：\n]{0,59}?)\s*[:：]")


def beats(card: Card) -> Iterator[Fault]:
    """G02: each greeting has something said and something done."""
    for field, text in greetings(card):
        if not _SPEECH.search(text):
            yield Fault(field, "nobody speaks", "let {{char}} say a line between quotes")
        if not _STARRED.search(text) and _words(_SPEECH.sub(" ", text)) < _GREETING["action_min_words"]:
            yield Fault(field, "nobody does anything", "add what {{char}} does, not only what is said")


def _words(text: str) -> int:
    """Words; two characters count as one where a script writes none apart."""
    unspaced = len(_UNSPACED.findall(text))
    return len(re.findall(r"\w+", _UNSPACED.sub(" ", text))) + unspaced // 2


def addresses_user(card: Card) -> Iterator[Fault]:
    """G03: each greeting acknowledges {{user}}, by name or as "you"."""
    for field, text in greetings(card):
        if re.search(r"\{\{user\}\}|<user>", text, re.IGNORECASE) or _SECOND_PERSON.search(text):
            continue
        if not any(word in text for word in _GREETING["second_person_unspaced"]):
            yield Fault(field, "{{user}} does not appear", "let {{char}} notice or address {{user}}")


def opener(card: Card) -> Iterator[Fault]:
    """G06: no greeting opens like a shop assistant."""
    for field, text in greetings(card):
        start = text.lstrip(" \t\r\n*_\"'“”„«»「『—–-")
        if any(pattern.match(start) for pattern in _OPENERS):
            yield Fault(field, f"opens like any other: {start[:30]!r}", "open with a moment only this character has")


def start_marker(card: Card) -> Iterator[Fault]:
    """X01: example dialogues open with <START> on a line of its own, in capitals."""
    text = card.mes_example.strip()
    if not text:
        return
    if text.splitlines()[0].strip() != "<START>":
        yield Fault("mes_example", "does not begin with <START> on its own line", "put <START> before each dialogue")
    if any(marker != "<START>" for marker in re.findall(r"<start>", text, re.IGNORECASE)):
        yield Fault("mes_example", "a <START> is not in capitals", "write <START>")


def speakers(card: Card) -> Iterator[Fault]:
    """X02: in each dialogue {{char}} speaks, and speakers are macros, not names."""
    blocks = [block for block in _BLOCK.split(card.mes_example) if block.strip()]
    for number, block in enumerate(blocks, start=1):
        if not re.search(r"(?m)^\s*\{\{char\}\}\s*:", block):
            yield Fault("mes_example", f"in dialogue {number} no line starts with {{{{char}}}}:", "let {{char}} speak")
        for speaker in dict.fromkeys(_SPEAKER.findall(block)):
            if speaker.casefold() in _own_names(card):
                yield Fault("mes_example", f"dialogue {number} has {speaker!r} as speaker", "write {{char}} for it")


def _own_names(card: Card) -> set[str]:
    """The name, its words and the nickname, folded; "user" too, which stands for {{user}}."""
    own = {card.name.strip(), card.nickname.strip(), "user", "you", *card.name.split()}
    return {each.casefold() for each in own if each}
