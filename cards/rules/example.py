"""Rules for example dialogues (X)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from cards.card import Card
from cards.rules import Fault, Subject
from cards.rules.wording import LONGEST, count_words, lists, shared, shingles, words
from cards.text import estimate_tokens
from cards.text_blocks import stop_words

_MARKER = re.compile(r"<start>", re.IGNORECASE)
_BLOCK = re.compile(r"(?m)^[ \t]*<START>[ \t]*$")
_CHAR = re.compile(r"(?m)^[ \t]*\{\{char\}\}[ \t]*[:：](.*(?:\n(?![ \t]*\{\{|[ \t]*<START>).*)*)", re.IGNORECASE)
_USER = re.compile(r"(?m)^[ \t]*\{\{user\}\}[ \t]*[:：](.*(?:\n(?![ \t]*\{\{|[ \t]*<START>).*)*)", re.IGNORECASE)
_SPEAKER = re.compile(r"(?m)^[ \t]*([^\s:：\"“*<{][^:：\n]{0,59}?)[ \t]*[:：]")


def _blocks(text: str) -> list[tuple[int, str]]:
    """The dialogues with the places where they start, without empty ones."""
    starts = [0, *(match.end() for match in _BLOCK.finditer(text))]
    ends = [*(match.start() for match in _BLOCK.finditer(text)), len(text)]
    pairs = [(start, text[start:end]) for start, end in zip(starts, ends, strict=True)]
    return [(start, block) for start, block in pairs if block.strip()]


def start_marker(subject: Subject) -> Iterator[Fault]:
    """X01: example dialogues open with <START> on a line of its own, in capitals."""
    text = subject.card.mes_example if subject.card else ""
    if not text.strip():
        return
    if text.strip().splitlines()[0].strip() != "<START>":
        yield Fault("mes_example", "does not begin with <START> on its own line", "put <START> before each dialogue")
    for match in _MARKER.finditer(text):
        if match.group() != "<START>":
            yield Fault("mes_example", "a <START> is not in capitals", "write <START>", span=match.span())


def speakers(subject: Subject) -> Iterator[Fault]:
    """X02: in each dialogue {{char}} speaks, and speakers are macros, not names."""
    card = subject.card
    if card is None:
        return
    own = _own_names(card)
    for number, (start, block) in enumerate(_blocks(card.mes_example), start=1):
        if not _CHAR.search(block):
            lead = len(block) - len(block.lstrip())
            span = (start + lead, start + len(block.rstrip()))
            message = f"in dialogue {number} no line starts with {{{{char}}}}:"
            yield Fault("mes_example", message, "let {{char}} speak", span=span)
        for match in _SPEAKER.finditer(block):
            if match[1].casefold() in own:
                span = (start + match.start(1), start + match.end(1))
                macro = "{{user}}" if match[1].casefold() in _USERS else "{{char}}"
                message = f"dialogue {number} has {match[1]!r} as speaker"
                yield Fault("mes_example", message, f"write {macro} for it", span=span)


_USERS = frozenset({"user", "you"})


def _own_names(card: Card) -> frozenset[str]:
    """The name, its words and the nickname, folded; "user" too, which stands for {{user}}."""
    own = {card.name.strip(), card.nickname.strip(), *_USERS, *card.name.split()}
    return frozenset(each.casefold() for each in own if each)


def blocks(subject: Subject) -> Iterator[Fault]:
    """X03: some dialogues, each complete in itself: front ends drop them one by one."""
    card, limits = subject.card, subject.limits["example"]
    if card is None or not card.mes_example.strip():
        return
    found = _blocks(card.mes_example)
    least, most = limits["blocks"]
    if limits["exact_blocks"]:
        least = most = limits["exact_blocks"]
    if not least <= len(found) <= most:
        fix = f"make it {least} to {most}, with <START> before each" if least < most else f"make it exactly {least}"
        yield Fault("mes_example", f"there are {len(found)} dialogues", fix)
    few, many = subject.limits["lengths"][subject.limits["length"]["preset"]]["exchanges"]
    exchanges = sum(len(_CHAR.findall(block)) for _, block in found)
    if exchanges and not few <= exchanges <= many:
        yield Fault(
            "mes_example", f"{{{{char}}}} speaks {exchanges} times", f"make it {few} to {many} exchanges in all"
        )
    for number, (start, block) in enumerate(found[1:], start=2):
        lines = _USER.search(block) or _CHAR.search(block)
        opening = lines.start(1) + len(lines[1]) - len(lines[1].lstrip(' \t*"“«')) if lines else 0
        for pattern in lists(subject.written_in).get("continues", ()):
            if match := re.compile(pattern, re.IGNORECASE).match(block, opening):
                message = f"dialogue {number} seems to go on from the one before"
                span = (start + match.start(), start + match.end())
                yield Fault("mes_example", message, "let each dialogue stand alone", span=span)
                break


def shows_character(subject: Subject) -> Iterator[Fault]:
    """X04: long enough to show a voice, and the voice is that of the personality."""
    card = subject.card
    if card is None or not card.mes_example.strip():
        return
    least, most = subject.limits["example"]["tokens"]
    tokens = estimate_tokens(card.mes_example)
    if not least <= tokens <= most:
        yield Fault("mes_example", f"the dialogues are about {tokens} tokens", f"make it {least} to {most}")
    known = _stems(f"{card.personality} {card.description}", subject.written_in)
    lines = [match[1] for match in _CHAR.finditer(card.mes_example[:LONGEST])]
    if known and lines and not any(_stems(line, subject.written_in) & known for line in lines):
        message = "no line of {{char}} has a word of the personality or description"
        yield Fault("mes_example", message, "show a trait or a habit of speech in each answer", "I")


def _stems(text: str, language: str) -> set[str]:
    """The words that mean something, cut to five letters; pairs of characters in scripts without blanks."""
    found = [word for word in words(text) if word not in stop_words().get(language, ())]
    pairs = {one + other for one, other in pairwise(found) if len(one) == len(other) == 1}
    return {word[:5] for word in found if len(word) > 3} | pairs


def own_words(subject: Subject) -> Iterator[Fault]:
    """X05: no copy of the first message; {{char}} says more than {{user}}."""
    card, limits = subject.card, subject.limits
    if card is None or not card.mes_example.strip():
        return
    size = limits["overlap"]["shingle_words"]
    part = shared(shingles(card.mes_example, size), shingles(card.first_mes, size))
    if part > limits["example"]["copied_most"]:
        fix = "write dialogues of other moments"
        yield Fault("mes_example", f"{part:.0%} of it stands in the first message too", fix)
    text = card.mes_example[:LONGEST]
    char, user = ([count_words(match[1]) for match in pattern.finditer(text)] for pattern in (_CHAR, _USER))
    if char and user and sum(user) * len(char) > sum(char) * len(user):
        message = "{{user}} says more than {{char}}"
        yield Fault("mes_example", message, "shorten the lines of {{user}}, let {{char}} answer at length")
