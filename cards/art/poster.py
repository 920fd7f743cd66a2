"""The style "poster": a wide landscape in flat colours, the figure small and backlit, the name on the paper below."""

from __future__ import annotations

from cards.art import frame, lettering, scene, standing
from cards.art.canvas import Canvas, Colour, Point, curve, mix
from cards.art.style import Style

PAPER: Colour = (247, 240, 224)
INK: Colour = (30, 27, 34)
MARGIN = 16.0  # of paper around the print, in design units
STRIP = 96.0  # of paper under it, for the name
RINGS = 8  # of light around the sun


def paint(canvas: Canvas, style: Style, name: str) -> None:
    """The whole poster."""
    bottom = canvas.height - STRIP
    side = style.dice.choice([-1, 1])
    light = (canvas.width / 2 + side * style.dice.uniform(14, 40), bottom * 0.5)
    horizon = bottom - 120
    _sky(canvas, style, light)
    scene.LANDS[style.scene](canvas, style, horizon)
    feet = _foreground(canvas, style, light[0], bottom)
    standing.paint(canvas, style, feet, style.dice.choice(style.things))
    _paper(canvas, style, bottom)
    _name(canvas, style, name, bottom)


def _sky(canvas: Canvas, style: Style, light: Point) -> None:
    """Rings of ever darker sky around the light, and stars where it is dark."""
    dice = style.dice
    canvas.image.paste(style.sky[0], (0, 0, *canvas.image.size))
    radius, step = dice.uniform(82, 108), dice.uniform(34, 44)
    for ring in range(RINGS, 0, -1):
        place = ring / RINGS
        tone = (
            mix(style.sky[2], style.sky[1], place * 2)
            if place < 0.5
            else mix(style.sky[1], style.sky[0], place * 2 - 1)
        )
        canvas.disc(*light, radius + ring * step, tone)
    for _ in range(dice.randint(30, 60)):
        x, y = dice.uniform(MARGIN + 6, canvas.width - MARGIN - 6), dice.uniform(MARGIN + 6, light[1])
        away = ((x - light[0]) ** 2 + (y - light[1]) ** 2) ** 0.5
        if away > radius + 3 * step:
            canvas.disc(x, y, dice.choice([0.7, 0.9, 1.3]), mix(style.disc, style.sky[1], 0.2))
    canvas.disc(*light, radius, style.disc)
    if dice.random() < 0.3:
        _stripes(canvas, style, light, radius)


def _stripes(canvas: Canvas, style: Style, light: Point, radius: float) -> None:
    """The sky showing through the lower half of the sun, ever wider."""
    x, y = light
    for stripe in range(5):
        low, deep = radius * (0.08 + stripe * 0.17), 2 + stripe * 1.5
        wide, narrow = ((radius**2 - height**2) ** 0.5 + 0.5 for height in (low, low + deep))  # as the sun is there
        top, bottom = y + low, y + low + deep
        canvas.polygon([(x - wide, top), (x + wide, top), (x + narrow, bottom), (x - narrow, bottom)], style.sky[2])


def _foreground(canvas: Canvas, style: Style, x: float, bottom: float) -> Point:
    """A dark rise under the figure; where its feet stand."""
    dice = style.dice
    dark = mix(style.near, (0, 0, 0), 0.4)
    top, wide = bottom - dice.uniform(34, 44), canvas.width
    ground = curve([(0, top + 30), (x * 0.5, top + 14), (x, top), (x + (wide - x) * 0.5, top + 16), (wide, top + 26)])
    canvas.polygon([(0, canvas.height), *ground, (wide, canvas.height)], dark)
    for _ in range(70):
        at, height = dice.choice(ground), dice.uniform(3, 9)
        foot, lean = at[0] + dice.uniform(-6, 6), dice.uniform(-3, 3)
        canvas.polygon([(foot - 1, at[1] + 5), (foot + lean, at[1] + 2 - height), (foot + 1, at[1] + 5)], dark)
    return x, top + 3


def _tint(style: Style) -> tuple[Colour, Colour]:
    """Paper and ink with a touch of the palette."""
    dark = min(style.ink, style.near, key=sum)
    return mix(PAPER, style.sky[2], 0.12), mix(INK, dark, 0.6)


def _paper(canvas: Canvas, style: Style, bottom: float) -> None:
    paper, _ = _tint(style)
    wide, high = canvas.width, canvas.height
    canvas.box(0, 0, wide, MARGIN, paper)
    canvas.box(0, 0, MARGIN, high, paper)
    canvas.box(wide - MARGIN, 0, wide, high, paper)
    canvas.box(0, bottom, wide, high, paper)


def _name(canvas: Canvas, style: Style, name: str, bottom: float) -> None:
    """The name on the paper, between two lines."""
    _, ink = _tint(style)
    middle, y = canvas.width / 2, bottom + (STRIP - MARGIN) / 2 + 4
    room = canvas.width - 2 * MARGIN - 8
    setting = lettering.fit(name, round(room * canvas.scale), round((STRIP - MARGIN - 14) * canvas.scale))
    if setting is None:
        frame.emblem(canvas, (middle, y), room * 0.48, ink, style.trim)
    else:
        lettering.draw(canvas.pen, setting, (middle * canvas.scale, y * canvas.scale), ink)
