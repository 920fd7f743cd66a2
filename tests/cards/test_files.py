"""Any file in: told apart by its bytes, with what was odd about it."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from cards.card import Card
from cards.errors import CardError
from cards.files import MAX_FILE, read_file
from cards.formats import FORMATS, render
from cards.media import Media
from tests.cards.test_formats import FULL


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 12)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (10, 60, 90)).save(file, kind)
    return file.getvalue()


MEDIA = Media(portrait=picture())
READ_BACK = [name for name in FORMATS if name not in ("v1", "worldinfo", "markdown")]


@pytest.mark.parametrize("name", READ_BACK)
def test_each_format_is_known_by_its_bytes(name: str) -> None:
    reading = read_file(render(FULL, name, MEDIA))
    assert reading.format == name
    assert reading.card is not None
    assert reading.card.name == FULL.name
    assert reading.warnings == ()
    assert reading.deviations == () or name in ("json", "yaml")


def test_a_charx_may_hide_behind_a_jpeg() -> None:
    jpeg = picture("JPEG", (30, 40))
    reading = read_file(jpeg + render(FULL, "charx", MEDIA))
    assert reading.format == "charx"
    assert reading.card == FULL


def test_the_cover_of_a_charx_is_the_portrait_where_no_icon_is_packed() -> None:
    from cards.charx import write_charx
    from cards.v3 import to_v3

    reading = read_file(picture("JPEG", (30, 40)) + write_charx(to_v3(Card(name="A")), {}, {}))
    assert reading.media.portrait is not None
    assert Image.open(io.BytesIO(reading.media.portrait)).size == (30, 40)


def test_an_icon_of_another_kind_becomes_the_portrait_and_stays_as_it_is() -> None:
    icon = {"type": "icon", "uri": "embeded://assets/icon/image/main.webp", "name": "main", "ext": "webp"}
    webp = picture("WEBP", (20, 30))
    file = render(Card(name="A", assets=(icon,)), "charx", Media(assets={icon["uri"]: webp}))
    reading = read_file(file)
    assert reading.media.assets == {icon["uri"]: webp}
    assert reading.media.portrait is not None
    assert Image.open(io.BytesIO(reading.media.portrait)).format == "PNG"
    assert reading.card is not None
    assert render(reading.card, "charx", reading.media) == file


def test_an_icon_that_is_no_picture_does_not_stop_a_card() -> None:
    icon = {"type": "icon", "uri": "embeded://main.png", "name": "main", "ext": "png"}
    reading = read_file(render(Card(name="A", assets=(icon,)), "charx", Media(assets={icon["uri"]: b"no"})))
    assert reading.card is not None
    assert reading.media.portrait is None
    assert "another one is drawn" in reading.warnings[-1]


def test_a_picture_that_cannot_be_shown_does_not_stop_a_card() -> None:
    file = render(FULL, "tavernai", MEDIA)
    broken = file.replace(b"IDATx", b"IDATy")
    assert broken != file
    reading = read_file(broken)
    assert reading.card == FULL
    assert reading.media.portrait is None
    assert any("another one is drawn" in warning for warning in reading.warnings)


def test_json_may_begin_with_a_mark_or_blanks() -> None:
    card = render(FULL, "v3")
    assert read_file(b"\xef\xbb\xbf\n " + card).card == FULL
    assert read_file(card.decode().encode("utf-16")).card == FULL


def test_a_list_of_one_card_is_that_card() -> None:
    assert read_file(b"[" + render(FULL, "v3") + b"]").card == FULL


def test_what_cannot_be_stored_is_taken_out_and_told() -> None:
    reading = read_file(json.dumps({"name": "A\x00da", "x": {"\x00k": "\x00"}}).encode())
    assert reading.card is not None
    assert reading.card.name == "Ada"
    assert reading.card.extra == {"x": {"k": ""}}
    assert reading.warnings == ("3 characters that cannot be stored were taken out",)


def test_text_generation_webuis_yaml_is_read() -> None:
    reading = read_file(b"name: Ada\ncontext: |\n  Keeps count.\ngreeting: Hm?\n")
    assert reading.format == "yaml"
    assert reading.card is not None
    assert (reading.card.description, reading.card.first_mes) == ("Keeps count.\n", "Hm?")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\x00" * 40, "no card file"),
        (b"hello", "no card file"),
        (b"- a\n- b\n", "no card file"),
        (picture("JPEG"), "this picture holds no card"),
        (picture(), "the PNG holds no card"),
        (b"{}", "no field of a card"),
        (b"[{}, {}]", "a list of 2 things"),
        (b'{"name": "A"', "JSON"),
        (b"PK\x03\x04" + b"\x00" * 60, "zip"),
        (b'{"spec": "lorebook_v3"}', "data is missing"),
        (b'{"spec": "chara_card_v2", "data": {"name": " "}}', "data.name is missing or empty"),
        (b" " * (MAX_FILE + 1), "at most"),
        (b'{"entries": [' + b"{}," * 10_000 + b"{}]}", "10,001 entries; 10,000 at most"),
        (b'{"spec": "chara_card_v3", "data": {"name": "A", "assets": [{"type": ["x"]}]}}', "type must be a text"),
    ],
)
def test_what_is_no_card_is_refused_with_the_remedy(content: bytes, words: str) -> None:
    with pytest.raises(CardError, match=words):
        read_file(content)
