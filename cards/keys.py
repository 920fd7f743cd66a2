"""Whether a key of a lorebook fires on a text, as SillyTavern decides it.

A plain key is found anywhere in the text, or, where whole words count and it has no blank, between characters that are
not of ``[A-Za-z0-9_]``: other letters are no part of a word there, so ``caf`` fires on ``café`` and Chinese keys fire
within a sentence. A key ``/pattern/flags`` is a JavaScript pattern; one that JavaScript would refuse is a plain key.
Unlike SillyTavern, texts and keys are compared in Unicode's form NFC, and patterns that could hang it are not run.

Source: SillyTavern, ``public/scripts/world-info.js`` (``matchKeys``, ``parseRegexFromString``).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from cards.pattern import NotPattern, parse
from cards.pattern_chars import CLASSES, NotKnown, source_of
from cards.pattern_cost import required, steps, worst_steps
from cards.pattern_tree import Node, python_source

STEPS = 20_000_000  # of one search: a few tenths of a second at worst
MOST_LENGTH = 2_000  # characters of a pattern

_DELIMITED = re.compile(r"/(?P<pattern>.+?)/(?P<flags>[gimsuy]*)\Z", re.DOTALL)
_OPEN_SLASH = re.compile(r"(?:^|[^\\])/")
_BLANK = re.compile(source_of(CLASSES["s"]))
_WORD_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SAMPLE = 'The old captain, 34, asked again: "Who keeps the lamp?" Nobody knows; rain falls on Harbour Street.\n'
_MESSAGE = "\x01Mara: " + _SAMPLE * 6
_REPEATED, _ENDLESS = 300, 3e10  # characters of the same kind, and steps that nobody waits for
_SLOW = 5_000_000  # steps on 10,000 characters of chat: about 50 ms

Span = tuple[int, int]


@dataclass(frozen=True)
class Pattern:
    """A key that is a pattern; ``compiled`` None: it is not looked for. ``fault`` says why not to use it, "" for none.

    ``required`` is a text that every match holds, in lower case with ``ignore_case``; "" where none is sure.
    """

    key: str
    tree: Node | None = field(compare=False)  # the key says it all, and is quicker to compare
    compiled: re.Pattern[str] | None = field(compare=False)
    ignore_case: bool = field(compare=False)
    sticky: bool = field(compare=False)
    fault: str = field(default="", compare=False)
    required: str = field(default="", compare=False)


@dataclass(frozen=True)
class Key:
    """A key ready for searching: ``text`` in NFC without outer blanks, in lower case unless ``case_sensitive``."""

    text: str
    case_sensitive: bool
    whole_words: bool
    pattern: Pattern | None = None


class Search(NamedTuple):
    """What a pattern found: ``span`` or None; ``searched`` characters of the text were looked at."""

    span: Span | None
    searched: int


def compile_key(key: str, *, case_sensitive: bool = False, whole_words: bool = True, trimmed: bool = True) -> Key:
    """The key for searching. Macros are the caller's affair; whole words count for keys without a blank only.

    A key of nothing but blanks fires on everything when it is ``trimmed``, as it does in SillyTavern.
    """
    text = clean(key).strip() if trimmed else clean(key)
    if pattern := _pattern(text):
        return Key(text, case_sensitive=True, whole_words=False, pattern=pattern)
    text = text if case_sensitive else fold(text)
    return Key(text, case_sensitive, whole_words and not _BLANK.search(text))


def pattern_fault(key: str) -> str | None:
    """Why a key written ``/pattern/flags`` should not be given to a front end; None for a sound one or a plain key."""
    delimited = re.fullmatch(r"/(.+)/([a-zA-Z]*)", clean(key).strip(), re.DOTALL)
    if delimited is None:
        return None
    pattern = _pattern(delimited.group())
    if pattern is None:
        return _refusal(delimited[1], delimited[2])
    if pattern.fault:
        return pattern.fault
    sample = _MESSAGE * (10_000 // len(_MESSAGE))
    if pattern.tree is not None and steps(pattern.tree, sample, ignore_case=pattern.ignore_case) > _SLOW:
        return f"it may be slow: over {_SLOW / 1e6:.0f} million steps on 10,000 characters of chat"
    return None


def fires(key: Key, text: str) -> Span | None:
    """Where the key first fires in a text, [start, end) in its NFC form; None where it does not."""
    text = clean(text)
    if key.pattern:
        return search(key.pattern, text).span
    form = text if key.case_sensitive else fold(text)
    start = whole_place(form, key.text) if key.whole_words else form.find(key.text)
    return (start, start + len(key.text)) if start >= 0 else None


def search(pattern: Pattern, text: str, *, most: float = STEPS) -> Search:
    """Search a text in NFC with at most so many steps: of a text too long for that only the beginning."""
    if pattern.tree is None or pattern.compiled is None:
        return Search(None, 0)
    if pattern.required not in (fold(text) if pattern.ignore_case else text):
        return Search(None, len(text))
    size = len(text)
    while size and steps(pattern.tree, text[:size], ignore_case=pattern.ignore_case) > most:
        size //= 2
    if text and not size:
        return Search(None, 0)
    part = text[:size]
    found = pattern.compiled.match(part) if pattern.sticky else pattern.compiled.search(part)
    return Search(found.span() if found else None, size)


def clean(text: str) -> str:
    """The text in NFC: an accent is one character with its letter, however it was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """The text in lower case, of the same length, so that places in it stay what they are."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def whole_place(text: str, word: str, start: int = 0) -> int:
    """Where the word first stands between characters that are not of a word, from ``start`` on; -1 for nowhere."""
    start = text.find(word, start)
    while start >= 0:
        before, behind = text[start - 1 : start] if start else "", text[start + len(word) : start + len(word) + 1]
        if before not in _WORD_LETTERS and behind not in _WORD_LETTERS:
            return start
        start = text.find(word, start + 1)
    return -1


@lru_cache(maxsize=16_384)
def _pattern(key: str) -> Pattern | None:
    """The pattern of a key; None where JavaScript, or SillyTavern, would take it as plain text."""
    delimited = _DELIMITED.match(key)
    if delimited is None or _OPEN_SLASH.search(delimited["pattern"]):
        return None
    pattern, flags = delimited["pattern"], delimited["flags"]
    ignore_case, sticky = "i" in flags, "y" in flags
    if len(pattern) > MOST_LENGTH:
        return Pattern(key, None, None, ignore_case, sticky, f"it has {len(pattern)} characters")
    try:
        tree = parse(pattern, flags)
        compiled = re.compile(python_source(tree), re.IGNORECASE if ignore_case else re.NOFLAG)
    except NotPattern:
        return None
    except (NotKnown, re.error, RecursionError, OverflowError) as error:
        return Pattern(key, None, None, ignore_case, sticky, str(error))
    fault = ""
    if worst_steps(tree, pattern, _REPEATED, ignore_case=ignore_case) > _ENDLESS:
        fault = "its repetitions can split the same letters in many ways, so that it may never end"
    literal = required(tree)
    return Pattern(key, tree, compiled, ignore_case, sticky, fault, literal.lower() if ignore_case else literal)


def _refusal(pattern: str, flags: str) -> str:
    """Why JavaScript takes it as no pattern."""
    if _OPEN_SLASH.search(pattern):
        return "a / within it needs a backslash before it"
    try:
        parse(pattern, flags)
    except (NotPattern, NotKnown) as error:
        return str(error)
    return "it is no pattern"
