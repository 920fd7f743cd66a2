"""The style "glass": a stained-glass window, the bust close up in leaded panes of light."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from cards.art import figure, frame, lettering
from cards.art.bodies import BODIES
from cards.art.bust import UNIT, Figure
from cards.art.canvas import Canvas, Colour, Point, circle, mix, star
from cards.art.style import Style

LEAD: Colour = (24, 22, 28)
CREAM: Colour = (255, 248, 230)
EDGE = 20.0  # from the canvas's edge to the window, in design units
PANEL = 74.0  # height of the pane with the name
ZOOM = 1.22  # how much larger than on the tarot card the bust is
HALO = 132.0  # radius of the halo
SMALL = 0.5  # head widths: around smaller panes there would be more lead than glass
THICK = 2.4  # design units: thinner lines are painted on the glass


class Pane(Figure):
    """A figure whose shapes are panes of glass, with lead around each."""

    def fill(self, points: Iterable[Point], fill: Colour) -> None:
        """A pane and its lead."""
        shape = list(points)
        super().fill(shape, _lit(fill))
        self._panes.append(shape)
        self._lead(shape)

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """A round pane and its lead."""
        super().disc(x, y, radius, _lit(fill))
        if radius > 0.2:
            ((left, top),) = self.at([(x, y)])
            self.canvas.ring(left, top, radius * UNIT, LEAD, 2.0)

    def line(self, points: Iterable[Point], fill: Colour, width: float) -> None:
        """A line; a thick one is glass too, with lead on both sides."""
        path = list(points)
        if width >= THICK:
            super().line(path, LEAD, width + 2.6)
        super().line(path, fill, width)

    def shadow(self, shape: Sequence[Point], within: Sequence[Point], fill: Colour) -> None:
        """A darker part of a pane; it has covered some of the lead, which is drawn anew."""
        super().shadow(shape, within, _lit(fill))
        if list(within) in self._panes:
            self._lead(within)

    def _lead(self, shape: Sequence[Point]) -> None:
        if _extent(shape) > SMALL:
            super().line([*shape, *shape[:2]], LEAD, 2.3)

    @cached_property
    def _panes(self) -> list[list[Point]]:
        """The panes so far."""
        return []


def paint(canvas: Canvas, style: Style, name: str) -> None:
    """The whole window."""
    canvas.image.paste(_wall(style), (0, 0, *canvas.image.size))
    right, bottom = canvas.width - EDGE, canvas.height - EDGE - PANEL
    opening = _lancet(canvas.width, bottom)
    glass = canvas.twin("RGB")
    head = (canvas.width / 2, bottom * 0.485)
    _panes(glass, style, head)
    _bust(glass, style, head)
    mask = canvas.twin("L")
    mask.polygon(opening, 255)
    canvas.image.paste(glass.image, (0, 0), mask.image)
    for line, width in ((LEAD, 7.0), (style.gold, 1.6)):
        canvas.line([*opening, *opening[:2]], line, width)
    _spandrels(canvas, style)
    _name(canvas, style, name, (EDGE, bottom + 8, right, canvas.height - EDGE))


def _lit(fill: Colour) -> Colour:
    """Glass lets light through: the colour stronger and brighter than on paper."""
    grey = sum(fill) / 3
    red, green, blue = (max(0, min(255, round(grey + (part - grey) * 1.22 + 16))) for part in fill)
    return red, green, blue


def _extent(points: Sequence[Point]) -> float:
    """The longer side of the box around the points."""
    return max(max(point[axis] for point in points) - min(point[axis] for point in points) for axis in (0, 1))


def _wall(style: Style) -> Colour:
    return mix(style.ink, LEAD, 0.15 if sum(style.ink) > 384 else 0.35)


def _lancet(width: float, bottom: float) -> list[Point]:
    """A pointed window, from its lower left corner round to the lower right."""
    middle, half, spring = width / 2, width / 2 - EDGE, EDGE + 190
    rise = spring - EDGE
    side = [
        (middle - half * math.cos(math.radians(t)) ** 0.9, spring - rise * math.sin(math.radians(t)) ** 1.12)
        for t in range(0, 90, 4)
    ]
    return [(EDGE, bottom), *side, (middle, EDGE), *((width - x, y) for x, y in reversed(side)), (width - EDGE, bottom)]


def _panes(glass: Canvas, style: Style, centre: Point) -> None:
    """Panes around the halo, lit from the middle, with lead between them."""
    dice = style.dice
    tones = [style.sky[0], style.sky[1], mix(style.sky[0], style.sky[1], 0.5), style.far, style.cloth]
    shapes = PATTERNS[dice.choice(["rings", "rings", "rays", "diamonds"])](style, centre)
    for shape in shapes:
        away = math.dist(shape[0], centre) / 400
        tone = mix(dice.choice(tones), style.sky[2], dice.uniform(0, 0.5) * max(0, 1 - away))
        glass.polygon(shape, _lit(mix(tone, LEAD, dice.uniform(0, 0.22))))
    glass.glow(*centre, 330, style.sky[2], 0.5)
    for shape in shapes:
        glass.line([*shape, shape[0]], LEAD, 2.6)
    _halo(glass, style, centre)


def _rings(style: Style, centre: Point) -> list[list[Point]]:
    """Rings like a wall around the halo."""
    count, turn, inner = style.dice.choice([14, 16, 18]), style.dice.uniform(0, 360), HALO
    shapes = []
    for ring, deep in enumerate((46.0, 62.0, 80.0, 110.0, 600.0)):
        for pane in range(count):
            start = turn + 360 * (pane + ring % 2 * 0.5) / count
            shapes.append(_sector(centre, (inner, inner + deep), (start, start + 360 / count)))
        inner += deep
    return shapes


def _rays(style: Style, centre: Point) -> list[list[Point]]:
    """Long beams, every other one broken."""
    count = style.dice.choice([20, 24, 28])
    shapes = []
    for ray in range(count):
        turn = (360 * (ray - 0.5) / count - 90, 360 * (ray + 0.5) / count - 90)
        near = HALO + 34 if ray % 2 else HALO + 120
        shapes += [_sector(centre, (HALO, near), turn), _sector(centre, (near, 1000), turn)]
    return shapes


def _diamonds(style: Style, centre: Point) -> list[list[Point]]:
    """A lattice, as in old houses."""
    half = style.dice.choice([26.0, 30.0])
    tall = half * 1.45
    shapes = []
    for row in range(-12, 13):
        for column in range(-16, 17):
            if (row + column) % 2 == 0:
                x, y = centre[0] + column * half, centre[1] + row * tall
                shapes.append([(x, y - tall), (x + half, y), (x, y + tall), (x - half, y)])
    return shapes


def _sector(centre: Point, radii: tuple[float, float], turn: tuple[float, float]) -> list[Point]:
    """A piece of a ring between two radii and two angles in degrees."""
    (inner, outer), (start, end) = radii, turn
    return circle(*centre, outer, start=start, end=end) + circle(*centre, inner, start=end, end=start)


PATTERNS: dict[str, Callable[[Style, Point], list[list[Point]]]] = {
    "rings": _rings,
    "rays": _rays,
    "diamonds": _diamonds,
}


def _halo(glass: Canvas, style: Style, centre: Point) -> None:
    dice = style.dice
    count = dice.choice([20, 24, 28])
    bright = mix(style.disc, CREAM, 0.15)
    glass.disc(*centre, HALO, LEAD)
    for pane in range(count):
        piece = _sector(centre, (HALO - 20, HALO - 2), (360 * pane / count + 0.7, 360 * (pane + 1) / count - 0.7))
        glass.polygon(piece, _lit(style.gold if pane % 2 else mix(style.gold, style.trim, 0.55)))
    rays = dice.choice([12, 16])
    for ray in range(rays):
        start, end = 360 * ray / rays, 360 * (ray + 1) / rays
        fan = circle(*centre, HALO - 23, start=start, end=end)
        glass.polygon([centre, *fan], bright if ray % 2 else mix(bright, style.gold, 0.28))
        glass.line([centre, fan[0]], LEAD, 1.8)


def _bust(glass: Canvas, style: Style, head: Point) -> None:
    """The figure on a canvas with larger units, so that it fills the window."""
    near = Canvas(glass.image.width / glass.scale / ZOOM, glass.image.height / glass.scale / ZOOM, glass.scale * ZOOM)
    place = (head[0] / ZOOM, head[1] / ZOOM)
    pane = Pane(near, style, place, (near.height - place[1]) / UNIT)
    figure.draw(pane, BODIES[style.body])
    glass.image.paste(pane.canvas.image, (0, 0), pane.canvas.image.getchannel("A"))


def _spandrels(canvas: Canvas, style: Style) -> None:
    """A round pane in each corner above the arch."""
    for side in (-1, 1):
        x, y = canvas.width / 2 + side * (canvas.width / 2 - EDGE - 24), EDGE + 24
        canvas.disc(x, y, 23, LEAD)
        canvas.disc(x, y, 20, _lit(style.trim))
        for petal in range(4):
            ((a, b), *_) = circle(x, y, 9.5, start=petal * 90 + 45, end=petal * 90 + 46)
            canvas.disc(a, b, 6.6, LEAD)
            canvas.disc(a, b, 5.2, _lit(style.gold))
        canvas.disc(x, y, 5, LEAD)
        canvas.disc(x, y, 3.6, _lit(style.disc))


def _name(canvas: Canvas, style: Style, name: str, box: tuple[float, float, float, float]) -> None:
    """The pane with the name, between two small ones."""
    left, top, right, bottom = box
    middle = (top + bottom) / 2
    pale = mix(mix(style.disc, CREAM, 0.55), (255, 255, 255), 0.15)
    canvas.box(left - 3, top - 3, right + 3, bottom + 3, LEAD)
    canvas.box(left + 34, top + 1, right - 34, bottom - 1, pale)
    for x, side in ((left, 1), (right, -1)):
        canvas.box(min(x, x + side * 30), top + 1, max(x, x + side * 30), bottom - 1, _lit(mix(style.trim, LEAD, 0.25)))
        canvas.polygon(star(x + side * 15, middle, 15, 15, 2), LEAD)
        canvas.polygon(star(x + side * 15, middle, 12, 12, 2), _lit(style.gold))
    room = right - left - 68 - 20
    setting = lettering.fit(name, round(room * canvas.scale), round((bottom - top - 10) * canvas.scale))
    if setting is None:
        frame.emblem(canvas, ((left + right) / 2, middle), room * 0.46, LEAD, style.trim)
        return
    lettering.draw(canvas.pen, setting, ((left + right) / 2 * canvas.scale, middle * canvas.scale), LEAD)
