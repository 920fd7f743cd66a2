"""The style "tarot": a card with a window on a scene, the bust before a halo, the name below."""

from __future__ import annotations

from cards.art import figure, frame, scene
from cards.art.canvas import Canvas
from cards.art.style import Style


def paint(canvas: Canvas, style: Style, name: str) -> None:
    """The whole card."""
    kind = style.dice.choice(["arch", "arch", "ogive", "cut", "scoop"])
    opening, outline = frame.window(canvas, kind)
    head = (canvas.width / 2, (canvas.height - frame.PLATE) * 0.455)
    scene.paint(canvas, style, (head[0], head[1] - 18), canvas.height - frame.PLATE - 120)
    figure.paint(canvas, style, head)
    scene.dim(canvas, style, canvas.height - frame.PLATE)
    canvas.image.paste(style.ink, (0, 0), opening.point(lambda value: 255 - value))
    frame.paint(canvas, style, outline, kind)
    frame.plate(canvas, style, name)
