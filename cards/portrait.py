"""The generated portrait: a tarot-like card with scene, bust and name, the same for the same character."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from PIL import Image

from cards.art import figure, frame, scene, style
from cards.art.canvas import Canvas
from cards.card import Card
from cards.errors import CardError

DESIGN = (400.0, 600.0)  # design units; a picture of another shape gets more of one of them
DETAIL = 2.5  # pixels drawn for each one delivered, in each direction
MAX_BYTES = 250_000
MIN_SIDE, MAX_SIDE = 16, 2048  # pixels
# How a text speaks of somebody, in English, Spanish, German, French and Russian.
SHE = re.compile(r"\b(?:she|her|hers|herself|ella|ihr|ihre|elle|она|её|ей)\b", re.IGNORECASE)
HE = re.compile(r"\b(?:he|him|his|himself|él|er|sein|seine|il|он|его|ему)\b", re.IGNORECASE)


def portrait_of(card: Card) -> bytes:
    """A PNG of 400 x 600 pixels for ``card``, drawn as its texts speak of the character: she, he, or neither."""
    text = f"{card.description} {card.personality}"
    she, he = len(SHE.findall(text)), len(HE.findall(text))
    hint = ["she"] if she > he else ["he"] if he > she else []
    return draw_portrait(card.name, tags=[*card.tags, *hint])


def draw_portrait(name: str, *, tags: Sequence[str] = (), size: tuple[int, int] = (400, 600)) -> bytes:
    """A PNG of ``size`` pixels (width, height), decided by name and tags alone.

    The name stands in the banner where a font on this machine has its letters, an emblem where none has.
    CardError for a size under 16 or over 2048 pixels.
    """
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise CardError(f"portrait size {size[0]} x {size[1]}: each side takes {MIN_SIDE} to {MAX_SIDE} pixels")
    scale = min(size[0] / DESIGN[0], size[1] / DESIGN[1]) * DETAIL
    canvas = Canvas(size[0] * DETAIL / scale, size[1] * DETAIL / scale, scale)
    look = style.choose(name, tags)
    kind = look.dice.choice(["arch", "arch", "ogive", "cut", "scoop"])
    opening, outline = frame.window(canvas, kind)
    head = (canvas.width / 2, (canvas.height - frame.PLATE) * 0.455)
    scene.paint(canvas, look, (head[0], head[1] - 18), canvas.height - frame.PLATE - 120)
    figure.paint(canvas, look, head)
    scene.dim(canvas, look, canvas.height - frame.PLATE)
    canvas.image.paste(look.ink, (0, 0), opening.point(lambda value: 255 - value))
    frame.paint(canvas, look, outline, kind)
    frame.plate(canvas, look, name)
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
