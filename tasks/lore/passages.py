"""Where the source speaks of a subject: its mentions, the passages to send, the sentences an entry came from. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

from cards.keys import fold, whole_place
from cards.rules.wording import sentences, words
from cards.text import estimate_tokens
from cards.text_blocks import stop_words
from cards.text_scripts import WIDE
from tasks.writing.source import GAP, Span, joined, quoted, split

__all__ = ["GAP", "Span", "about", "evidence", "find_mentions", "quoted", "spread"]

PASSAGE_TOKENS = 250
OPENING = 2  # passages from the beginning, which mostly say what all of it is about
MOST_EVIDENCE = 3
LONGEST_EVIDENCE = 400  # characters
LEAST_SHARED = 2  # words that a sentence which does not name the subject must have in common with the entry
READ = 50_000  # characters that are looked through for such sentences


def find_mentions(source: str, forms: Iterable[str]) -> list[Span]:
    """Return where the source names one of the forms, in order; a form within a longer one is not another mention.

    Letters count as they are written; where that finds nothing, in any case.
    """
    exact = _find(source, [form for form in forms if form.strip()])
    return exact or _find(fold(source), [fold(form) for form in forms if form.strip()])


def _find(text: str, forms: Sequence[str]) -> list[Span]:
    found: list[Span] = []
    for form in forms:
        anywhere = bool(WIDE.search(form))
        start = text.find(form) if anywhere else whole_place(text, form)
        while start >= 0:
            found.append(Span(start, start + len(form)))
            behind = start + len(form)
            start = text.find(form, behind) if anywhere else whole_place(text, form, behind)
    found.sort(key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in found:
        if not kept or span.end > kept[-1].end:
            kept.append(span)
    return kept


def about(source: str, mentions: Sequence[Sequence[Span]], tokens: int, *, opening: bool = False) -> list[Span]:
    """Return what to send of the source for subjects that are mentioned there: at most ``tokens`` (estimated).

    A source that fits is sent whole. Else each subject in turn gets the passage that names it most, while there is
    room. ``opening``: the beginning first. Without any mention it is the beginning alone.
    """
    if estimate_tokens(source) <= tokens:
        return [Span(0, len(source))]
    parts = split(source, min(PASSAGE_TOKENS, max(1, tokens)))
    queues = [_ranked(parts, spans) for spans in mentions]
    if opening or not any(queues):
        queues.insert(0, list(range(min(OPENING, len(parts)))))
    taken: set[int] = set()
    left = tokens
    while any(queues):
        for queue in queues:
            if not queue:
                continue
            number = queue.pop(0)
            cost = estimate_tokens(source[slice(*parts[number])]) + estimate_tokens(GAP)
            if number not in taken and cost <= left:
                taken.add(number)
                left -= cost
    return joined(parts[number] for number in sorted(taken))


def _ranked(parts: Sequence[Span], spans: Sequence[Span]) -> list[int]:
    """Return the parts that hold the mentions, those with most of them first."""
    starts = [part.start for part in parts]
    counted = Counter(bisect_right(starts, span.start) - 1 for span in spans)
    return sorted(counted, key=lambda number: (-counted[number], number))


def spread(source: str, tokens: int) -> list[Span]:
    """Return passages from all over the source, at most ``tokens``: its beginning, and others evenly apart."""
    if estimate_tokens(source) <= tokens:
        return [Span(0, len(source))]
    parts = split(source, min(PASSAGE_TOKENS, max(1, tokens)))
    count = max(1, tokens // (PASSAGE_TOKENS + estimate_tokens(GAP)))
    chosen = {round(number * (len(parts) - 1) / max(1, count - 1)) for number in range(count)}
    return joined(parts[number] for number in sorted(chosen))


def evidence(source: str, mentions: Sequence[Span], content: str, language: str) -> list[Span]:
    """Return the sentences of the source that an entry rests on: a few that name its subject, in order.

    Of the sentences with a mention those that have most words of the entry's text. Without a mention, as of what the
    world is, those of all that share some words with it.
    """
    said = _stems(content, language)
    places = list(dict.fromkeys(_sentence_at(source, span) for span in mentions))
    least = 0
    if not places:
        places = [Span(*span) for span in sentences(source[:READ]) if span[1] - span[0] <= LONGEST_EVIDENCE]
        least = LEAST_SHARED
    shares = {place: len(said & _stems(source[slice(*place)], language)) for place in places}
    best = sorted(places, key=lambda place: (-shares[place], place.start))[:MOST_EVIDENCE]
    return sorted(place for place in best if shares[place] >= least)


def _stems(text: str, language: str) -> set[str]:
    """Return the beginnings of the words that mean something."""
    small = stop_words().get(language, frozenset())
    return {word[: max(4, len(word) - 2)] for word in words(text) if word not in small}


def _sentence_at(source: str, mention: Span) -> Span:
    """Return the sentence that holds the mention, or what of it fits around it."""
    left = max(source.rfind("\n", 0, mention.start) + 1, mention.start - LONGEST_EVIDENCE)
    right = source.find("\n", mention.end, mention.end + LONGEST_EVIDENCE)
    right = min(len(source), mention.end + LONGEST_EVIDENCE) if right < 0 else right
    for start, end in sentences(source[left:right]):
        if left + start <= mention.start < left + end:
            return _clipped(source, Span(left + start, max(left + end, mention.end)), mention)
    return mention


def _clipped(source: str, sentence: Span, mention: Span) -> Span:
    if sentence.end - sentence.start <= LONGEST_EVIDENCE:
        return sentence
    start = max(sentence.start, mention.start - LONGEST_EVIDENCE // 2)
    end = max(mention.end, min(sentence.end, start + LONGEST_EVIDENCE))
    lead = re.search(r"\s", source[start : mention.start])
    return Span(start + lead.end() if lead and start > sentence.start else start, end)
