"""The formats that cards are written in, by the names of the API, and what the names of files say of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

FORMATS = ("json", "v1", "v2", "v3", "tavernai", "charx", "worldinfo", "yaml", "markdown")
BOOK_FORMATS = ("worldinfo", "character_book", "lorebook_v3")
USUAL = ("json", "v2", "tavernai")  # what is made when nothing was said
ENDINGS = {".png": "tavernai", ".charx": "charx", ".yaml": "yaml", ".yml": "yaml", ".md": "markdown", ".json": "v3"}


def parted(name: str) -> tuple[str, str]:
    """A file's name without its ending, and that: ``.v2.json`` as a whole; dots of a character's name are none."""
    path = Path(name)
    inner = Path(path.stem).suffix
    ending = inner + path.suffix if inner.lstrip(".") in {*FORMATS, *BOOK_FORMATS} else path.suffix
    return name.removesuffix(ending), ending


def format_of(path: Path, formats: Collection[str] = FORMATS) -> str | None:
    """The format that a file's name says: mara.charx, and mara.v2.json; None where it says none."""
    inner = Path(path.stem).suffix.lstrip(".")
    return inner if inner in formats else ENDINGS.get(path.suffix.lower())
