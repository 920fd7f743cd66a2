"""Rules for what lorebook entries say (L): alone, plainly, and nothing that the card says already."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cards.rules import Fault, Subject, contents, entries, profile
from cards.rules.entry import title_of
from cards.rules.keys import stems_of, subject_stems
from cards.rules.speech import MASK, narration, quotations
from cards.rules.view import tenses
from cards.rules.wording import LONGEST, WORD, any_word, count_words, shingles, words
from cards.text import split_sentences

_HEAD = 1_000  # characters of an entry that its first sentence is looked for in
_DECORATORS = re.compile(r"(?:[ \t]*@@[^\n]*(?:\n|$))*")
_SPEAKER = re.compile(r"^[ \t]*(?:\{\{(?:char|user)\}\}|<(?:user|bot)>)[ \t]*[:：]", re.IGNORECASE | re.MULTILINE)
_START = re.compile(r"<START>", re.IGNORECASE)
_LAST = re.compile(r"[.!?…。！？][\"'”’»」』]$")


def standalone(subject: Subject) -> Iterator[Fault]:
    """L08: the first sentence names what it is about: title and keys are not sent to the model."""
    card, language = subject.card, subject.written_in
    own = stems_of(f"{card.name} {card.nickname}", language) if card else set()
    for place, entry in entries(subject):
        lead = _DECORATORS.match(entry.content)
        start = lead.end() if lead else 0
        first = _first_sentence(entry.content[start : start + _HEAD])
        if not first:
            continue
        about = subject_stems(entry, language) | own
        named = bool(stems_of(first, language) & about) or "{{char}}" in first.lower()
        named = named or any(key.strip() and key.strip().casefold() in first.casefold() for key in entry.keys)
        place_of_first = entry.content.find(first[:20], start)
        span = (place_of_first, place_of_first + len(first)) if place_of_first >= 0 else None
        if not named and _opens_with_pronoun(first, language):
            message = f"{title_of(entry)} opens with {first.split()[0]!r:.20}, and does not say what that is"
            yield Fault(f"{place}.content", message, "name the subject in the first sentence", span=span)
        elif not named and not entry.constant and about:
            message = f"the first sentence of {title_of(entry)} names neither its title nor a key"
            yield Fault(f"{place}.content", message, "name the subject in the first sentence", span=span)
        if (refers := any_word(language, "refers")) and (match := refers.search(entry.content[:LONGEST])):
            message = f"{match.group()!r} points at a text that the model may not see"
            yield Fault(f"{place}.content", message, "say it here", span=match.span())


def _first_sentence(head: str) -> str:
    """The first sentence, with the second where the first is a word or two."""
    found = split_sentences(head.strip().replace("\n", " "))[:2]
    if len(found) > 1 and count_words(found[0]) < 3:
        return f"{found[0]} {found[1]}"
    return found[0] if found else ""


def _opens_with_pronoun(first: str, language: str) -> bool:
    pronouns = any_word(language, "pronouns")
    word = WORD.search(first)
    return bool(pronouns and word and pronouns.match(first, word.start()))


def plain(subject: Subject) -> Iterator[Fault]:
    """L09: an entry states facts: no dialogue, no markers, no orders to {{user}}; the present, where it can be told."""
    limits, language = subject.limits["entry"], subject.written_in
    for place, entry in entries(subject):
        field, content = f"{place}.content", entry.content[:LONGEST]
        said = [
            (start, end)
            for start, end in quotations(content)
            if _LAST.search(content[start:end]) and len(words(content[start:end])) >= limits["quoted_sentence_words"]
        ]
        markers = [match.span() for pattern in (_START, _SPEAKER) for match in pattern.finditer(content)]
        if markers or len(said) > 1:
            message = f"{title_of(entry)} holds dialogue"
            yield Fault(field, message, "state what is so, instead of letting people talk", span=(*markers, *said)[0])
        told = narration(content).replace(MASK, " ")
        orders = any_word(language, "instructs")
        if orders and (match := orders.search(told)):
            message = f"{match.group()!r} tells {{{{user}}}} what to do"
            yield Fault(field, message, "state facts, give no orders", span=match.span())
        past, present = tenses(told, language)
        if past >= limits["past_least"] and not present:
            yield Fault(field, f"{title_of(entry)} is told in the past", "tell what is so now, in the present", "I")


def repeats_card(subject: Subject) -> Iterator[Fault]:
    """L10: an entry is no copy of what the card says, which is sent anyway."""
    limits = subject.limits["overlap"]
    size = limits["shingle_words"]
    known = [(field, shingles(text, size)) for field, text in profile(subject)]
    for field, content in contents(subject) if known else ():
        runs = shingles(content, size)
        if len(runs) < limits["shingles_least"]:
            continue
        for source, given in known:
            part = len(runs & given) / len(runs)
            if part > limits["entry_most"]:
                message = f"{part:.0%} of the entry stands in the {source} too"
                yield Fault(field, message, f"remove it here or from the {source}")
                break
