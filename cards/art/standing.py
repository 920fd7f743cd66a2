"""The figure of the poster from head to foot, small and backlit.

Its coordinates are those of the bust, whose head, hair and hat it has; the feet stand at y = 13.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PIL import ImageChops

from cards.art import figure as busts
from cards.art.bust import UNIT, Figure
from cards.art.canvas import Canvas, Colour, Point, mix
from cards.art.garments import GARMENTS
from cards.art.style import Style
from cards.art.things import LAMP, THINGS

FEET = 13.0  # half head widths from the middle of the face to the ground
ZOOM = 0.32  # how large the figure is beside the bust of the tarot card
BOLD = 1.7  # how much wider its lines are than there, for that size
SHADOW = 0.72  # how far its colours are towards the shadow
SHADOW_ON_FACE, SHADOW_ON_TRIM = 0.56, 0.25


class Small(Figure):
    """A figure seen from afar, whose lines must not vanish."""

    def line(self, points: Iterable[Point], fill: Colour, width: float) -> None:
        """A line, wider than it is said to be."""
        super().line(points, fill, width * BOLD)


def paint(canvas: Canvas, style: Style, feet: Point, thing: str) -> None:
    """The figure with its ``thing`` (a key of THINGS, or "none"); ``feet`` in design units."""
    scale = canvas.scale * ZOOM
    far = Canvas(canvas.image.width / scale, canvas.image.height / scale, scale)
    figure = Small(far, _backlit(style), (feet[0] / ZOOM, feet[1] / ZOOM - FEET * UNIT), FEET)
    if thing in THINGS:
        THINGS[thing](figure)
    busts.draw(figure, GARMENTS[style.body])
    image = figure.canvas.image
    alpha = image.getchannel("A")
    canvas.image.paste(image, (0, 0), alpha)
    wide = round(1.3 * canvas.scale)
    rim = ImageChops.subtract(alpha, ImageChops.offset(alpha, wide, round(wide * 0.8)))
    canvas.tint(rim, mix(style.disc, (255, 255, 255), 0.2), 0.9)
    if thing == "lantern":
        canvas.glow(feet[0] + LAMP[0] * UNIT * ZOOM, feet[1] - (FEET - LAMP[1]) * UNIT * ZOOM, 34, style.disc, 0.75)


def _backlit(style: Style) -> Style:
    """The style with all colours of the figure close to the shadow."""
    dark = mix(style.near, (0, 0, 0), 0.45)
    return replace(
        style,
        near=dark,
        cloth=mix(style.cloth, dark, SHADOW),
        hair=mix(style.hair, dark, SHADOW),
        gold=mix(style.gold, dark, SHADOW),
        disc=mix(style.disc, dark, SHADOW),
        far=mix(style.far, dark, SHADOW),
        face=mix(style.face, dark, SHADOW_ON_FACE),
        trim=mix(style.trim, dark, SHADOW_ON_TRIM),
    )
