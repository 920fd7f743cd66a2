"""Cards inside PNG files: text chunks ``chara`` (V2) and ``ccv3`` (V3), read and written byte by byte.

Source: PNG specification (chunks, CRC); character-card-spec-v3 (keywords, base64 of UTF-8 JSON).
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from cards.errors import CardError
from cards.fields import to_json

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
KEYWORDS = ("ccv3", "chara")  # in the order of reading

MAX_PNG = 64 * 1024 * 1024  # bytes of a file that we look into
MAX_TEXT = 16 * 1024 * 1024  # bytes of one text, inflated


class Chunk(NamedTuple):
    """One PNG chunk: its four-byte type, its data, and whether its checksum is right."""

    kind: bytes
    data: bytes
    sound: bool = True


def read_chunks(png: bytes) -> list[Chunk]:
    """The chunks up to and with IEND; CardError for another file, one cut short, or one over 64 MiB.

    Wrong checksums are told, not refused: some programs write them.
    """
    if not png.startswith(SIGNATURE):
        raise CardError("this is no PNG file: its first eight bytes differ; send a PNG")
    if len(png) > MAX_PNG:
        raise CardError(f"the PNG has {len(png):,} bytes; {MAX_PNG:,} at most: send a smaller picture")
    chunks: list[Chunk] = []
    offset = len(SIGNATURE)
    while not chunks or chunks[-1].kind != b"IEND":
        chunk = _chunk_at(png, offset)
        chunks.append(chunk)
        offset += len(chunk.data) + 12  # length, type and CRC are four bytes each
    return chunks


def _chunk_at(png: bytes, offset: int) -> Chunk:
    head = png[offset : offset + 8]
    length = int.from_bytes(head[:4], "big")
    end = offset + 8 + length
    if len(head) < 8 or end + 4 > len(png):
        raise CardError("the PNG file ends too early: it was cut off; download or send it again")
    kind, data = head[4:], png[offset + 8 : end]
    return Chunk(kind, data, zlib.crc32(kind + data) == int.from_bytes(png[end : end + 4], "big"))


def pack(chunk: Chunk) -> bytes:
    """The chunk's bytes with length and a right checksum."""
    body = chunk.kind + chunk.data
    return struct.pack(">I", len(chunk.data)) + body + struct.pack(">I", zlib.crc32(body))


def embed(png: bytes, chara: Mapping[str, Any], ccv3: Mapping[str, Any]) -> bytes:
    """The picture with both cards and no other text: ``chara`` first, then ``ccv3``, before the pixels.

    Old readers take the first text chunk whatever its name, lazy ones stop at the pixels. CardError for what
    is no whole PNG.
    """
    chunks = [chunk for chunk in read_chunks(png) if chunk.kind not in TEXT_CHUNKS]
    kinds = [chunk.kind for chunk in chunks]
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:
        raise CardError("the PNG has no picture in it (IHDR or IDAT is missing): send another picture")
    pixels = kinds.index(b"IDAT")
    texts = [_card_chunk("chara", chara), _card_chunk("ccv3", ccv3)]
    return SIGNATURE + b"".join(map(pack, [*chunks[:pixels], *texts, *chunks[pixels:]]))


def _card_chunk(keyword: str, card: Mapping[str, Any]) -> Chunk:
    return Chunk(b"tEXt", keyword.encode() + b"\0" + base64.b64encode(to_json(card)))


def extract(png: bytes) -> dict[str, Any]:
    """The card object in the PNG: ``ccv3``, or ``chara`` when that is absent or broken.

    tEXt, zTXt and iTXt are read, keywords in any case. CardError when there is none that can be read.
    """
    faults: list[str] = []
    chunks = [chunk for chunk in read_chunks(png) if chunk.kind in TEXT_CHUNKS]
    for keyword in KEYWORDS:
        for chunk in chunks:
            if _keyword(chunk) != keyword:
                continue
            try:
                return _decode(_text(chunk))
            except CardError as error:
                faults.append(f"{keyword}: {error}")
    if faults:
        raise CardError("; ".join(faults))
    raise CardError("the PNG holds no card (no chara or ccv3 text): pictures lose it when a site re-saves them")


def _keyword(chunk: Chunk) -> str:
    return chunk.data.partition(b"\0")[0].decode("latin-1").lower()


def _text(chunk: Chunk) -> bytes:
    """The text after the keyword, inflated where the chunk says so."""
    _, _, rest = chunk.data.partition(b"\0")
    compressed = chunk.kind == b"zTXt"
    if compressed:
        rest = rest[1:]  # the method: 0 is the only one
    elif chunk.kind == b"iTXt":
        compressed = rest[:1] == b"\x01"
        rest = rest[2:].split(b"\0", 2)[-1]  # flag, method, language, translated keyword
    if compressed:
        return _inflate(rest)
    if len(rest) > MAX_TEXT:
        raise CardError(f"the text has over {MAX_TEXT:,} bytes: send the card as JSON")
    return rest


def _inflate(packed: bytes) -> bytes:
    try:
        text = zlib.decompressobj().decompress(packed, MAX_TEXT + 1)
    except zlib.error as error:
        raise CardError("the packed text is damaged: send the card as JSON") from error
    if len(text) > MAX_TEXT:
        raise CardError(f"the text unpacks to over {MAX_TEXT:,} bytes: send the card as JSON")
    return text


def _decode(text: bytes) -> dict[str, Any]:
    """The JSON object in base64 (with or without line breaks), or bare as some programs write it."""
    text = b"".join(text.split()) if not text.lstrip().startswith(b"{") else text
    try:
        card = json.loads(text if text.lstrip()[:1] == b"{" else _unpad(text))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise CardError("the text is no base64 of a JSON object: export the card again") from error
    if not isinstance(card, dict):
        raise CardError("the text holds JSON that is no object: export the card again")
    return card


def _unpad(text: bytes) -> bytes:
    """Base64 decoded, also where the closing ``=`` was lost."""
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
