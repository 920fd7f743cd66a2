"""Sentences without what layout left in them: marks of emphasis, quotation marks without a partner, endless length."""

from __future__ import annotations

import re

from providers.offline.notes import ended

MARKS = re.compile(
    r"[*`^~]+|(?<!\w)_+|_+(?!\w)|\|+|(?<=\s)[#>=+/\\]+(?=\s)|^[#>=+:;,.)\]}\\/\s-]+(?=\w)|\s[-–—=]{2,}\s"
)
TABLED = re.compile(r"\s{2,}")
LONGEST = 70  # words of a sentence; what is longer is a list or has no stops
CUT_AT = 45
PAIRS = (("“", "”"), ("«", "»"), ("(", ")"), ("[", "]"))


def tidied(sentence: str) -> str:
    """The sentence as it can stand in a card, ended, and cut at a comma where it would never end."""
    text = TABLED.sub(" ", MARKS.sub(" ", sentence)).strip()
    text = re.sub(r"\s+([,;.!?])(?=\s|$)", r"\1", text)
    if text.count('"') % 2:
        text = text.replace('"', "")
    for left, right in PAIRS:
        if text.count(left) != text.count(right):
            text = text.replace(left, "").replace(right, "")
    return _cut(text)


def _cut(text: str) -> str:
    if len(text.split()) <= LONGEST and len(text) <= 12 * LONGEST:
        return text
    head = " ".join(text[: 12 * CUT_AT].split()[:CUT_AT])
    comma = max(head.rfind(mark) for mark in (",", ";", " – ", " — "))
    head = head[:comma] if comma > len(head) // 2 else head
    head = head.rstrip(" ,;:–—-(\"'“«")
    return tidied(head + "…") if len(head) < len(text) else ended(head)


def in_sentence_case(text: str) -> str:
    """A text without small letters, or without capitals, with both as far as that is certain."""
    starts = re.findall(r"(?:^|[.!?]\s+)([^\W\d_])", text)
    if len(starts) > 2 and sum(start.islower() for start in starts) * 10 >= len(starts) * 7:
        text = re.sub(r"\bi(?=\b|['’])(?!\.)", "I", text)
        return re.sub(r"((?:^|\n)\s*|[.!?]\s+[\"“]?)([^\W\d_])", lambda m: m[1] + m[2].upper(), text)
    letters = [char for char in text if char.isalpha()]
    if len(letters) < 40 or sum(char.isupper() for char in letters) * 10 < len(letters) * 8:
        return text
    lowered = re.sub(r"\bi(?=\b|['’])", "I", text.lower())
    lowered = re.sub(r"\b(sir|lady|lord|king|queen|captain|mr|mrs|ms|dr|saint|prince|princess)(\.?\s)(\w)",
                     lambda m: m[1].capitalize() + m[2] + m[3].upper(), lowered)  # fmt: skip
    return re.sub(r"(?m)(^\W*|[.!?]\s+[\"“]?)([^\W\d_])", lambda m: m[1] + m[2].upper(), lowered)
