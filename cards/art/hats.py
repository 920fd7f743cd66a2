"""Hats, crowns, horns and ears; some stand behind the head."""

from __future__ import annotations

from collections.abc import Callable

from cards.art.bust import HEAD, Figure, shifted
from cards.art.canvas import circle, curve, mirrored, mix, star


def _crown(figure: Figure) -> None:
    gold, dark = figure.style.gold, mix(figure.style.gold, figure.style.near, 0.35)
    points = [
        (-1.0, -1.0),
        (-1.16, -1.95),
        (-0.6, -1.5),
        (-0.34, -2.2),
        (0, -1.6),
        (0.34, -2.2),
        (0.6, -1.5),
        (1.16, -1.95),
        (1.0, -1.0),
    ]
    shape = points + list(reversed(curve([(-1.0, -1.0), (0, -0.82), (1.0, -1.0)])))
    figure.fill(shape, gold)
    figure.shadow([(0.1, -3), (3, -3), (3, 0), (0.1, 0)], shape, dark)
    for x, y in ((-1.16, -1.98), (-0.34, -2.24), (0.34, -2.24), (1.16, -1.98)):
        figure.disc(x, y, 0.1, figure.style.trim)
    figure.disc(0, -1.16, 0.13, figure.style.trim)


def _circlet(figure: Figure) -> None:
    figure.line(
        curve([(-1.05, -0.78), (-0.5, -0.66), (0, -0.56), (0.5, -0.66), (1.05, -0.78)]),
        figure.style.gold,
        2.6,
    )
    figure.fill(shifted(star(0, 0, 0.24, 0.11, 4), 0, -0.6), figure.style.gold)
    figure.disc(0, -0.6, 0.09, figure.style.trim)


def _wreath(figure: Figure) -> None:
    style = figure.style
    path = curve([(-1.1, -0.62), (-0.72, -1.02), (0, -1.2), (0.72, -1.02), (1.1, -0.62)], steps=4)
    for number, (x, y) in enumerate(path):
        leaf = mix(style.far, style.gold, 0.25 + 0.3 * (number % 2))
        figure.fill(curve([(x - 0.2, y), (x - 0.02, y - 0.28), (x + 0.2, y), (x + 0.02, y + 0.18)], closed=True), leaf)
    for number, (x, y) in enumerate(path[1::3]):
        petal = style.trim if number % 2 else mix(style.trim, style.disc, 0.5)
        for a, b in circle(0, 0, 0.13, end=288)[:: max(1, 8 // 5)]:
            figure.disc(x + a, y + b, 0.1, petal)
        figure.disc(x, y, 0.08, style.gold)


def _hood_back(figure: Figure) -> None:
    style = figure.style
    figure.fill(
        mirrored(curve([(0, -2.15), (0.7, -1.86), (1.35, -0.9), (1.55, 0.4), (1.6, 1.5), (1.9, 2.3), (0, 2.6)])),
        mix(style.cloth, style.near, 0.55),
    )


def _hood(figure: Figure) -> None:
    style = figure.style
    outer = curve([(0, -2.15), (0.7, -1.86), (1.35, -0.9), (1.55, 0.4), (1.45, 1.5), (0.95, 2.3)])
    inner = curve([(0.5, 2.1), (0.98, 1.0), (1.02, 0.1), (0.86, -0.74), (0.42, -1.12), (0, -1.3)])
    figure.fill(outer + inner, mix(style.cloth, style.near, 0.4))
    figure.fill([(-x, y) for x, y in outer + inner], mix(style.cloth, style.far, 0.18))
    cast = [
        *curve([(-0.95, -0.2), (-0.5, -0.62), (0, -0.72), (0.5, -0.62), (0.95, -0.2)]),
        (1.1, -1.5),
        (-1.1, -1.5),
    ]
    figure.shadow(cast, HEAD, mix(style.shade, style.near, 0.6))
    figure.fill(
        mirrored([(0, -2.15), *curve([(0.2, -2.1), (0.36, -1.6), (0, -1.28)])]),
        mix(style.cloth, style.far, 0.12),
    )
    for side in (-1, 1):
        figure.line([(side * x, y) for x, y in inner], style.gold, 1.7)
    figure.disc(0, 2.3, 0.2, style.gold)


def _pointed(figure: Figure) -> None:
    style = figure.style
    bend = style.dice.choice([-1, 1]) * style.dice.uniform(0.3, 0.8)
    cone = curve([(-1.12, -0.86), (-0.7, -2.1), (-0.2 + bend * 0.3, -3.1), (bend, -3.9)])
    cone += curve([(bend, -3.9), (0.25 + bend * 0.3, -3.0), (0.8, -2.0), (1.12, -0.86)])
    side = curve([(1.0, -0.35), (1.3, 0.6), (1.2, 1.6), (0.9, 2.0), (0.94, 0.7)], closed=True)
    figure.pair(side, style.hair)
    figure.fill(cone, style.cloth)
    figure.shadow([(0.15, -4.4), (0.1, -0.5), (3, -0.5), (3, -4.4)], cone, mix(style.cloth, style.near, 0.5))
    figure.shadow([(-2, -1.45), (0, -1.2), (2, -1.45), (2, -0.6), (-2, -0.6)], cone, style.trim)
    brim = curve(
        [
            (-2.25, -0.62),
            (-1.1, -1.1),
            (0, -1.0),
            (1.1, -1.1),
            (2.25, -0.62),
            (1.0, -0.56),
            (0, -0.46),
            (-1.0, -0.56),
        ],
        closed=True,
    )
    figure.fill(brim, mix(style.cloth, style.near, 0.25))
    figure.shadow(
        curve([(-1, -0.5), (0, -0.18), (1, -0.5), (0, -1.2)], closed=True),
        HEAD,
        mix(style.shade, style.near, 0.4),
    )
    figure.fill(brim, mix(style.cloth, style.near, 0.25))
    figure.fill(shifted(star(0, 0, 0.24, 0.1, 5), -0.3, -2.0), style.gold)
    figure.disc(0.34, -2.6, 0.08, style.gold)


def _fedora(figure: Figure) -> None:
    style = figure.style
    dome = curve([(-1.1, -0.75), (-1.02, -1.6), (-0.55, -1.98), (0, -1.8), (0.55, -1.98), (1.02, -1.6), (1.1, -0.75)])
    figure.fill(dome, style.cloth)
    figure.shadow([(0.15, -3), (3, -3), (3, 0), (0.15, 0)], dome, mix(style.cloth, style.near, 0.55))
    figure.shadow([(-2, -1.2), (0, -1.02), (2, -1.2), (2, -0.5), (-2, -0.5)], dome, style.trim)
    figure.shadow(
        curve([(-1.1, -0.5), (0, -0.1), (1.1, -0.5), (0, -1.4)], closed=True),
        HEAD,
        mix(style.shade, style.near, 0.45),
    )
    brim = curve(
        [
            (-1.85, -0.5),
            (-1.1, -0.92),
            (0, -0.8),
            (1.1, -0.92),
            (1.85, -0.5),
            (0.9, -0.5),
            (0, -0.4),
            (-0.9, -0.5),
        ],
        closed=True,
    )
    figure.fill(brim, mix(style.cloth, style.near, 0.3))


def _tricorn(figure: Figure) -> None:
    style = figure.style
    shape = curve([(-1.95, -1.25), (-1.0, -1.95), (0, -2.2), (1.0, -1.95), (1.95, -1.25)])
    shape += curve([(1.95, -1.25), (1.15, -0.86), (0, -0.62), (-1.15, -0.86), (-1.95, -1.25)])
    figure.fill(shape, style.cloth)
    figure.shadow([(0.1, -3), (3, -3), (3, 0), (0.1, 0)], shape, mix(style.cloth, style.near, 0.5))
    figure.line(curve([(-1.95, -1.25), (-1.0, -1.95), (0, -2.2), (1.0, -1.95), (1.95, -1.25)]), style.gold, 2.2)
    figure.shadow(
        curve([(-1.0, -0.7), (0, -0.3), (1.0, -0.7), (0, -1.3)], closed=True),
        HEAD,
        mix(style.shade, style.near, 0.4),
    )
    figure.line(curve([(-1.15, -0.86), (0, -0.62), (1.15, -0.86)]), style.gold, 1.4)
    feather = curve([(0.7, -1.3), (1.5, -2.2), (2.3, -2.35), (1.75, -1.7), (1.2, -1.25)], closed=True)
    figure.fill(feather, style.trim)
    figure.disc(0.72, -1.3, 0.17, style.gold)


def _horns(figure: Figure) -> None:
    style = figure.style
    bone = mix(style.disc, style.near, 0.25)
    horn = curve([(0.62, -1.1), (1.3, -1.5), (1.65, -2.2), (1.5, -3.0)]) + curve(
        [(1.5, -3.0), (1.25, -2.25), (0.85, -1.75), (0.3, -1.5)]
    )
    figure.fill(horn, mix(bone, style.near, 0.35))
    figure.fill([(-x, y) for x, y in horn], bone)
    for share in (0, 1, 2):
        ring = [(0.62 + share * 0.24, -1.68 - share * 0.24), (1.02 + share * 0.2, -1.36 - share * 0.3)]
        for side in (-1, 1):
            figure.line([(side * x, y) for x, y in ring], mix(bone, style.near, 0.6), 1.4)


def _antlers(figure: Figure) -> None:
    tone = mix(figure.style.gold, figure.style.near, 0.25)
    branches = [
        ([(0.5, -1.3), (0.95, -1.9), (1.1, -2.6), (1.5, -3.2)], 4.2),
        ([(1.0, -2.1), (1.5, -2.2), (1.85, -2.6)], 3.2),
        ([(1.12, -2.65), (0.9, -3.0), (0.95, -3.3)], 2.6),
        ([(0.75, -1.62), (1.2, -1.6), (1.45, -1.85)], 2.8),
    ]
    for points, width in branches:
        for side in (-1, 1):
            figure.line([(side * x, y) for x, y in curve(points)], tone, width)


def _ears(figure: Figure) -> None:
    style = figure.style
    ear = curve([(0.85, -0.3), (1.3, -0.62), (1.85, -1.0)]) + curve([(1.85, -1.0), (1.5, -0.2), (0.9, 0.35)])
    figure.fill([(-x, y) for x, y in ear], style.face)
    figure.fill(ear, style.shade)


def _cat_ears(figure: Figure) -> None:
    style = figure.style
    ear = [
        (0.28, -1.42),
        *curve([(0.5, -1.8), (0.95, -2.35), (1.2, -2.45)]),
        *curve([(1.2, -2.45), (1.3, -1.8), (1.12, -0.9)]),
    ]
    inner = [(0.58, -1.45), *curve([(0.72, -1.75), (1.0, -2.1), (1.1, -2.15)]), (1.1, -1.6), (1.0, -1.15)]
    figure.fill(ear, mix(style.hair, style.near, 0.3))
    figure.fill([(-x, y) for x, y in ear], style.hair)
    figure.pair(inner, mix(style.trim, style.face, 0.4))


def _hair_sticks(figure: Figure) -> None:
    style = figure.style
    figure.line([(-1.5, -2.1), (1.2, -1.2)], style.gold, 2.4)
    figure.line([(1.5, -2.2), (-1.1, -1.25)], style.trim, 2.4)
    figure.disc(-1.5, -2.1, 0.14, style.trim)
    figure.disc(1.5, -2.2, 0.14, style.gold)


def _visor(figure: Figure) -> None:
    style = figure.style
    glass = curve(
        [
            (-1.04, -0.22),
            (0, -0.3),
            (1.04, -0.22),
            (1.0, 0.2),
            (0.3, 0.26),
            (0, 0.14),
            (-0.3, 0.26),
            (-1.0, 0.2),
        ],
        closed=True,
    )
    figure.fill(glass, style.trim)
    figure.shadow([(0.1, -1), (2, -1), (2, 1), (0.1, 1)], glass, mix(style.trim, style.cloth, 0.35))
    figure.fill([(-0.86, -0.16), (-0.5, -0.2), (-0.7, 0.14), (-0.88, 0.12)], mix(style.trim, (255, 255, 255), 0.6))
    for side in (-1, 1):
        figure.disc(side * 1.06, 0.0, 0.24, mix(style.cloth, style.far, 0.3))
        figure.disc(side * 1.06, 0.0, 0.11, style.gold)


def _helmet(figure: Figure) -> None:
    style = figure.style
    steel, dark = mix(style.far, style.disc, 0.35), mix(style.near, style.far, 0.4)
    plume = curve(
        [(0.1, -1.7), (-0.1, -2.5), (0.7, -3.0), (1.7, -2.6), (2.1, -1.4), (1.5, -1.8), (0.7, -1.9)],
        closed=True,
    )
    figure.fill(plume, style.trim)
    dome = curve([(-1.14, 0.7), (-1.2, -0.6), (-0.78, -1.5), (0, -1.84), (0.78, -1.5), (1.2, -0.6), (1.14, 0.7)])
    inner = [
        *curve([(0.92, 1.05), (0.84, 0.0), (0.8, -0.5)]),
        (0.14, -0.56),
        (0.1, 0.4),
        (-0.1, 0.4),
        (-0.14, -0.56),
        *curve([(-0.8, -0.5), (-0.84, 0.0), (-0.92, 1.05)]),
    ]
    shape = [*dome, (1.05, 1.3), *inner, (-1.05, 1.3)]
    figure.fill(shape, steel)
    figure.shadow([(0.0, -3), (3, -3), (3, 2), (0.0, 2)], shape, dark)
    figure.line(curve([(-1.18, -0.56), (0, -0.66), (1.18, -0.56)]), style.gold, 2.4)
    figure.line([(0, -1.84), (0, -0.66)], style.gold, 2)


BEHIND: dict[str, Callable[[Figure], None]] = {
    "hood": _hood_back,
    "horns": _horns,
    "antlers": _antlers,
    "hair_sticks": _hair_sticks,
}
HATS: dict[str, Callable[[Figure], None]] = {
    "crown": _crown,
    "circlet": _circlet,
    "wreath": _wreath,
    "hood": _hood,
    "pointed": _pointed,
    "fedora": _fedora,
    "tricorn": _tricorn,
    "ears": _ears,
    "cat_ears": _cat_ears,
    "visor": _visor,
    "helmet": _helmet,
}
