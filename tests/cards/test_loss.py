"""What formats cannot carry, and what front ends leave out or misread."""

from __future__ import annotations

import pytest

from cards.card import Book, Card, Entry
from cards.errors import CardError
from cards.formats import FORMATS
from cards.loss import FORMAT_LOSSES, FRONTENDS, losses

PLAIN = Card(name="Ada", description="d", first_mes="f")
ICON = {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}
PACKED = {"type": "emotion", "uri": "embeded://joy.png", "name": "joy", "ext": "png"}


def with_entry(**fields: object) -> Card:
    return Card(
        name="Ada", description="d", first_mes="f", book=Book(entries=(Entry(name="Ship", keys=("ship",), **fields),))
    )


def told(card: Card, format_name: str, frontend: str | None = None) -> set[tuple[str, str]]:
    return {(loss.field, loss.what) for loss in losses(card, format_name, frontend)}


def test_every_format_has_its_losses() -> None:
    assert list(FORMAT_LOSSES) == list(FORMATS)


@pytest.mark.parametrize("format_name", ["json", "v1", "v2", "v3", "tavernai", "charx", "yaml"])
def test_a_plain_card_loses_nothing(format_name: str) -> None:
    assert losses(PLAIN, format_name) == []


@pytest.mark.parametrize(
    ("card", "format_name", "frontend", "loss"),
    [
        (Card(name="Ada", tags=("a",)), "v1", None, ("tags", "lost")),
        (with_entry(), "v1", None, ("character_book", "lost")),
        (Card(name="Ada", wrapper={"x": 1}), "v1", None, ("wrapper", "lost")),
        (Card(name="Ada", nickname="A"), "v2", None, ("nickname", "lost")),
        (Card(name="Ada", group_only_greetings=("x",)), "v2", None, ("group_only_greetings", "lost")),
        (with_entry(content="@@depth 2\nx"), "v2", None, ("character_book", "lost")),
        (with_entry(id="x"), "v2", None, ("character_book", "lost")),
        (Card(name="Ada", assets=(ICON, PACKED)), "v2", None, ("assets", "lost")),
        (Card(name="Ada", assets=(ICON, PACKED)), "v3", None, ("assets", "lost")),
        (Card(name="Ada", assets=(ICON, PACKED)), "tavernai", None, ("assets", "lost")),
        (PLAIN, "worldinfo", None, ("card", "lost")),
        (PLAIN, "markdown", None, ("card", "lost")),
        (PLAIN, "yaml", "sillytavern", ("card", "misread")),
        (PLAIN, "v2", "sillytavern", ("portrait", "lost")),
        (with_entry(), "json", "sillytavern", ("character_book", "lost")),
        (Card(name="AC/DC"), "tavernai", "sillytavern", ("name", "misread")),
        (with_entry(content="@@depth 2\nx"), "tavernai", "sillytavern", ("character_book", "misread")),
        (with_entry(use_regex=True), "v3", "sillytavern", ("character_book", "misread")),
        (
            Card(name="Ada", extensions={"world": "w"}, book=Book()),
            "v2",
            "sillytavern",
            ("extensions.world", "misread"),
        ),
        (Card(name="Ada", book=Book(scan_depth=3)), "v2", "sillytavern", ("character_book.scan_depth", "lost")),
        (with_entry(enabled=False), "charx", "risuai", ("character_book", "misread")),
        (Card(name="Ada", book=Book(token_budget=9)), "charx", "risuai", ("character_book", "lost")),
        (Card(name="Ada", extensions={"depth_prompt": {}}), "v3", "risuai", ("extensions.depth_prompt", "misread")),
        (Card(name="Ada"), "v1", "risuai", ("card", "misread")),
        (with_entry(secondary_keys=("x",)), "worldinfo", "risuai", ("character_book", "lost")),
        (PLAIN, "v3", "agnai", ("card", "lost")),
        (PLAIN, "charx", "agnai", ("card", "lost")),
        (Card(name="Ada", personality="p"), "tavernai", "agnai", ("personality", "misread")),
        (with_entry(extensions={"probability": 5}), "v2", "agnai", ("character_book", "lost")),
        (with_entry(case_sensitive=True), "tavernai", "agnai", ("character_book", "lost")),
        (Card(name="Ada", nickname="A"), "tavernai", "chub", ("nickname", "lost")),
        (with_entry(use_regex=True), "v3", "chub", ("character_book", "misread")),
        (PLAIN, "charx", "chub", ("card", "lost")),
    ],
)
def test_what_does_not_arrive_is_told(
    card: Card, format_name: str, frontend: str | None, loss: tuple[str, str]
) -> None:
    assert loss in told(card, format_name, frontend)


@pytest.mark.parametrize(
    ("card", "format_name", "frontend"),
    [
        (with_entry(content="@@activate\nx"), "tavernai", "sillytavern"),
        (with_entry(use_regex=True), "v2", "chub"),
        (with_entry(enabled=True), "charx", "risuai"),
        (Card(name="Ada", book=Book(token_budget=9, scan_depth=1, recursive_scanning=False)), "charx", "risuai"),
        (PLAIN, "tavernai", "sillytavern"),
        (PLAIN, "v2", "agnai"),
        (PLAIN, "tavernai", "chub"),
    ],
)
def test_what_arrives_is_not_told(card: Card, format_name: str, frontend: str) -> None:
    assert losses(card, format_name, frontend) == []


def test_many_entries_are_named_by_the_first_few() -> None:
    entries = tuple(Entry(name=f"E{n}", keys=("k",), enabled=False) for n in range(9))
    message = losses(Card(name="Ada", book=Book(entries=entries)), "charx", "risuai")[0].message
    assert message.endswith("E0, E1, E2 and 6 more")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(CardError, match="choose one of json"):
        losses(PLAIN, "docx")
    with pytest.raises(CardError, match=f"choose one of {', '.join(FRONTENDS)}"):
        losses(PLAIN, "v2", "tavern")
