"""What stands beside the figure of the poster: something in its hand, or an animal. The ground is at y = 13."""

from __future__ import annotations

from collections.abc import Callable

from cards.art.bust import Figure, shifted
from cards.art.canvas import circle, curve, mirrored, mix

LAMP = (3.0, 6.5)  # where the lantern shines


def _staff(figure: Figure) -> None:
    style = figure.style
    figure.line([(2.55, -1.6), (2.75, 13)], style.near, 5.4)
    crook = curve([(2.55, -1.5), (2.3, -2.4), (2.9, -3.2), (3.6, -2.7), (3.3, -2.0)])
    figure.line(crook, style.near, 5.4)
    figure.disc(2.95, -2.45, 0.36, mix(style.disc, style.trim, 0.5))


def _sword(figure: Figure) -> None:
    """A sword, point down."""
    style = figure.style
    figure.fill([(2.35, 6.6), (2.8, 6.6), (2.7, 12.6), (2.57, 13.1), (2.45, 12.6)], mix(style.far, style.disc, 0.4))
    figure.fill([(1.7, 6.3), (3.45, 6.3), (3.45, 6.75), (1.7, 6.75)], style.gold)
    figure.line([(2.57, 5.1), (2.57, 6.4)], style.near, 7)
    figure.disc(2.57, 4.95, 0.26, style.gold)


def _spear(figure: Figure) -> None:
    """A spear with a flag."""
    style = figure.style
    figure.line([(2.6, -2.6), (2.6, 13)], style.near, 5)
    figure.fill([(2.6, -4.6), (3.0, -3.2), (2.6, -2.5), (2.2, -3.2)], mix(style.far, style.disc, 0.4))
    top = curve([(2.6, -2.2), (4.2, -2.6), (5.6, -1.9), (7.0, -2.3)])
    low = curve([(7.0, 0.0), (5.6, 0.4), (4.2, -0.2), (2.6, 0.2)])
    figure.fill([*top, (6.2, -1.2), *low], style.trim)


def _lantern(figure: Figure) -> None:
    style = figure.style
    figure.line([(2.2, 4.9), (3.0, 5.3), (3.0, 5.9)], style.near, 4.2)
    figure.fill([(2.6, 5.8), (3.4, 5.8), (3.6, 7.2), (2.4, 7.2)], style.near)
    figure.fill([(2.75, 6.0), (3.25, 6.0), (3.38, 7.0), (2.62, 7.0)], (255, 236, 180))


def _hound(figure: Figure) -> None:
    """A wolf or dog, sitting, its head towards the figure."""
    dark = mix(figure.style.near, figure.style.cloth, 0.2)
    head = [(3.5, 8.75), (4.3, 8.2), (4.75, 7.75), (4.85, 6.75), (5.35, 7.45), (5.75, 7.1), (5.9, 8.0)]
    back = curve([(5.9, 8.0), (6.4, 9.2), (7.1, 10.6), (7.3, 12.2)])
    tail = curve([(7.3, 12.2), (8.2, 11.9), (8.9, 11.0), (8.8, 12.3), (7.9, 13.15)])
    chest = curve([(4.75, 13.15), (4.95, 11.6), (4.75, 10.2), (4.85, 9.3)])
    figure.fill([*head, *back, *tail, *chest, (4.4, 9.25), (3.6, 9.15)], dark)


def _cat(figure: Figure) -> None:
    """A cat, sitting."""
    dark = mix(figure.style.near, figure.style.cloth, 0.2)
    figure.fill(circle(4.0, 10.3, 0.62), dark)
    figure.fill([(3.45, 10.2), (3.4, 9.2), (3.9, 9.8)], dark)
    figure.fill([(4.55, 10.2), (4.6, 9.2), (4.1, 9.8)], dark)
    side = curve([(0.35, 0.1), (0.8, 1.4), (0.85, 2.5)])
    figure.fill(shifted(mirrored([(0, 0), *side, (0, 2.5)]), 4.0, 10.6), dark)
    figure.line(curve([(4.7, 12.9), (5.6, 12.8), (5.9, 11.8), (5.5, 11.2)]), dark, 6)


def _raven(figure: Figure) -> None:
    """A bird in the air beside the head."""
    dark = figure.style.near
    wing = curve([(3.4, -1.0), (4.3, -2.1), (5.6, -2.2)]) + curve([(5.6, -2.2), (4.8, -1.4), (4.1, -0.6)])
    figure.fill(wing, dark)
    figure.fill(curve([(3.6, -0.9), (2.9, -1.9), (1.9, -2.4)]) + curve([(1.9, -2.4), (2.6, -1.2), (3.3, -0.4)]), dark)
    figure.fill(curve([(2.8, -0.5), (3.4, -1.0), (4.2, -0.5), (4.9, -0.1), (3.7, -0.2)], closed=True), dark)


THINGS: dict[str, Callable[[Figure], None]] = {
    "staff": _staff,
    "sword": _sword,
    "spear": _spear,
    "lantern": _lantern,
    "hound": _hound,
    "cat": _cat,
    "raven": _raven,
}
