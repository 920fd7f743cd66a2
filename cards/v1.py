"""Character card V1: six texts in a flat object (spec_v1.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards.card import Card
from cards.errors import CardError
from cards.fields import read_text

FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")


def to_v1(card: Card) -> dict[str, Any]:
    """The six mandatory texts; everything else is lost, as the format has no place for it."""
    return {field: getattr(card, field) for field in FIELDS}


def read_v1_fields(source: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """The six texts as arguments for Card; ``place`` ("data.") is for messages."""
    texts = {field: read_text(source, field, place) for field in FIELDS}
    if not texts["name"].strip():
        raise CardError(f"{place}name is missing or empty: give the character a name")
    return texts
