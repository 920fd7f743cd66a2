"""The texts in PNG files: keywords, packed or not, and the card or asset in base64 that they hold.

Source: PNG specification (tEXt, zTXt, iTXt); character-card-spec-v3; RisuAI's encrypted cards (``rcc||``).
"""

from __future__ import annotations

import binascii
import re
import zlib
from typing import Any

from cards.errors import CardError
from cards.parse import MAX_JSON, parse_json

MAX_TEXT = MAX_JSON // 3 * 4 + 4096  # bytes of one text, inflated: base64 of the largest JSON
MAX_INFLATED = 64 * 1024 * 1024  # bytes of all packed texts of a file together
MAX_KEYWORD = 1024  # bytes; PNG says 79, paths of assets may be longer

ASSET = "chara-ext-asset_"
BARE = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")  # JSON as some programs write it, without base64
URL_SAFE = bytes.maketrans(b"-_", b"+/")


def keyword_of(body: bytes) -> str | None:
    """The keyword that a text begins with, as written; None where there is none."""
    keyword, end, _ = body[:MAX_KEYWORD].partition(b"\0")
    if not end:
        return None
    try:
        return keyword.decode("utf-8")
    except UnicodeDecodeError:
        return keyword.decode("latin-1")


class Inflater:
    """Unpacks the texts of one file, up to 64 MiB in all."""

    def __init__(self) -> None:
        self._left = MAX_INFLATED

    def text(self, kind: bytes, body: bytes) -> bytes:
        """The text after the keyword, inflated where the chunk of type ``kind`` says so; CardError for a bomb."""
        start = body.index(b"\0") + 1
        packed = kind == b"zTXt"
        if packed:
            start += 1  # the method: 0 is the only one
        elif kind == b"iTXt":
            packed = body[start : start + 1] == b"\x01"
            head = body[start + 2 : start + 2 + MAX_KEYWORD].split(b"\0", 2)  # language, translated keyword
            if len(head) < 3:
                raise CardError("the text has no end of its heading: export the card again")
            start += 2 + len(head[0]) + len(head[1]) + 2
        if packed:
            return self._inflate(body[start:])
        if len(body) - start > MAX_TEXT:
            raise CardError(f"the text has over {MAX_TEXT:,} bytes: send the card as JSON")
        return body[start:]

    def _inflate(self, packed: bytes) -> bytes:
        most = min(MAX_TEXT, self._left)
        try:
            text = zlib.decompressobj().decompress(packed, most + 1)
        except zlib.error as error:
            self._left -= most  # how far it came is not told
            raise CardError("the packed text is damaged: send the card as JSON") from error
        self._left -= min(len(text), most)
        if len(text) > most:
            raise CardError(f"the packed texts unpack to over {most:,} bytes: send the card as JSON")
        return text


def decode_card(text: bytes) -> dict[str, Any]:
    """The JSON object in base64 (with or without line breaks and padding), or bare; CardError for any other text."""
    if text.startswith(b"rcc||"):
        raise CardError("the card is encrypted (RisuAI): export it without a password")
    if not BARE.match(text):
        text = decode_base64(text)
    try:
        card = parse_json(text)
    except CardError as error:
        raise CardError(f"the card in the picture cannot be read: {error}") from error
    if not isinstance(card, dict):
        raise CardError("the text holds JSON that is no object: export the card again")
    return card


def decode_base64(text: bytes) -> bytes:
    """The bytes in base64, of either alphabet, also where blanks came in or the closing ``=`` was lost."""
    text = text.translate(URL_SAFE, b" \t\r\n\f\v").rstrip(b"=")
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error as error:
        raise CardError("the text is no base64 of a JSON object: export the card again") from error
