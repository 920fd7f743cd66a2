"""Character card V3: ``chara_card_v3``, a superset of V2 (SPEC_V3.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards.book import from_book, to_book
from cards.card import Card
from cards.fields import as_object, given, read_seconds, read_text, read_texts
from cards.v2 import read_shared_fields, shared_fields

SPEC = "chara_card_v3"
DEFAULT_ICON = {
    "type": "icon",
    "uri": "ccdefault:",
    "name": "main",
    "ext": "png",
}  # in a PNG: the picture itself


def to_v3(card: Card) -> dict[str, Any]:
    """Spec-pure V3; dates in whole Unix seconds and left out when unknown."""
    data = {**shared_fields(card), **v3_fields(card), "assets": [dict(DEFAULT_ICON)]}
    if card.book is not None:
        data["character_book"] = to_book(card.book, v3=True)
    return {"spec": SPEC, "spec_version": "3.0", "data": data}


def from_v3(source: Mapping[str, Any]) -> Card:
    """The card under ``data``; CardError names the field that cannot be read."""
    data = as_object(source.get("data"), "data")
    return Card(
        **read_shared_fields(data, "data."),
        **read_v3_fields(data, "data."),
        book=from_book(data.get("character_book"), "data.character_book"),
    )


def v3_fields(card: Card) -> dict[str, Any]:
    """What V3 has beyond V2; empty optional fields are left out."""
    return {
        "group_only_greetings": list(card.group_only_greetings),
        **given(
            nickname=card.nickname or None,
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
        "source": read_texts(data, "source", place),
        "creation_date": read_seconds(data, "creation_date"),
        "modification_date": read_seconds(data, "modification_date"),
    }
