"""Shoulders and clothes of the bust."""

from __future__ import annotations

from collections.abc import Callable

from cards.art.bust import Figure, shifted
from cards.art.canvas import Point, curve, mirrored, mix, star


def _neck(figure: Figure) -> None:
    style = figure.style
    neck = mirrored([*curve([(0.44, 0.7), (0.43, 1.5), (0.62, 1.86), (1.1, 2.1)]), (0, 3.2)])
    figure.fill(neck, mix(style.face, style.shade, 0.35))
    figure.shadow(
        [(-0.6, 0.7), (0.8, 0.7), (1.2, 2.4), (0.1, 2.6), (0.02, 1.75), (-0.46, 1.3)],
        neck,
        mix(style.shade, style.cloth, 0.2),
    )


def _shoulders(wide: float, down: float) -> list[Point]:
    arm = [(wide * 0.86, 2.42), (wide, 3.1), (wide * 1.07, 4.3), (wide * 1.12, down + 0.4)]
    side = curve([(0.42, 1.6), (1.05, 1.93), *arm])
    return mirrored([(0, 1.7), *side, (0, down + 0.4)])


def _torso(figure: Figure, wide: float) -> None:
    """Shoulders with the side away from the light darker."""
    style = figure.style
    outline = _shoulders(wide, figure.down)
    figure.fill(outline, style.cloth)
    dark = [(0.1, 1.5), (0.3, 3.2), (0.1, figure.down + 1), (9, figure.down + 1), (9, 1.5)]
    figure.shadow(dark, outline, mix(style.cloth, style.near, 0.55))
    crease = curve([(wide * 0.78, 3.9), (wide * 0.76, 4.8), (wide * 0.7, figure.down)])
    figure.line(crease, mix(style.cloth, style.near, 0.8), 1.5)
    figure.line([(-x, y) for x, y in crease], mix(style.cloth, style.near, 0.5), 1.5)


def _robe(figure: Figure) -> None:
    """Crossed lapels."""
    style = figure.style
    _neck(figure)
    _torso(figure, 2.75)
    _opening(figure, 0.78, 3.5)
    left = [
        *curve([(-0.62, 1.62), (-0.3, 2.6), (0.42, 3.6)]),
        (0.98, figure.down + 0.4),
        (0.55, figure.down + 0.4),
    ]
    band = left + list(reversed(curve([(-0.95, 1.72), (-0.66, 2.7), (0.1, 3.75)])))
    figure.fill([(-x, y) for x, y in band], mix(style.trim, style.near, 0.25))
    figure.fill(band, style.trim)
    figure.line(curve([(-0.62, 1.62), (-0.3, 2.6), (0.42, 3.6)]), style.gold, 1.2)


def _opening(figure: Figure, half: float, tip: float) -> None:
    """Bare throat between the lapels."""
    style = figure.style
    throat = mirrored(curve([(half, 1.62), (half * 0.6, 2.5), (0, tip)]))
    figure.fill(throat, mix(style.face, style.shade, 0.35))
    figure.shadow([(0.02, 1.2), (2, 1.2), (2, 4), (0.02, 4)], throat, mix(style.shade, style.cloth, 0.1))
    figure.shadow(
        [*curve([(-0.7, 1.0), (-0.2, 1.75), (0.45, 1.95), (0.9, 1.3)]), (0.9, 0.9)],
        throat,
        mix(style.shade, style.cloth, 0.3),
    )
    neck = [(-0.44, 0.7), (0.44, 0.7), (0.46, 1.8), (-0.46, 1.8)]
    figure.shadow(
        [(-2, 1.2), (0.02, 1.2), (0.02, 1.7), (-0.2, 1.6), (-0.5, 1.3)],
        neck,
        mix(style.shade, style.cloth, 0.2),
    )


def _cloak(figure: Figure) -> None:
    """A cloak with a clasp and folds."""
    style = figure.style
    _neck(figure)
    _torso(figure, 2.65)
    figure.fill(
        mirrored([(0, 1.75), *curve([(0.72, 1.7), (0.8, 2.6), (0.95, figure.down + 0.4)]), (0, figure.down + 0.4)]),
        mix(style.trim, style.near, 0.35),
    )
    figure.fill(mirrored(curve([(0.52, 1.66), (0.3, 2.1), (0, 2.3)])), mix(style.face, style.shade, 0.55))
    collar = curve([(0.46, 1.35), (1.1, 1.55), (1.9, 2.15), (1.2, 2.35), (0.2, 2.72), (0.5, 2.1)], closed=True)
    figure.pair(collar, mix(style.cloth, style.far, 0.28))
    for x in (1.35, 1.85, 2.25):
        fold = curve([(x * 0.75, 2.5), (x, 3.6), (x * 1.12, figure.down + 0.4)])
        figure.line(fold, mix(style.cloth, style.near, 0.75), 1.6)
        figure.line([(-a, b) for a, b in fold], mix(style.cloth, style.far, 0.22), 1.4)
    figure.disc(0, 2.62, 0.24, style.gold)
    figure.disc(0, 2.62, 0.14, style.trim)


def _armour(figure: Figure) -> None:
    """Breastplate, gorget and shoulder plates."""
    style = figure.style
    steel, dark = mix(style.far, style.disc, 0.3), mix(style.near, style.far, 0.35)
    _neck(figure)
    _torso(figure, 2.65)
    plate = mirrored(
        [
            (0, 1.75),
            *curve([(0.9, 1.75), (1.75, 2.4), (1.7, 3.6), (1.2, figure.down + 0.4)]),
            (0, figure.down + 0.4),
        ]
    )
    figure.fill(plate, steel)
    figure.shadow([(0, 1), (3, 1), (3, 9), (0, 9)], plate, dark)
    figure.fill(mirrored(curve([(0.5, 1.32), (0.92, 1.75), (0.7, 2.2), (0, 2.5)])), mix(steel, style.cloth, 0.4))
    figure.line(curve([(-0.9, 1.8), (-0.6, 2.3), (0, 2.52), (0.6, 2.3), (0.9, 1.8)]), style.gold, 1.8)
    for layer in range(3):
        low = layer * 0.42
        shell = curve(
            [(1.15, 2.0 + low), (1.9, 1.72 + low), (2.6, 2.3 + low), (2.72, 3.05 + low), (1.9, 2.75 + low)],
            closed=True,
        )
        figure.fill(shell, mix(dark, style.near, layer * 0.25))
        figure.fill([(-x, y) for x, y in shell], mix(steel, style.cloth, layer * 0.22))
        edge = curve([(1.95, 2.77 + low), (2.4, 2.88 + low), (2.72, 3.05 + low)])
        figure.line(edge, style.gold, 1.2)
        figure.line([(-x, y) for x, y in edge], style.gold, 1.2)
    figure.fill(shifted(star(0, 0, 0.42, 0.17, 4), 0, 3.35), style.gold)


def _coat(figure: Figure) -> None:
    """A coat with wide lapels over a shirt and a neck-cloth."""
    style = figure.style
    shirt = mix(style.disc, style.cloth, 0.25)
    _neck(figure)
    _torso(figure, 2.7)
    figure.fill(mirrored(curve([(0.55, 1.6), (0.62, 2.4), (0, 4.4)])), shirt)
    figure.shadow(
        [(0.03, 1), (2, 1), (2, 5), (0.03, 5)],
        mirrored(curve([(0.55, 1.6), (0.62, 2.4), (0, 4.4)])),
        mix(shirt, style.cloth, 0.35),
    )
    figure.fill(mirrored([(0.5, 1.45), (0.62, 1.75), (0, 2.2), (0, 1.95)]), mix(shirt, (255, 255, 255), 0.2))
    figure.fill(
        [(-0.2, 2.08), (0.2, 2.08), (0.12, 2.36), (0.3, 3.6), (0, 3.95), (-0.3, 3.6), (-0.12, 2.36)],
        style.trim,
    )
    lapel = [(0.5, 1.4), (1.02, 1.72), (1.36, 2.55), (1.0, 2.62), (1.12, 2.84), (0.05, 4.5), (0.36, 2.7)]
    figure.fill(lapel, mix(style.cloth, style.near, 0.25))
    figure.fill([(-x, y) for x, y in lapel], mix(style.cloth, style.far, 0.35))
    for y in (4.75, 5.3):
        figure.disc(0.1, y, 0.1, style.gold)


def _highcollar(figure: Figure) -> None:
    """A dramatic stand-up collar."""
    style = figure.style
    wing = curve([(0.4, 1.9), (1.15, 1.3), (1.75, 0.1)]) + curve([(1.75, 0.1), (1.85, 1.3), (1.55, 2.2), (0.3, 3.1)])
    figure.pair(wing, mix(style.trim, style.near, 0.3))
    _neck(figure)
    _torso(figure, 2.7)
    figure.fill(mirrored(curve([(0.5, 1.62), (0.34, 2.3), (0, 2.9)])), mix(style.face, style.shade, 0.5))
    front = curve([(0.44, 1.62), (1.15, 1.75), (1.75, 0.1)]) + curve([(1.75, 0.1), (1.8, 1.6), (1.3, 2.5), (0, 3.5)])
    figure.fill(front, mix(style.cloth, style.near, 0.35))
    figure.fill([(-x, y) for x, y in front], mix(style.cloth, style.far, 0.25))
    for side in (-1, 1):
        figure.line(
            [(side * x, y) for x, y in curve([(1.75, 0.1), (1.8, 1.6), (1.3, 2.5), (0, 3.5)])],
            style.gold,
            1.5,
        )
    figure.fill(shifted(star(0, 0, 0.3, 0.3, 2), 0, 3.5), style.gold)
    figure.disc(0, 3.5, 0.2, style.trim)


def _dress(figure: Figure) -> None:
    """Bare shoulders and a necklace."""
    style = figure.style
    outline = _shoulders(2.3, figure.down)
    figure.fill(mirrored([*curve([(0.42, 0.7), (0.41, 1.5), (0.7, 1.86), (1.5, 2.2)]), (0, 3)]), style.face)
    figure.fill(outline, style.face)
    figure.shadow([(0.1, 0.8), (0.06, 1.7), (0.5, 2.4), (0.2, 9), (9, 9), (9, 0.8)], outline, style.shade)
    figure.shadow(
        [(-0.5, 1.0), (0.6, 1.0), (0.6, 1.9), (0.06, 1.8), (-0.4, 1.25)],
        mirrored([(0.42, 0.7), (0.43, 2)]),
        mix(style.shade, style.cloth, 0.25),
    )
    neckline = curve([(0, 3.72), (0.5, 3.45), (1.15, 3.05), (1.75, 2.72), (2.14, 2.55)])
    side = [*neckline, (4.0, 2.4), (4.0, figure.down + 1), (0, figure.down + 1)]
    figure.shadow([(-x, y) for x, y in side], outline, style.cloth)
    figure.shadow(side, outline, mix(style.cloth, style.near, 0.45))
    for turn in (-1, 1):
        figure.line([(turn * x, y) for x, y in neckline], style.gold, 2)
        crease = curve([(1.75, 3.5), (1.7, 4.6), (1.6, figure.down)])
        figure.line([(turn * x, y) for x, y in crease], mix(style.cloth, style.near, 0.7), 1.5)
    chain = curve([(-0.66, 1.85), (-0.35, 2.4), (0, 2.62), (0.35, 2.4), (0.66, 1.85)])
    figure.line(chain, style.gold, 1.3)
    figure.fill(shifted(star(0, 0, 0.2, 0.12, 4), 0, 2.78), style.trim)


BODIES: dict[str, Callable[[Figure], None]] = {
    "robe": _robe,
    "cloak": _cloak,
    "armour": _armour,
    "coat": _coat,
    "highcollar": _highcollar,
    "dress": _dress,
}
