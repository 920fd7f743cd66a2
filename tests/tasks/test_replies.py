"""Reading replies and filling prompts: pure parts of the steps."""

from __future__ import annotations

import json

import pytest

from providers.base import BadOutput
from tasks import prompts, replies
from tasks.errors import StepFailed
from tasks.lore.shapes import ENTRIES
from tasks.writing.shapes import CARD
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
    entry = {"name": "x", "keys": ["x"], "content": "y", "category": "song"}
    with pytest.raises(BadOutput, match="none of world, event"):
        replies.read_reply(json.dumps({"entries": [entry]}), ENTRIES)


def test_slots_are_filled_by_value_and_never_run() -> None:
    templates = {"system": "s", "write_card": "Source: $source"}
    prompt = prompts.render(templates, "write_card", {"source": "costs $5, ${name} {0.__class__}"}, CARD, {})
    assert prompt.messages[1]["content"] == "Source: costs $5, ${name} {0.__class__}"


@pytest.mark.parametrize("template", ["$unknown", "costs $5"])
def test_a_template_that_cannot_be_filled_says_which_slots_there_are(template: str) -> None:
    with pytest.raises(StepFailed, match="Its slots are: source"):
        prompts.render({"system": "s", "write_card": template}, "write_card", {"source": "x"}, CARD, {})
