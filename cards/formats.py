"""The registry of formats a card is delivered in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cards.card import Card
from cards.errors import CardError
from cards.fields import to_json
from cards.plain import to_plain
from cards.png import embed
from cards.portrait import portrait_of
from cards.v1 import to_v1
from cards.v2 import to_v2, to_v2_copy
from cards.v3 import to_v3

Render = Callable[[Card, bytes | None], bytes]


@dataclass(frozen=True)
class Format:
    """One format: how it is called, what its files are, and what makes the bytes.

    ``render`` takes the card and its portrait as PNG; None: one is drawn where the format has a picture.
    """

    name: str
    extension: str
    media_type: str
    description: str
    render: Render


def _json(to_object: Callable[[Card], dict[str, Any]]) -> Render:
    def render_json(card: Card, _portrait: bytes | None) -> bytes:
        return to_json(to_object(card), indent=2) + b"\n"

    return render_json


def render_png(card: Card, portrait: bytes | None = None) -> bytes:
    """The portrait with the card as ``chara`` (its V2 copy) and ``ccv3``; CardError for a broken portrait."""
    picture = portrait_of(card) if portrait is None else portrait
    return embed(picture, to_v2_copy(card), to_v3(card))


_ALL = (
    Format("json", "json", "application/json", "All fields, flat; readers of V1 can open it", _json(to_plain)),
    Format("v1", "json", "application/json", "Character card V1: the six basic texts", _json(to_v1)),
    Format("v2", "json", "application/json", "Character card V2 with its lorebook", _json(to_v2)),
    Format("v3", "json", "application/json", "Character card V3 with its lorebook", _json(to_v3)),
    Format("tavernai", "png", "image/png", "Picture for SillyTavern and others, V2 and V3 inside", render_png),
)
FORMATS: Mapping[str, Format] = MappingProxyType({format_.name: format_ for format_ in _ALL})


def render(card: Card, format_name: str, portrait: bytes | None = None) -> bytes:
    """The card as a file of the format; CardError when there is no such format."""
    format_ = FORMATS.get(format_name)
    if format_ is None:
        raise CardError(f"format {format_name!r:.40} is unknown: choose one of {', '.join(FORMATS)}")
    return format_.render(card, portrait)
