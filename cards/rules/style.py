"""Rules for the running text of a card: leaks, endings, repetition, language, clichés (C)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from cards.rules import Fault, Subject, prose, texts
from cards.rules.speech import narration
from cards.rules.wording import (
    CLOSERS,
    LONGEST,
    any_of,
    count_words,
    sentences,
    unspaced,
    words,
)
from cards.text import language
from cards.text_blocks import stop_words

# What a model says of itself or leaves behind, anywhere in a text
_LEAKS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bas an? (?:AI|large language|language)(?: language)?(?: model)?\b",
        r"\bI(?:'|’)?m an AI\b",
        r"\bmy (?:training data|content policy|guidelines)\b",
        r"```",
        r"</?think(?:ing)?>",
        r"\\n",
        r"\[(?:insert|your|name|placeholder)\b",
        r"(?-i:\[TODO\b|\bTODO:)",
        r"\bLorem ipsum\b",
    )
]
# The same where it opens a text
_LEAKS_AT_START = [
    re.compile(rf"\s*{pattern}", re.IGNORECASE)
    for pattern in (
        r"(?:I'm|I’m|I am) sorry\b.{0,40}\b(?:can(?:'|’)?t|cannot|unable)\b",
        r"I (?:cannot|can't|can’t) (?:help|assist|create|write|provide|generate|fulfil|comply|continue)",
        r"(?:sure|certainly|of course)[,!.]? (?:here|I)\b",
        r"here(?: is|'s|’s|’s| are) (?:the|a|your|an)\b.{0,60}"
        r"(?:card|character|description|personality|scenario|message|greeting|dialogue|example|json|entry|entries)",
    )
]
_LIST_STAR = re.compile(r"(?m)^[ \t]*\*[ \t]")  # a star that opens a list item closes nothing
_LISTED = re.compile(r"[ \t]*(?:[-*•–—·▪◦+#>|]|\(?\d{1,3}[.)]|[^\n:：]{1,40}[:：])")  # a line of notes, no sentence
_COMMA = re.compile("[,;、，；•|/]")
_STOP = re.compile(r"[.!?。！？](?:\s|$)")
_BY_SCRIPT = frozenset({"ru", "uk", "el", "ar", "he", "th", "ja", "zh", "ko"})
_LATIN = frozenset(stop_words())
# script: how to find it, the languages whose texts it has no business in
_FOREIGN = {
    "Chinese, Japanese or Korean": (re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"), _LATIN | {"ru", "uk"}),
    "Cyrillic": (re.compile("[\u0400-\u04ff]+"), _LATIN),
}
_SET_APART = tuple("(（[\"'“„«‘「『*:：/")  # what stands before a foreign word that is meant so


def leaks(subject: Subject) -> Iterator[Fault]:
    """C05: no words of the writing model about itself, fences, literal line breaks or placeholders."""
    for field, text in texts(subject):
        found = [match for pattern in _LEAKS if (match := pattern.search(text))]
        found += [match for pattern in _LEAKS_AT_START if (match := pattern.match(text))]
        for match in found:
            lead = len(match.group()) - len(match.group().lstrip())
            message = f"holds {match.group().strip()[:60]!r}, which is not part of a card"
            yield Fault(field, message, "write the passage anew", span=(match.start() + lead, match.end()))


def endings(subject: Subject) -> Iterator[Fault]:
    """C07: prose that ends as sentences end, quotes and stars in pairs: else it was cut off."""
    terminals = tuple(subject.limits["prose"]["terminals"])
    for field, text in prose(subject):
        whole = text.rstrip()
        bare = whole.rstrip(CLOSERS)
        if len(bare) == len(whole) and not bare.endswith(terminals) and not _is_list(whole):
            message = f"ends in the middle of a sentence: …{whole[-30:]!r}"
            yield Fault(field, message, "finish the sentence", span=(whole.rfind("\n") + 1, len(whole)))
        if text.count('"') % 2 or text.count("“") > text.count("”") + text.count("„"):
            place = max(text.rfind('"'), text.rfind("“"))
            yield Fault(field, "a quotation mark has no partner", "close or remove it", span=(place, place + 1))
        if (stars := _LIST_STAR.sub(lambda found: " " * len(found.group()), text)).count("*") % 2:
            place = stars.rfind("*")
            yield Fault(field, "a * has no partner", "close or remove it", span=(place, place + 1))


def _is_list(text: str) -> bool:
    """Whether the last line is a note, a labelled line or a row of traits, which need no full stop."""
    line = text[text.rfind("\n") + 1 :]
    return bool(_LISTED.match(line)) or (len(_COMMA.findall(line)) > 1 and not _STOP.search(line))


def repetition(subject: Subject) -> Iterator[Fault]:
    """C09: no paragraph twice in a field, not one sentence after the other that opens alike."""
    for field, text in prose(subject):
        yield from _repeated_paragraphs(subject, field, text[:LONGEST])
        yield from _repeated_openings(subject, field, text[:LONGEST])


def _repeated_paragraphs(subject: Subject, field: str, text: str) -> Iterator[Fault]:
    least = subject.limits["prose"]["paragraph_min_words"]
    seen: set[tuple[str, ...]] = set()
    for match in re.finditer(r"[^\n]+", text):
        paragraph = tuple(words(match.group()))
        if len(paragraph) >= least and paragraph in seen:
            yield Fault(field, "says a paragraph twice", "remove the second one", span=match.span())
            return
        seen.add(paragraph)


def _repeated_openings(subject: Subject, field: str, text: str) -> Iterator[Fault]:
    size, most = subject.limits["prose"]["opening_words"], subject.limits["prose"]["openings_most"]
    places: defaultdict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for start, end in sentences(narration(text)):
        opening = words(text[start : min(end, start + 200)])
        width = 3 * size if unspaced(opening) else size
        if len(opening) > width and not _LISTED.match(text, start, end):
            places[tuple(opening[:width])].append((start, end))
    for alike, spans in places.items():
        if len(spans) > most:
            message = f"{len(spans)} sentences open with {' '.join(alike)!r:.60}"
            yield Fault(field, message, "vary how the sentences begin", span=spans[most])


def tongue(subject: Subject) -> Iterator[Fault]:
    """C12: the language that was asked for; no runs of a script that has no business there."""
    card = subject.card
    if card is None:
        return
    wanted = subject.language[:2].lower()
    written = [(field, text) for field, text in prose(subject)]
    if wanted in stop_words() or wanted in _BY_SCRIPT:
        least = subject.limits["prose"]["language_min_words"]
        for field, text in written:
            found = language(text) if count_words(text[:LONGEST]) >= least else wanted
            if found != wanted and _is_sure(text, found):
                yield Fault(field, f"is in {found!r}, not in {wanted!r}", f"write it in {wanted!r}")
    known = f"{subject.source}\n{card.name}\n{card.nickname}"
    for field, text in written:
        for script, (pattern, languages) in _FOREIGN.items():
            if subject.written_in in languages:
                yield from _strays(field, text[:LONGEST], script, pattern, known)


def _is_sure(text: str, found: str) -> bool:
    """Whether more than a guess says so: a list of traits has no words that tell its language."""
    said = words(text)
    return found in _BY_SCRIPT or sum(word in stop_words()[found] for word in said) * 8 > len(said)


def _strays(field: str, text: str, script: str, pattern: re.Pattern[str], known: str) -> Iterator[Fault]:
    """The first run of a foreign script within the sentences of a text; a word in quotes or brackets is meant so."""
    if len(pattern.findall(text)) * 4 > count_words(text):
        return  # a passage in that language rather than a slip
    for match in pattern.finditer(text):
        before = text[max(0, match.start() - 1) : match.start()]
        if before not in _SET_APART and match.group() not in known:
            message = f"{match.group()[:40]!r} is {script} script"
            yield Fault(field, message, "write it in the language of the card", span=match.span())
            return


def cliches(subject: Subject) -> Iterator[Fault]:
    """C16: not more than a few of the phrases and names that models write again and again."""
    card, limits = subject.card, subject.limits["cliches"]
    if card is None:
        return
    given = f"{subject.source} {subject.name}".casefold()
    phrases = limits["phrases"].get(subject.written_in, ())
    names = [each for each in limits["names"] if each.casefold() not in given]
    found: dict[str, tuple[str, tuple[int, int]]] = {}
    for field, text in [*prose(subject), ("name", card.name)]:
        told = text[:LONGEST]
        folded = told.casefold()
        for phrase in (*phrases, *names):
            pattern = any_of([phrase]) if phrase not in found and phrase.casefold() in folded else None
            if pattern and (match := pattern.search(told)) and (phrase in phrases or match.group()[0].isupper()):
                found[phrase] = (field, match.span())
    if len(found) > limits["most"]:
        field, span = next(iter(found.values()))
        listed = ", ".join(repr(phrase) for phrase in list(found)[:8])
        yield Fault(field, f"the card has {len(found)} worn phrases: {listed}", "say it in words of its own", span=span)
