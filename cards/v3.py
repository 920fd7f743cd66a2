"""Character card V3: ``chara_card_v3``, a superset of V2 (SPEC_V3.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards import v1, v2
from cards.book import from_book, to_book
from cards.card import Card
from cards.errors import CardError
from cards.fields import as_object, given, kind, read_seconds, read_text, read_texts, rest
from cards.v2 import read_shared_fields, shared_fields

SPEC = "chara_card_v3"
DEFAULT_URI = "ccdefault:"  # in a PNG: the picture itself
DEFAULT_ICON = {"type": "icon", "uri": DEFAULT_URI, "name": "main", "ext": "png"}
OWN_FIELDS = (
    "group_only_greetings",
    "assets",
    "nickname",
    "creator_notes_multilingual",
    "source",
    "creation_date",
    "modification_date",
)
FIELDS = frozenset({*v2.FIELDS, *OWN_FIELDS})
# Copies of the V1 fields at the root are not written back: data is the truth, and validators take such a card for V1
ENVELOPE = frozenset({"spec", "spec_version", "data", *v1.FIELDS})


def to_v3(card: Card) -> dict[str, Any]:
    """Spec-pure V3; dates in whole Unix seconds and left out when unknown."""
    data = {**card.extra, **shared_fields(card), **v3_fields(card)}
    data["assets"] = [dict(asset) for asset in card.assets] if card.assets is not None else [dict(DEFAULT_ICON)]
    if card.book is not None:
        data["character_book"] = to_book(card.book, v3=True)
    return {**card.wrapper, "spec": SPEC, "spec_version": "3.0", "data": data}


def from_v3(source: Mapping[str, Any]) -> Card:
    """The card under ``data``; CardError names the field that cannot be read."""
    data = as_object(source.get("data"), "data")
    return Card(
        **read_shared_fields(data, "data."),
        **read_v3_fields(data, "data."),
        book=from_book(data.get("character_book"), "data.character_book"),
        extra=rest(data, FIELDS),
        wrapper=rest(source, ENVELOPE),
    )


def v3_fields(card: Card) -> dict[str, Any]:
    """What V3 has beyond V2; empty optional fields are left out."""
    return {
        "group_only_greetings": list(card.group_only_greetings),
        **given(
            nickname=card.nickname or None,
            creator_notes_multilingual=card.creator_notes_multilingual,
            source=list(card.source) or None,
            creation_date=card.creation_date,
            modification_date=card.modification_date,
        ),
    }


def read_v3_fields(data: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """What V3 has beyond V2, as arguments for Card; milliseconds become seconds."""
    return {
        "group_only_greetings": read_texts(data, "group_only_greetings", place),
        "nickname": read_text(data, "nickname", place),
        "creator_notes_multilingual": _read_notes(data, place),
        "assets": _read_assets(data, place),
        "source": read_texts(data, "source", place),
        "creation_date": read_seconds(data, "creation_date"),
        "modification_date": read_seconds(data, "modification_date"),
    }


def _read_notes(data: Mapping[str, Any], place: str) -> dict[str, str] | None:
    """The creator's notes by language."""
    field = "creator_notes_multilingual"
    if data.get(field) is None:
        return None
    notes = as_object(data[field], f"{place}{field}")
    return {language: read_text(notes, language, f"{place}{field}.") for language in notes}


def _read_assets(data: Mapping[str, Any], place: str) -> tuple[dict[str, Any], ...] | None:
    """The assets, fields that are missing filled in; None for the default."""
    value = data.get("assets")
    if value is None:
        return None
    if not isinstance(value, list):
        raise CardError(f"{place}assets must be a list, not {kind(value)}: put it between [ and ]")
    objects = [as_object(asset, f"{place}assets[{index}]") for index, asset in enumerate(value) if asset is not None]
    defaults = {"type": "other", "uri": "", "name": "", "ext": "unknown"}
    assets = [
        {name: read_text(asset, name, f"{place}assets[{index}].", usual) for name, usual in defaults.items()}
        | rest(asset, defaults)
        for index, asset in enumerate(objects)
    ]
    for asset in assets:
        if asset["uri"].startswith("embedded://"):  # as the word is spelled, but not the specification
            asset["uri"] = "embeded://" + asset["uri"].removeprefix("embedded://")
    return None if assets == [DEFAULT_ICON] else tuple(assets)
