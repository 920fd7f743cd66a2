"""What belongs to a card beside its text: the portrait and the files it was imported with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cards.card import Card
from cards.portrait import portrait_of


@dataclass(frozen=True, kw_only=True)
class Media:
    """``portrait`` is a PNG (None: one is drawn in ``style``).

    ``assets`` has the files that the card's assets name, by their URI ("embeded://...", "__asset:..."); ``others``
    what else an imported CHARX held, by path.
    """

    portrait: bytes | None = None
    style: str = "tarot"
    assets: Mapping[str, bytes] = field(default_factory=dict)
    others: Mapping[str, bytes] = field(default_factory=dict)


NONE = Media()


def picture(card: Card, media: Media) -> bytes:
    """The portrait as PNG: the card's own, else a drawn one."""
    return portrait_of(card, media.style) if media.portrait is None else media.portrait
