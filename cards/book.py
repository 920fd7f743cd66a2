"""Lorebooks as ``character_book`` (V2) and ``Lorebook`` (V3): writing and tolerant reading.

Source: character-card-spec-v2, character-card-spec-v3; SillyTavern's ``extensions`` of an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cards.card import Book, Entry, Extensions
from cards.errors import CardError
from cards.fields import as_object, first_of, given, read_flag, read_number, read_text, read_texts

OWN = "cardforge"  # our own corner of ``extensions``
PLACES: tuple[Literal["before_char", "after_char"], ...] = ("before_char", "after_char")


def to_book(book: Book, *, v3: bool) -> dict[str, Any]:
    """The book as an object; V3 entries have ``use_regex`` and keep their decorators."""
    return {
        "name": book.name,
        "description": book.description,
        **given(
            scan_depth=book.scan_depth,
            token_budget=book.token_budget,
            recursive_scanning=book.recursive_scanning,
        ),
        "extensions": dict(book.extensions),
        "entries": [to_entry(entry, index, v3=v3) for index, entry in enumerate(book.entries)],
    }


def to_entry(entry: Entry, index: int, *, v3: bool) -> dict[str, Any]:
    """One entry; ``index`` (from 0) becomes its id. Keys stay as they are written, ``/pattern/flags`` too."""
    written: dict[str, Any] = {
        "id": index,
        "keys": list(entry.keys),
        "secondary_keys": list(entry.secondary_keys),
        "name": entry.name,
        "comment": entry.comment or entry.name,  # SillyTavern shows the comment and does not read the name
        "content": entry.content if v3 else strip_decorators(entry.content),
        "constant": entry.constant,
        "selective": entry.selective,
        "insertion_order": entry.insertion_order,
        "enabled": entry.enabled,
        "position": entry.position,
        **given(priority=entry.priority, case_sensitive=entry.case_sensitive),
        "extensions": entry_extensions(entry, index),
    }
    if v3:
        written["use_regex"] = entry.use_regex
    return written


def tavern_defaults(entry: Entry, index: int) -> Extensions:
    """SillyTavern's own settings of an entry that has none, in agreement with its spec fields."""
    return {
        "position": PLACES.index(entry.position),
        "depth": 4,
        "role": 0,
        "probability": 100,
        "useProbability": True,
        "selectiveLogic": 0,
        "display_index": index,
        "exclude_recursion": False,
        "prevent_recursion": False,
        "delay_until_recursion": False,
        "group": "",
        "group_override": False,
        "group_weight": 100,
        "vectorized": False,
        **given(case_sensitive=entry.case_sensitive),  # SillyTavern reads it here only
    }


def entry_extensions(entry: Entry, index: int) -> Extensions:
    """The extensions to write: SillyTavern's settings, what the entry has of its own, and the category."""
    defaults = tavern_defaults(entry, index)
    merged = defaults | entry.extensions
    if merged["position"] in (0, 1):  # 2 to 7 are finer places than the spec knows, and stand
        merged["position"] = defaults["position"]
    if entry.case_sensitive is not None:
        merged["case_sensitive"] = entry.case_sensitive
    if entry.category:
        merged[OWN] = {**as_object(merged.get(OWN), f"extensions.{OWN}"), "category": entry.category}
    return merged


def strip_decorators(content: str) -> str:
    """The content without its leading ``@@`` lines, which clients of V2 would send to the model."""
    lines = content.split("\n")
    start = 0
    while start < len(lines) and lines[start].lstrip().startswith("@@"):
        start += 1
    return "\n".join(lines[start:]).strip("\r\n") if start else content


def from_book(value: Any, place: str = "character_book") -> Book | None:
    """The book, from entries as a list or as a map by uid; None for null; CardError names the place."""
    if value is None:
        return None
    source = as_object(value, place)
    entries = source.get("entries")
    rows = list(entries.values()) if isinstance(entries, Mapping) else entries
    if rows is not None and not isinstance(rows, list):
        raise CardError(f"{place}.entries must be a list: write [] if the book is empty")
    recursive = source.get("recursive_scanning")
    return Book(
        name=read_text(source, "name", f"{place}."),
        description=read_text(source, "description", f"{place}."),
        scan_depth=read_number(source, "scan_depth", f"{place}."),
        token_budget=read_number(source, "token_budget", f"{place}."),
        recursive_scanning=None if recursive is None else read_flag(source, "recursive_scanning"),
        extensions=as_object(source.get("extensions"), f"{place}.extensions"),
        entries=tuple(from_entry(row, index, f"{place}.entries[{index}].") for index, row in enumerate(rows or [])),
    )


def from_entry(value: Any, index: int, place: str) -> Entry:
    """One entry, in the words of the specs or of SillyTavern's World Info (key, order, disable ...)."""
    if value is None:
        raise CardError(f"{place.rstrip('.')} is null: remove it from the list")
    source = as_object(value, place.rstrip("."))
    extensions = as_object(source.get("extensions"), f"{place}extensions")
    name, comment = _titles(source, place)
    order = read_number(source, first_of(source, "insertion_order", "order"), place)
    entry = Entry(
        name=name,
        comment=comment,
        content=read_text(source, "content", place),
        keys=read_texts(source, first_of(source, "keys", "key"), place, separator=","),
        secondary_keys=read_texts(source, first_of(source, "secondary_keys", "keysecondary"), place, separator=","),
        enabled=read_flag(source, "enabled", default=not read_flag(source, "disable")),
        constant=read_flag(source, "constant"),
        selective=read_flag(source, "selective"),
        insertion_order=100 if order is None else order,
        priority=read_number(source, "priority", place),
        position=_position(source, extensions),
        case_sensitive=_case(source, extensions),
        use_regex=_use_regex(source, extensions),
        category=_take_category(extensions),
        extensions=extensions,
    )
    _drop_defaults(entry, index)
    return entry


def _titles(source: Mapping[str, Any], place: str) -> tuple[str, str]:
    """Name and comment: without a name the comment is the title; a comment like the name says nothing."""
    comment = read_text(source, "comment", place)
    name = read_text(source, "name", place) if source.get("name") is not None else comment
    return name, "" if comment == name else comment


def _position(source: Mapping[str, Any], extensions: Extensions) -> Literal["before_char", "after_char"]:
    """The place, from the enum or SillyTavern's figure; absent means after, as SillyTavern takes it."""
    value = source.get("position")
    if value is None:
        value = extensions.get("position")
    return "before_char" if value in ("before_char", 0) else "after_char"


def _case(source: Mapping[str, Any], extensions: Extensions) -> bool | None:
    for place in (source, extensions):
        if place.get("case_sensitive") is not None:
            return read_flag(place, "case_sensitive")
    return None


def _use_regex(source: Mapping[str, Any], extensions: Extensions) -> bool:
    """Whether the keys are patterns; SillyTavern writes true on every entry, and means /patterns/ only."""
    if "automation_id" in extensions and not any(str(key).startswith("/") for key in source.get("keys") or ()):
        return False
    return read_flag(source, "use_regex")


def _take_category(extensions: Extensions) -> str:
    """Take our category out of the extensions (which it changes)."""
    own = extensions.get(OWN)
    if not isinstance(own, Mapping) or not isinstance(own.get("category"), str):
        return ""
    rest = {name: value for name, value in own.items() if name != "category"}
    extensions.pop(OWN)
    if rest:
        extensions[OWN] = rest
    return str(own["category"])


def _drop_defaults(entry: Entry, index: int) -> None:
    """Forget settings that writing adds anyway, so that what was written reads back as the same entry."""
    for name, default in tavern_defaults(entry, index).items():
        value = entry.extensions.get(name)
        if value == default and type(value) is type(default):
            del entry.extensions[name]
