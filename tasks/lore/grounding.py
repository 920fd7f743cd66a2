"""What an entry says that nobody has told: names and figures that neither source nor card has. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cards.rules.wording import sentences
from cards.text import language, proper_nouns
from cards.text_scripts import WIDE

FIGURE = re.compile(r"(?<![\w.,])\d{2,}(?:[.,]\d+)*")
WORD = re.compile(r"[^\W\d_]+")
TELLING = 60  # characters that tell a language
LEAST_STEM = 4  # letters of a known word that a derived one begins with: Karst, Karstian
_INSIDE = r"(?:[\w,;:)]\s+|['\"“«(-])"  # what stands before a word that does not open a sentence
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


@dataclass(frozen=True)
class Given:
    """All that an entry may draw on: the texts of source and card."""

    texts: tuple[str, ...]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words, folded."""
        return frozenset(word.casefold() for text in self.texts for word in WORD.findall(text))

    @cached_property
    def figures(self) -> frozenset[str]:
        """The numbers, without separators."""
        return frozenset(_plain(figure) for text in self.texts for figure in re.findall(r"\d+(?:[.,]\d+)*", text))

    def is_like(self, content: str) -> bool:
        """Whether a text is in the language of what was given, as far as that can be told."""
        return language(content) == self.code or len(content) < TELLING

    @cached_property
    def code(self) -> str:
        """The language of what was given, as a code."""
        return language(self.texts[0])

    def has_name(self, name: str) -> bool:
        """Whether a word of the name is there, be it as the root of a longer one; of a wide script all of it."""
        if WIDE.search(name):
            return any(name in text for text in self.texts)
        return any(self._has(word.casefold()) for word in WORD.findall(name))

    def _has(self, word: str) -> bool:
        roots = {word[:size] for size in range(LEAST_STEM, len(word) + 1)} | {word, f"{word}s"}
        return not self.words.isdisjoint(roots)

    def has_figure(self, figure: str) -> bool:
        """Whether the number is there, in digits or, below a hundred, in English words."""
        plain = _plain(figure)
        if plain in self.figures:
            return True
        if not plain.isdigit() or len(plain) > 2:
            return False
        tens, ones = divmod(int(plain), 10)
        spelled = {_ONES[int(plain)]} if int(plain) < 20 else {_TENS[tens], *([_ONES[ones]] if ones else [])}
        return spelled <= self.words


def _plain(figure: str) -> str:
    """Return a number without separators, in the digits of ASCII: Arabic and Devanagari have their own."""
    digits = "".join(letter if letter in ".," else str(unicodedata.decimal(letter)) for letter in figure)
    return digits.replace(",", "").replace(".", "").lstrip("0") or "0"


def strangers(content: str, given: Given) -> list[str]:
    """Return the names and figures of an entry that are nowhere in what was given.

    Of a text in another language than what was given only figures are told: names may be written otherwise there.
    """
    names = [name for name in _names(content) if not given.has_name(name)] if given.is_like(content) else []
    figures = [match.group() for match in FIGURE.finditer(content) if not given.has_figure(match.group())]
    return list(dict.fromkeys([*names, *figures]))


def _names(content: str) -> list[str]:
    """Return what is surely a name: it is written so within a sentence, or it is of several words."""
    german = language(content) == "de"
    return [
        noun.name
        for noun in proper_nouns(content)
        if (" " in noun.name or re.search(_INSIDE + re.escape(noun.name), content))
        and (not german or noun.kind in ("person", "place"))
        and noun.name.casefold() not in ("char", "user")
    ]


def without(content: str, said: Iterable[str]) -> str:
    """Return the content without the sentences that say one of these."""
    parts = [content[start:end] for start, end in sentences(content)]
    patterns = [re.compile(rf"(?<!\w){re.escape(each)}(?!\w)") for each in said]
    return " ".join(part for part in parts if not any(pattern.search(part) for pattern in patterns))
