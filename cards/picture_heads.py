"""What a picture's header says: its format and size, told by signature and never by name, before anything is decoded.

Source: PNG specification (IHDR), JPEG (ITU-T T.81, marker segments), WebP container specification, GIF89a.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from cards.errors import CardError

PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"GIF87a", b"GIF89a")
CUT_OFF = "the picture ends too early: it was cut off; download or send it again"
SAVE_AS = "PNG, JPEG, WebP and GIF are taken: save it as one of these"
TOO_MANY = "the picture is in too many parts: open it in a picture editor and save it again"
MOST_PARTS = 100_000  # chunks, segments or blocks; files of 20 MiB have far fewer unless somebody means harm
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG markers with a size: SOF0 to SOF15
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
# Other pictures that people have: the first bytes from a place on, and the name
STRANGERS = (
    (0, b"BM", "a BMP picture"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (4, b"ftypavi", "an AVIF picture"),
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (0, b"\x00\x00\x01\x00", "an icon file"),
    (0, b"%PDF", "a PDF document"),
)

Format = Literal["png", "jpeg", "webp", "gif"]


class Head(NamedTuple):
    """A picture's format, and its width and height in pixels as its header has them."""

    format: Format
    width: int
    height: int


def probe_picture(content: bytes) -> Head:
    """Format and size by the header alone; CardError for another kind of file, one cut short, or an empty picture."""
    head = _head(content)
    if head.width < 1 or head.height < 1:
        raise CardError(f"the picture is {head.width} x {head.height} pixels, so nothing is in it: send another one")
    return head


def _head(content: bytes) -> Head:
    try:
        if content.startswith(PNG):
            return Head("png", *_png_size(content))
        if content.startswith(JPEG):
            return Head("jpeg", *_jpeg_frame(content)[1:])
        if content.startswith(GIF):
            return Head("gif", *struct.unpack_from("<HH", content, 6))
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return Head("webp", *_webp_size(content))
    except (struct.error, IndexError) as error:
        raise CardError(CUT_OFF) from error
    raise CardError(_stranger(content))


def _stranger(content: bytes) -> str:
    """What to say of a file that is none of ours."""
    if not content:
        return "the picture is empty: send the file of a PNG, JPEG, WebP or GIF picture"
    for place, first, name in STRANGERS:
        if content.startswith(first, place):
            return f"this is {name}; {SAVE_AS}"
    if b"<svg" in content[:1024].lower():
        return f"this is an SVG drawing; {SAVE_AS}"
    return f"this is no picture that can be read; {SAVE_AS}"


def _png_size(content: bytes) -> tuple[int, int]:
    kind, width, height = struct.unpack_from(">4sII", content, 12)
    if kind != b"IHDR":
        raise CardError("the PNG does not begin with its header (IHDR): it is damaged; save or send it again")
    return width, height


def is_progressive(content: bytes) -> bool:
    """Whether the JPEG comes in several passes, which all stay in memory until the last one."""
    return _jpeg_frame(content)[0] in PROGRESSIVE


def _jpeg_frame(content: bytes) -> tuple[int, int, int]:
    """Marker, width and height of the first frame header."""
    place = 2
    for _ in range(MOST_PARTS):
        place = content.find(b"\xff", place)
        if place < 0:
            raise CardError(CUT_OFF)
        while content[place] == 0xFF:  # any number of these may stand before a marker
            place += 1
        marker = content[place]
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 4)
            return marker, width, height
        if marker in (0xD9, 0xDA):  # the end or the pixels, and no size before them
            break
        bare = marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8
        place += 1 if bare else 1 + struct.unpack_from(">H", content, place + 1)[0]
    raise CardError("the JPEG says nowhere how large it is: it is damaged; save or send it again")


def _webp_size(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8X":  # sizes less one, three bytes each
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", content, 24)
        return (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
    if kind == b"VP8L":  # sizes less one, 14 bits each
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":  # 14 bits each, the rest is for scaling
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise CardError("the WebP does not begin with a picture: it is damaged; save or send it again")


def first_gif_frame(content: bytes) -> bytes:
    """The GIF with its first picture and nothing else: no other frames, comments or programs' notes."""
    screen = 13 + _gif_colours(content[10])
    parts, control, place = [content[:screen]], b"", screen
    for _ in range(MOST_PARTS):
        mark = content[place]
        if mark == 0x2C:
            data = place + 10 + _gif_colours(content[place + 9])
            end = _gif_blocks_end(content, data + 1)
            return b"".join([*parts, control, content[place:end], b";"])
        if mark != 0x21:
            break
        end = _gif_blocks_end(content, place + 2)
        if content[place + 1] == 0xF9:
            control = content[place:end]
        place = end
    raise CardError("the GIF has no picture in it: it is damaged; save or send it again")


def _gif_colours(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(content: bytes, place: int) -> int:
    """Where the blocks that begin here end, with their terminator."""
    while content[place]:
        place += content[place] + 1
    return place + 1
