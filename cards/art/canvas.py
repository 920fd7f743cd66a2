"""A canvas in design units, drawn large and reduced at the end; colours and smooth curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageChops, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]


def colour(code: str) -> Colour:
    """The colour of six hexadecimal digits."""
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour between two: 0 gives the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def curve(points: Sequence[Point], *, closed: bool = False, steps: int = 10) -> list[Point]:
    """A smooth line through all points (Catmull-Rom)."""
    ends = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    line: list[Point] = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        line.extend(_between(a, b, c, d, step / steps) for step in range(steps))
    return line if closed else [*line, points[-1]]


def _between(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    def along(p: float, q: float, r: float, s: float) -> float:
        return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t + (3 * q - p - 3 * r + s) * t**3)

    return along(a[0], b[0], c[0], d[0]), along(a[1], b[1], c[1], d[1])


def mirrored(half: Sequence[Point]) -> list[Point]:
    """The right half of an outline, from top to bottom, with its mirror image at x = 0."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def circle(x: float, y: float, radius: float, *, start: float = 0, end: float = 360) -> list[Point]:
    """Points on a circle; degrees clockwise from the right."""
    count = max(8, int(radius * (end - start) / 180))
    angles = (math.radians(start + (end - start) * step / count) for step in range(count + 1))
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


def star(x: float, y: float, outer: float, inner: float, points: int, *, turn: float = -90) -> list[Point]:
    """A star with so many points; ``turn`` in degrees, -90 has a point at the top."""
    return [
        (
            x + (outer if corner % 2 == 0 else inner) * math.cos(math.radians(turn + corner * 180 / points)),
            y + (outer if corner % 2 == 0 else inner) * math.sin(math.radians(turn + corner * 180 / points)),
        )
        for corner in range(points * 2)
    ]


class Canvas:
    """An image with ``scale`` pixels to the design unit."""

    def __init__(self, width: float, height: float, scale: float, mode: str = "RGB") -> None:
        self.width, self.height, self.scale = width, height, scale
        self.image = Image.new(mode, (round(width * scale), round(height * scale)))
        self.pen = ImageDraw.Draw(self.image)

    def twin(self, mode: str) -> Canvas:
        """An empty canvas of the same size."""
        return Canvas(self.width, self.height, self.scale, mode)

    def polygon(self, points: Iterable[Point], fill: Colour | int) -> None:
        """A filled shape."""
        self.pen.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour | int) -> None:
        """A filled circle."""
        self.oval(x, y, radius, radius, fill)

    def oval(self, x: float, y: float, across: float, down: float, fill: Colour | int) -> None:
        """A filled ellipse by its half axes."""
        k = self.scale
        self.pen.ellipse([(x - across) * k, (y - down) * k, (x + across) * k, (y + down) * k], fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour | int) -> None:
        """A filled rectangle."""
        self.pen.rectangle([value * self.scale for value in (x0, y0, x1, y1)], fill=fill)

    def line(self, points: Iterable[Point], fill: Colour | int, width: float) -> None:
        """A line of that width with round joints."""
        path = [(x * self.scale, y * self.scale) for x, y in points]
        self.pen.line(path, fill=fill, width=max(1, round(width * self.scale)), joint="curve")

    def ring(self, x: float, y: float, radius: float, fill: Colour | int, width: float) -> None:
        """A circle's line."""
        k = self.scale
        box = [(x - radius) * k, (y - radius) * k, (x + radius) * k, (y + radius) * k]
        self.pen.ellipse(box, outline=fill, width=max(1, round(width * k)))

    def tint(self, mask: Image.Image, fill: Colour, strength: float = 1.0) -> None:
        """Lay a colour over the image where the mask is bright."""
        weaker = mask.point(lambda value: round(value * strength)) if strength < 1 else mask
        self.image.paste(fill, (0, 0), weaker)

    def glow(self, x: float, y: float, radius: float, fill: Colour, strength: float) -> None:
        """A soft light around a point."""
        side = max(2, round(radius * 2 * self.scale))
        light = ImageChops.invert(Image.radial_gradient("L")).resize((side, side))
        # The gradient still has 76 of 255 at the middle of an edge: start there, or a square would show
        soft = light.point(lambda value: round(max(0, value - 76) ** 1.6 / 179**0.6 * strength))
        self.image.paste(fill, (round((x - radius) * self.scale), round((y - radius) * self.scale)), soft)

    def fade(self, stops: Sequence[Colour], top: float, bottom: float) -> None:
        """Fill with a vertical run of colours between two heights, flat beyond them."""
        column = Image.new("RGB", (1, 256))
        last = len(stops) - 1
        for step in range(256):
            place = step / 255 * last
            lower = min(int(place), last - 1)
            column.putpixel((0, step), mix(stops[lower], stops[lower + 1], place - lower))
        self.image.paste(stops[0], (0, 0, self.image.width, round(top * self.scale)))
        band = column.resize((self.image.width, round((bottom - top) * self.scale)), Image.Resampling.BILINEAR)
        self.image.paste(band, (0, round(top * self.scale)))
