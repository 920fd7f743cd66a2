"""JSON and YAML files of doubtful origin as plain values: bounded in size, depth and number of values.

Sources: RFC 8259 (JSON); YAML 1.2, of which the values of its JSON schema are read: anything else is text.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import yaml

from cards.errors import CardError
from cards.yaml_text import MAX_DEPTH, write_yaml

__all__ = ["MAX_JSON", "MAX_YAML", "parse_json", "parse_yaml", "write_yaml"]

MAX_JSON = 20 * 1024 * 1024  # bytes
# A list or an object of one value takes some 80 bytes of memory for each of these marks: 80 MB at most.
MAX_MARKS = 800_000
MARKS = "[{,:"
# PyYAML's own scanner is ten times slower than libyaml; both stay under three seconds.
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_YAML = (2048 if hasattr(yaml, "CSafeLoader") else 512) * 1024  # bytes
MAX_VALUES = 400_000  # in a YAML file
MAX_DIRECTIVES = 10  # libyaml compares each %TAG line with all before it

BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
CORE = "tag:yaml.org,2002:"
SCALARS = frozenset({None, "!", *(f"{CORE}{name}" for name in ("str", "int", "float", "bool", "null"))})
COLLECTIONS = frozenset({None, "!", f"{CORE}seq", f"{CORE}map"})
DOCUMENT = (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
DIRECTIVE = re.compile("(?:^|[\n\r\x85\u2028\u2029])%")
NO_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_json(content: bytes) -> Any:
    """The JSON value of a file of at most 20 MiB, in UTF-8 or with a byte order mark.

    Of a key that stands twice the last counts. CardError, with line and column, for what is no JSON, for NaN and
    numbers no double can hold, over 100 levels, and over ``MAX_MARKS`` values.
    """
    if len(content) > MAX_JSON:
        raise CardError(f"the JSON has {len(content):,} bytes; {MAX_JSON:,} at most: split the file")
    text = _decode(content)
    if sum(map(text.count, MARKS)) > MAX_MARKS:
        raise CardError(f"the JSON has over {MAX_MARKS:,} values, which no card needs: split the file")
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise CardError(_fault(error)) from error
    except RecursionError as error:
        raise CardError(_too_deep("JSON")) from error
    _check_depth(value)
    return value


def _decode(content: bytes) -> str:
    """The text without its byte order mark; CardError for what is no text."""
    encoding = next((name for mark, name in BOMS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CardError(f"line {line}: this is no {encoding.upper()[:6]} text: save the file as UTF-8") from error
    at = text.find("\0")
    if at >= 0:
        raise CardError(f"{_place(text, at)}: a NUL character: the file is damaged or no text; save it as UTF-8")
    if not text or text.isspace():
        raise CardError("the file is empty: send a file with a card in it")
    return text


def _place(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def _fault(error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}"
    if error.msg.startswith("Unterminated string"):
        return f'{place}: the text that begins here never ends: the file was cut off, or a " is missing'
    if not error.doc[error.pos :].strip():
        return f"{place}: the JSON ends too early: the file was cut off; download or save it again"
    if error.msg == "Extra data":
        return f"{place}: something stands after the end of the JSON: remove it"
    if error.msg.startswith("Invalid control character"):
        return f"{place}: a line break or control character inside a text: write it as \\n or \\uXXXX"
    return f"{place}: this is no JSON ({error.msg[:1].lower()}{error.msg[1:]}): correct it there or just before"


def _too_deep(language: str) -> str:
    return f"the {language} is nested over {MAX_DEPTH} levels deep, which no card needs: flatten it"


def _whole(digits: str) -> int:
    _fraction(digits)  # whole numbers are kept digit by digit, but only as large as a double goes
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise CardError(f"the number {digits:.20} is too large: write it with fewer digits, or as a text")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise CardError(f"{name} is no JSON: write null or a number")


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        inside = (item for each in level for item in (each.values() if isinstance(each, dict) else each))
        level = [item for item in inside if isinstance(item, dict | list)]
    if level:
        raise CardError(_too_deep("JSON"))


def parse_yaml(content: bytes) -> Any:
    """The value of a YAML file of at most 2 MiB (512 KiB where PyYAML comes without libyaml).

    What JSON writes as a number, true, false or null is that (``~`` and nothing are null too); all else is text:
    dates, ``yes``, ``0x10``. Keys are texts. CardError, with line and column, for what is no YAML, aliases, tags
    of programs, keys that stand twice, a second document, over 100 levels, and over 400,000 values.
    """
    if len(content) > MAX_YAML:
        raise CardError(f"the YAML has {len(content):,} bytes; {MAX_YAML:,} at most: send it as JSON")
    text = _decode(content)
    if len(DIRECTIVE.findall(text)) > MAX_DIRECTIVES:
        raise CardError(f"over {MAX_DIRECTIVES} lines begin with %: remove these, a card needs none")
    try:
        events = _counted(yaml.parse(text, Loader=LOADER))
        first = next(events)
        if isinstance(first, yaml.StreamEndEvent):
            raise CardError("the file holds only comments: send a file with a card in it")
        value = _value(first, events, 0)
        if not isinstance(next(events), yaml.StreamEndEvent):
            raise CardError("the YAML holds more than one document: send each in a file of its own")
        return value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = error.problem or error.context
        raise CardError(f"{place}this is no YAML ({reason}): put texts with : # or @ in them between quotes") from error
    except yaml.YAMLError as error:
        match = NO_YAML.search(text)
        place = f"{_place(text, match.start())}: " if match else ""
        raise CardError(f'{place}a control character in the YAML: remove it, or write it as "\\uXXXX"') from error


def _counted(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """The events of values, without those of the stream and its documents; CardError when they are too many."""
    for number, event in enumerate(events):
        if number > MAX_VALUES:
            raise CardError(f"the YAML has over {MAX_VALUES:,} values, which no card needs: split the file")
        if not isinstance(event, DOCUMENT):
            yield event


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
    """The value that begins with ``event``, taking from ``events`` what belongs to it."""
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.AliasEvent):
        raise CardError(f"{_start(event)}: *{event.anchor:.40} points to another place: write out what stands there")
    if depth >= MAX_DEPTH:
        raise CardError(_too_deep("YAML"))
    if not isinstance(event, yaml.CollectionStartEvent) or event.tag not in COLLECTIONS:
        raise CardError(_tagged(event))
    if isinstance(event, yaml.SequenceStartEvent):
        return [_value(item, events, depth + 1) for item in _until(yaml.SequenceEndEvent, events)]
    found: dict[str, Any] = {}
    for key in _until(yaml.MappingEndEvent, events):
        if not isinstance(key, yaml.ScalarEvent):
            raise CardError(f"{_start(key)}: a list or an object stands where a key belongs: put it between quotes")
        if key.value in found:
            raise CardError(f"{_start(key)}: the key {key.value!r:.60} stands twice: remove one of them")
        found[key.value] = _value(next(events), events, depth + 1)
    return found


def _until(end: type[yaml.Event], events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    return itertools.takewhile(lambda event: not isinstance(event, end), events)


def _scalar(event: yaml.ScalarEvent) -> Any:
    if event.tag not in SCALARS:
        raise CardError(_tagged(event))
    if event.tag in {"!", f"{CORE}str"} or (event.tag is None and not event.implicit[0]):
        return event.value
    if event.value in CONSTANTS:
        return CONSTANTS[event.value]
    number = NUMBER.fullmatch(event.value)
    if number is None:
        return event.value
    return _fraction(event.value) if number[1] or number[2] else _whole(event.value)


def _tagged(event: yaml.Event) -> str:
    tag = getattr(event, "tag", None)
    return f"{_start(event)}: the tag {tag!r:.60} belongs to another program: remove it"


def _start(event: yaml.Event) -> str:
    mark = event.start_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the YAML"
