"""What of a message is spoken and what is told: quotations, starred actions, dashes that open speech."""

from __future__ import annotations

import re

Span = tuple[int, int]

# Opening quotation marks with what closes them; German closes with what English opens with, and » « turn both ways
_CLOSED_BY = {'"': '"', "“": "”", "„": "“”", "«": "»", "»": "«", "‘": "’", "「": "」", "『": "』"}
_DASHED = re.compile(r"^[ \t]*[—–][ \t]*[^—–\n]+", re.MULTILINE)
_STARRED = re.compile(r"\*[^*\n]+\*")
MASK = "\0"  # stands for what was said, so that places stay the same


def spoken(text: str) -> list[Span]:
    """Where something is said, as [start, end), in order. A quotation ends at the latest with its paragraph.

    Without any quotation, what stands outside of stars is said, if there are stars: the style ``*nods* Hello.``
    """
    quoted = quotations(text)
    if not quoted:
        quoted = [match.span() for match in _DASHED.finditer(text)]
    if not quoted and (starred := actions(text)):
        return _between(text, starred)
    return quoted


def quotations(text: str) -> list[Span]:
    """Where quotation marks stand around something, as [start, end), in order."""
    found: list[Span] = []
    place = 0
    paragraph_end = -1
    missing: set[str] = set()  # opening marks that nothing closes in this paragraph
    for match in re.finditer('["“„«»‘「『]', text):
        start, mark = match.start(), match.group()
        if start < place:
            continue
        if start > paragraph_end:
            paragraph_end = text.find("\n\n", start)
            paragraph_end = len(text) if paragraph_end < 0 else paragraph_end
            missing.clear()
        if mark in missing:
            continue
        ends = [text.find(closer, start + 1, paragraph_end) for closer in _CLOSED_BY[mark]]
        end = min((each for each in ends if each >= 0), default=-1)
        if mark == "‘":
            end = _closing_single(text, start + 1, paragraph_end)
        if end < 0:
            missing.add(mark)
            continue
        found.append((start, end + 1))
        place = end + 1
    return found


def _closing_single(text: str, start: int, end: int) -> int:
    """The ’ that is no apostrophe: no letter follows it."""
    place = text.find("’", start, end)
    while place >= 0 and text[place + 1 : place + 2].isalpha():
        place = text.find("’", place + 1, end)
    return place


def actions(text: str) -> list[Span]:
    """Where something is done between stars, as [start, end)."""
    return [match.span() for match in _STARRED.finditer(text)]


def _between(text: str, spans: list[Span]) -> list[Span]:
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in pairs if any(char.isalpha() for char in text[start:end])]


def narration(text: str) -> str:
    """The text with all that is said masked, letter by letter, so that places stay the same."""
    parts: list[str] = []
    place = 0
    for start, end in spoken(text):
        parts += [text[place:start], MASK * (end - start)]
        place = end
    return "".join([*parts, text[place:]])
