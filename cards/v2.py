"""Character card V2: ``chara_card_v2`` with everything under ``data`` (spec_v2.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cards import v1
from cards.book import to_book
from cards.card import Card
from cards.fields import as_object, read_text, read_texts
from cards.v1 import read_v1_fields, to_v1

SPEC = "chara_card_v2"
FIELDS = (
    *v1.FIELDS,
    "creator_notes",
    "system_prompt",
    "post_history_instructions",
    "alternate_greetings",
    "character_book",
    "tags",
    "creator",
    "character_version",
    "extensions",
)
DOWNGRADE_NOTE = "(This is the V2 copy of a V3 card; the whole card is in the ccv3 part of this file.)"


def to_v2(card: Card) -> dict[str, Any]:
    """Spec-pure V2: no copies at the root, no ``use_regex``, no decorators; no book, no key."""
    data = {**card.extra, **shared_fields(card)}
    if card.book is not None:
        data["character_book"] = to_book(card.book, v3=False)
    return {**card.wrapper, "spec": SPEC, "spec_version": "2.0", "data": data}


def to_v2_copy(card: Card) -> dict[str, Any]:
    """The V2 copy that stands beside a V3 card: its notes say so, as the V3 specification asks."""
    notes = f"{card.creator_notes}\n\n{DOWNGRADE_NOTE}" if card.creator_notes else DOWNGRADE_NOTE
    return to_v2(replace(card, creator_notes=notes))


def shared_fields(card: Card) -> dict[str, Any]:
    """The fields that V2, V3 and our flat format have in common, except the book."""
    return {
        **to_v1(card),
        "creator_notes": card.creator_notes,
        "system_prompt": card.system_prompt,
        "post_history_instructions": card.post_history_instructions,
        "alternate_greetings": list(card.alternate_greetings),
        "tags": list(card.tags),
        "creator": card.creator,
        "character_version": card.character_version,
        "extensions": dict(card.extensions),
    }


def read_shared_fields(data: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """The common fields as arguments for Card, without the book; ``place`` is for messages."""
    return {
        **read_v1_fields(data, place),
        "creator_notes": _trim_note(read_text(data, "creator_notes", place)),
        "system_prompt": read_text(data, "system_prompt", place),
        "post_history_instructions": read_text(data, "post_history_instructions", place),
        "alternate_greetings": read_texts(data, "alternate_greetings", place),
        "tags": read_texts(data, "tags", place, separator=","),
        "creator": read_text(data, "creator", place),
        "character_version": read_text(data, "character_version", place),
        "extensions": as_object(data.get("extensions"), f"{place}extensions"),
    }


def _trim_note(notes: str) -> str:
    if not notes.endswith(DOWNGRADE_NOTE):
        return notes
    return notes.removesuffix(DOWNGRADE_NOTE).removesuffix("\n\n")
