"""Sets of characters in JavaScript's patterns: ``\\d``, ``\\s``, ``\\w``, ``\\p{...}`` and classes of these."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType

Ranges = tuple[tuple[int, int], ...]  # of code points, both ends included

LAST = 0x10FFFF
ANY = "(?s:.)"

# \s and line ends reach beyond ASCII, \d and \w do not
CLASSES: Mapping[str, Ranges] = MappingProxyType(
    {
        "d": ((48, 57),),
        "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
        "s": (
            *((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
            *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
        ),
        "newline": ((10, 10), (13, 13), (0x2028, 0x2029)),
    }
)
# The blocks that hold nearly all of a script: enough for keys
_SCRIPTS: Mapping[str, Ranges] = MappingProxyType(
    {
        "Latin": ((65, 90), (97, 122), (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F)),
        "Greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
        "Cyrillic": ((0x400, 0x52F),),
        "Hebrew": ((0x591, 0x5F4),),
        "Arabic": ((0x600, 0x6FF), (0x750, 0x77F)),
        "Thai": ((0xE01, 0xE5B),),
        "Hiragana": ((0x3041, 0x309F),),
        "Katakana": ((0x30A1, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)),
        "Han": (
            *((0x2E80, 0x2FD5), (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
            *((0xF900, 0xFAFF), (0x20000, 0x323AF)),
        ),
        "Hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
    }
)
_NAMES = {
    **{"Letter": "L", "Alphabetic": "L", "Alpha": "L", "Lowercase_Letter": "Ll", "Lowercase": "Ll", "Uppercase": "Lu"},
    **{"Uppercase_Letter": "Lu", "Mark": "M", "Number": "N", "Decimal_Number": "Nd", "Punctuation": "P", "Symbol": "S"},
    **{"Separator": "Z", "Space_Separator": "Zs", "White_Space": "Z", "Other_Letter": "Lo"},
}


class NotKnown(ValueError):
    """JavaScript takes it, we do not."""


@lru_cache(maxsize=4096)
def source_of(ranges: Ranges, *, negated: bool = False) -> str:
    """The set as Python's ``re`` writes it; an empty one matches nothing, or with ``negated`` anything.

    The others of a set are always written ``[^...]``: with IGNORECASE that is not the same as all other ranges.
    """
    if not ranges:
        return ANY if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(f'{_coded(start)}-{_coded(end)}' for start, end in ranges)}]"


def class_source(ranges: Ranges, others: Sequence[Ranges], *, negated: bool) -> str:
    """A class of ranges and of all characters but ``others``: ``[a\\W]``."""
    plain = source_of(ranges, negated=negated)
    if not others:
        return plain
    rest = [source_of(each, negated=True) for each in others]
    return f"(?:{''.join(f'(?!{each})' for each in rest)}{plain})" if negated else f"(?:{'|'.join([*rest, plain])})"


def _coded(number: int) -> str:
    return f"\\U{number:08x}"


def property_ranges(name: str) -> Ranges:
    """The characters of ``\\p{name}``: a general category, or a common script. NotKnown for other names."""
    kind, _, value = name.rpartition("=")
    if kind in ("Script", "sc", "Script_Extensions", "scx") and value in _SCRIPTS:
        return _SCRIPTS[value]
    category = _NAMES.get(value, value)
    if kind in ("", "General_Category", "gc") and (found := _categories().get(category)):
        return found
    raise NotKnown(f"\\p{{{name:.30}}} is not known here")


@cache
def _categories() -> dict[str, Ranges]:
    """The characters of each category, by its two letters and by its first."""
    found: dict[str, list[tuple[int, int]]] = {}
    for number in range(LAST + 1):
        category = unicodedata.category(chr(number))
        for name in (category, category[0]):
            ranges = found.setdefault(name, [])
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
    return {name: tuple(ranges) for name, ranges in found.items()}
