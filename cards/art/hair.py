"""Hair: what falls behind the shoulders, and what lies around the face."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cards.art.bust import Figure
from cards.art.canvas import Point, circle, curve, mirrored, mix


def _cap(figure: Figure, inner: Sequence[Point], wide: float = 1.1, high: float = -1.62) -> None:
    """Hair over the skull; ``inner`` is the hairline from the left temple to the right."""
    top = curve(
        [
            (-wide, 0.25),
            (-wide - 0.04, -0.7),
            (-0.72, high * 0.88),
            (0, high),
            (0.72, high * 0.88),
            (wide + 0.04, -0.7),
            (wide, 0.25),
        ]
    )
    shape = top + list(reversed(curve(list(inner))))
    figure.fill(shape, figure.style.hair)
    figure.shadow(
        [(0.25, -2), (0.2, -1.0), (0.6, 1), (2, 1), (2, -2)],
        shape,
        mix(figure.style.hair, figure.style.near, 0.4),
    )
    shine = curve([(-0.86, -0.72), (-0.62, -1.12), (-0.24, -1.34)])
    figure.line(shine, mix(figure.style.hair, figure.style.disc, 0.3), 2.2)


PARTED = [
    (-1.0, 0.3),
    (-0.86, -0.35),
    (-0.5, -0.72),
    (-0.12, -1.05),
    (0.3, -0.72),
    (0.74, -0.45),
    (0.92, -0.1),
    (1.0, 0.3),
]
FRINGE = [
    (-1.0, 0.35),
    (-0.86, -0.28),
    (-0.5, -0.36),
    (-0.2, -0.3),
    (0.1, -0.38),
    (0.5, -0.3),
    (0.86, -0.34),
    (1.0, 0.35),
]
SWEPT = [
    (-1.02, 0.2),
    (-0.9, -0.3),
    (-0.66, -0.66),
    (0, -0.74),
    (0.5, -0.86),
    (0.8, -0.72),
    (0.92, -0.35),
    (1.02, 0.2),
]


def _short(figure: Figure) -> None:
    _cap(figure, SWEPT, 1.04, -1.66)
    tuft = curve(
        [(-0.9, -0.6), (-0.5, -1.3), (0.3, -1.86), (1.0, -1.5), (0.5, -1.2), (-0.1, -0.78), (-0.6, -0.62)],
        closed=True,
    )
    figure.fill(tuft, mix(figure.style.hair, figure.style.disc, 0.08))


def _spiky(figure: Figure) -> None:
    spikes = [
        (-1.08, 0.1),
        (-1.5, -0.5),
        (-1.12, -0.6),
        (-1.36, -1.3),
        (-0.82, -1.12),
        (-0.7, -1.95),
        (-0.2, -1.45),
        (0.25, -2.1),
        (0.48, -1.45),
        (1.1, -1.75),
        (0.98, -1.05),
        (1.46, -0.9),
        (1.1, -0.45),
        (1.08, 0.1),
    ]
    line = [
        (0.9, -0.3),
        (0.6, -0.62),
        (0.4, -0.28),
        (0.12, -0.7),
        (-0.2, -0.25),
        (-0.42, -0.66),
        (-0.74, -0.2),
        (-0.9, -0.4),
    ]
    figure.fill(spikes + line, figure.style.hair)
    figure.shadow([(0.2, -3), (0.3, 1), (2, 1), (2, -3)], spikes + line, mix(figure.style.hair, figure.style.near, 0.4))


def _long_back(figure: Figure) -> None:
    tone = mix(figure.style.hair, figure.style.near, 0.3)
    figure.fill(
        mirrored(
            curve(
                [
                    (0, -1.6),
                    (0.85, -1.38),
                    (1.26, -0.6),
                    (1.28, 0.6),
                    (1.5, 1.7),
                    (1.85, 3.0),
                    (1.4, 3.9),
                    (0.6, 3.4),
                    (0, 3.3),
                ]
            )
        ),
        tone,
    )


def _long(figure: Figure) -> None:
    _cap(figure, PARTED, 1.1)
    lock = curve(
        [
            (0.98, -0.3),
            (1.22, 0.5),
            (1.15, 1.5),
            (1.5, 2.6),
            (1.3, 3.5),
            (0.98, 2.6),
            (0.86, 1.5),
            (0.98, 0.6),
        ],
        closed=True,
    )
    figure.fill([(-x, y) for x, y in lock], figure.style.hair)
    figure.fill(lock, mix(figure.style.hair, figure.style.near, 0.4))


def _waves_back(figure: Figure) -> None:
    tone = mix(figure.style.hair, figure.style.near, 0.3)
    for x, y, radius in (
        (0.95, -0.7, 0.62),
        (1.25, 0.1, 0.6),
        (1.35, 0.95, 0.62),
        (1.5, 1.8, 0.6),
        (1.3, 2.5, 0.5),
    ):
        figure.disc(x, y, radius, mix(tone, figure.style.near, 0.3))
        figure.disc(-x, y, radius, tone)


def _waves(figure: Figure) -> None:
    _cap(figure, PARTED, 1.12, -1.7)
    for x, y, radius in ((1.02, -0.55, 0.36), (1.12, 0.15, 0.32), (1.08, 0.8, 0.3), (1.2, 1.4, 0.28)):
        figure.disc(-x, y, radius, figure.style.hair)
        figure.disc(x, y, radius, mix(figure.style.hair, figure.style.near, 0.4))


def _curls(figure: Figure) -> None:
    tone, dark = figure.style.hair, mix(figure.style.hair, figure.style.near, 0.4)
    ring = circle(0, -0.45, 1.0, start=-200, end=20)
    for share in range(15):
        angle = -200 + share * 220 / 14
        ((x, y),) = [circle(0, -0.4, 1.12, start=angle, end=angle)[0]]
        figure.disc(x, y, 0.42, dark if x > 0.25 else tone)
    for x in (-0.62, -0.22, 0.2, 0.6):
        figure.disc(x, -0.98, 0.4, dark if x > 0.25 else tone)
    figure.line(ring[:1], tone, 1)


def _bun_back(figure: Figure) -> None:
    figure.disc(0, -1.85, 0.58, mix(figure.style.hair, figure.style.near, 0.15))


def _bun(figure: Figure) -> None:
    _cap(figure, SWEPT, 1.05)
    swirl = curve([(-0.42, -1.8), (-0.1, -2.15), (0.3, -1.95), (0.2, -1.66)])
    figure.line(swirl, mix(figure.style.hair, figure.style.disc, 0.25), 1.6)
    figure.line(curve([(-0.46, -1.5), (0, -1.4), (0.46, -1.5)]), figure.style.trim, 3.2)


def _bob(figure: Figure) -> None:
    _cap(figure, FRINGE, 1.16, -1.66)
    side = curve([(0.86, -0.5), (1.22, -0.3), (1.3, 0.6), (1.12, 1.35), (0.74, 1.2), (0.9, 0.4)], closed=True)
    figure.fill([(-x, y) for x, y in side], figure.style.hair)
    figure.fill(side, mix(figure.style.hair, figure.style.near, 0.4))


def _braid(figure: Figure) -> None:
    _cap(figure, PARTED, 1.08)
    for link in range(7):
        x, y = -1.05 - link * 0.04, 0.55 + link * 0.42
        shape = curve([(x - 0.3, y - 0.1), (x, y - 0.28), (x + 0.3, y - 0.1), (x, y + 0.32)], closed=True)
        figure.fill(shape, mix(figure.style.hair, figure.style.disc, 0.12 * (link % 2)))
    figure.line([(-1.5, 3.4), (-1.1, 3.42)], figure.style.trim, 4)


BACKS: dict[str, Callable[[Figure], None]] = {
    "long": _long_back,
    "waves": _waves_back,
    "bun": _bun_back,
}
HAIR: dict[str, Callable[[Figure], None]] = {
    "short": _short,
    "spiky": _spiky,
    "long": _long,
    "waves": _waves,
    "curls": _curls,
    "bun": _bun,
    "bob": _bob,
    "braid": _braid,
}
