"""The generated portrait in one of three styles, the same for the same character."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from PIL import Image

from cards.art import glass, poster, tarot
from cards.art.canvas import Canvas
from cards.art.style import Style, choose
from cards.card import Card
from cards.errors import CardError

STYLES: Mapping[str, str] = MappingProxyType(
    {
        "tarot": "A tarot-like card: the character before a halo, in a framed window.",
        "glass": "A stained-glass window: the character close up, in leaded panes of light.",
        "poster": "A travel poster: the character, small and backlit, in a wide landscape.",
    }
)
PAINTERS: dict[str, Callable[[Canvas, Style, str], None]] = {
    "tarot": tarot.paint,
    "glass": glass.paint,
    "poster": poster.paint,
}
DESIGN = (400.0, 600.0)  # design units; a picture of another shape gets more of one of them
DETAIL = 2.5  # pixels drawn for each one delivered, in each direction
MAX_BYTES = 250_000
MIN_SIDE, MAX_SIDE = 16, 2048  # pixels
# How a text speaks of somebody, in English, Spanish, German, French and Russian.
SHE = re.compile(r"\b(?:she|her|hers|herself|ella|ihr|ihre|elle|она|её|ей)\b", re.IGNORECASE)
HE = re.compile(r"\b(?:he|him|his|himself|él|er|sein|seine|il|он|его|ему)\b", re.IGNORECASE)


def portrait_of(card: Card, style: str = "tarot") -> bytes:
    """A PNG of 400 x 600 pixels for ``card``, drawn as its texts speak of the character: she, he, or neither.

    CardError for a style that is not in ``STYLES``.
    """
    text = f"{card.description} {card.personality}"
    she, he = len(SHE.findall(text)), len(HE.findall(text))
    hint = ["she"] if she > he else ["he"] if he > she else []
    return draw_portrait(card.name, tags=[*card.tags, *hint], style=style)


def draw_portrait(
    name: str, *, tags: Sequence[str] = (), size: tuple[int, int] = (400, 600), style: str = "tarot"
) -> bytes:
    """A PNG of ``size`` pixels (width, height), decided by name, tags and style alone.

    The name is written where a font on this machine has its letters; an emblem stands for it where none has.
    CardError for a size under 16 or over 2048 pixels, and for a style that is not in ``STYLES``.
    """
    if style not in PAINTERS:
        raise CardError(f"there is no portrait style {style!r}: choose {', '.join(STYLES)}")
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise CardError(f"portrait size {size[0]} x {size[1]}: each side takes {MIN_SIDE} to {MAX_SIDE} pixels")
    scale = min(size[0] / DESIGN[0], size[1] / DESIGN[1]) * DETAIL
    canvas = Canvas(size[0] * DETAIL / scale, size[1] * DETAIL / scale, scale)
    PAINTERS[style](canvas, choose(name, tags), name)
    return _encode(canvas.image.resize(size, Image.Resampling.LANCZOS))


def _encode(image: Image.Image) -> bytes:
    png = _save(image)
    if len(png) <= MAX_BYTES:
        return png
    return _save(image.quantize(256, dither=Image.Dither.NONE))  # large pictures: fewer colours before blurring


def _save(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=False, compress_level=7)
    return file.getvalue()
