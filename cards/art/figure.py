"""The stylised bust: body, head, hair and hat as flat shapes, lit from the left."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageChops

from cards.art.bodies import BODIES
from cards.art.bust import HEAD, UNIT, Figure
from cards.art.canvas import Canvas, Point, curve, mix
from cards.art.hair import BACKS, HAIR
from cards.art.hats import BEHIND, HATS
from cards.art.style import Style

PROFILE = [(0.1, -1.4), (0.02, -0.3), (0.2, 0.28), (0.03, 0.42), (0.12, 0.74), (0.02, 0.86), (0.06, 1.4)]
ROSE = (168, 48, 62)
CAPS = frozenset({"hood", "helmet", "pointed"})  # what leaves no hair to be seen on top


def paint(canvas: Canvas, style: Style, head: Point) -> None:
    """The bust on the canvas; ``head`` is the middle of its face in design units."""
    figure = Figure(canvas, style, head, (canvas.height - head[1]) / UNIT)
    draw(figure, BODIES[style.body])
    _lay(canvas, figure.canvas.image, style)


def draw(figure: Figure, body: Callable[[Figure], None]) -> None:
    """All layers of a figure on its own canvas, from what is behind the head to the hat."""
    style = figure.style
    hair = "none" if style.hat in CAPS else "bun" if style.hat == "hair_sticks" else style.hair_cut
    if style.hat in BEHIND:
        BEHIND[style.hat](figure)
    if hair in BACKS:
        BACKS[hair](figure)
    body(figure)
    _face(figure)
    if style.beard and hair not in ("bun", "bob", "braid", "waves"):
        _beard(figure)
    if hair != "none":
        HAIR[hair](figure)
    if style.hat in HATS:
        HATS[style.hat](figure)


def _lay(canvas: Canvas, bust: Image.Image, style: Style) -> None:
    """The bust on the scene, its outline towards the light drawn bright."""
    alpha = bust.getchannel("A")
    canvas.image.paste(bust, (0, 0), alpha)
    far = round(1.7 * canvas.scale)
    rim = ImageChops.subtract(alpha, ImageChops.offset(alpha, far, round(far * 0.6)))
    canvas.tint(rim, mix(style.disc, style.gold, 0.3), 0.75)


def _face(figure: Figure) -> None:
    style = figure.style
    line = mix(style.shade, style.near, 0.65)
    figure.fill(HEAD, style.face)
    figure.shadow([*PROFILE, (1.5, 1.4), (1.5, -1.4)], HEAD, style.shade)
    look = style.dice.choice(["closed", "closed", "open"])
    for side in (-1, 1):
        x = side * 0.45
        lid = curve([(x - 0.2, 0.02), (x, 0.11 if look == "closed" else -0.06), (x + 0.2, 0.02)])
        figure.line(lid, line, 2.0)
        if look == "open":
            figure.disc(x + 0.02, 0.045, 0.085, line)
        brow = curve([(x - side * 0.22, -0.24), (x, -0.33), (x + side * 0.27, -0.27)])
        figure.line(brow, line, 1.9)
    lips = mix(style.shade, ROSE, 0.4)
    figure.fill(
        curve([(-0.2, 0.75), (-0.07, 0.705), (0, 0.73), (0.07, 0.705), (0.2, 0.75), (0, 0.85)], closed=True),
        lips,
    )
    if style.dice.random() < 0.18:
        _spectacles(figure)


def _spectacles(figure: Figure) -> None:
    wire = mix(figure.style.near, figure.style.gold, 0.3)
    for side in (-1, 1):
        ((x, y),) = figure.at([(side * 0.45, 0.05)])
        figure.canvas.ring(x, y, 0.31 * UNIT, wire, 1.7)
        figure.line([(side * 0.76, 0.03), (side * 0.95, -0.04)], wire, 1.5)
    figure.line(curve([(-0.14, 0.02), (0, -0.04), (0.14, 0.02)]), wire, 1.5)


def _beard(figure: Figure) -> None:
    tone = mix(figure.style.hair, figure.style.cloth, 0.15)
    long = figure.style.dice.uniform(1.6, 2.5)
    outer = curve([(0.99, 0.0), (0.98, 0.8), (0.66, 1.36), (0.25, long - 0.12), (0, long)])
    inner = curve([(0, 0.56), (0.34, 0.6), (0.5, 0.78), (0.78, 0.42), (0.99, 0.0)])
    figure.pair(outer + inner, tone)
    figure.fill(
        curve([(-0.16, 0.78), (0, 0.74), (0.16, 0.78), (0, 0.87)], closed=True),
        mix(figure.style.shade, tone, 0.2),
    )
