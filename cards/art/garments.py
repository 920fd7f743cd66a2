"""Garments of the standing figure, from the neck to the ground at y = 13."""

from __future__ import annotations

from collections.abc import Callable

from cards.art.bust import Figure, shifted
from cards.art.canvas import Point, curve, mirrored, mix, star


def _sheet(figure: Figure, half: list[Point], share: float) -> None:
    """A symmetrical garment, its side away from the light darker; ``share`` of the way to the shadow."""
    style = figure.style
    outline = mirrored(half)
    figure.fill(outline, mix(style.cloth, style.near, share))
    figure.shadow([(0.3, 0), (9, 0), (9, 20), (0.6, 20)], outline, mix(style.cloth, style.near, share + 0.4))


def _neck(figure: Figure) -> None:
    figure.fill(mirrored([(0.42, 0.6), (0.5, 2.2), (0, 2.4)]), figure.style.face)


def _legs(figure: Figure, top: float, wide: float) -> None:
    for side in (-1, 1):
        leg = [
            (0.12, top),
            (wide, top),
            (wide * 0.92, 9.4),
            (wide * 0.8, 12.4),
            (wide + 0.35, 13),
            (0.3, 13),
            (0.34, 9.6),
        ]
        figure.fill([(side * x, y) for x, y in leg], mix(figure.style.cloth, figure.style.near, 0.4 + 0.3 * (side > 0)))


def _scarf(figure: Figure) -> None:
    """A band of colour in the wind."""
    style = figure.style
    tail = curve([(-0.3, 2.1), (-1.6, 2.3), (-2.9, 1.7), (-4.2, 2.2), (-5.6, 1.6)])
    under = curve([(-5.5, 2.4), (-4.2, 3.1), (-2.9, 2.6), (-1.6, 3.2), (-0.3, 2.9)])
    figure.fill(tail + under, mix(style.trim, style.near, 0.2))
    figure.fill(mirrored(curve([(0.7, 1.5), (0.95, 2.0), (0.7, 2.6), (0, 2.8)])), style.trim)


def _robe(figure: Figure) -> None:
    _neck(figure)
    sleeves = curve([(0.5, 1.75), (1.35, 2.1), (1.95, 3.6), (2.7, 6.6), (1.7, 7.4), (1.2, 5.4)])
    _sheet(figure, [(0, 1.7), *sleeves, *curve([(1.3, 7.0), (1.9, 10.5), (2.3, 13)]), (0, 13.15)], 0.1)
    figure.fill([(-1.26, 5.5), (1.26, 5.5), (1.32, 6.1), (-1.32, 6.1)], figure.style.trim)
    figure.fill([(0.1, 6.1), (0.62, 6.1), (0.8, 9.6), (0.2, 9.4)], mix(figure.style.trim, figure.style.near, 0.25))


def _cloak(figure: Figure) -> None:
    """A wide cloak, its hem drawn aside by the wind."""
    _neck(figure)
    style = figure.style
    left = curve([(-0.5, 1.7), (-1.5, 2.3), (-2.1, 4.4), (-3.0, 8.6), (-5.2, 12.2)])
    right = curve([(1.9, 13), (1.9, 9.0), (1.8, 4.4), (1.4, 2.3), (0.5, 1.7)])
    _legs(figure, 9.0, 1.0)
    shape = [*left, *curve([(-5.2, 12.2), (-3.4, 11.9), (-1.6, 12.7), (0.2, 12.2), (1.9, 12.6)]), *right]
    figure.fill(shape, style.cloth)
    figure.shadow([(0.4, 0), (9, 0), (9, 20), (0.2, 20)], shape, mix(style.cloth, style.near, 0.5))
    for x in (-1.4, -0.5):
        figure.line(curve([(x * 0.5, 3.4), (x, 7.5), (x * 2.0 - 0.6, 12.1)]), style.near, 2)
    _scarf(figure)


def _armour(figure: Figure) -> None:
    style = figure.style
    cape = curve([(-1.2, 2.2), (-2.2, 4.4), (-3.2, 8.8), (-4.8, 12.0)]) + curve([(-4.8, 12.0), (-2, 11.6), (1.6, 11.9)])
    figure.fill([*cape, (1.4, 2.2)], mix(style.trim, style.near, 0.15))
    _neck(figure)
    _legs(figure, 6.6, 1.15)
    trunk = [(0, 1.7), *curve([(0.8, 1.75), (1.5, 2.3), (1.35, 4.2), (0.98, 5.7), (1.35, 7.6)]), (0, 8.2)]
    _sheet(figure, trunk, 0.0)
    figure.fill([(-1.0, 5.5), (1.0, 5.5), (1.02, 6.0), (-1.02, 6.0)], style.gold)
    for side in (-1, 1):
        shell = curve([(1.0, 1.9), (1.9, 1.8), (2.35, 2.6), (2.2, 3.4), (1.4, 2.9)], closed=True)
        arm = curve([(1.55, 3.0), (2.3, 3.2), (2.45, 5.2), (2.3, 7.2), (1.75, 7.2), (1.75, 5.2)], closed=True)
        figure.fill([(side * x, y) for x, y in arm], mix(style.cloth, style.near, 0.3 + 0.3 * (side > 0)))
        figure.fill([(side * x, y) for x, y in shell], mix(style.far, style.near, 0.2 + 0.4 * (side > 0)))


def _coat(figure: Figure) -> None:
    """A long coat over trousers, hands in its pockets."""
    _neck(figure)
    _legs(figure, 8.0, 1.1)
    side = curve([(0.5, 1.75), (1.4, 2.1), (2.0, 3.6), (2.3, 5.6), (1.85, 6.9), (1.6, 7.4)])
    _sheet(figure, [(0, 1.7), *side, *curve([(1.6, 7.4), (1.9, 9.2), (2.25, 11.0)]), (0.35, 10.8), (0, 7.6)], 0.1)
    style = figure.style
    figure.fill([(-0.5, 1.7), (0.5, 1.7), (0, 4.6)], mix(style.disc, style.near, 0.1))
    figure.fill([(-0.18, 2.0), (0.18, 2.0), (0.26, 3.5), (0, 4.0), (-0.26, 3.5)], style.trim)
    figure.line([(0, 4.6), (0, 7.6)], style.near, 1.8)


def _highcollar(figure: Figure) -> None:
    style = figure.style
    figure.pair(
        [(0.3, 2.2), *curve([(0.5, 1.9), (1.2, 1.3), (1.75, 0.0)]), *curve([(1.75, 0.0), (1.9, 1.5), (1.2, 2.8)])],
        mix(style.trim, style.near, 0.1),
    )
    _neck(figure)
    side = curve([(0.5, 1.8), (1.5, 2.2), (2.1, 4.0), (2.5, 8.0), (3.4, 13)])
    _sheet(figure, [(0, 1.7), *side, (0, 13.1)], 0.1)
    figure.fill(
        mirrored([(0, 2.2), *curve([(0.3, 2.4), (0.5, 6.0), (1.1, 13)]), (0, 13)]), mix(style.trim, style.near, 0.35)
    )
    figure.fill(shifted(star(0, 0, 0.42, 0.42, 2), 0, 2.6), style.gold)


def _dress(figure: Figure) -> None:
    """A ball gown."""
    _neck(figure)
    style = figure.style
    figure.fill(mirrored(curve([(0, 1.6), (0.9, 1.8), (1.4, 2.3), (1.2, 3.4), (0, 3.6)])), style.face)
    for side in (-1, 1):
        arm = curve([(1.05, 2.0), (1.5, 2.3), (1.75, 4.4), (2.3, 6.6), (1.95, 6.8), (1.35, 4.7)], closed=True)
        figure.fill([(side * x, y) for x, y in arm], mix(style.face, style.near, 0.1 + 0.4 * (side > 0)))
    bodice = curve([(0, 3.0), (1.15, 2.6), (1.05, 4.0), (0.72, 5.4)])
    skirt = curve([(0.72, 5.4), (1.8, 6.6), (2.7, 9.4), (3.6, 13)])
    _sheet(figure, [*bodice, *skirt, (0, 13.15)], 0.0)
    figure.fill([(-0.74, 5.2), (0.74, 5.2), (0.8, 5.7), (-0.8, 5.7)], style.trim)
    for x in (-2.0, -0.8, 0.8, 2.0):
        figure.line(curve([(x * 0.35, 5.9), (x * 0.8, 9.0), (x * 1.1, 12.8)]), mix(style.cloth, style.near, 0.6), 1.6)


GARMENTS: dict[str, Callable[[Figure], None]] = {
    "robe": _robe,
    "cloak": _cloak,
    "armour": _armour,
    "coat": _coat,
    "highcollar": _highcollar,
    "dress": _dress,
}
