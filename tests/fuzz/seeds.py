"""Valid files of our own writers, small, to be damaged; and what reads them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

from cards.charx import read_charx, write_charx
from cards.fields import to_json
from cards.files import read_file
from cards.formats import BOOK_FORMATS, FORMATS, render, render_book
from cards.lint import lint_book, lint_card
from cards.loss import FRONTENDS, losses
from cards.parse import parse_json, parse_yaml, write_yaml
from cards.png import SIGNATURE, Chunk, embed, pack, picture_only, read_png
from tests.cards.tricky import FILES

CARD: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        "name": "Ægir 桜 🦊",
        "description": "{{char}} sails.\n\nHe is *old*.",
        "tags": ["sea", "no", ""],
        "assets": [{"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}],
        "character_book": {"entries": [{"keys": ["a"], "content": "b", "enabled": True, "insertion_order": 1.5}]},
        "extensions": {"depth_prompt": {"depth": 4, "prompt": None}},
    },
}
PICTURE = SIGNATURE + b"".join(
    map(
        pack,
        [
            Chunk(b"IHDR", struct.pack(">2L5B", 1, 1, 8, 0, 0, 0, 0)),
            Chunk(b"IDAT", zlib.compress(b"\0\0")),
            Chunk(b"IEND", b""),
        ],
    )
)
TEXT64 = base64.b64encode(to_json(CARD))
TEXTS = (
    Chunk(b"zTXt", b"ccv3\0\0" + zlib.compress(TEXT64)),
    Chunk(b"iTXt", b"Chara\0\1\0en\0x\0" + zlib.compress(TEXT64)),
    Chunk(b"iTXt", b"chara\0\0\0\0\0" + TEXT64),
    Chunk(b"tEXt", b"chara\0" + to_json(CARD)),
)
CHARX = write_charx(CARD, {"embeded://assets/icon/images/main.png": PICTURE, "embeded://b": b"b"}, {"x.json": b"{}"})


def _both(png: bytes) -> None:
    read_png(png)
    picture_only(png)


def _all(content: bytes) -> None:
    """Read a file as users send it, and do with it all that they can."""
    reading = read_file(content)
    if reading.book is not None:
        lint_book(reading.book)
        for name in BOOK_FORMATS:
            render_book(reading.book, name)
    if reading.card is not None:
        lint_card(reading.card)
        for name, format_ in FORMATS.items():
            if not format_.pictured:
                render(reading.card, name)
            for frontend in FRONTENDS:
                losses(reading.card, name, frontend)


SEEDS: dict[str, list[bytes]] = {
    "json": [to_json(CARD), to_json(CARD, indent=2), json.dumps(CARD).encode("utf-16"), b"[1, -2.5e3, null, true]"],
    "yaml": [write_yaml(CARD), to_json(CARD), b"a: !!str 1\n? [b]\n: &c {d: *c}\n--- |2-\n  e\n...\n%YAML 1.2\n"],
    "png": [
        embed(PICTURE, CARD, CARD, {"__asset:1": b"\0\1"}),
        *(PICTURE[:-12] + pack(text) + PICTURE[-12:] for text in TEXTS),
    ],
    "charx": [CHARX, b"\xff\xd8\xff\xd9" + CHARX],
    "file": [to_json(file.content) for file in FILES.values()],
}
TARGETS: dict[str, Callable[[bytes], object]] = {
    "json": parse_json,
    "yaml": parse_yaml,
    "png": _both,
    "charx": read_charx,
    "file": _all,
}
