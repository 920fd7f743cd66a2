"""Reading replies, filling prompts, arranging lore: pure parts of the steps."""

from __future__ import annotations

import json

import pytest

from providers.base import BadOutput
from tasks import prompts, replies
from tasks.errors import StepFailed
from tasks.lore.arrange import arrange, choose_keys
from tasks.writing.shapes import CARD, ENTRIES
from tests.model_server import CARD as REPLY


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        'Here it is:\n```json\n{"a": 1}\n```\nEnjoy!',
        '<think>{"a": 2} perhaps?</think>{"a": 1}',
        'Sure. {"a": 1} There you are.',
        '```\n{"a": 2}\n```\nNo, rather:\n```json\n{"a": 1}\n```',
    ],
)
def test_the_object_is_found_in_talk_fences_and_thought(text: str) -> None:
    assert replies.find_object(text) == {"a": 1}


def test_what_no_column_takes_is_taken_out() -> None:
    assert replies.find_object('{"a": ["x\\u0000y", "\\ud800z"]}') == {"a": ["xy", "z"]}


@pytest.mark.parametrize("text", ["", "no", "[1, 2]", '{"a": 1', "null"])
def test_what_holds_no_object_is_bad_output(text: str) -> None:
    with pytest.raises(BadOutput, match="no JSON object"):
        replies.find_object(text)


def test_a_whole_card_fits() -> None:
    assert replies.read_reply(json.dumps(REPLY), CARD) == REPLY


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": " "}, "name is empty"),
        ({"tags": "a, b"}, "tags is not of the type array"),
        ({"alternate_greetings": ["x", 3]}, r"alternate_greetings\[1\] is not of the type string"),
        ({"description": None}, "description is not of the type string"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(BadOutput, match=said):
        replies.read_reply(json.dumps(REPLY | change), CARD)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BadOutput, match="scenario is missing"):
        replies.read_reply(json.dumps({k: v for k, v in REPLY.items() if k != "scenario"}), CARD)


def test_a_category_is_one_of_those_asked_for() -> None:
    entry = {"name": "x", "keys": ["x"], "content": "y", "category": "song", "constant": False}
    with pytest.raises(BadOutput, match="none of place, person"):
        replies.read_reply(json.dumps({"entries": [entry]}), ENTRIES)


def test_slots_are_filled_by_value_and_never_run() -> None:
    templates = {"system": "s", "write_card": "Source: $source"}
    prompt = prompts.render(templates, "write_card", {"source": "costs $5, ${name} {0.__class__}"}, CARD, {})
    assert prompt.messages[1]["content"] == "Source: costs $5, ${name} {0.__class__}"


@pytest.mark.parametrize("template", ["$unknown", "costs $5"])
def test_a_template_that_cannot_be_filled_says_which_slots_there_are(template: str) -> None:
    with pytest.raises(StepFailed, match="Its slots are: source"):
        prompts.render({"system": "s", "write_card": template}, "write_card", {"source": "x"}, CARD, {})


def entry(
    name: str, category: str = "place", *, constant: bool = False, keys: tuple[str, ...] = ()
) -> dict[str, object]:
    return {"name": name, "keys": list(keys), "content": f"{name} is.", "category": category, "constant": constant}


def test_no_key_fires_two_entries_nor_for_the_character_itself() -> None:
    book = arrange("Ondine", [entry("Gull Rock", keys=("rock", "Ondine")), entry("The Rock", keys=("ROCK",))], 9)
    assert book is not None
    assert [e.keys for e in book.entries] == [("Gull Rock", "rock"), ("The Rock",)]


def test_keys_have_no_commas_and_are_long_enough() -> None:
    assert choose_keys(["mist, fog", " of ", "桜", "x" * 61, "Mist"], set()) == ["mist", "fog", "桜"]


def test_one_constant_stands_first_and_the_rest_in_tiers() -> None:
    written = [entry("Sword", "thing"), entry("Realm", "world", constant=True), entry("Age", "world", constant=True)]
    book = arrange("Galahad", [*written, entry("Keep", "place")], 9)
    assert book is not None
    assert [(e.name, e.constant) for e in book.entries] == [
        ("Realm", True),
        ("Age", False),
        ("Keep", False),
        ("Sword", False),
    ]
    assert sorted(e.insertion_order for e in book.entries) == [e.insertion_order for e in book.entries]


def test_an_entry_that_nothing_could_bring_up_is_left_out() -> None:
    assert arrange("Galahad", [entry("Galahad", "person")], 9) is None
