"""Import then export is lossless: any card through any two formats that can carry it, and other programs' files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cards.card import Book, Card
from cards.files import read_file
from cards.formats import render, render_book
from cards.media import Media
from tests.cards.strategies import books, v2_cards, v3_cards
from tests.cards.tricky import FILES

# `make lossless` sets it to 5,000.
EXAMPLES = int(os.environ.get("LOSSLESS_EXAMPLES", "60"))
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

WHOLE = ("v3", "json", "yaml", "tavernai", "charx")
BOOKS = ("worldinfo", "character_book", "lorebook_v3")


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 12), (90, 60, 30)).save(file, "PNG")
    return file.getvalue()


MEDIA = Media(portrait=picture())


def through(card: Card, *formats: str) -> Card:
    """The card after it was written and read in each format."""
    for format_name in formats:
        reading = read_file(render(card, format_name, MEDIA))
        assert reading.card is not None
        assert reading.format == format_name
        card = reading.card
    return card


@pytest.mark.parametrize("first", WHOLE)
@thorough
@given(card=v3_cards, second=st.sampled_from(WHOLE))
def test_any_card_survives_two_formats_that_carry_all(first: str, second: str, card: Card) -> None:
    assert through(card, first, second) == card


@thorough
@given(card=v2_cards, other=st.sampled_from(WHOLE))
def test_a_card_without_v3_parts_survives_v2_and_any_other(card: Card, other: str) -> None:
    assert through(card, "v2", other) == card
    assert through(card, other, "v2") == card


@thorough
@given(book=books(v3=False), pair=st.tuples(st.sampled_from(BOOKS), st.sampled_from(BOOKS)))
def test_any_book_without_v3_parts_survives_two_formats(book: Book, pair: tuple[str, str]) -> None:
    found: Book | None = book
    for format_name in pair:
        assert found is not None
        found = read_file(render_book(found, format_name)).book
    assert found == book


@thorough
@given(book=books(wrapped=True))
def test_any_book_survives_the_file_of_v3(book: Book) -> None:
    assert read_file(render_book(book, "lorebook_v3")).book == book


# What other programs write --------------------------------------------------------------------------------


def missing(before: Any, after: Any, path: str = "") -> list[str]:
    """The places of ``before`` that are not in ``after`` with the same value."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        gone = [f"{path}.{name}" for name in before if name not in after]
        return gone + [
            place for name in before if name in after for place in missing(before[name], after[name], f"{path}.{name}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        parts = enumerate(zip(before, after, strict=True))
        return [place for index, (one, other) in parts for place in missing(one, other, f"{path}[{index}]")]
    return [] if before == after and type(before) is type(after) else [f"{path}: {before!r:.60} -> {after!r:.60}"]


@pytest.mark.parametrize("name", FILES)
def test_a_tricky_file_is_read_and_nothing_of_it_is_lost(name: str) -> None:
    file = FILES[name]
    reading = read_file(json.dumps(file.content).encode())
    assert reading.format == file.format
    written = (
        render(reading.card, file.back) if reading.card is not None else render_book(reading.book or Book(), file.back)
    )
    lost = [place for place in missing(file.content, json.loads(written)) if not place.startswith(tuple(file.changed))]
    assert lost == []


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name].odd])
def test_what_is_odd_about_a_tricky_file_is_told(name: str) -> None:
    file = FILES[name]
    reading = read_file(json.dumps(file.content).encode())
    told = {deviation.path for deviation in reading.deviations}
    assert set(file.odd) <= told


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name].back in ("v2", "v3", "json")])
def test_a_tricky_card_survives_the_pictures_and_yaml(name: str) -> None:
    card = read_file(json.dumps(FILES[name].content).encode()).card
    assert card is not None
    for format_name in ("tavernai", "charx", "yaml"):
        assert through(card, format_name) == card


def test_the_portrait_travels_with_the_picture_formats() -> None:
    card = Card(name="Ada")
    for format_name in ("tavernai", "charx"):
        assert read_file(render(card, format_name, MEDIA)).media.portrait == MEDIA.portrait


def test_files_of_a_charx_travel_with_it() -> None:
    asset = {"type": "emotion", "uri": "embeded://assets/emotion/images/joy.webp", "name": "joy", "ext": "webp"}
    icon = {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}
    card = Card(name="Ada", assets=(icon, asset))
    media = replace(MEDIA, assets={asset["uri"]: b"joy"}, others={"x_meta/0.json": b"{}"})
    reading = read_file(render(card, "charx", media))
    assert (reading.card, reading.media) == (card, media)


def test_an_asset_without_its_file_is_left_out_of_a_charx() -> None:
    asset = {"type": "other", "uri": "embeded://gone.bin", "name": "x", "ext": "bin"}
    assert read_file(render(Card(name="Ada", assets=(asset,)), "charx", MEDIA)).card == Card(name="Ada")


def test_files_that_no_asset_names_travel_with_a_charx() -> None:
    media = replace(MEDIA, assets={"embeded://assets/other/other/foo.bin": b"foo"}, others={"x_meta/0.json": b"{}"})
    reading = read_file(render(Card(name="Ada"), "charx", media))
    assert {**reading.media.assets, **reading.media.others} == {**media.assets, **media.others}
    assert read_file(render(Card(name="Ada"), "charx", reading.media)).media == reading.media


def test_an_icon_and_another_asset_may_be_one_file() -> None:
    uri = "embeded://assets/icon/images/main.png"
    icon = {"type": "icon", "uri": uri, "name": "main", "ext": "png"}
    joy = {"type": "emotion", "uri": uri, "name": "joy", "ext": "png"}
    reading = read_file(render(Card(name="Ada", assets=(icon, joy)), "charx", Media(assets={uri: picture()})))
    assert reading.card is not None
    assert [asset["type"] for asset in reading.card.assets or ()] == ["icon", "emotion"]
    again = read_file(render(reading.card, "charx", reading.media))
    assert again.card is not None
    assert [asset["type"] for asset in again.card.assets or ()] == ["icon", "emotion"]


def test_no_asset_takes_the_place_of_the_portrait() -> None:
    uri = "embeded://assets/icon/images/main.png"
    icon = {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}
    sky = {"type": "background", "uri": uri, "name": "main", "ext": "png"}
    reading = read_file(render(Card(name="Ada", assets=(icon, sky)), "charx", replace(MEDIA, assets={uri: b"sky"})))
    assert reading.media.portrait == MEDIA.portrait
    assert reading.media.assets[uri] == b"sky"


def test_a_uri_spelled_as_the_word_is_the_specifications() -> None:
    sky = {"type": "background", "uri": "embedded://sky.png", "name": "main", "ext": "png"}
    obj = {"spec": "chara_card_v3", "data": {"name": "Ada", "assets": [sky]}}
    card = read_file(json.dumps(obj).encode()).card
    assert card is not None
    assert card.assets is not None
    assert card.assets[0]["uri"] == "embeded://sky.png"
