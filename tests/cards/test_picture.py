"""The caller's picture: what is taken, what it becomes, and that nothing in it costs much memory or time."""

import io
import json
import os
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image, ImageCms

from cards.errors import CardError
from cards.picture import MOST_PIXELS, is_sound_png, probe_picture, read_picture

RED, BLUE = (220, 30, 40), (20, 40, 230)
# Reads a picture in a process of its own; says what came of it, the seconds of processor time and the peak in MB.
# Not ru_maxrss on Linux: there it starts from the size of the process that started this one.
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from cards.errors import CardError
from cards.picture import is_sound_png, read_picture
content = Path(sys.argv[1]).read_bytes()
before = time.process_time()
try:
    outcome = len(read_picture(content))
except CardError as error:
    outcome = str(error)
sound = is_sound_png(content)
spent = time.process_time() - before
status = Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([outcome, sound, spent, peak / 1024]))
"""


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def halves(size: tuple[int, int] = (80, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png), formats=["PNG"])
    image.load()
    return image


def near(pixel: tuple[int, ...], wanted: tuple[int, ...], by: int = 12) -> bool:
    return len(pixel) == len(wanted) and all(abs(a - b) <= by for a, b in zip(pixel, wanted, strict=True))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, rows: bytes, *, bits: int = 8, colour: int = 0, more: bytes = b"") -> bytes:
    """A PNG made by hand; ``rows`` as they are packed, ``more`` stands before them."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "GIF"])
def test_four_formats_are_told_by_their_bytes_and_become_png(format_name):
    content = saved(halves(), format_name)
    assert probe_picture(content) == (format_name.lower(), 80, 40)
    result = opened(read_picture(content))
    assert result.size == (80, 40)
    assert near(result.getpixel((10, 20)), RED)
    assert near(result.getpixel((70, 20)), BLUE)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"save_all": True}])
def test_all_kinds_of_webp_say_their_size(options):
    image = halves((300, 500))
    frames = {"append_images": [Image.new("RGB", image.size)]} if "save_all" in options else {}
    assert probe_picture(saved(image, "WEBP", **options, **frames)) == ("webp", 300, 500)


@pytest.mark.parametrize(("size", "kept"), [((3000, 2000), (1024, 683)), ((1200, 3000), (614, 1536)), ((5, 7), (5, 7))])
@pytest.mark.parametrize("format_name", ["PNG", "JPEG"])
def test_large_pictures_are_made_smaller_in_their_own_shape(size, kept, format_name):
    result = opened(read_picture(saved(halves(size), format_name)))
    assert result.size == kept
    if size[0] > 5:
        assert near(result.getpixel((kept[0] // 4, kept[1] - 3)), RED)
        assert near(result.getpixel((kept[0] * 3 // 4, 3)), BLUE)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 9000)])
def test_the_thinnest_pictures_keep_a_pixel(size):
    assert min(opened(read_picture(saved(Image.new("RGB", size, RED), "PNG"))).size) == 1


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (80, 40), (5, 20)),
        (2, (80, 40), (75, 20)),
        (3, (80, 40), (75, 20)),
        (4, (80, 40), (5, 20)),
        (5, (40, 80), (20, 5)),
        (6, (40, 80), (20, 5)),
        (7, (40, 80), (20, 75)),
        (8, (40, 80), (20, 75)),
    ],
)
def test_a_photograph_stands_upright(orientation, size, red):
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = opened(read_picture(saved(halves(), "JPEG", exif=exif.tobytes(), quality=95)))
    assert result.size == size
    assert near(result.getpixel(red), RED, 20)


def test_nothing_but_pixels_is_kept():
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("chara", "c2VjcmV0")
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = saved(halves(), "PNG", pnginfo=texts, exif=exif, icc_profile=profile, dpi=(300, 300))
    result = opened(read_picture(content))
    assert result.info == {}
    assert dict(result.getexif()) == {}


def test_colours_of_another_profile_are_turned_to_srgb():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    swapped = _profile_with_red_and_blue_exchanged()
    assert near(opened(read_picture(saved(halves(), "PNG", icc_profile=swapped))).getpixel((10, 20)), (40, 30, 220), 25)
    assert opened(read_picture(saved(halves(), "PNG", icc_profile=lab))).getpixel((10, 20)) == RED
    assert opened(read_picture(saved(halves(), "PNG", icc_profile=b"no profile"))).getpixel((10, 20)) == RED


def _profile_with_red_and_blue_exchanged() -> bytes:
    """The sRGB profile with the tags of its red and blue primaries exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmpX", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmpX", b"bXYZ", 1)


def test_a_profile_that_unpacks_to_much_is_dropped_and_the_picture_kept():
    profile = chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(30_000_000)))
    grey = png(2, 2, b"\x00\x80\x80" * 2, more=profile)
    assert opened(read_picture(grey)).getpixel((0, 0)) == (128, 128, 128)


def test_transparency_is_kept_where_there_is_some_and_dropped_where_there_is_none():
    clear = Image.new("RGBA", (2400, 3200), (*RED, 0))
    clear.paste((*BLUE, 255), (0, 0, 1200, 3200))
    result = opened(read_picture(saved(clear, "PNG")))
    assert result.mode == "RGBA"
    assert result.getpixel((100, 100)) == (*BLUE, 255)
    assert result.getpixel((result.width - 5, 100))[3] == 0
    assert opened(read_picture(saved(halves().convert("RGBA"), "PNG"))).mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_pixel_is_read(mode):
    white = {"1": 1, "L": 255, "LA": (255, 255), "P": 1, "RGB": (255,) * 3, "RGBA": (255,) * 4, "I;16": 65535}[mode]
    image = Image.new(mode, (3000, 20), white)
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
    assert opened(read_picture(saved(image, "PNG"))).getpixel((500, 3)) == (255, 255, 255)


def test_half_grey_of_sixteen_bits_is_half_grey_of_eight():
    assert opened(read_picture(saved(Image.new("I;16", (4, 4), 32896), "PNG"))).getpixel((1, 1)) == (128, 128, 128)


def test_jpegs_for_print_and_in_grey_are_read():
    assert near(opened(read_picture(saved(halves().convert("CMYK"), "JPEG"))).getpixel((5, 5)), RED)
    assert opened(read_picture(saved(Image.new("L", (9, 9), 77), "JPEG"))).getpixel((5, 5)) == (77, 77, 77)
    assert near(opened(read_picture(saved(halves(), "JPEG", progressive=True))).getpixel((5, 5)), RED)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(format_name):
    frames = [Image.new("RGB", (40, 40), (0, 200, level)) for level in range(0, 250, 25)]
    options = {"lossless": True} if format_name == "WEBP" else {}
    content = saved(Image.new("RGB", (40, 40), RED), format_name, save_all=True, append_images=frames, **options)
    assert near(opened(read_picture(content)).getpixel((20, 20)), RED)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the picture is empty"),
        (b"just a text", "no picture that can be read"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"BM" + bytes(60), "a BMP picture"),
        (b"\x00\x00\x00\x20ftypavif" + bytes(60), "an AVIF picture"),
        (b"\x00\x00\x00\x20ftypheic" + bytes(60), "a HEIC picture"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04" + bytes(60), "no picture that can be read"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", bytes(30)), "IHDR"),
        (b"\xff\xd8\xff", "cut off"),
        (b"\xff\xd8\xff\xd9", "how large it is"),
        (b"GIF89a", "cut off"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", "cut off"),
        (b"RIFF\x00\x00\x00\x00WEBPALPH" + bytes(60), "does not begin with a picture"),
        (png(0, 0, b""), "0 x 0 pixels"),
        (png(0, 7, b""), "0 x 7 pixels"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_remedy(content, said):
    for read in (probe_picture, read_picture):
        with pytest.raises(CardError, match=said) as refused:
            read(content)
        assert any(word in str(refused.value) for word in ("save it", "send", "download"))
    assert not is_sound_png(content)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_picture_cut_short_is_refused(format_name, share):
    noise = Image.frombytes("RGB", (200, 200), os.urandom(120_000))
    content = saved(noise, format_name)
    with pytest.raises(CardError):
        read_picture(content[: int(len(content) * share)])
    assert not is_sound_png(content[: int(len(content) * share)])


@pytest.mark.parametrize(("width", "height"), [(100, 100), (10, 4000)])
def test_a_png_with_fewer_pixels_than_it_says_is_refused(width, height):
    lying = png(width, height, (b"\x00" + bytes(10)) * 10)
    with pytest.raises(CardError, match="damaged"):
        read_picture(lying)
    assert not is_sound_png(lying)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (9, 17), (64, 33)])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_rows_of_every_depth_are_counted_right(size, bits):
    rows = (b"\x00" + bytes(-(-size[0] * bits // 8))) * size[1]
    assert is_sound_png(png(*size, rows, bits=bits))
    assert not is_sound_png(png(*size, rows[:-1], bits=bits))


def test_an_interlaced_png_is_read():
    passes = [(2, 2), (1, 2), (3, 1), (2, 3), (5, 2), (4, 5), (9, 4)]  # columns and rows of 9 x 9 pixels
    rows = b"".join((b"\x00" + b"\x50" * columns) * rows for columns, rows in passes)
    content = bytearray(png(9, 9, rows))
    content[28] = 1
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    assert opened(read_picture(bytes(content))).getpixel((8, 8)) == (80, 80, 80)


def test_a_gif_with_a_frame_larger_than_its_screen_is_refused():
    content = bytearray(saved(halves(), "GIF"))
    content[6:10] = struct.pack("<HH", 8, 4)
    with pytest.raises(CardError, match="another size"):
        read_picture(bytes(content))


def test_a_damaged_picture_is_refused():
    content = bytearray(saved(halves((300, 300)), "PNG"))
    content[content.index(b"IDAT") + 12] ^= 0xFF
    with pytest.raises(CardError, match="PNG picture is damaged"):
        read_picture(bytes(content))
    assert not is_sound_png(bytes(content))


def test_too_many_pixels_are_refused_by_the_header_alone():
    assert MOST_PIXELS < 7100 * 7100
    for content in (png(7100, 7100, b""), b"GIF89a" + struct.pack("<HH", 7100, 7100) + bytes(3)):
        with pytest.raises(CardError, match=r"7100 x 7100 pixels; 50,000,000 in all at most: make it smaller"):
            read_picture(content)
    with pytest.raises(CardError, match="80 x 40 pixels; 3,000"):
        read_picture(saved(halves(), "JPEG"), most_pixels=3000)
    assert not is_sound_png(saved(halves(), "PNG"), most_pixels=3000)


def test_too_many_bytes_are_refused():
    with pytest.raises(CardError, match="20,971,520 at most: send a smaller one"):
        read_picture(bytes(20 * 1024 * 1024 + 1))


def test_a_jpeg_of_very_many_passes_is_refused():
    content = saved(halves(), "JPEG", progressive=True)
    scan = content[content.index(b"\xff\xda") : -2]
    with pytest.raises(CardError, match="too many passes"):
        read_picture(content[:-2] + scan * 50 + content[-2:])


def test_only_whole_png_pictures_are_sound():
    assert is_sound_png(saved(halves(), "PNG"))
    assert not is_sound_png(saved(halves(), "JPEG"))


def test_ten_thousand_parts_are_read_and_a_million_refused():
    many = png(2, 2, b"\x00\x80\x80" * 2, more=chunk(b"tEXt", b"a\0b") * 10_000)
    assert read_picture(many)
    with pytest.raises(CardError, match="too many parts"):
        read_picture(png(2, 2, b"\x00\x80\x80" * 2, more=chunk(b"teXt", b"") * 1_000_000))


def one_colour() -> bytes:
    return png(20_000, 20_000, bytes(2501) * 20_000, bits=1)


def noise(pixels: int) -> bytes:
    side = int(pixels**0.5)
    rows = b"".join(b"\x00" + os.urandom(side) for _ in range(50))
    return png(side, side, rows * (side // 50))


def transparent(side: int) -> bytes:
    return png(
        side, side, (b"\x00" + bytes(range(1, 251)) * (side * 8 // 250 + 1))[: side * 8 + 1] * side, bits=16, colour=6
    )


def animation() -> bytes:
    frame = saved(halves((300, 400)), "GIF")
    start = frame.index(b",\0\0\0\0")
    return frame[:start] + (b"!\xf9\x04\x04\x05\x00\x00\x00" + frame[start:-1]) * 10_000 + b";"


def remarks() -> bytes:
    frame = saved(halves((400, 600)), "GIF")
    start = frame.index(b",\0\0\0\0")
    return frame[:start] + b"!\xfe" + b"\x01x" * 9_000_000 + b"\x00" + frame[start:]


def photograph(side: int, **options: object) -> bytes:
    tile = Image.effect_noise((1000, 1000), 40).convert("RGB")
    image = Image.new("RGB", (side, side))
    for x in range(0, side, 1000):
        for y in range(0, side, 1000):
            image.paste(tile, (x, y))
    return saved(image, "JPEG", quality=40, **options)


def webp() -> bytes:
    return saved(Image.new("RGBA", (3500, 3500), (*RED, 120)), "WEBP", lossless=True, quality=0, method=0)


@pytest.mark.parametrize(
    ("make", "taken"),
    [
        (one_colour, False),
        (lambda: noise(16_000_000), True),
        (lambda: transparent(7000), True),
        (animation, True),
        (remarks, True),
        (lambda: photograph(7000), True),
        (lambda: photograph(4990, progressive=True, subsampling=0), True),
        (webp, True),
    ],
    ids=["one colour", "noise", "transparent", "animation", "remarks", "photograph", "progressive", "webp"],
)
def test_no_picture_takes_much_memory_or_time(make, taken, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(make())
    assert path.stat().st_size <= 20 * 1024 * 1024
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    outcome, sound, seconds, megabytes = json.loads(done.stdout)
    print(f"{path.stat().st_size / 1e6:.1f} MB file, {outcome}, {seconds:.2f} s, {megabytes:.0f} MB")  # noqa: T201
    assert isinstance(outcome, int) == taken, outcome
    assert sound == (taken and path.read_bytes().startswith(b"\x89PNG"))
    assert megabytes < 400
    assert seconds < 5
