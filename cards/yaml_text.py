"""JSON values as YAML for people: block style, long texts as literal blocks, every script readable.

Source: YAML 1.2 (literal block scalars, printable characters); words that YAML 1.1 misreads are quoted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cards.errors import CardError
from cards.fields import mend

MAX_DEPTH = 100  # levels of lists and objects in a file
LONG = 100  # characters from which a text of one line gets a block of its own
LONGEST_KEY = 1000  # YAML takes 1024 characters before the colon

PLAIN = re.compile(r"[^\W\d_](?:[\w .,'()!?/-]*[\w.,'()!?/-])?")
PLAIN_KEY = re.compile(r"[^\W\d]\w*(?:[ .-]\w+)*")
RESERVED = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
# YAML 1.1 breaks lines at 85, 2028 and 2029 too; the others may not stand in a file as they are.
UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
UNSAFE_IN_BLOCK = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def write_yaml(value: Any) -> bytes:
    """UTF-8 YAML that ``parse_yaml`` reads back equal, keys in their order.

    CardError for what JSON cannot hold and for over 100 levels. Lone surrogates are replaced, as in JSON.
    """
    lines: list[str] = []
    _write(lines, value, "", 0)
    return ("\n".join(lines) + "\n").encode("utf-8")


def _write(lines: list[str], value: Any, lead: str, indent: int) -> None:
    """Write ``value`` after ``lead``, which its line begins with; what is inside it stands at ``indent`` spaces."""
    if not isinstance(value, Mapping | list | tuple) or not value:
        lines.append(lead + _scalar(value, indent if lead else None))
        return
    if indent >= 2 * MAX_DEPTH:
        raise CardError(f"the card is nested over {MAX_DEPTH} levels deep: flatten it")
    compact = lead.endswith("- ")  # the first line goes on after the dash
    if lead and not compact:
        lines.append(lead.rstrip())
    start = lead if compact else " " * indent
    for mark, item in _items(value):
        head, _, last = f"{start}{mark}".rpartition("\n")
        if head:
            lines.append(head)
            last = " " * indent + last
        _write(lines, item, last, indent + 2)
        start = " " * indent


def _items(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The items with what stands before each: a dash, or the key (a very long one on a line of its own)."""
    if not isinstance(value, Mapping):
        for item in value:
            yield "- ", item
        return
    for name, item in value.items():
        key = mend(str(name))
        if not PLAIN_KEY.fullmatch(key) or key.lower() in RESERVED:
            key = _quoted(key)
        yield (f"{key}: " if len(key) <= LONGEST_KEY else f"? {_quoted(mend(str(name)))}\n: "), item


def _scalar(value: Any, indent: int | None) -> str:
    """A value without values inside; ``indent`` None: at the root, where no block may stand."""
    if isinstance(value, str):
        return _text(mend(value), indent)
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float) and math.isfinite(value):
        digits = repr(value)  # YAML 1.1 knows a number with an exponent by its point
        return digits if "." in digits else digits.replace("e", ".0e")
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise CardError(f"extensions hold a value that YAML cannot express ({value!r:.40}): remove it")


def _text(text: str, indent: int | None) -> str:
    block = "\n" in text or len(text) > LONG
    if block and indent is not None and text.strip() and not UNSAFE_IN_BLOCK.search(text):
        return _literal(text, " " * indent)
    if not block and PLAIN.fullmatch(text) and text.lower() not in RESERVED:
        return text
    return _quoted(text)


def _literal(text: str, pad: str) -> str:
    """A block of the lines as they are; its head tells of blanks at the beginning and line breaks at the end."""
    size = "2" if text.lstrip("\n")[0] in " \t" else ""
    chomp = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else ""
    lines = text.removesuffix("\n").split("\n")
    return "\n".join([f"|{size}{chomp}", *(f"{pad}{line}" if line else "" for line in lines)])


def _quoted(text: str) -> str:
    """The text between double quotes, with JSON's escapes, which are YAML's too."""
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
