"""Names that every system accepts: of files, of cards, and unlike each other in one folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from cards.errors import CardError

PLACEHOLDERS = (
    "character_name",
    "timestamp",
    "date",
    "world",
    "class",
    "version",
    "format",
    "batch_id",
    "index",
)
MAX_BYTES = 120  # of a file name in UTF-8, before its extension
MAX_CARD_NAME = 60  # characters

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_JOINERS = "\u200c\u200d"  # Persian and many emoji are spelled with them
_SEPARATORS = "_-. "
# Devices of Windows, with or without an extension
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def check_pattern(pattern: str) -> None:
    """CardError for a pattern with unknown placeholders or stray braces."""
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    unknown = [name for name in _PLACEHOLDER.findall(pattern) if name not in PLACEHOLDERS]
    if unknown:
        listed = ", ".join(f"{{{name}}}" for name in dict.fromkeys(unknown))
        raise CardError(f"filename_pattern: unknown {listed}; known are {known}")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", pattern)):
        raise CardError(f"filename_pattern: a brace without its partner; placeholders are {known}")


def file_name(pattern: str, values: Mapping[str, str]) -> str:
    """The stem of a file name: safe on Windows, macOS and Linux, 1 to 120 bytes of UTF-8, NFC.

    A value that is empty or not given goes together with the separator before it. When all is too long, the
    longest value is shortened, so that time and index survive. CardError for a bad pattern.
    """
    check_pattern(pattern)
    clean = {name: _clean(values.get(name, "")) for name in _PLACEHOLDER.findall(pattern)}
    stem = _fill(pattern, clean)
    while (excess := _size(stem) - MAX_BYTES) > 0:
        longest = max(clean, key=lambda name: _size(clean[name]), default=None)
        if longest is None or not clean[longest]:
            break
        clean[longest] = cut(clean[longest], max(_size(clean[longest]) - excess, 0)).rstrip(_SEPARATORS)
        stem = _fill(pattern, clean)
    return _finish(stem)


def _fill(pattern: str, values: Mapping[str, str]) -> str:
    filled = ""
    for position, part in enumerate(_PLACEHOLDER.split(pattern)):
        if position % 2 == 0:  # split() gives literal, name, literal, name, ..., literal
            filled += part if filled else part.lstrip("_- ")
        elif values[part]:
            filled += values[part]
        else:
            filled = filled[:-1] if filled.endswith(tuple(_SEPARATORS)) else filled
    return _clean(filled)


def _clean(text: str) -> str:
    """NFC, forbidden characters as ``_``, no control characters, single blanks."""
    shown = "".join(character for character in " ".join(text.split()) if _is_shown(character))
    return " ".join(_FORBIDDEN.sub("_", unicodedata.normalize("NFC", shown)).split())


def _is_shown(character: str) -> bool:
    """False for control, formatting (writing direction above all), private and lone surrogate code points."""
    return character in _JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _finish(stem: str) -> str:
    """Ends that Windows refuses cut off, devices renamed, never empty, never too long."""
    stem = cut(stem.strip(" ."), MAX_BYTES).strip(" .")
    if _RESERVED.match(stem):
        stem = cut(f"_{stem}", MAX_BYTES).rstrip(" .")
    return stem if stem.strip(_SEPARATORS + _JOINERS) else "card"


def cut(text: str, size: int) -> str:
    """The longest start of the text within ``size`` bytes of UTF-8 that splits no letter from its marks."""
    if _size(text) <= size:
        return text
    end = len(text.encode("utf-8")[: max(size, 0)].decode("utf-8", "ignore"))
    while end > 0 and _continues(text, end):
        end -= 1
    return text[:end]


def _continues(text: str, end: int) -> bool:
    """Whether the character at ``end`` belongs to the one before it."""
    follower = text[end]
    return follower in _JOINERS or text[end - 1] in _JOINERS or unicodedata.category(follower)[0] == "M"


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def unique(names: Iterable[str]) -> list[str]:
    """The names in order, later ones of the same letters (any case) with " (2)", " (3)", within 120 bytes."""
    folder = Folder()
    return [folder.add(name) for name in names]


class Folder:
    """The names that one folder has so far."""

    def __init__(self, *names: str) -> None:
        self._taken = {_folded(name) for name in names}
        self._last: dict[str, int] = {}

    def add(self, stem: str, ending: str = "") -> str:
        """The name of one more file: ``stem`` and ``ending``; where that is there already, with a number between."""
        candidate, number = stem, self._last.get(_folded(stem + ending), 1)
        while _folded(candidate + ending) in self._taken:
            number += 1
            mark = f" ({number})"
            candidate = cut(stem, MAX_BYTES - len(mark)).rstrip(" .") + mark
        if number > 1:
            self._last[_folded(stem + ending)] = number
        self._taken.add(_folded(candidate + ending))
        return candidate + ending


def _folded(name: str) -> str:
    """As file systems compare that ignore case (Windows, macOS)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def safe_card_name(name: str) -> str:
    """A name for the card itself, 1 to 60 characters: front ends make file names and macros of it.

    Slashes become hyphens, double quotes single ones; the other characters of ``: * ? < >``, braces of
    macros and control characters go. Empty becomes "Unnamed".
    """
    shown = "".join(c for c in " ".join(name.split()) if _is_shown(c))
    text = unicodedata.normalize("NFC", shown).replace("{{", " ").replace("}}", " ").replace('"', "'")
    text = re.sub(r"[:*?<>]", " ", re.sub(r"[/\\|]", "-", text))
    text = " ".join(text.split())
    if len(text) > MAX_CARD_NAME:
        text = _shorten(text)
    return text.strip(" .") or "Unnamed"


def _shorten(text: str) -> str:
    """At most 60 characters, ending with a word where one ends in the last third."""
    end = MAX_CARD_NAME
    while end > 1 and _continues(text, end):
        end -= 1
    blank = text.rfind(" ", 0, end + 1)
    return text[: blank if blank > MAX_CARD_NAME * 2 // 3 else end].rstrip()
