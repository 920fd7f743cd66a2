"""CHARX files: what goes in comes out, what other programs pack is found, and hostile zips are refused."""

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from cards import archive, charx
from cards.errors import CardError

CARD = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Ægir 桜 🦊", "assets": []}}
JSON = b'{"spec": "chara_card_v3", "data": {"name": "A"}}'
ASSETS = {"embeded://assets/icon/images/main.png": b"\x89PNG" * 9, "embeded://sound.mp3": bytes(range(256))}
OTHERS = {"x_meta/1.json": b'{"type": "PNG"}', "module.risum": b"\x6f\x00\x01", "app.json": b"{}"}


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for path, body in files:
            file.writestr(zipfile.ZipInfo(path), body, method)
    return content.getvalue()


def jpeg() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(content, "JPEG")
    return content.getvalue()


def changed(content: bytes, mark: bytes, offset: int, value: bytes, *, last: bool = False) -> bytes:
    """The bytes with ``value`` at ``offset`` behind the first (or last) ``mark``."""
    at = (content.rindex(mark) if last else content.index(mark)) + offset
    return content[:at] + value + content[at + len(value) :]


def test_what_goes_in_comes_out():
    found = charx.read_charx(charx.write_charx(CARD, ASSETS, OTHERS))
    assert found == charx.CharxCard(CARD, ASSETS, OTHERS, None, [])


def test_the_card_comes_first_and_only_json_is_packed():
    content = charx.write_charx(CARD, ASSETS, OTHERS)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        packed = {entry.filename: entry.compress_type for entry in file.infolist()}
    assert next(iter(packed)) == "card.json"
    assert {path for path, method in packed.items() if method == zipfile.ZIP_DEFLATED} == {
        *("card.json", "x_meta/1.json", "app.json")
    }
    assert all(path.isascii() for path in packed)


def test_the_same_card_gives_the_same_bytes():
    content = charx.write_charx(CARD, ASSETS, OTHERS)
    assert content == charx.write_charx(CARD, dict(ASSETS), dict(OTHERS))
    assert content[10:14] == b"\0\0\x21\0"  # midnight of 1980-01-01


def test_paths_that_a_charx_may_not_have_are_changed_in_the_card_too():
    paths = ["Ä/b c.png", "桜.png", "../../etc/x.png", "/a.png", "C:\\d\\e.png", "card.json", "a.png", "x" * 600]
    card = {"data": {"assets": [{"uri": f"embeded://{path}", "name": path} for path in paths] + ["odd"]}}
    assets = {f"embeded://{path}": path.encode() for path in paths} | {"__asset:1": b"", "https://x/y": b""}
    found = charx.read_charx(charx.write_charx(card, assets, {"../card.json": b"{}"}))
    assert found.warnings == []
    *objects, odd = found.card["data"]["assets"]
    assert odd == "odd"
    assert {found.assets.get(each["uri"], b"{}") for each in objects} == {
        *(path.encode() for path in paths[:5]),
        b"{}",
    } | {*(path.encode() for path in paths[6:])}
    assert [each["uri"] for each in objects][:7] == [
        *("embeded://A/b c.png", "embeded://file.png", "embeded://etc/x.png", "embeded://a.png", "embeded://C/d/e.png"),
        *("embeded://card_2.json", "embeded://a_2.png"),
    ]
    assert card["data"]["assets"][0]["uri"] == "embeded://Ä/b c.png"  # the caller's own stays as it was


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_behind_a_jpeg_is_read_with_its_picture(method):
    cover = jpeg()
    content = cover + zipped(("card.json", JSON), ("assets/a.png", b"a"), method=method)
    assert charx.looks_like_jpeg_zip(content)
    assert not charx.looks_like_zip(content)
    found = charx.read_charx(content)
    assert (found.cover, found.assets, found.warnings) == (cover, {"embeded://assets/a.png": b"a"}, [])
    shifted = io.BytesIO()
    shifted.write(cover)
    with zipfile.ZipFile(shifted, "a") as file:  # offsets from the beginning of the picture
        file.writestr("card.json", JSON)
    assert charx.read_charx(shifted.getvalue()).cover == cover


def test_files_are_told_apart_by_their_bytes():
    assert charx.looks_like_zip(zipped(("card.json", JSON)))
    assert charx.looks_like_zip(zipped())
    assert not charx.looks_like_zip(b"%PDF")
    assert not charx.looks_like_jpeg_zip(jpeg())
    assert not charx.looks_like_jpeg_zip(jpeg() + b"PK\x03\x04" + b"PK\x05\x06")


def test_bytes_before_and_behind_the_zip_do_not_matter():
    found = charx.read_charx(b"#!/bin/sh\n" + zipped(("card.json", JSON)) + b"garbage" * 20_000)
    assert (found.card["data"], found.cover) == ({"name": "A"}, None)


def test_files_written_as_a_stream_are_read():
    class Stream(io.BytesIO):  # sizes then stand behind the files, zero in front of them
        def seekable(self):
            return False

    content = Stream()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("card.json", JSON)
        file.writestr("a.png", b"a" * 99)
    found = charx.read_charx(content.getvalue())
    assert (found.card["data"], found.assets) == ({"name": "A"}, {"embeded://a.png": b"a" * 99})


def test_a_card_in_a_folder_is_read_with_the_paths_of_that_folder():
    found = charx.read_charx(
        zipped(
            ("__MACOSX/Mara/._card.json", b"no"),
            ("Mara/", b""),
            ("Mara/assets/a.png", b"a"),
            ("Mara/card.json", JSON),
            ("Mara/.DS_Store", b"no"),
            ("Mara/x_meta/a.json", b"{}"),
        )
    )
    assert found.assets == {"embeded://assets/a.png": b"a"}
    assert found.others == {"x_meta/a.json": b"{}"}
    assert (found.card["data"], found.warnings) == ({"name": "A"}, [])


def test_the_card_at_the_root_goes_first_and_others_are_told():
    found = charx.read_charx(zipped(("b/card.json", b"{}"), ("card.json", JSON), ("c/card.json", b"{}")))
    assert found.card["data"] == {"name": "A"}
    assert found.warnings == ["'b/card.json' and 1 more left out: the zip holds another card: pack each by itself"]


@pytest.mark.parametrize(
    "path", ["../a.png", "/etc/passwd", "a/../../b", "a\\b.png", "C:/x.png", "./a", "a//b", "a\x01b", "é" * 600]
)
def test_files_of_unsafe_paths_are_left_out(path):
    content = zipped(("card.json", JSON), ("0" * len(path.encode()), b"2"), ("ok.png", b"1"))
    found = charx.read_charx(content.replace(b"0" * len(path.encode()), path.encode()))
    assert found.assets == {"embeded://ok.png": b"1"}
    (warning,) = found.warnings
    assert warning.endswith("left out: its path is unsafe")


def test_of_files_with_one_path_the_first_is_kept():
    content = zipped(("card.json", JSON), ("a.png", b"1"), ("b.png", b"2")).replace(b"b.png", b"a.png")
    found = charx.read_charx(content)
    assert found.assets == {"embeded://a.png": b"1"}
    assert found.warnings == ["'a.png' left out: the zip holds a file of the same path"]


def test_a_broken_asset_does_not_lose_the_card():
    content = zipped(("card.json", JSON), ("a.png", b"aaaaaaaa"), ("b.png", b"b"), method=zipfile.ZIP_STORED)
    found = charx.read_charx(content.replace(b"aaaaaaaa", b"aaaaaaab"))
    assert found.assets == {"embeded://b.png": b"b"}
    assert found.warnings == ["'a.png' left out: its checksum is wrong: it is damaged; download or export it again"]


def test_an_asset_that_is_too_large_is_left_out():
    content = zipped(("card.json", JSON), ("big.bin", b"\0" * (archive.MAX_FILE + 1)), ("b.png", b"b"))
    found = charx.read_charx(content)
    assert found.assets == {"embeded://b.png": b"b"}
    assert "unpacks to over 52,428,800 bytes" in found.warnings[0]


CARD_ONLY = zipped(("card.json", JSON))
TWO = zipped(("card.json", JSON), ("a.bin", b"\0" * 99), method=zipfile.ZIP_STORED)
CENTRAL, END, LOCAL = b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"
BAD_DEFLATE = zipped(("card.json", zlib.compress(b"x" * 99)), method=zipfile.ZIP_STORED)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no directory at its end"),
        (CARD_ONLY[:-30], "no directory at its end: it was cut off"),
        (zipped(), "holds no card.json"),
        (zipped(("a.txt", b"")), "holds no card.json"),
        (zipped(("__MACOSX/card.json", JSON)), "holds no card.json"),
        (zipped(("card.json", b"[1]")), "card.json holds JSON that is no object"),
        (zipped(("card.json", b'{"a": 1,')), "card.json: line 1, column 9: the JSON ends too early"),
        (zipped(("card.json", JSON), method=zipfile.ZIP_BZIP2), "card.json: it is packed by method 12"),
        (zipped(("card.json", JSON), method=zipfile.ZIP_LZMA), "card.json: it is packed by method 14"),
        (changed(CARD_ONLY, CENTRAL, 8, b"\1"), "card.json: it is encrypted"),
        (changed(CARD_ONLY, CENTRAL, 16, b"\0\0\0\0"), "card.json: its checksum is wrong"),
        (changed(CARD_ONLY, CENTRAL, 20, b"\5\0"), "card.json: it is cut off"),
        (changed(CARD_ONLY, CENTRAL, 20, b"\xff\xff\xff\xff"), "directory is damaged"),
        (changed(CARD_ONLY, CENTRAL, 42, b"\1"), "directory is damaged"),
        (changed(CARD_ONLY, CENTRAL, 42, b"\xff\xff\xff\xff"), "directory is damaged"),
        (changed(BAD_DEFLATE, CENTRAL, 10, b"\x08"), "card.json: it is damaged"),
        (changed(CARD_ONLY, END, 8, b"\2\0\2\0"), "directory is damaged"),
        (changed(CARD_ONLY, END, 4, b"\1"), "no directory at its end"),
        (changed(CARD_ONLY, END, 12, b"\xff\xff\xff\xff"), "no directory at its end"),
        (changed(CARD_ONLY, LOCAL, 30, b"CARD"), "has two names"),
        (changed(TWO, CENTRAL, 20, struct.pack("<L", len(JSON) + 60)), "overlap"),
        (CARD_ONLY.replace(END, b"PK\x06\x07" + b"\0" * 16 + END), "64-bit kind"),
        (zipped(*[(f"{n}", b"") for n in range(archive.MAX_ENTRIES)], ("card.json", JSON)), "10,000 at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else "zip",
)
def test_what_is_no_sound_zip_is_refused_with_the_reason(content, words):
    with pytest.raises(CardError, match=words):
        charx.read_charx(content)


def test_a_bomb_is_refused_whatever_its_sizes_claim():
    content = zipped(("card.json", JSON), *[(f"{n}.bin", b"\0" * (20 << 20)) for n in range(5)])
    at = content.index(CENTRAL)
    while at >= 0:
        content = content[: at + 24] + b"\1\0\0\0" + content[at + 28 :]  # one byte each, it says
        at = content.find(CENTRAL, at + 1)
    with pytest.raises(CardError, match="the zip unpacks to over 100,663,296 bytes"):
        charx.read_charx(content)


def test_two_entries_of_the_same_bytes_are_refused():
    content = zipped(("card.json", JSON), ("a.bin", b"x"), ("b.bin", b"y"), method=zipfile.ZIP_STORED)
    first = content.index(CENTRAL)
    second = content.index(CENTRAL, first + 1)
    third = content.index(CENTRAL, second + 1)
    end = content.index(END)
    content = content[:third] + content[second:third] + content[end:]
    with pytest.raises(CardError, match="overlap"):
        charx.read_charx(content)


def test_a_huge_file_is_not_searched(monkeypatch):
    monkeypatch.setattr(archive, "MAX_ZIP", 50)
    with pytest.raises(CardError, match="50 at most"):
        charx.read_charx(CARD_ONLY)
