"""Reading JSON values of doubtful type: what other programs write where a text, list or number belongs."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from cards.card import Number
from cards.errors import CardError

Object = Mapping[str, Any]

SURROGATE = re.compile("[\ud800-\udfff]")

MILLISECONDS_FROM = 100_000_000_000  # as seconds this would be the year 5138: such a figure counts milliseconds
LATEST = 10**15  # milliseconds: some 30,000 years from now; anything later (or infinite, or no number) is no date


def to_json(value: Any, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON without BOM, every script readable; with ``indent`` lines, the last one ended. CardError for NaN."""
    separators = None if indent else (",", ":")
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    file = io.BytesIO()
    try:
        for part in encoder.iterencode(value):  # part by part: a list of them all takes ten times the memory
            file.write(mend(part).encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise CardError(f"extensions hold a value that JSON cannot express ({error}): remove it") from error
    if indent:
        file.write(b"\n")
    return file.getvalue()


def rest(source: Object, known: Collection[str]) -> dict[str, Any]:
    """The fields that are none of ``known``: kept, to be written back."""
    return {name: value for name, value in source.items() if name not in known}


def mend(text: str) -> str:
    """The text with halves of surrogate pairs joined, and lone ones replaced, so that it can be encoded."""
    if text.isascii() or not SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def kind(value: Any) -> str:
    """What JSON calls the value, for messages."""
    names: tuple[tuple[type, str], ...] = (
        (bool, "true/false"),
        (str, "a text"),
        (int, "a number"),
        (float, "a number"),
        (Mapping, "an object"),
        (list, "a list"),
    )
    return next((name for type_, name in names if isinstance(value, type_)), "null")


def as_object(value: Any, place: str) -> dict[str, Any]:
    """A copy of the object; {} for null."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    raise CardError(f"{place} must be an object, not {kind(value)}: write {{}} if there is nothing to say")


def read_text(source: Object, field: str, place: str = "", default: str = "") -> str:
    """The text of a field; ``default`` for absent or null; numbers as they are written."""
    value = source.get(field)
    if value is None:
        return default
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise CardError(f"{place}{field} must be a text, not {kind(value)}: put it between double quotes")


def read_texts(source: Object, field: str, place: str = "", *, separator: str | None = None) -> tuple[str, ...]:
    """The texts of a list; one text counts as a list of one, or is split at ``separator``; () for null."""
    value = source.get(field)
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        parts = value.split(separator) if separator else [value]
        return tuple(mend(part.strip() if separator else part) for part in parts if part.strip())
    if not isinstance(value, list):
        raise CardError(f"{place}{field} must be a list of texts, not {kind(value)}: put it between [ and ]")
    items = {str(index): item for index, item in enumerate(value) if item is not None}
    return tuple(read_text(items, index, f"{place}{field}.") for index in items)


def read_number(source: Object, field: str, place: str = "") -> Number | None:
    """A number, whole where it is (``3.0`` and ``"3"`` are 3); None for absent, null or an empty text."""
    value = source.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return int(value)
    try:
        number = float(value) if isinstance(value, str) else value
        if isinstance(number, int | float) and math.isfinite(number):
            return int(number) if number == int(number) else number
    except (OverflowError, ValueError):
        pass
    raise CardError(f"{place}{field} must be a number, not {value!r:.40}: write digits without quotes")


def read_flag(source: Object, field: str, default: bool = False) -> bool:
    """True or false, also from 0/1 and "true"/"false"; ``default`` for absent or null."""
    value = source.get(field)
    if value is None:
        return default
    if isinstance(value, str):
        return value.strip().lower() not in {"", "false", "0", "no"}
    return bool(value)


def read_seconds(source: Object, field: str) -> int | None:
    """A Unix time in seconds, also from milliseconds; None when unknown (absent, 0 or no number)."""
    value = source.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST:
        return None  # a date as text is another program's own field: better unknown than wrong
    seconds = int(value) // 1000 if abs(value) >= MILLISECONDS_FROM else int(value)
    return seconds or None


def first_of(source: Object, *names: str) -> str:
    """The first of the field names that is there and not null; the first name when none is."""
    return next((name for name in names if source.get(name) is not None), names[0])


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None: optional keys are left out, never null."""
    return {name: value for name, value in values.items() if value is not None}
