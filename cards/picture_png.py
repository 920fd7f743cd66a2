"""The part of a PNG that is shown, whole and unharmed: what a decoder may be given.

Source: PNG specification, third edition (chunks, sections 5 and 11; passes and rows, sections 7 and 8).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

from cards.errors import CardError
from cards.picture_heads import CUT_OFF, MOST_PARTS, PNG, TOO_MANY

MAX_PROFILE = 1_000_000  # bytes of a colour profile, unpacked; larger ones are dropped
# Texts, times and the later frames of an animation are not looked at
SHOWN = frozenset({b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"IDAT", b"IEND"})
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
# Interlaced pictures come in seven passes: first column, first row, columns and rows to the next pixel
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
STEP = 65_536  # bytes that are unpacked at a time
DAMAGED = "the PNG picture is damaged: save it again or send another one"


def bare_png(content: bytes) -> bytes:
    """The PNG with what it needs to be shown; CardError when it is cut off, harmed or has fewer pixels than it says.

    Decoders differ on such files: some fill the rest with black. Here all rows must be there.
    """
    parts: list[memoryview] = []
    pixels: list[memoryview] = []
    for kind, chunk in _chunks(content):
        if kind not in SHOWN or (kind == b"iCCP" and not _is_small_profile(chunk)):
            continue
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise CardError(DAMAGED)
        parts.append(chunk)
        if kind == b"IDAT":
            pixels.append(chunk[8:-4])
    if _unpacked(pixels) < _bytes_of_rows(content):
        raise CardError(DAMAGED)
    return b"".join([PNG, *parts])


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Type and whole bytes (length, type, data, checksum) of the chunks up to IEND, nothing copied."""
    view, place, kind = memoryview(content), len(PNG), b""
    for _ in range(MOST_PARTS):
        if kind == b"IEND":
            return
        try:
            length, kind = struct.unpack_from(">I4s", content, place)
        except struct.error as error:
            raise CardError(CUT_OFF) from error
        end = place + length + 12
        if end > len(content):
            raise CardError(CUT_OFF)
        yield kind, view[place:end]
        place = end
    raise CardError(TOO_MANY)


def _is_small_profile(chunk: memoryview) -> bool:
    """Whether the iCCP chunk unpacks to no more than we take."""
    packed = bytes(chunk[8:-4]).partition(b"\0")[2][1:]  # after the name and the method
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed, MAX_PROFILE)
    except zlib.error:
        return False
    return inflater.eof


def _unpacked(pixels: Iterable[memoryview]) -> int:
    """How many bytes the pixels unpack to, never holding more than a few of them."""
    inflater, count = zlib.decompressobj(), 0
    try:
        for piece in pixels:
            for start in range(0, len(piece), STEP):
                packed: bytes | memoryview = piece[start : start + STEP]
                while packed and not inflater.eof:
                    count += len(inflater.decompress(packed, STEP * 16))
                    packed = inflater.unconsumed_tail
        return count + len(inflater.flush())
    except zlib.error as error:
        raise CardError(DAMAGED) from error


def _bytes_of_rows(content: bytes) -> int:
    """How many bytes the rows take by the header: each has one for its filter, then its pixels."""
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    if colour not in SAMPLES:
        raise CardError(DAMAGED)
    total = 0
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
        total += rows * (1 + -(-columns * bits * SAMPLES[colour] // 8)) if columns else 0
    return total
