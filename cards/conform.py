"""Whether an object is what its specification says, field by field; strict, where reading is tolerant.

Source: spec_v1.md, spec_v2.md, SPEC_V3.md; for World Info what SillyTavern reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cards import book, v1, v2, v3
from cards.containers import is_main_icon
from cards.fields import MILLISECONDS_FROM, kind

MOST = 200  # deviations told of one object: more say nothing new


@dataclass(frozen=True)
class Deviation:
    """One place that is not as the specification says. ``path`` as "data.character_book.entries[3].keys"."""

    path: str
    message: str
    fix: str

    def to_dict(self) -> dict[str, str]:
        """The deviation as JSON."""
        return asdict(self)


Found = Iterator[Deviation]
Object = Mapping[str, Any]


def check_card(obj: Object) -> list[Deviation]:
    """Where a card is not what its ``spec`` says: V2 or V3 under ``data``, V1 or our flat format without."""
    spec = obj.get("spec")
    if spec is None and "data" not in obj:
        return _most(_check_flat(obj))
    data = obj.get("data")
    if not isinstance(data, Mapping):
        return [Deviation("data", "is missing or no object", "put the fields of the card into an object named data")]
    is_v3 = spec == v3.SPEC
    return _most(_check_spec(obj), _check_data(data, is_v3=is_v3))


def check_book(obj: Object) -> list[Deviation]:
    """Where a book in a file of its own is not what it should be: lorebook_v3, World Info or character_book."""
    if obj.get("spec") == book.SPEC:
        data = obj.get("data")
        if not isinstance(data, Mapping):
            return [Deviation("data", "is missing or no object", "put the book into an object named data")]
        return _most(_check_book(data, "data", is_v3=True))
    if isinstance(obj.get("entries"), Mapping):
        return _most(_check_worldinfo(obj["entries"]))
    return _most(_check_book(obj, "", is_v3=False))


def _most(*parts: Found) -> list[Deviation]:
    """The first of them; a broken file has one in every field."""
    found = [deviation for part in parts for _, deviation in zip(range(MOST), part, strict=False)]
    return found[:MOST]


# What a value has to be -----------------------------------------------------------------------------------

Test = Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


LEAVE = ", or leave the field out"
TEXT: tuple[Test, str, str] = (lambda value: isinstance(value, str), "a text", 'write a text, "" for none')
TEXTS: tuple[Test, str, str] = (_is_texts, "a list of texts", "write a list of texts, [] for none")
NUMBER: tuple[Test, str, str] = (_is_number, "a number", f"write a number{LEAVE}")
FLAG: tuple[Test, str, str] = (lambda value: isinstance(value, bool), "true or false", "write true or false")
OBJECT: tuple[Test, str, str] = (lambda value: isinstance(value, Mapping), "an object", "write an object, {} for none")
LIST: tuple[Test, str, str] = (lambda value: isinstance(value, list), "a list", "write a list, [] for none")
PLACE: tuple[Test, str, str] = (
    lambda value: value in ("before_char", "after_char"),
    "before_char or after_char",
    f"write before_char or after_char{LEAVE}",
)
ID_V3: tuple[Test, str, str] = (
    lambda value: isinstance(value, str) or _is_number(value),
    "a number or a text",
    f"write a number{LEAVE}",
)

DATA_V2 = {
    **dict.fromkeys(v1.FIELDS, TEXT),
    "creator_notes": TEXT,
    "system_prompt": TEXT,
    "post_history_instructions": TEXT,
    "alternate_greetings": TEXTS,
    "tags": TEXTS,
    "creator": TEXT,
    "character_version": TEXT,
    "extensions": OBJECT,
}
DATA_V3 = {**DATA_V2, "group_only_greetings": TEXTS}
OPTIONAL_V3 = {
    "assets": LIST,
    "nickname": TEXT,
    "creator_notes_multilingual": OBJECT,
    "source": TEXTS,
    "creation_date": NUMBER,
    "modification_date": NUMBER,
}
BOOK = {"extensions": OBJECT, "entries": LIST}
OPTIONAL_BOOK = {
    "name": TEXT,
    "description": TEXT,
    "scan_depth": NUMBER,
    "token_budget": NUMBER,
    "recursive_scanning": FLAG,
}
ENTRY = {"keys": TEXTS, "content": TEXT, "extensions": OBJECT, "enabled": FLAG, "insertion_order": NUMBER}
ENTRY_V3 = {**ENTRY, "use_regex": FLAG}
OPTIONAL_ENTRY = {
    "case_sensitive": FLAG,
    "name": TEXT,
    "priority": NUMBER,
    "id": NUMBER,
    "comment": TEXT,
    "selective": FLAG,
    "secondary_keys": TEXTS,
    "constant": FLAG,
    "position": PLACE,
}
WORLDINFO_ENTRY = {"key": TEXTS, "content": TEXT, "order": NUMBER}
OPTIONAL_WORLDINFO = {"keysecondary": TEXTS, "comment": TEXT, "constant": FLAG, "disable": FLAG, "selective": FLAG}
ASSET = {"type": TEXT, "uri": TEXT, "name": TEXT, "ext": TEXT}


def _check_fields(obj: Object, required: Object, optional: Object, place: str) -> Found:
    """Required fields that are missing, and fields of the wrong type."""
    for name, (test, wanted, fix) in {**required, **optional}.items():
        path = f"{place}.{name}" if place else name
        if name not in obj:
            if name in required:
                yield Deviation(path, "is missing", fix.removesuffix(LEAVE))
        elif not test(obj[name]):
            told = kind(obj[name]) if obj[name] is None or not wanted.startswith(kind(obj[name])) else "another value"
            yield Deviation(path, f"must be {wanted}, not {told}", fix)


# The parts ------------------------------------------------------------------------------------------------


def _check_flat(obj: Object) -> Found:
    yield from _check_fields(obj, dict.fromkeys(v1.FIELDS, TEXT), {}, "")
    yield from _check_name(obj, "")


def _check_spec(obj: Object) -> Found:
    spec, version = obj.get("spec"), obj.get("spec_version")
    if spec not in (v2.SPEC, v3.SPEC):
        yield Deviation("spec", f"is {spec!r:.40}", f"write {v2.SPEC} or {v3.SPEC}")
        return
    wanted = "3.0" if spec == v3.SPEC else "2.0"
    if version != wanted:
        yield Deviation("spec_version", f"is {version!r:.40}", f'write "{wanted}"')
    data = obj["data"]
    for name in v1.FIELDS:
        if name in obj and obj[name] != data.get(name):
            yield Deviation(name, "says something else than data does, which counts", "remove it: fields are in data")


def _check_data(data: Object, *, is_v3: bool) -> Found:
    yield from _check_fields(data, DATA_V3 if is_v3 else DATA_V2, OPTIONAL_V3 if is_v3 else {}, "data")
    yield from _check_name(data, "data.")
    if is_v3:
        yield from _check_assets(data.get("assets"))
        yield from _check_dates(data)
    if "character_book" not in data:
        return
    if isinstance(data["character_book"], Mapping):
        yield from _check_book(data["character_book"], "data.character_book", is_v3=is_v3)
    else:
        path, told = "data.character_book", kind(data["character_book"])
        yield Deviation(path, f"must be an object, not {told}", "leave the field out when there is no book")


def _check_name(data: Object, place: str) -> Found:
    if isinstance(data.get("name"), str) and not data["name"].strip():
        yield Deviation(f"{place}name", "is empty: the card imports but is not shown", "give the character a name")


def _check_dates(data: Object) -> Found:
    for name in ("creation_date", "modification_date"):
        value = data.get(name)
        if isinstance(value, int | float) and abs(value) >= MILLISECONDS_FROM:
            yield Deviation(f"data.{name}", "counts milliseconds", "write Unix seconds")


def _check_assets(assets: Any) -> Found:
    if not isinstance(assets, list):
        return
    for index, asset in enumerate(assets):
        if not isinstance(asset, Mapping):
            yield Deviation(
                f"data.assets[{index}]", f"must be an object, not {kind(asset)}", "write type, uri, name, ext"
            )
            continue
        yield from _check_fields(asset, ASSET, {}, f"data.assets[{index}]")
    icons = [asset for asset in assets if isinstance(asset, Mapping) and asset.get("type") == "icon"]
    if len(icons) > 1 and sum(is_main_icon(icon) for icon in icons) != 1:
        yield Deviation("data.assets", "there are several icons and not one of them is main", 'name one of them "main"')


def _check_book(obj: Object, place: str, *, is_v3: bool) -> Found:
    yield from _check_fields(obj, BOOK, OPTIONAL_BOOK, place)
    entries = obj.get("entries")
    if not isinstance(entries, list):
        return
    optional = OPTIONAL_ENTRY | ({"id": ID_V3} if is_v3 else {})
    for index, entry in enumerate(entries):
        path = f"{place}.entries[{index}]" if place else f"entries[{index}]"
        if not isinstance(entry, Mapping):
            yield Deviation(path, f"must be an object, not {kind(entry)}", "remove it from the list")
            continue
        yield from _check_fields(entry, ENTRY_V3 if is_v3 else ENTRY, optional, path)


def _check_worldinfo(entries: Object) -> Found:
    for uid, entry in entries.items():
        path = f"entries.{uid}"
        if not isinstance(entry, Mapping):
            yield Deviation(path, f"must be an object, not {kind(entry)}", "remove it")
            continue
        yield from _check_fields(entry, WORLDINFO_ENTRY, OPTIONAL_WORLDINFO, path)
        if str(entry.get("uid")) != uid:
            yield Deviation(f"{path}.uid", f"is {entry.get('uid')!r:.40}", f"write {uid}: it is the entry's key too")
