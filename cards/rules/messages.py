"""Rules for each greeting by itself (G): length, speech and action, {{user}}, how it opens and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from cards.rules import Fault, Subject, greetings
from cards.rules.speech import MASK, actions, narration, spoken
from cards.rules.wording import LONGEST, any_word, count_words, lists, sentences

_USER = re.compile(r"\{\{user\}\}|<user>", re.IGNORECASE)
_OPEN_ENDS = ("…", "...", "—", "–", "-", "~")
_MARKS = " \t\r\n*_\"'“”„«»「『—–-"


def length(subject: Subject) -> Iterator[Fault]:
    """G01: as long as the preset says, since a model copies length and style; in paragraphs."""
    preset = subject.limits["lengths"][subject.limits["length"]["preset"]]
    least, most = preset["first_mes"]
    few, many = preset["first_mes_paragraphs"]
    for field, text in greetings(subject):
        count = count_words(text)
        paragraphs = sum(bool(line.strip()) for line in text.splitlines())
        if not least <= count <= most:
            yield Fault(field, f"the message has {count} words", f"make it {least} to {most} words long")
        elif len(text) < preset["first_mes_characters"]:
            fix = f"make it at least {preset['first_mes_characters']} characters long"
            yield Fault(field, f"the message has {len(text)} characters", fix)
        if not few <= paragraphs <= many:
            yield Fault(field, f"the message has {paragraphs} paragraphs", f"make it {few} to {many}")
        elif paragraphs == 1 and count > subject.limits["greeting"]["one_block_max_words"]:
            yield Fault(field, f"{count} words stand in one paragraph", "break it into two or more paragraphs")


def beats(subject: Subject) -> Iterator[Fault]:
    """G02: each greeting has something said and something done."""
    for field, text in greetings(subject):
        message = text[:LONGEST]
        if not spoken(message):
            yield Fault(field, "nobody speaks", "let {{char}} say a line between quotes")
        told = narration(message).replace(MASK, " ")
        if not actions(message) and count_words(told) < subject.limits["greeting"]["action_min_words"]:
            yield Fault(field, "nobody does anything", "add what {{char}} does, not only what is said")


def addresses_user(subject: Subject) -> Iterator[Fault]:
    """G03: each greeting acknowledges {{user}}, by name or as "you"."""
    for field, text in greetings(subject):
        language = subject.language_of(text)
        second = any_word(language, "second")
        if lists(language).get("drops_subject") and re.search("[?？]", text):
            continue  # "¿Qué buscas?" addresses somebody without a word for it
        if second and not _USER.search(text) and not second.search(text):
            yield Fault(field, "{{user}} does not appear", "let {{char}} notice or address {{user}}")


def hook(subject: Subject) -> Iterator[Fault]:
    """G05: the end leaves something to answer: a question, a request, an interruption, an open gesture.

    Where nobody is asked, addressed or waited for, only languages with a list of gestures are judged.
    """
    for field, text in greetings(subject):
        language = subject.language_of(text)
        start = max(0, len(text.rstrip()) - 2_000)
        tail = text[start:].rstrip()
        last = sentences(tail)[-3:]
        if not last:
            continue
        span = (start + last[-1][0], start + last[-1][1])
        if any(pattern.search(tail, last[-1][0]) for pattern in _patterns(language, "closes")):
            yield Fault(field, "ends with a summary", "end with something for {{user}} to answer", span=span)
        elif "gestures" in lists(language) and not _is_open(tail, last[0][0], language):
            fix = "end with a question, a request, an interruption or a gesture towards {{user}}"
            yield Fault(field, "ends with nothing to answer", fix, span=span)


def _is_open(tail: str, start: int, language: str) -> bool:
    end = tail[start:]
    if "?" in end or "？" in end or _USER.search(end) or end.rstrip("*_\"”'’ ").endswith(_OPEN_ENDS):
        return True
    if any(right > start for _, right in spoken(tail)):
        return True
    listening = (any_word(language, "second"), any_word(language, "gestures"))
    return any(pattern.search(end) for pattern in listening if pattern)


@cache
def _patterns(language: str, name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in lists(language).get(name, ()))


def opener(subject: Subject) -> Iterator[Fault]:
    """G06: no greeting opens like a shop assistant, in whatever language."""
    for field, text in greetings(subject):
        openers = [each for code in ("en", subject.language_of(text)) for each in _patterns(code, "openers")]
        start = len(text) - len(text.lstrip(_MARKS))
        if match := next((found for pattern in openers if (found := pattern.match(text, start))), None):
            message = f"opens like any other: {text[start : start + 30]!r}"
            yield Fault(field, message, "open with a moment only this character has", span=match.span())


def independence(subject: Subject) -> Iterator[Fault]:
    """G09: no alternate goes on from another one: front ends pick one, in group chats by chance."""
    for field, text in greetings(subject):
        start = len(text) - len(text.lstrip(_MARKS))
        for pattern in _patterns(subject.language_of(text), "continues") if field != "first_mes" else ():
            if match := pattern.match(text, start):
                message = f"seems to go on from another message: {match.group()!r:.40}"
                yield Fault(field, message, "let it stand alone: say where and when it is", span=match.span())
                break
