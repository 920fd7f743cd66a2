"""The strict check: silent about what we write, exact about what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from cards.book import to_book, to_lorebook_v3
from cards.card import Book, Card
from cards.conform import MOST, check_book, check_card
from cards.v2 import to_v2
from cards.v3 import to_v3
from cards.worldinfo import to_worldinfo
from tests.cards.strategies import books, v2_cards, v3_cards
from tests.cards.tricky import BOOK, DATA, ENTRY, V2, V3

quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(card=v3_cards)
def test_what_we_write_as_v3_is_v3(card: Card) -> None:
    assert check_card(to_v3(card)) == []


@quick
@given(card=v2_cards)
def test_what_we_write_as_v2_is_v2(card: Card) -> None:
    assert check_card(to_v2(card)) == []


@quick
@given(book=books())
def test_what_we_write_as_a_book_is_one(book: Book) -> None:
    assert check_book(to_book(book, v3=False)) == []
    assert check_book(to_lorebook_v3(book)) == []
    assert check_book(to_worldinfo(book)) == []


def v2(**fields: Any) -> dict[str, Any]:
    return {**V2, "data": {**DATA, **fields}}


def v3(**fields: Any) -> dict[str, Any]:
    return {**V3, "data": {**DATA, "group_only_greetings": [], **fields}}


def with_entry(**fields: Any) -> dict[str, Any]:
    return v2(character_book={**BOOK, "entries": [{**ENTRY, **fields}]})


@pytest.mark.parametrize(
    ("obj", "path", "words"),
    [
        (v2(name=""), "data.name", "is empty"),
        (v2(tags="a"), "data.tags", "must be a list of texts, not a text"),
        (v2(tags=[1]), "data.tags", "must be a list of texts"),
        (v2(character_version=1), "data.character_version", "must be a text, not a number"),
        (v2(extensions=None), "data.extensions", "must be an object, not null"),
        (v2(character_book=None), "data.character_book", "not null"),
        (with_entry(id="a"), "data.character_book.entries[0].id", "must be a number, not a text"),
        (with_entry(position=4), "data.character_book.entries[0].position", "must be before_char or after_char"),
        (with_entry(enabled=1), "data.character_book.entries[0].enabled", "must be true or false, not a number"),
        (with_entry(keys="a,b"), "data.character_book.entries[0].keys", "must be a list of texts"),
        (v3(character_book=BOOK), "data.character_book.entries[0].use_regex", "is missing"),
        (v3(assets=[{"type": "icon"}]), "data.assets[0].uri", "is missing"),
        (v3(assets=["x"]), "data.assets[0]", "must be an object"),
        (
            v3(assets=[{"type": "icon", "uri": "ccdefault:", "name": name, "ext": "png"} for name in ("a", "b")]),
            "data.assets",
            "several icons",
        ),
        (v3(creation_date="today"), "data.creation_date", "must be a number, not a text"),
        (v3(creation_date=1_700_000_000_000), "data.creation_date", "milliseconds"),
        ({"spec": "chara_card_v9", "data": DATA}, "spec", "chara_card_v9"),
        ({**V3, "spec_version": 3.0, "data": DATA}, "spec_version", "3.0"),
        ({**V2}, "data", "is missing or no object"),
        ({"name": "A"}, "description", "is missing"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(obj: dict[str, Any], path: str, words: str) -> None:
    found = {deviation.path: deviation for deviation in check_card(obj)}
    assert words in found[path].message
    assert found[path].fix


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        ({"entries": {"1": {"uid": 2, "key": [], "content": "", "order": 1}}}, "entries.1.uid"),
        ({"entries": {"1": []}}, "entries.1"),
        ({"entries": [1], "extensions": {}}, "entries[0]"),
        ({"entries": []}, "extensions"),
        ({"spec": "lorebook_v3"}, "data"),
        ({"spec": "lorebook_v3", "data": {**BOOK}}, "data.entries[0].use_regex"),
    ],
)
def test_what_is_wrong_with_a_book_is_told_by_its_place(obj: dict[str, Any], path: str) -> None:
    assert path in {deviation.path for deviation in check_book(obj)}


def test_a_broken_file_does_not_fill_the_page() -> None:
    assert len(check_card(v2(character_book={"entries": [{}] * 10_000, "extensions": {}}))) == MOST
