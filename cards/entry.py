"""One lorebook entry as an object of a ``character_book`` (V2) or ``Lorebook`` (V3): writing and tolerant reading.

Source: character-card-spec-v2, character-card-spec-v3; SillyTavern's ``extensions`` of an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cards import tavern
from cards.card import Entry, Extensions
from cards.errors import CardError
from cards.fields import as_object, first_of, given, read_flag, read_number, read_text, read_texts, rest
from cards.tavern import PLACES, Place

OWN = "cardforge"  # our own corner of ``extensions``
KNOWN = frozenset(
    {
        "id",
        "keys",
        "secondary_keys",
        "name",
        "comment",
        "content",
        "constant",
        "selective",
        "insertion_order",
        "enabled",
        "position",
        "priority",
        "case_sensitive",
        "use_regex",
        "extensions",
    }
)
# Words of other programs for the same: read, never written
OTHER_WORDS = frozenset({"uid", "key", "keysecondary", "order", "disable", "addMemo"})


def to_entry(entry: Entry, index: int, number: int | str, *, v3: bool) -> dict[str, Any]:
    """One entry; ``index`` is its place (from 0), ``number`` its id; V3 has ``use_regex`` and keeps decorators."""
    written: dict[str, Any] = {
        **entry.extra,
        "id": number,
        "keys": list(entry.keys) if v3 else slashed_keys(entry),
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


def slashed_keys(entry: Entry) -> list[str]:
    """The keys, patterns between slashes: without ``use_regex`` that is how a front end tells them."""
    if not entry.use_regex:
        return list(entry.keys)
    return [key if key.startswith("/") and key.rfind("/") > 0 else f"/{escaped(key)}/" for key in entry.keys]


def escaped(pattern: str) -> str:
    """The pattern with its slashes escaped, where they are not yet."""
    parts = pattern.replace("\\/", "/").split("/")
    return "\\/".join(parts)


def entry_extensions(entry: Entry, index: int) -> Extensions:
    """The extensions to write: SillyTavern's settings, what the entry has of its own, and the category."""
    merged = tavern.settings_of(entry, index)
    if entry.category:
        merged[OWN] = with_category(merged.get(OWN), entry.category)
    return merged


def with_category(own: Any, category: str) -> Extensions:
    """Our corner of the extensions with the category; what is no object there was not ours, and goes."""
    return {**(own if isinstance(own, Mapping) else {}), "category": category}


def strip_decorators(content: str) -> str:
    """The content without its leading ``@@`` lines, which clients of V2 would send to the model."""
    return content[len(decorators(content)) :].strip("\r\n") if decorators(content) else content


def decorators(content: str) -> str:
    """The leading ``@@`` lines of the content, as they stand; "" when it has none."""
    end = 0
    for line in content.splitlines(keepends=True):
        if not line.lstrip().startswith("@@"):
            break
        end += len(line)
    return content[:end]


def from_entry(value: Any, index: int, place: str) -> Entry:
    """One entry, in the words of the specs or of SillyTavern's World Info (key, order, disable ...)."""
    if value is None:
        raise CardError(f"{place.rstrip('.')} is null: remove it from the list")
    source = as_object(value, place.rstrip("."))
    if "key" in source and "keys" not in source:
        source = in_spec_words(source, place)
    extensions = as_object(source.get("extensions"), f"{place}extensions")
    if type(source.get("position")) is int:  # SillyTavern's figure where the enum belongs
        extensions.setdefault("position", source["position"])
    name, comment = _titles(source, place)
    order = read_number(source, first_of(source, "insertion_order", "order"), place)
    entry = Entry(
        id=_id(source, index),
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
        extra=rest(source, KNOWN | OTHER_WORDS),
    )
    return replace(entry, extensions=tavern.own_settings(entry, index))


def in_spec_words(source: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A World Info entry with its settings in ``extensions``, under their names there; defaults say nothing."""
    extensions = as_object(source.get("extensions"), f"{place}extensions")
    for name, each in tavern.SETTINGS.items():
        value = source.get(each.name)
        if name == "position" and type(value) is not int:
            continue
        if value is not None and (each.told or value != tavern.as_json(each.default)):
            extensions[name] = value
    kept = {"position"} if type(source.get("position")) is not int else set()
    return {**rest(source, {each.name for each in tavern.SETTINGS.values()} - kept), "extensions": extensions}


def _id(source: Mapping[str, Any], index: int) -> int | str | None:
    """The id where it says more than the place in the list."""
    value = source.get(first_of(source, "id", "uid"))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int | str) or isinstance(value, bool) or value == index:
        return None
    return value


def _titles(source: Mapping[str, Any], place: str) -> tuple[str, str]:
    """Name and comment: without a name the comment is the title; a comment like the name says nothing."""
    comment = read_text(source, "comment", place)
    name = read_text(source, "name", place) if source.get("name") is not None else comment
    return name, "" if comment == name else comment


def _position(source: Mapping[str, Any], extensions: Extensions) -> Place:
    """The place, from the enum or SillyTavern's figure; absent means after, as SillyTavern takes it."""
    value = source.get("position")
    if value is None:
        value = extensions.get("position")
    return PLACES[0] if value in (PLACES[0], 0) else PLACES[1]


def _case(source: Mapping[str, Any], extensions: Extensions) -> bool | None:
    for place in (source, extensions):
        if place.get("case_sensitive") is not None:
            return read_flag(place, "case_sensitive")
    return None


def _use_regex(source: Mapping[str, Any], extensions: Extensions) -> bool:
    """Whether the keys are patterns; SillyTavern writes true on every entry, and means /patterns/ only."""
    keys = source.get("keys")
    slashed = isinstance(keys, list) and any(str(key).startswith("/") for key in keys)
    if "automation_id" in extensions and not slashed:
        return False
    return read_flag(source, "use_regex")


def _take_category(extensions: Extensions) -> str:
    """Take our category out of the extensions (which it changes)."""
    own = extensions.get(OWN)
    if not isinstance(own, Mapping) or not isinstance(own.get("category"), str):
        return ""
    remaining = {name: value for name, value in own.items() if name != "category"}
    extensions.pop(OWN)
    if remaining:
        extensions[OWN] = remaining
    return str(own["category"])
