"""What a character's portrait looks like: palette, scene and shapes, drawn by lot from name and tags."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Any

from cards.art.canvas import Colour, colour, mix

TABLE: dict[str, Any] = json.loads(files("cards").joinpath("data/portrait.json").read_text(encoding="utf-8"))
UMBER = colour("5a3422")  # what darker skin is toned with


@dataclass(frozen=True)
class Style:
    """The lot of one character. ``dice`` goes on deciding the details: use it in a fixed order."""

    dice: Random
    ink: Colour  # the card itself
    sky: tuple[Colour, Colour, Colour]  # from top to horizon
    disc: Colour
    far: Colour
    near: Colour
    cloth: Colour
    trim: Colour
    face: Colour
    hair: Colour
    gold: Colour  # lines and ornaments
    text: Colour
    scene: str
    hat: str
    hair_cut: str
    body: str
    beard: bool
    things: tuple[str, ...]  # what the figure may have beside it

    @property
    def shade(self) -> Colour:
        """The face away from the light."""
        return mix(self.face, self.cloth, 0.42)


def choose(name: str, tags: Sequence[str]) -> Style:
    """The style for a name and its tags: the same for the same, another for another."""
    key = "\n".join(unicodedata.normalize("NFC", part.strip()) for part in (name, *tags))
    seed = int.from_bytes(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:8], "big")
    dice = Random(seed)  # noqa: S311 - a picture, not a secret
    genre = _genre(name, tags)
    build = _build(name, tags)
    worn = genre.get("bodies", [])
    palette = TABLE["palettes"][dice.choice(genre.get("palettes") or list(TABLE["palettes"]))]
    return Style(
        dice=dice,
        scene=dice.choice(genre.get("scenes") or TABLE["scenes"]),
        hat=dice.choice(genre.get("hats") or TABLE["hats"]),
        hair_cut=dice.choice(build["hair"]),
        body=dice.choice([body for body in worn if body in build["bodies"]] or build["bodies"]),
        beard=dice.random() < build["beard"],
        things=tuple(genre.get("things") or TABLE["things"]),
        sky=(colour(palette["sky"][0]), colour(palette["sky"][1]), colour(palette["sky"][2])),
        far=colour(palette["land"][0]),
        near=colour(palette["land"][1]),
        hair=colour(dice.choice(palette["hair"])),
        face=mix(colour(palette["face"]), UMBER, dice.choice([0, 0, 0.16, 0.34, 0.5])),
        **{part: colour(palette[part]) for part in ("ink", "disc", "cloth", "trim", "gold", "text")},
    )


def _genre(name: str, tags: Sequence[str]) -> dict[str, Any]:
    """The genre whose words occur most among tags and name; {} when none does."""
    words = _words(name, tags)
    best: dict[str, Any] = max(TABLE["genres"], key=lambda genre: len(words & set(genre["words"])))
    return best if words & set(best["words"]) else {}


def _build(name: str, tags: Sequence[str]) -> dict[str, Any]:
    """The build whose words occur among tags and name; the one for anybody when none does."""
    words = _words(name, tags)
    builds: dict[str, dict[str, Any]] = TABLE["builds"]
    return next((build for build in builds.values() if words & set(build["words"])), builds["any"])


def _words(name: str, tags: Sequence[str]) -> set[str]:
    return set(re.findall(r"[\w-]+", " ".join([name, *tags]).casefold()))
