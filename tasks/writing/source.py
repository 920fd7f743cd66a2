"""Source material in parts: cut to what a model can read, and the passages that speak of somebody. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from cards.text import estimate_tokens, main_character, proper_nouns

BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?…。！？][\"'”’)\]]*\s*"), re.compile(r"\s"))
TAIL = 0.4  # a part may be shorter by this share, to end at a better place
PASSAGE_TOKENS = 250
GAP = "\n\n[…]\n\n"


class Span(NamedTuple):
    """A part of the source: [start, end) in characters."""

    start: int
    end: int


def split(source: str, tokens: int) -> list[Span]:
    """Cut the source into parts of at most ``tokens`` (estimated) that follow each other without a gap.

    Parts end between paragraphs where they can, else between lines, sentences, words, and anywhere at last.
    """
    spans: list[Span] = []
    start = 0
    while start < len(source):
        end = _reach(source, start, tokens)
        if end < len(source):
            end = _best_break(source, start, end)
        spans.append(Span(start, end))
        start = end
    return spans


def _reach(source: str, start: int, tokens: int) -> int:
    """Return how far ``tokens`` reach from ``start``; at least one character."""
    low, high = start + 1, min(len(source), start + tokens * 5)
    if estimate_tokens(source[start:high]) <= tokens:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if estimate_tokens(source[start:middle]) <= tokens:
            low = middle
        else:
            high = middle
    return low


def _best_break(source: str, start: int, end: int) -> int:
    earliest = end - int((end - start) * TAIL)
    for kind in BREAKS:
        found = [match.end() for match in kind.finditer(source, earliest, end)]
        if found:
            return found[-1]
    return end


def passages_about(source: str, names: Sequence[str], tokens: int) -> list[Span]:
    """Return the passages that matter most for ``names``, at most ``tokens`` of them, in the order of the source.

    The more often a passage names one of them the sooner it is taken; the first passage, which mostly says what all
    of it is about, is always taken. Neighbours are joined.
    """
    parts = split(source, min(PASSAGE_TOKENS, tokens))
    words = [name.casefold() for name in names if name]
    ranked = sorted(range(len(parts)), key=lambda n: (n != 0, -_mentions(source[slice(*parts[n])], words), n))
    taken: set[int] = set()
    left = tokens
    for number in ranked:
        cost = estimate_tokens(source[slice(*parts[number])])
        if cost <= left:
            taken.add(number)
            left -= cost
    return joined(parts[number] for number in sorted(taken))


def _mentions(passage: str, words: Iterable[str]) -> int:
    folded = passage.casefold()
    return sum(folded.count(word) for word in words)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the spans, in order, with those that touch made one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].end == span.start:
            found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
    return found


def quoted(source: str, spans: Sequence[Span]) -> str:
    """Return the text of the spans, with a mark where something is left out."""
    whole = len(spans) == 1 and spans[0] == (0, len(source))
    return source if whole else GAP.join(source[slice(*span)].strip() for span in spans)


def left_out(source: str, spans: Sequence[Span]) -> list[Span]:
    """Return what the spans do not cover."""
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans), len(source)]
    return [Span(end, start) for end, start in zip(ends, starts, strict=True) if start > end]


@lru_cache(maxsize=8)
def renamed(source: str, name: str) -> str:
    """Return the source with its main character called ``name``; as it is where it names somebody so already."""
    main = main_character(source)
    if not main or name.casefold() in source.casefold():
        return source
    noun = next((noun for noun in proper_nouns(source) if main in (noun.name, *noun.aliases)), None)
    forms = sorted({main, *((noun.name, *noun.aliases) if noun else ())}, key=len, reverse=True)
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)", lambda _: name, source)


def locate(source: str, quote: str, within: Span) -> Span | None:
    """Return where a quote stands in a part of the source, whatever its blanks, quotes and case; None if nowhere."""
    words = re.findall(r"\w+", quote)
    if not words:
        return None
    pattern = re.compile(r"\W+".join(re.escape(word) for word in words), re.IGNORECASE)
    match = pattern.search(source, *within)
    return Span(*match.span()) if match else None
