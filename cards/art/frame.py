"""The card around the scene: window, double line, corners, and the plate for the name."""

from __future__ import annotations

from PIL import Image

from cards.art import lettering
from cards.art.canvas import Canvas, Colour, Point, circle, mix, star
from cards.art.style import Style

EDGE = 24.0  # from the card's edge to the window, in design units
PLATE = 92.0  # from the window to the card's lower edge


def window(canvas: Canvas, kind: str) -> tuple[Image.Image, list[Point]]:
    """The mask of the opening and its outline: an arch, a pointed arch, cut corners or scooped ones."""
    right, bottom = canvas.width - EDGE, canvas.height - PLATE
    outline = [*_top(kind, EDGE, EDGE, right), (right, bottom), (EDGE, bottom)]
    mask = canvas.twin("L")
    mask.polygon(outline, 255)
    return mask.image, outline


def _top(kind: str, left: float, top: float, right: float) -> list[Point]:
    """The upper outline from left to right."""
    middle, half = (left + right) / 2, (right - left) / 2
    if kind == "arch":
        rise = min(half, 120)
        return [(middle - half * _cos(t), top + rise * (1 - _sin(t))) for t in range(0, 181, 3)]
    if kind == "ogive":
        side = [(left + half * t / 30, top + 110 * (1 - t / 30) ** 1.9) for t in range(31)]
        return side + [(2 * middle - x, y) for x, y in reversed(side)]
    if kind == "cut":
        return [(left, top + 34), (left + 34, top), (right - 34, top), (right, top + 34)]
    scoop = circle(left, top, 34, start=90, end=0)
    return scoop + [(2 * middle - x, y) for x, y in reversed(scoop)]


def _cos(degrees: float) -> float:
    return circle(0, 0, 1, start=degrees, end=degrees)[0][0]


def _sin(degrees: float) -> float:
    return circle(0, 0, 1, start=degrees, end=degrees)[0][1]


def paint(canvas: Canvas, style: Style, outline: list[Point], kind: str) -> None:
    """Lines and ornaments on the card; the opening is already cut."""
    gold, faint = style.gold, mix(style.gold, style.ink, 0.5)
    wide, high = canvas.width, canvas.height
    canvas.line([*outline, outline[0], outline[1]], gold, 2.2)
    for inset, fill, width in ((8.0, gold, 1.6), (12.5, faint, 0.9)):
        box = [(inset, inset), (wide - inset, inset), (wide - inset, high - inset), (inset, high - inset)]
        canvas.line([*box, box[0], box[1]], fill, width)
    for x, y in ((8, 8), (wide - 8, 8), (8, high - 8), (wide - 8, high - 8)):
        canvas.polygon(star(x, y, 7, 7, 2), style.ink)
        canvas.polygon(star(x, y, 5.2, 5.2, 2), gold)
    _corners(canvas, style, kind)


def _corners(canvas: Canvas, style: Style, kind: str) -> None:
    """What stands in the corners above the window."""
    faint = mix(style.gold, style.ink, 0.4)
    for side in (-1, 1):
        middle = canvas.width / 2
        x = middle + side * (middle - EDGE - (19 if kind in ("arch", "ogive") else 7))
        y = EDGE + (19 if kind in ("arch", "ogive") else 7)
        if kind in ("arch", "ogive"):
            canvas.polygon(star(x, y, 11, 2.6, 4), style.gold)
            canvas.polygon(star(x, y, 6, 1.8, 4, turn=-45), faint)
            canvas.disc(x - side * 19, y - 9, 1.5, faint)
            canvas.disc(x + side * 10, y + 21, 1.5, faint)
        else:
            canvas.polygon(star(x, y, 6, 1.6, 4), style.gold)


def plate(canvas: Canvas, style: Style, name: str) -> None:
    """The name under the window between two flourishes, or an emblem where no font can write it."""
    middle, y = canvas.width / 2, canvas.height - PLATE / 2 - 3
    room = canvas.width - 2 * EDGE - 24
    _flourish(canvas, style, (middle, canvas.height - PLATE), room * 0.5)
    setting = lettering.fit(name, round(room * canvas.scale), round((PLATE - 34) * canvas.scale))
    if setting is None:
        emblem(canvas, (middle, y), room * 0.42, style.gold, style.trim)
        return
    place = (middle * canvas.scale, y * canvas.scale)
    lettering.draw(canvas.pen, setting, place, style.text)


def _flourish(canvas: Canvas, style: Style, centre: Point, _half: float) -> None:
    """A jewel on the sill of the window."""
    x, y = centre
    canvas.polygon(star(x, y, 12, 12, 2), style.ink)
    canvas.polygon(star(x, y, 9, 9, 2), style.gold)
    canvas.polygon(star(x, y, 5.4, 5.4, 2), style.trim)
    for side in (-1, 1):
        canvas.polygon(star(x + side * 19, y, 5, 5, 2), style.ink)
        canvas.polygon(star(x + side * 19, y, 3.4, 3.4, 2), style.gold)


def emblem(canvas: Canvas, centre: Point, half: float, lines: Colour, jewel: Colour) -> None:
    """What stands for a name that cannot be written: a star in a ring between two rays, ``half`` units to each side."""
    x, y = centre
    canvas.ring(x, y, 17, lines, 1.6)
    canvas.polygon(star(x, y, 14, 4, 8), lines)
    canvas.disc(x, y, 3.4, jewel)
    for side in (-1, 1):
        near, far = x + side * 28, x + side * half
        canvas.polygon([(near, y - 1.4), (far, y), (near, y + 1.4)], lines)
        canvas.polygon(star(x + side * 38, y, 5, 5, 2), lines)
