"""The canvas of the bust, with coordinates around its head.

Local unit: half the width of the head; the origin is the middle of the face, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import Image, ImageChops, ImageDraw

from cards.art.canvas import Canvas, Colour, Point, curve, mirrored
from cards.art.style import Style

UNIT = 44.0  # design units to the local unit

HEAD = mirrored(curve([(0, -1.32), (0.6, -1.16), (0.95, -0.6), (0.97, 0.05), (0.84, 0.6), (0.5, 1.06), (0, 1.3)]))


def shifted(points: Iterable[Point], x: float, y: float) -> list[Point]:
    """The points moved."""
    return [(a + x, b + y) for a, b in points]


class Figure:
    """A canvas of its own, with local coordinates around a head."""

    def __init__(self, canvas: Canvas, style: Style, head: Point, down: float) -> None:
        self.canvas, self.style, self.head, self.down = canvas.twin("RGBA"), style, head, down

    def at(self, points: Iterable[Point]) -> list[Point]:
        """Local points in design units."""
        return [(self.head[0] + x * UNIT, self.head[1] + y * UNIT) for x, y in points]

    def fill(self, points: Iterable[Point], fill: Colour) -> None:
        """A filled shape."""
        self.canvas.polygon(self.at(points), fill)

    def pair(self, points: Sequence[Point], fill: Colour) -> None:
        """A shape and its mirror image."""
        self.fill(points, fill)
        self.fill([(-x, y) for x, y in points], fill)

    def line(self, points: Iterable[Point], fill: Colour, width: float) -> None:
        """A line; its width in design units."""
        self.canvas.line(self.at(points), fill, width)

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """A filled circle."""
        ((left, top),) = self.at([(x, y)])
        self.canvas.disc(left, top, radius * UNIT, fill)

    def shadow(self, shape: Sequence[Point], within: Sequence[Point], fill: Colour) -> None:
        """A shape painted only inside another."""
        k = self.canvas.scale
        pixels = [[(x * k, y * k) for x, y in self.at(points)] for points in (shape, within)]
        left, top = (max(0, int(min(point[axis] for point in pixels[1]))) for axis in (0, 1))
        right, bottom = (int(max(point[axis] for point in pixels[1])) + 2 for axis in (0, 1))
        masks = []
        for points in pixels:  # only as large as the outer shape: whole canvases would take most of the time
            mask = Image.new("L", (max(1, right - left), max(1, bottom - top)))
            ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in points], fill=255)
            masks.append(mask)
        self.canvas.image.paste(fill, (left, top), ImageChops.multiply(masks[0], masks[1]))
