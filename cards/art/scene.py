"""Sky, light and land behind the figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

from PIL import Image

from cards.art.canvas import Canvas, Colour, Point, circle, curve, mix, star
from cards.art.style import Style


def paint(canvas: Canvas, style: Style, centre: Point, horizon: float) -> None:
    """The whole background; ``centre`` is where the light stands, ``horizon`` where the sky ends."""
    canvas.fade(style.sky, 0, horizon + 40)
    bottom = (0, round((horizon + 40) * canvas.scale), canvas.image.width, canvas.image.height)
    canvas.image.paste(style.sky[2], bottom)
    if style.scene == "deco" or style.dice.random() < 0.25:
        _rays(canvas, style, centre)
    _stars(canvas, style, horizon)
    _light(canvas, style, centre)
    LANDS[style.scene](canvas, style, horizon)
    canvas.glow(centre[0], horizon + 30, 190, style.sky[2], 0.35)


def dim(canvas: Canvas, style: Style, bottom: float) -> None:
    """Darkness rising from the lower edge, so that bust and land rest on something."""
    high = round(130 * canvas.scale)
    rise = Image.linear_gradient("L").resize((canvas.image.width, high)).point(lambda value: value * value // 400)
    canvas.image.paste(mix(style.near, (0, 0, 0), 0.25), (0, round(bottom * canvas.scale) - high), rise)


def _rays(canvas: Canvas, style: Style, centre: Point) -> None:
    count = style.dice.choice([16, 20, 24])
    mask = canvas.twin("L")
    for ray in range(count):
        angle = 360 * ray / count
        ends = circle(*centre, 700, start=angle, end=angle + 180 / count)
        mask.polygon([centre, *ends], 255)
    canvas.tint(mask.image, mix(style.sky[2], style.disc, 0.4), 0.16)


def _stars(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    light = mix(style.disc, (255, 255, 255), 0.3)
    for _ in range(dice.randint(45, 80)):
        x, y = dice.uniform(0, canvas.width), dice.uniform(0, horizon) ** 1.25 / horizon**0.25
        faded = mix(light, style.sky[1], min(1, y / horizon) * 0.8)
        canvas.disc(x, y, dice.choice([0.6, 0.8, 1.1]), faded)
    for _ in range(dice.randint(4, 8)):
        x, y, size = dice.uniform(30, canvas.width - 30), dice.uniform(45, horizon * 0.6), dice.uniform(4, 8)
        canvas.polygon(star(x, y, size, size * 0.16, 4), light)


def _light(canvas: Canvas, style: Style, centre: Point) -> None:
    """The sun or moon that stands as a halo behind the head."""
    x, y = centre
    dice = style.dice
    radius = dice.uniform(98, 116)
    canvas.glow(x, y, radius * 2.1, style.disc, 0.6)
    kind = dice.choice(["full", "full", "ring", "crescent", "banded"])
    canvas.disc(x, y, radius, style.disc)
    if kind == "ring":
        canvas.disc(x, y, radius * 0.86, mix(style.sky[1], style.sky[0], 0.4))
    elif kind == "crescent":
        side = dice.choice([-1, 1])
        canvas.disc(x + side * radius * 0.2, y - radius * 0.1, radius * 0.86, mix(style.sky[1], style.sky[0], 0.35))
    elif kind == "banded":
        for band in range(5):
            low = radius * (0.15 + band * 0.15)
            half = math.sqrt(radius**2 - low**2) + 0.5  # no wider than the disc is there
            gap = mix(style.sky[1], style.sky[2], 0.3 + band / 9)
            canvas.box(x - half, y + low, x + half, y + low + 2 + band * 1.6, gap)
    _halo(canvas, style, centre, radius)


def _halo(canvas: Canvas, style: Style, centre: Point, radius: float) -> None:
    kind = style.dice.choice(["rings", "dots", "spikes", "none"])
    pale = mix(style.disc, style.sky[1], 0.25)
    if kind == "rings":
        canvas.ring(*centre, radius + 9, pale, 1.4)
        canvas.ring(*centre, radius + 15, pale, 0.8)
    elif kind == "dots":
        for x, y in circle(*centre, radius + 13, end=352.5)[:: max(1, round(radius / 16))]:
            canvas.disc(x, y, 1.7, pale)
    elif kind == "spikes":
        for angle in range(0, 360, 15):
            long = 20 if angle % 30 == 0 else 11
            tip = circle(*centre, radius + 8 + long, start=angle, end=angle)[0]
            canvas.polygon([*circle(*centre, radius + 7, start=angle - 1.6, end=angle + 1.6), tip], pale)


def _layers(style: Style, count: int) -> list[Colour]:
    """Colours of the land from the haze to the foreground."""
    haze = mix(style.far, style.sky[2], 0.35)
    return [mix(haze, style.near, step / max(1, count - 1)) for step in range(count)]


def _ridge(dice: Random, width: float, height: float, rough: float, parts: int) -> list[Point]:
    """A broken line by halving: each middle is moved by less."""
    heights = [height + dice.uniform(-rough, rough) for _ in range(parts + 1)]
    while len(heights) < parts * 16:
        rough *= 0.55
        middles = [(a + b) / 2 + dice.uniform(-rough, rough) for a, b in pairwise(heights)]
        heights = [value for pair in zip(heights, middles, strict=False) for value in pair] + [heights[-1]]
    return [(width * step / (len(heights) - 1), value) for step, value in enumerate(heights)]


def _ground(canvas: Canvas, top: list[Point], fill: Colour) -> None:
    canvas.polygon([(0, canvas.height), *top, (canvas.width, canvas.height)], fill)


def _peaks(canvas: Canvas, style: Style, horizon: float) -> None:
    for step, shade in enumerate(_layers(style, 4)):
        rough = 62 - step * 12
        _ground(canvas, _ridge(style.dice, canvas.width, horizon - 62 + step * 38, rough, 4 + step), shade)


def _hills(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    for step, shade in enumerate(_layers(style, 4)):
        top = _swell(dice, canvas.width, horizon - 46 + step * 34, 16)
        _ground(canvas, top, shade)
        if step in (1, 2):
            for x, y in dice.sample(top, 9):
                _tree(canvas, x, y + 6, dice.uniform(12, 22) * (0.7 + step * 0.3), shade)


def _swell(dice: Random, width: float, height: float, size: float) -> list[Point]:
    """A smooth wavy line."""
    long, short, turn = dice.uniform(0.9, 1.6), dice.uniform(2.2, 3.4), dice.uniform(0, 6.28)
    xs = [width * step / 60 for step in range(61)]
    return [
        (
            x,
            height + size * math.sin(x / width * 6.28 * long + turn) + size / 3 * math.sin(x / width * 6.28 * short),
        )
        for x in xs
    ]


def _tree(canvas: Canvas, x: float, y: float, tall: float, fill: Colour) -> None:
    for tier in range(3):
        top, wide = y - tall + tier * tall * 0.24, tall * (0.16 + tier * 0.08)
        canvas.polygon([(x, top), (x + wide, top + tall * 0.42), (x - wide, top + tall * 0.42)], fill)
    canvas.box(x - tall * 0.04, y - tall * 0.2, x + tall * 0.04, y + 2, fill)


def _forest(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    for step, shade in enumerate(_layers(style, 4)):
        base = horizon - 20 + step * 34
        _ground(canvas, _swell(dice, canvas.width, base, 9), shade)
        x = dice.uniform(-10, 10)
        while x < canvas.width + 10:
            middle = abs(x - canvas.width / 2) / (canvas.width / 2)  # trees stand back from the figure
            tall = dice.uniform(60, 105) * (0.5 + 0.75 * middle) * (0.75 + step * 0.22)
            _tree(canvas, x, base + 24, tall + 14, shade)
            x += dice.uniform(13, 30) + step * 7


def _city(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    for step, shade in enumerate(_layers(style, 3)):
        x = dice.uniform(-20, 0)
        while x < canvas.width:
            wide = dice.uniform(18, 42)
            middle = abs(x + wide / 2 - canvas.width / 2) / (canvas.width / 2)
            tall = dice.uniform(40, 120) * (0.55 + 0.8 * middle)
            top = horizon + 20 + step * 34 - tall
            _house(canvas, style, (x, top, x + wide), shade, lit=step > 0)
            x += wide + dice.choice([0, 0, 3, 7])
    canvas.box(0, horizon + 70, canvas.width, canvas.height, style.near)


def _house(canvas: Canvas, style: Style, place: tuple[float, float, float], shade: Colour, *, lit: bool) -> None:
    left, top, right = place
    dice = style.dice
    canvas.box(left, top, right, canvas.height, shade)
    roof = dice.choice(["flat", "flat", "mast", "slope", "steps"])
    middle = (left + right) / 2
    if roof == "mast":
        canvas.box(middle - 0.8, top - 22, middle + 0.8, top, shade)
    elif roof == "slope":
        canvas.polygon([(left, top), (right, top), (right, top - 14)], shade)
    elif roof == "steps":
        canvas.box(left + 4, top - 7, right - 4, top, shade)
        canvas.box(left + 8, top - 13, right - 8, top, shade)
    if not lit:
        return
    lamp = mix(style.disc, shade, 0.35)
    for row in range(int(top) + 6, int(top) + 100, 8):
        for column in range(int(left) + 4, int(right) - 4, 6):
            if dice.random() < 0.28:
                canvas.box(column, row, column + 2.4, row + 3.6, lamp)


def _sea(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    top = horizon - 26
    shades = _layers(style, 6)
    canvas.box(0, top, canvas.width, canvas.height, shades[1])
    for _ in range(46):  # the light's path on the water
        y = top + dice.uniform(0, 1) ** 1.6 * 90 + 1
        half = dice.uniform(4, 24) * (0.5 + (y - top) / 60)
        x = canvas.width / 2 + dice.uniform(-60, 60)
        canvas.box(x - half, y, x + half, y + 1.3, mix(style.disc, shades[1], 0.35))
    if dice.random() < 0.7:
        _sail(canvas, canvas.width * dice.choice([0.17, 0.83]), top + 3, mix(style.near, style.far, 0.3))
    for step, shade in enumerate(shades[2:]):
        crest = _waves(dice, canvas.width, top + 30 + step * 24, 30 + step * 9)
        _ground(canvas, crest, shade)
        canvas.line(crest, mix(shade, style.disc, 0.3), 1.1)


def _waves(dice: Random, width: float, height: float, length: float) -> list[Point]:
    """A row of scallops, each a hollow between two crests."""
    start = dice.uniform(-length, 0)
    crest: list[Point] = []
    while start < width + length:
        hollow = (circle(0, 0, 1, start=180 - step, end=180 - step)[0] for step in range(0, 181, 15))
        crest += [(start + length * (1 + x) / 2, height + length * 0.22 * y) for x, y in hollow]
        start += length
    return crest


def _sail(canvas: Canvas, x: float, y: float, fill: Colour) -> None:
    canvas.polygon([(x - 20, y - 5), (x + 20, y - 5), (x + 13, y + 3), (x - 14, y + 3)], fill)
    canvas.box(x - 0.7, y - 40, x + 0.7, y, fill)
    canvas.polygon(curve([(x + 2, y - 38), (x + 14, y - 22), (x + 17, y - 8), (x + 2, y - 8)]), fill)
    canvas.polygon(curve([(x - 2, y - 33), (x - 12, y - 18), (x - 14, y - 8), (x - 2, y - 8)]), fill)


def _dunes(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    for step, shade in enumerate(_layers(style, 5)):
        base, peak = horizon - 30 + step * 26, dice.uniform(0.15, 0.85) * canvas.width
        high = dice.uniform(26, 48)
        top = curve([(0, base), (peak * 0.55, base - high * 0.35), (peak, base - high)])
        down = curve([(peak, base - high), (peak + (canvas.width - peak) * 0.35, base - 4), (canvas.width, base + 8)])
        _ground(canvas, top + down, shade)
        lee = curve([(peak, base - high), (peak - 12, base - high * 0.4), (peak + 26, base + 34)])
        canvas.polygon([*lee, (peak + 120, base + 60), *reversed(down[: len(down) // 2])], mix(shade, style.near, 0.3))


def _castle(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    shades = _layers(style, 4)
    _ground(canvas, _ridge(dice, canvas.width, horizon - 70, 40, 4), shades[0])
    for side in (-1, 1):
        edge = canvas.width / 2 + side * canvas.width * 0.33
        for tower in range(4):
            x = edge + side * (tower - 1) * 27 + dice.uniform(-4, 4)
            _tower(
                canvas,
                style,
                (x, horizon - dice.uniform(60, 150)),
                dice.uniform(9, 14),
                shades[1 + tower % 2],
            )
    for step in (2, 3):
        _ground(canvas, _swell(dice, canvas.width, horizon - 4 + (step - 2) * 44, 12), shades[step])


def _tower(canvas: Canvas, style: Style, top: Point, half: float, fill: Colour) -> None:
    x, y = top
    canvas.box(x - half, y, x + half, canvas.height, fill)
    if style.dice.random() < 0.65:
        canvas.polygon([(x - half - 3, y), (x + half + 3, y), (x, y - half * 3)], fill)
        canvas.polygon([(x, y - half * 3 - 10), (x + 10, y - half * 3 - 6), (x, y - half * 3 - 2)], style.trim)
    else:
        for tooth in (-1, 0, 1):
            canvas.box(x + tooth * half * 0.8 - 3, y - 7, x + tooth * half * 0.8 + 3, y, fill)
    canvas.box(x - 1.6, y + 14, x + 1.6, y + 22, mix(style.disc, fill, 0.3))


def _planets(canvas: Canvas, style: Style, horizon: float) -> None:
    dice = style.dice
    for side in (0.14, 0.86):
        x, y = side * canvas.width + dice.uniform(-14, 14), dice.uniform(80, horizon * 0.7)
        radius, tone = dice.uniform(10, 24), mix(style.trim, style.sky[1], dice.uniform(0.2, 0.5))
        canvas.disc(x, y, radius, tone)
        canvas.disc(x + radius * 0.28, y + radius * 0.2, radius * 0.76, mix(tone, style.sky[0], 0.35))
        canvas.line(_orbit(x, y, radius * 1.8), mix(style.disc, tone, 0.3), 1.4)
    for step, shade in enumerate(_layers(style, 3)):
        base = horizon + step * 34
        top = [(canvas.width * t / 40, base + 46 * (t / 20 - 1) ** 2) for t in range(41)]  # a small world's edge
        _ground(canvas, top, shade)
        canvas.line(top, mix(shade, style.disc, 0.35), 1.2)
    for _ in range(9):
        x, y = dice.uniform(20, canvas.width - 20), horizon + dice.uniform(26, 90)
        canvas.oval(x, y + 12, dice.uniform(5, 15), dice.uniform(1.4, 3), mix(style.near, style.far, 0.4))


def _orbit(x: float, y: float, radius: float) -> list[Point]:
    points = circle(0, 0, radius, start=-160, end=160)
    return [(x + a * 0.94 - b * 0.08, y + a * -0.3 + b * 0.22) for a, b in points]


def _deco(canvas: Canvas, style: Style, horizon: float) -> None:
    """Rows of fans, as on old book covers."""
    shades = _layers(style, 4)
    for row in range(7):
        radius = 34.0
        y = horizon - 12 + row * 24
        offset = radius if row % 2 else 0
        for column in range(-1, int(canvas.width / radius / 2) + 2):
            x = column * radius * 2 + offset
            for ring, share in enumerate((1.0, 0.8, 0.6, 0.36)):
                fill = (
                    shades[min(3, row // 2 + 1)]
                    if ring % 2 == 0
                    else mix(style.gold, shades[min(3, row // 2 + 1)], 0.4 + row * 0.06)
                )
                canvas.disc(x, y + radius, radius * share, fill)


LANDS: dict[str, Callable[[Canvas, Style, float], None]] = {
    "peaks": _peaks,
    "hills": _hills,
    "forest": _forest,
    "city": _city,
    "sea": _sea,
    "dunes": _dunes,
    "castle": _castle,
    "planets": _planets,
    "deco": _deco,
}
