"""A source made fit for a card: no foreign macros, markers, code or leftovers of a model, nothing else changed."""

from __future__ import annotations

import re

FENCED = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<ref\b[^>/]*>.*?</ref>|<ref\b[^>]*/>", re.DOTALL)
CONTROL = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ue000\ue001]"
)
MARKER = re.compile(r"</?\s*(?:START|think(?:ing)?)\s*>", re.IGNORECASE)
USER = re.compile(r"\{{2,}\s*user\s*\}{2,}|<user>", re.IGNORECASE)
CHAR = re.compile(r"\{{2,}\s*char\s*\}{2,}|<(?:bot|char)>", re.IGNORECASE)
BRACES = re.compile(r"\{{2,}|\}{2,}")
RULED = re.compile(r"([=~_#*+|.-])\1{3,}|(?:[.·] ){4,}")
PLACEHOLDER = re.compile(r"\[((?:insert|your|name|placeholder)\b[^\]\n]{0,60})\]", re.IGNORECASE)
LINE_BREAK = re.compile(r"(?<!:)\\+n")  # but "C:\new" is a path
MOST_CODE = 20  # words beside fenced code, from which on the code is left out

# What would be taken for the words of a writing model about itself (lint C05), in words that would not.
REWORDED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bAs (an? (?:AI|(?:large )?language)\b)"), r"Being \1"),
    (re.compile(r"\bas (an? (?:AI|(?:large )?language)\b)", re.IGNORECASE), r"being \1"),
    (re.compile(r"\bI(?:'|’)?m an AI\b", re.IGNORECASE), "I am an AI"),
    (re.compile(r"\bmy (training data|content policy|guidelines)\b", re.IGNORECASE), r"the \1"),
    (re.compile(r"\bTODO:"), "To do:"),
    (re.compile(r"\[TODO\b"), "[to do"),
    (re.compile(r"\bLorem ipsum\b", re.IGNORECASE), "Some text"),
    (PLACEHOLDER, r"\1"),
    (re.compile(r"\[(?=(?:insert|your|name|placeholder)\b)", re.IGNORECASE), "("),
)


def cleaned(text: str) -> str:
    """The source without what cannot stand in a card. {{char}} and {{user}} stay; other macros lose their braces."""
    text = CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    text = _unwrapped(MARKER.sub(" ", COMMENT.sub(" ", _without_code(text))))
    text = _plain_braces(text)
    text = LINE_BREAK.sub("\n", text).replace("\\n", "/n")
    for pattern, words in REWORDED:
        text = pattern.sub(words, text)
    return "\n".join(RULED.sub(" ", line) if _is_mixed(line) else line for line in text.split("\n"))


ITEM = re.compile(r"[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+\S")


def _unwrapped(text: str) -> str:
    """Notes that were broken into several lines, the later ones indented, on one line each."""
    lines: list[str] = []
    within = False
    for line in text.split("\n"):
        item = bool(ITEM.match(line))
        if within and not item and re.match(r"[ \t]{2,}\S", line) and not line.rstrip().endswith(":"):
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
            continue
        within = item
        lines.append(line)
    return "\n".join(lines)


def _without_code(text: str) -> str:
    """The text without fenced blocks, or only without their fences where hardly anything else is there."""
    beside = FENCED.sub("\n", text)
    kept = beside if len(beside.split()) >= MOST_CODE else FENCED.sub(lambda match: match[2], text)
    return kept.replace("```", "")


def _plain_braces(text: str) -> str:
    text = CHAR.sub("\ue001", USER.sub("\ue000", text))
    text = BRACES.sub(lambda match: match.group()[0], text)
    return text.replace("\ue000", "{{user}}").replace("\ue001", "{{char}}")


def _is_mixed(line: str) -> bool:
    """Whether a line has words: one of signs alone underlines a heading or divides a table."""
    return bool(re.search(r"[^\W_]", line)) and "|--" not in line
