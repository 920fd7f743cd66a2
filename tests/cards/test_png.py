"""Cards inside pictures: chunk by chunk, and through other people's readers."""

import base64
import io
import json
import struct
import zlib

import pytest
from PIL import Image
from tavern_card import parse_png_card

from cards import png
from cards.card import Book, Card, Entry
from cards.errors import CardError
from cards.formats import render
from cards.read import read_card
from cards.v2 import DOWNGRADE_NOTE

CARD = Card(
    name="Ægir 桜 🦊",
    description="d",
    creator_notes="n",
    book=Book(entries=(Entry(keys=("k",), content="c"),)),
)


def picture(**options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(file, "PNG", **options)
    return file.getvalue()


def encoded(card) -> bytes:
    return base64.b64encode(json.dumps(card).encode())


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """A picture with the chunks after its pixels, as SillyTavern writes them."""
    rows = png.read_chunks(picture())
    rows[-1:-1] = [png.Chunk(kind, data) for kind, data in chunks]
    return png.SIGNATURE + b"".join(map(png.pack, rows))


@pytest.fixture(scope="module")
def file() -> bytes:
    return render(CARD, "tavernai", picture())


def test_chara_then_ccv3_before_the_pixels_with_right_checksums(file):
    chunks = png.read_chunks(file)
    kinds = [chunk.kind for chunk in chunks]
    assert kinds == [b"IHDR", b"tEXt", b"tEXt", b"IDAT", b"IEND"]
    assert [chunk.data.split(b"\0")[0] for chunk in chunks[1:3]] == [b"chara", b"ccv3"]
    assert all(chunk.sound for chunk in chunks)
    assert b"\n" not in chunks[1].data


def test_the_file_is_the_chunks_and_nothing_more(file):
    assert file == png.SIGNATURE + b"".join(map(png.pack, png.read_chunks(file)))
    length, kind = struct.unpack(">I4s", file[8:16])
    assert (length, kind) == (13, b"IHDR")
    assert struct.unpack(">I", file[29:33])[0] == zlib.crc32(file[12:29])


def test_pillow_reads_both_cards_and_the_picture(file):
    image = Image.open(io.BytesIO(file))
    lazily = dict(image.info)
    image.load()
    assert list(image.text) == ["chara", "ccv3"]
    assert lazily["chara"] == image.text["chara"]  # before the pixels: found without loading
    chara = json.loads(base64.b64decode(image.text["chara"]))
    assert chara["spec"] == "chara_card_v2"
    assert chara["data"]["creator_notes"].endswith(DOWNGRADE_NOTE)
    assert image.getpixel((3, 3)) == (200, 30, 30)


def test_tavern_card_reads_it(file):
    card = parse_png_card(file)
    assert card["spec"] == "chara_card_v3"
    assert card["data"]["name"] == "Ægir 桜 🦊"
    assert card["data"]["character_book"]["entries"][0]["keys"] == ["k"]


def test_what_went_in_comes_out(file):
    assert read_card(png.extract(file)) == CARD


def test_without_a_portrait_one_is_drawn():
    image = Image.open(io.BytesIO(render(Card(name="Tom"), "tavernai")))
    assert image.size == (400, 600)


def test_earlier_cards_and_other_texts_are_replaced():
    old = with_chunks(
        (b"tEXt", b"Software\0x"),
        (b"tEXt", b"Chara\0" + encoded({"name": "old"})),
        (b"zTXt", b"ccv3\0\0" + zlib.compress(encoded({"name": "old"}))),
        (b"iTXt", b"Title\0\0\0\0\0x"),
    )
    new = png.embed(old, {"name": "new"}, {"name": "new", "spec": "chara_card_v3"})
    kinds = [chunk.kind for chunk in png.read_chunks(new)]
    assert kinds == [b"IHDR", b"tEXt", b"tEXt", b"IDAT", b"IEND"]
    assert png.extract(new)["name"] == "new"
    assert png.embed(new, {"name": "new"}, {"name": "new", "spec": "chara_card_v3"}) == new


def test_a_palette_picture_stays_whole():
    file = io.BytesIO()
    Image.new("P", (4, 4)).save(file, "PNG")
    image = Image.open(io.BytesIO(png.embed(file.getvalue(), {"name": "a"}, {"name": "a"})))
    image.load()
    assert image.mode == "P"


@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"chara\0" + encoded({"name": "A"})),
        (b"tEXt", b"Chara\0" + encoded({"name": "A"})),
        (b"tEXt", b"CCV3\0" + encoded({"name": "A"}).rstrip(b"=")),
        (b"tEXt", b"chara\0" + base64.encodebytes(b'{"name": "A", "description": "' + b"x" * 99 + b'"}')),
        (b"tEXt", b'chara\0{"name": "A"}'),
        (b"zTXt", b"chara\0\0" + zlib.compress(encoded({"name": "A"}))),
        (b"iTXt", b"chara\0\0\0\0\0" + encoded({"name": "A"})),
        (b"iTXt", b"ccv3\0\1\0en\0titre\0" + zlib.compress(encoded({"name": "A"}))),
    ],
)
def test_cards_of_other_writers_are_found(chunk):
    assert png.extract(with_chunks(chunk))["name"] == "A"


def test_ccv3_comes_first_and_a_broken_one_falls_back():
    good = (b"tEXt", b"chara\0" + encoded({"name": "two"}))
    assert png.extract(with_chunks(good, (b"tEXt", b"ccv3\0" + encoded({"name": "three"}))))["name"] == "three"
    assert png.extract(with_chunks(good, (b"tEXt", b"ccv3\0!!!")))["name"] == "two"


def test_wrong_checksums_are_told_but_read():
    file = bytearray(with_chunks((b"tEXt", b"chara\0" + encoded({"name": "A"}))))
    at = file.index(b"tEXt")
    end = at + 4 + struct.unpack(">I", file[at - 4 : at])[0]
    file[end] ^= 0xFF
    assert [chunk.kind for chunk in png.read_chunks(bytes(file)) if not chunk.sound] == [b"tEXt"]
    assert png.extract(bytes(file))["name"] == "A"


def test_a_bomb_is_not_inflated():
    bomb = zlib.compress(b"A" * (png.MAX_TEXT + 10))
    with pytest.raises(CardError, match="unpacks to over"):
        png.extract(with_chunks((b"zTXt", b"chara\0\0" + bomb)))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "no PNG file"),
        (b"GIF89a", "no PNG file"),
        (png.SIGNATURE, "ends too early"),
        (picture()[:-20], "ends too early"),
        (picture(), "holds no card"),
        (with_chunks((b"tEXt", b"chara\0" + base64.b64encode(b"[1]"))), "no object"),
        (with_chunks((b"tEXt", b"chara\0" + base64.b64encode(b"\xff\xfe"))), "no base64 of a JSON object"),
        (with_chunks((b"tEXt", b"ccv3\0#")), "ccv3: the text is no base64"),
        (with_chunks((b"zTXt", b"ccv3\0\0broken")), "damaged"),
        (with_chunks((b"tEXt", b"chara\0" + base64.b64encode(b"[" * 100_000))), "no base64 of a JSON object"),
    ],
)
def test_what_is_no_card_is_refused_with_the_reason(file, words):
    with pytest.raises(CardError, match=words):
        png.extract(file)


def test_a_file_without_pixels_takes_no_card():
    rows = [chunk for chunk in png.read_chunks(picture()) if chunk.kind != b"IDAT"]
    with pytest.raises(CardError, match="no picture"):
        png.embed(png.SIGNATURE + b"".join(map(png.pack, rows)), {}, {})


def test_a_huge_file_is_not_walked(monkeypatch):
    monkeypatch.setattr(png, "MAX_PNG", 50)
    with pytest.raises(CardError, match="50 at most"):
        png.extract(picture())
