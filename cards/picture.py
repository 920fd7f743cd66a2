"""The caller's own picture: judged by its header, decoded within bounds, written anew as a plain PNG in sRGB."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

from cards.errors import CardError
from cards.picture_heads import Head, first_gif_frame, is_progressive, probe_picture
from cards.picture_png import MAX_PROFILE, bare_png

__all__ = ["Head", "is_sound_png", "probe_picture", "read_picture"]

MAX_BYTES = 20 * 1024 * 1024  # of the file
MOST_PIXELS = 50_000_000  # PNG and JPEG take up to four bytes for each while they are decoded: 200 MB
LARGEST = (1024, 1536)  # pixels, width and height of what is kept
MOST_PASSES = 50  # of a progressive JPEG: each goes over all pixels; cameras and editors write about ten
BAND = 1_000_000  # pixels converted at a time

ORIENTATION = 0x0112  # the tag in EXIF
TURNS = {  # EXIF 2.3, section 4.6.4: what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = frozenset({5, 6, 7, 8})  # orientations that exchange width and height
SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # the profile's colour space that fits a mode


def read_picture(
    content: bytes,
    *,
    most_pixels: int = MOST_PIXELS,
    most_bytes: int = MAX_BYTES,
    largest: tuple[int, int] = LARGEST,
) -> bytes:
    """The picture as PNG in sRGB, upright, at most ``largest`` pixels (width, height), without metadata.

    Takes PNG, JPEG, WebP and GIF; of an animation the first frame. Size and pixels are judged before decoding:
    ``most_pixels`` for PNG, JPEG and GIF, half for progressive JPEG and a quarter for WebP, whose decoders need
    more memory. CardError with the remedy for anything else.
    """
    if len(content) > most_bytes:
        raise CardError(f"the picture has {len(content):,} bytes; {most_bytes:,} at most: send a smaller one")
    head = probe_picture(content)
    _judge(content, head, most_pixels)
    try:
        with _opened(content, head) as image:
            small = _reduced(image, largest)
    except CardError:
        raise
    except Exception as error:  # decoders fail in many ways on broken files
        raise CardError(f"the {head.format.upper()} picture is damaged: save it again or send another one") from error
    file = io.BytesIO()
    small.save(file, "PNG")
    return file.getvalue()


def is_sound_png(content: bytes, *, most_pixels: int = MOST_PIXELS) -> bool:
    """Whether the content is a PNG of at most so many pixels that decodes to its last row."""
    try:
        head = probe_picture(content)
        if head.format != "png":
            return False
        _judge(content, head, most_pixels)
        with _opened(content, head) as image:
            image.load()
    except Exception:  # decoders fail in many ways on broken files
        return False
    return True


def _judge(content: bytes, head: Head, most_pixels: int) -> None:
    """CardError for a picture that would take too much memory or time to decode."""
    if head.format == "jpeg" and is_progressive(content):
        most_pixels //= 2
        if content.count(b"\xff\xda") > MOST_PASSES:
            raise CardError("the JPEG comes in too many passes: open it in a picture editor and save it again")
    if head.format == "webp":
        most_pixels //= 4
    if head.width * head.height > most_pixels:
        raise CardError(
            f"the picture is {head.width} x {head.height} pixels; {most_pixels:,} in all at most: make it smaller"
        )


def _opened(content: bytes, head: Head) -> Image.Image:
    """The picture, not yet decoded; CardError when it turns out to be another size than its header says."""
    if head.format == "png":
        content = bare_png(content)
    elif head.format == "gif":
        try:
            content = first_gif_frame(content)
        except IndexError as error:
            raise CardError("the GIF ends too early: it was cut off; download or send it again") from error
    image = Image.open(io.BytesIO(content), formats=[head.format])
    if image.size != (head.width, head.height):
        image.close()
        raise CardError("the picture is of another size than its header says: save it again or send another one")
    return image


def _reduced(image: Image.Image, largest: tuple[int, int]) -> Image.Image:
    """The picture in RGB or RGBA, upright, scaled down to fit, as an image that holds nothing else."""
    turn = _orientation(image)
    limits = largest[::-1] if turn in LYING else largest
    share = min(1.0, limits[0] / image.width, limits[1] / image.height)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    image.draft(None, (size[0] * 2, size[1] * 2))  # a JPEG is decoded at a half, a quarter or an eighth
    mode = _working_mode(image)
    small = _in_bands(image, mode, size).resize(size, Image.Resampling.LANCZOS)
    coloured = _in_srgb(small, image.info.get("icc_profile"))
    return coloured.transpose(TURNS[turn]) if turn in TURNS else coloured


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF: the picture itself may be sound
        return 1


def _working_mode(image: Image.Image) -> str:
    """The mode to scale in: grey and CMYK stay until their colour profile is applied; alpha is premultiplied."""
    if image.has_transparency_data:
        return "RGBa"
    return "CMYK" if image.mode == "CMYK" else "L" if image.mode in ("1", "L", "I", "I;16") else "RGB"


def _in_bands(image: Image.Image, mode: str, size: tuple[int, int]) -> Image.Image:
    """The picture in another mode, about twice as large as ``size``; a whole copy in that mode never exists."""
    across, down = max(1, image.width // (size[0] * 2)), max(1, image.height // (size[1] * 2))
    small = Image.new(mode, (-(-image.width // across), -(-image.height // down)))
    rows = down * max(1, BAND // (image.width * down))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        small.paste(_converted(band, mode).reduce((across, down)), (0, top // down))
    return small


def _converted(band: Image.Image, mode: str) -> Image.Image:
    if band.mode in ("I", "I;16"):  # 16 bits of grey
        band = band.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    return band.convert("RGBA").convert("RGBa") if mode == "RGBa" else band.convert(mode)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in RGB, or RGBA where something is transparent; its profile applied if it can be read."""
    if image.mode == "RGBa":
        whole = image.convert("RGBA")
        alpha = whole.getchannel("A")
        coloured = _through(whole.convert("RGB"), profile)
        if alpha.getextrema() != (255, 255):
            coloured.putalpha(alpha)
        return coloured
    return _through(image, profile)


def _through(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in RGB, by way of the profile unless that is broken, too large or for other colours."""
    if profile and len(profile) <= MAX_PROFILE:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() == SPACES[image.mode]:
                done = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
                if done is not None:
                    return _plain(done)
        except (ImageCms.PyCMSError, ImportError, OSError, TypeError, ValueError):
            pass  # the colours are then read as sRGB
    return _plain(image)


def _plain(image: Image.Image) -> Image.Image:
    """A copy in RGB without metadata."""
    copy = Image.new("RGB", image.size)
    copy.paste(image.convert("RGB"))
    return copy
