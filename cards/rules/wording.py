"""Words and sentences with their places, runs of words that two texts share, and the word lists by language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LONGEST = 50_000  # characters of a field that style is judged by: more is far beyond what a front end sends

_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f"  # scripts that put no blanks between words
WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
CLOSERS = "\"'”“’‘»›)]}*_」』）】"
_SENTENCE = re.compile(rf"[^.!?…。！？\n]*[.!?…。！？]+[{re.escape(CLOSERS)}]*|[^.!?…。！？\n]+")
_WIDE = re.compile(rf"[{_UNSPACED}]")


def words(text: str) -> list[str]:
    """The words, folded; each character of a script without blanks stands for itself."""
    return [match.casefold() for match in WORD.findall(text[:LONGEST])]


def count_words(text: str) -> int:
    """How many words; two characters count as one in scripts that put no blanks between words."""
    wide = len(_WIDE.findall(text))
    return len(WORD.findall(text)) - wide + wide // 2


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences as [start, end); a line break ends one too. Abbreviations are not known."""
    spans = []
    for match in _SENTENCE.finditer(text):
        lead = len(match.group()) - len(match.group().lstrip())
        if match.group().strip():
            spans.append((match.start() + lead, match.start() + len(match.group().rstrip())))
    return spans


def unspaced(found: list[str]) -> bool:
    """Whether most of the words are characters of a script without blanks."""
    return sum(len(word) == 1 and bool(_WIDE.match(word)) for word in found) * 2 > len(found)


def shingles(text: str, size: int) -> set[int]:
    """The runs of ``size`` words as hashes; of twice as many characters in scripts without blanks."""
    found = words(text)
    if unspaced(found):
        size *= 2
    return {hash(tuple(found[place : place + size])) for place in range(len(found) - size + 1)}


def shared(one: set[int], other: set[int]) -> float:
    """How much of the smaller set is in the other, 0 to 1."""
    return len(one & other) / min(len(one), len(other)) if one and other else 0.0


def jaccard(one: set[Any], other: set[Any]) -> float:
    """Common members by all members, 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 0.0


def lists(language: str) -> Mapping[str, Any]:
    """What ``cards/words/roleplay.toml`` has for a language; nothing for one it does not know."""
    known: Mapping[str, Any] = _tables().get(language, {})
    return known


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(files("cards").joinpath("words", "roleplay.toml").read_text(encoding="utf-8"))


@cache
def listed(language: str, name: str) -> frozenset[str]:
    """One list of words of a language, as a set; empty where there is none."""
    entry = lists(language).get(name, "")
    return frozenset(entry.split() if isinstance(entry, str) else entry)


@cache
def any_word(language: str, name: str) -> re.Pattern[str] | None:
    """A pattern for any of a list's words or phrases, as whole words, or None where the language has none."""
    entry = lists(language).get(name, "")
    return any_of(entry.split() if isinstance(entry, str) else entry)


def any_of(phrases: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern for any of the phrases as they stand, whole words, in any case; None for none."""
    ordered = sorted({phrase for phrase in phrases if phrase}, key=len, reverse=True)
    if not ordered:
        return None
    return re.compile("|".join(_whole(phrase) for phrase in ordered), re.IGNORECASE)


def _whole(phrase: str) -> str:
    """The phrase between word boundaries where its ends are letters of a script with blanks."""
    left, right = (r"\b" if WORD.match(end) and not _WIDE.match(end) else "" for end in (phrase[0], phrase[-1]))
    return f"{left}{re.escape(phrase)}{right}"
