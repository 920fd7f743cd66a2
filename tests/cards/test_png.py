"""Cards inside pictures: chunk by chunk, and through other people's readers."""

import base64
import io
import json
import struct
import zlib

import pytest
from PIL import Image
from tavern_card import parse_png_card

from cards import png, png_text
from cards.card import Book, Card, Entry
from cards.errors import CardError
from cards.formats import render
from cards.media import Media
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
    return render(CARD, "tavernai", Media(portrait=picture()))


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
    bomb = zlib.compress(b"A" * (png_text.MAX_TEXT + 10))
    with pytest.raises(CardError, match="unpack to over"):
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
        (with_chunks((b"tEXt", b"chara\0" + base64.b64encode(b"\xff\xfe"))), "chara: .* the file is empty"),
        (
            with_chunks((b"tEXt", b"chara\0" + base64.b64encode(b'{"name":\n'))),
            "line 2, column 1: the JSON ends too early",
        ),
        (with_chunks((b"tEXt", b"chara\0rcc||rccv1||AAAA||00||AAAA")), "encrypted .RisuAI.: export it without"),
        (with_chunks((b"tEXt", b"chara" + encoded({}))), "holds no card"),
        (with_chunks((b"iTXt", b"chara\0\0\0en")), "no end of its heading"),
        (with_chunks((b"tEXt", b"ccv3\0#")), "ccv3: the text is no base64"),
        (with_chunks((b"zTXt", b"ccv3\0\0broken")), "damaged"),
        (with_chunks((b"tEXt", b"chara\0" + base64.b64encode(b"[" * 100_000))), "over 100 levels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "png",
)
def test_what_is_no_card_is_refused_with_the_reason(file, words):
    with pytest.raises(CardError, match=words):
        png.read_png(file)


def test_a_file_without_pixels_takes_no_card():
    rows = [chunk for chunk in png.read_chunks(picture()) if chunk.kind != b"IDAT"]
    with pytest.raises(CardError, match="no picture"):
        png.embed(png.SIGNATURE + b"".join(map(png.pack, rows)), {}, {})


def test_a_huge_file_is_not_walked(monkeypatch):
    monkeypatch.setattr(png, "MAX_PNG", 50)
    with pytest.raises(CardError, match="50 at most"):
        png.extract(picture())


def test_warnings_say_what_was_odd():
    file = with_chunks(
        (b"tEXt", b"chara\0" + encoded({"name": "one"})),
        (b"tEXt", b"chara\0" + encoded({"name": "two"})),
        (b"tEXt", b"ccv3\0!!!"),
    )
    found = png.read_png(file.replace(b"IEND\xaeB`\x82", b"IEND\0\0\0\0"))
    assert (found.card, found.keyword) == ({"name": "two"}, "chara")
    broken, checksum, twice = found.warnings
    assert broken.startswith("another copy of the card is used, this one is broken: ccv3: the text is no base64")
    assert checksum.startswith("1 checksums in the PNG are wrong")
    assert twice == "the PNG holds 2 chara texts: the last that can be read counts"


def test_a_sound_file_gives_no_warning(file):
    found = png.read_png(file)
    assert (found.keyword, found.assets, found.warnings) == ("ccv3", {}, [])


def test_of_repeated_texts_an_earlier_one_is_taken_when_the_last_is_broken():
    good, bad = (b"tEXt", b"ccv3\0" + encoded({"name": "A"})), (b"tEXt", b"ccv3\0" + encoded({"name": "B"})[:-7])
    assert png.read_png(with_chunks(good, bad)).card == {"name": "A"}


def test_an_encrypted_card_gives_way_to_one_that_is_not():
    file = with_chunks((b"tEXt", b"ccv3\0rcc||rccv1||x||y||z"), (b"tEXt", b"chara\0" + encoded({"name": "A"})))
    found = png.read_png(file)
    assert found.keyword == "chara"
    assert "encrypted" in found.warnings[0]


def test_assets_go_between_the_cards_and_the_pixels_and_come_back():
    assets = {"__asset:0": b"\x89PNG...", "__asset:Dir/ü.mp3": bytes(range(256)), "embeded://a.png": b"not here"}
    file = png.embed(picture(), {"name": "A"}, {"name": "B"}, assets)
    keywords = [chunk.data.split(b"\0")[0].decode() for chunk in png.read_chunks(file) if chunk.kind == b"tEXt"]
    assert keywords == ["chara", "ccv3", "chara-ext-asset_:0", "chara-ext-asset_:Dir/ü.mp3"]
    found = png.read_png(file)
    assert (found.card, found.warnings) == ({"name": "B"}, [])
    assert found.assets == {uri: content for uri, content in assets.items() if uri.startswith("__asset:")}
    with pytest.raises(CardError, match="has a NUL in its name"):
        png.embed(picture(), {}, {}, {"__asset:a\0b": b""})


def test_assets_of_old_programs_are_found_and_broken_ones_told():
    file = with_chunks(
        (b"tEXt", b"chara\0" + encoded({"name": "A"})),
        (b"tEXt", b"chara-ext-asset_7\0" + base64.b64encode(b"seven")),
        (b"tEXt", b"Chara-Ext-Asset_:Big\0" + base64.b64encode(b"big")),
        (b"tEXt", b"chara-ext-asset_:bad\0###"),
    )
    found = png.read_png(file)
    assert found.assets == {"__asset:7": b"seven", "__asset:Big": b"big"}
    assert found.warnings == ["1 assets in the PNG are broken and left out ('bad' ...)"]


def test_a_file_cut_off_behind_the_card_still_gives_it(file):
    cut = file[: file.index(b"IDAT") + 9]
    found = png.read_png(cut)
    assert read_card(found.card) == CARD
    assert found.warnings == ["the PNG file was cut off behind the card: its picture is not whole"]
    assert png.picture_only(cut) == picture()[: picture().index(b"IDAT") + 9]
    with pytest.raises(CardError, match=r"ends too early.*ccv3: "):
        png.read_png(with_chunks((b"tEXt", b"ccv3\0!!!"))[:-12])


def test_what_stands_behind_the_picture_is_no_part_of_it(file):
    assert png.read_png(file + b"more").warnings == []
    assert png.picture_only(file + b"more") == picture()


def test_the_picture_is_whole_without_the_texts(file):
    damaged = file.replace(b"IEND\xaeB`\x82", b"IEND\0\0\0\0")
    assert png.picture_only(file) == png.picture_only(damaged) == picture()
    with pytest.raises(CardError, match="no PNG file"):
        png.picture_only(b"GIF89a")


def test_packed_texts_are_inflated_up_to_a_limit_for_the_file():
    bomb = zlib.compress(b"A" * (png_text.MAX_TEXT - 10))
    card = (b"zTXt", b"chara\0\0" + zlib.compress(encoded({"name": "A"})))
    file = with_chunks(card, *[(b"zTXt", b"ccv3\0\0" + bomb)] * 3)
    with pytest.raises(CardError, match="unpack to over"):
        png.read_png(file)


def test_a_file_of_very_many_chunks_is_refused():
    file = with_chunks(*[(b"teXt", b"")] * png.MAX_CHUNKS)
    with pytest.raises(CardError, match="over 50,000 chunks"):
        png.read_png(file)
