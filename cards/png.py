"""Cards inside PNG files: text chunks ``chara`` (V2) and ``ccv3`` (V3), read and written byte by byte.

Source: PNG specification (chunks, CRC); character-card-spec-v3 (keywords, assets in ``chara-ext-asset_:PATH``);
RisuAI (of texts that are there twice the last counts).
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cards.errors import CardError
from cards.fields import to_json
from cards.png_text import ASSET, Inflater, decode_base64, decode_card, keyword_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
KEYWORDS = ("ccv3", "chara")  # in the order of reading
ASSET_URI = "__asset:"

MAX_PNG = 64 * 1024 * 1024  # bytes of a file that we look into
MAX_CHUNKS = 50_000
MAX_TRIES = 3  # texts of one keyword that are tried, the last first

NO_CARD = "the PNG holds no card (no chara or ccv3 text): pictures lose it when a site re-saves them"
CUT_OFF = "the PNG file ends too early: it was cut off; download or send it again"


class Chunk(NamedTuple):
    """One PNG chunk: its four-byte type, its data, and whether its checksum is right."""

    kind: bytes
    data: bytes
    sound: bool = True


class Span(NamedTuple):
    """Where a chunk lies in a file, from its length to behind its checksum."""

    kind: bytes
    start: int
    end: int
    sound: bool


class PngCard(NamedTuple):
    """The card object of a PNG, the text it was in (``ccv3`` or ``chara``), its assets by URI (``__asset:PATH``)."""

    card: dict[str, Any]
    keyword: str
    assets: dict[str, bytes]
    warnings: list[str]


def read_chunks(png: bytes) -> list[Chunk]:
    """The chunks up to and with IEND; CardError for another file, one cut short, or one over 64 MiB.

    Wrong checksums are told, not refused: some programs write them.
    """
    return [Chunk(span.kind, png[span.start + 8 : span.end - 4], span.sound) for span in _whole(png)]


def _whole(png: bytes) -> list[Span]:
    spans = list(_spans(png))
    if not spans or spans[-1].kind != b"IEND":
        raise CardError(CUT_OFF)
    return spans


def _spans(png: bytes) -> Iterator[Span]:
    """The chunks one by one, up to IEND or to where the file is cut off or is no PNG any more."""
    if not png.startswith(SIGNATURE):
        raise CardError("this is no PNG file: its first eight bytes differ; send a PNG")
    if len(png) > MAX_PNG:
        raise CardError(f"the PNG has {len(png):,} bytes; {MAX_PNG:,} at most: send a smaller picture")
    view, offset = memoryview(png), len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        kind = png[offset + 4 : offset + 8]
        end = offset + 12 + int.from_bytes(png[offset : offset + 4], "big")
        if end > len(png) or not kind.isalpha():
            return
        checksum = zlib.crc32(view[offset + 4 : end - 4])
        yield Span(kind, offset, end, checksum == int.from_bytes(png[end - 4 : end], "big"))
        if kind == b"IEND":
            return
        offset = end
    raise CardError(f"the PNG has over {MAX_CHUNKS:,} chunks: save the picture again")


def pack(chunk: Chunk) -> bytes:
    """The chunk's bytes with length and a right checksum."""
    body = chunk.kind + chunk.data
    return struct.pack(">I", len(chunk.data)) + body + struct.pack(">I", zlib.crc32(body))


def embed(
    png: bytes, chara: Mapping[str, Any], ccv3: Mapping[str, Any], assets: Mapping[str, bytes] | None = None
) -> bytes:
    """The picture with both cards and no other text: ``chara``, ``ccv3``, the assets ``__asset:PATH``, the pixels.

    Old readers take the first text chunk whatever its name, lazy ones stop at the pixels. Assets of other URIs are
    left out. CardError for what is no whole PNG.
    """
    spans = [span for span in _whole(png) if span.kind not in TEXT_CHUNKS]
    kinds = [span.kind for span in spans]
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:
        raise CardError("the PNG has no picture in it (IHDR or IDAT is missing): send another picture")
    pixels = kinds.index(b"IDAT")
    texts = [_text_chunk("chara", to_json(chara)), _text_chunk("ccv3", to_json(ccv3))]
    for uri, content in (assets or {}).items():
        if uri.startswith(ASSET_URI):
            texts.append(_text_chunk(f"{ASSET}:{uri.removeprefix(ASSET_URI)}", content))
    return b"".join([SIGNATURE, *_copies(png, spans[:pixels]), *map(pack, texts), *_copies(png, spans[pixels:])])


def _copies(png: bytes, spans: Iterable[Span]) -> Iterator[bytes | memoryview]:
    """The chunks as they are, with checksums put right."""
    view = memoryview(png)
    for span in spans:
        if span.sound:
            yield view[span.start : span.end]
        else:
            yield pack(Chunk(span.kind, png[span.start + 8 : span.end - 4]))


def _text_chunk(keyword: str, content: bytes) -> Chunk:
    if "\0" in keyword:
        raise CardError(f"the asset {keyword!r:.60} has a NUL in its name: rename it")
    return Chunk(b"tEXt", keyword.encode("utf-8", "replace") + b"\0" + base64.b64encode(content))


def picture_only(png: bytes) -> bytes:
    """The picture without any text chunk; of a file that was cut off, what there is of it."""
    spans = list(_spans(png))
    pieces = [SIGNATURE, *_copies(png, (span for span in spans if span.kind not in TEXT_CHUNKS))]
    end = spans[-1].end if spans else len(SIGNATURE)
    if (not spans or spans[-1].kind != b"IEND") and png[end + 4 : end + 8] not in TEXT_CHUNKS:
        pieces.append(png[end:])
    return b"".join(pieces)


def extract(png: bytes) -> dict[str, Any]:
    """The card object in the PNG, as ``read_png`` finds it."""
    return read_png(png).card


def read_png(png: bytes) -> PngCard:
    """The card and the assets in a PNG: from ``ccv3``, or from ``chara`` when that is absent or broken.

    tEXt, zTXt and iTXt are read, keywords in any case, of each the last that can be read; also of a file that was
    cut off behind the card. CardError when there is none that can be read.
    """
    spans, texts = list(_spans(png)), dict[str, list[Span]]()
    for span in spans:
        if span.kind in TEXT_CHUNKS:
            keyword = keyword_of(png[span.start + 8 : min(span.end - 4, span.start + 2048)])
            if keyword is not None:
                texts.setdefault(_name(keyword), []).append(span)
    cut = not spans or spans[-1].kind != b"IEND"
    inflater, faults = Inflater(), list[str]()
    for keyword in KEYWORDS:
        for span in texts.get(keyword, [])[: -MAX_TRIES - 1 : -1]:
            try:
                card = decode_card(inflater.text(span.kind, png[span.start + 8 : span.end - 4]))
            except CardError as error:
                faults.append(f"{keyword}: {error}")
                continue
            warnings = [f"another copy of the card is used, this one is broken: {fault}" for fault in faults]
            warnings += _oddities(spans, texts, cut=cut)
            return PngCard(card, keyword, _assets(png, texts, inflater, warnings), warnings)
    if cut:
        raise CardError("; ".join([CUT_OFF, *faults]))
    raise CardError("; ".join(faults) or NO_CARD)


def _name(keyword: str) -> str:
    """The keyword as we look for it: small letters, but paths of assets as they are."""
    lower = keyword.lower()
    return ASSET + keyword[len(ASSET) :] if lower.startswith(ASSET) else lower.strip()


def _oddities(spans: list[Span], texts: Mapping[str, list[Span]], *, cut: bool) -> Iterator[str]:
    unsound = sum(not span.sound for span in spans)
    if unsound:
        yield f"{unsound} checksums in the PNG are wrong: it was damaged, or changed by a careless program"
    for keyword in KEYWORDS:
        if len(texts.get(keyword, [])) > 1:
            yield f"the PNG holds {len(texts[keyword])} {keyword} texts: the last that can be read counts"
    if cut:
        yield "the PNG file was cut off behind the card: its picture is not whole"


def _assets(png: bytes, texts: Mapping[str, list[Span]], inflater: Inflater, warnings: list[str]) -> dict[str, bytes]:
    """The assets by URI; those that cannot be read are left out and told in ``warnings``."""
    assets: dict[str, bytes] = {}
    broken: list[str] = []
    for keyword, spans in texts.items():
        if not keyword.startswith(ASSET):
            continue
        path = keyword.removeprefix(ASSET).removeprefix(":")  # old files of RisuAI are without the colon
        try:
            text = inflater.text(spans[-1].kind, png[spans[-1].start + 8 : spans[-1].end - 4])
            assets[ASSET_URI + path] = decode_base64(text)
        except CardError:
            broken.append(path)
    if broken:
        warnings.append(f"{len(broken)} assets in the PNG are broken and left out ({broken[0]!r:.60} ...)")
    return assets
