"""Reading answers that are nearly what was asked for: what is found, mended, unwrapped, dropped, and what is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.base import BadOutput
from tasks.replies import balanced_objects, find_object, letters, mend_object, read_reply

TEXT = {"type": "string", "minLength": 1}


def object_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


CARD = object_of(name=TEXT, tags={"type": "array", "items": {"type": "string"}})
LIST = object_of(entries={"type": "array", "items": object_of(name=TEXT), "minItems": 1, "maxItems": 2})
FIGURES = object_of(
    count={"type": "integer", "minimum": 1, "maximum": 9},
    share={"type": "number"},
    note={"type": ["string", "null"]},
    kind={"type": "string", "enum": ["a", "b"]},
)
ONDINE = {"name": "Ondine", "tags": ["sea"]}
GOOD = json.dumps(ONDINE)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f'```\n{{"name": "draft", "tags": []}}\n```\nBetter:\n```json\n{GOOD}\n```\nEnjoy!',
        f'<think>{{"name": "no", "tags": []}}</think>{GOOD}',
        f"thinking without a beginning</think>{GOOD}",
        f"{GOOD}<think>thinking without an end {{",
        f"A card for {{{{char}}}} and {{{{user}}}}: {GOOD} Shall I go on with {{more}}?",
        f'{{"card": {GOOD}}}',
        f'{{"card": {GOOD[:-1]}, "mood": "grim"}}}}',
        GOOD[:-1] + ', "age": 34, "Name": "other"}',
        '{"name": "Ondine", "tags": ["sea",],}',
        '{"name": "Ondine" "tags": ["sea"]}',
        '{"name": "Ondine", "tags": ["sea"]',
    ],
)
def test_the_card_is_found_in_it(text: str) -> None:
    assert read_reply(text, CARD) == ONDINE


def test_line_breaks_in_texts_need_no_mending() -> None:
    assert read_reply('{"name": "On\ndine\t", "tags": []}', CARD, "length") == {"name": "On\ndine\t", "tags": []}


def test_valid_json_is_taken_as_it_is() -> None:
    card = {"name": "She <think>s", "tags": ["```", "</think>", "{"]}
    assert read_reply(json.dumps(card), CARD) == card


def test_what_no_column_takes_is_taken_out_of_mended_text_too() -> None:
    assert mend_object('{"a": {"b": "x\\u0000y"} "c": ["z\\u0000"]}') == {"a": {"b": "xy"}, "c": ["z"]}


def test_deep_nests_are_no_reply() -> None:
    for text in ('{"a":' * 5000, '{"a":' * 5000 + "1" + "}" * 5000, "[" * 100_000):
        with pytest.raises(BadOutput):
            read_reply(text, CARD)


def test_quotes_in_texts_are_mended_where_nothing_gets_lost() -> None:
    found = read_reply('{"name": "She said "no" to me", "tags": ["a"]}', CARD)
    assert found == {"name": 'She said "no" to me', "tags": ["a"]}


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "*She said,* "Hello, {{user}}." *and left.*", "tags": ["a"]}',
        "{'name': 'it''s me', 'tags': []}",
        '{"name": "x", /* a thought of some length */ "tags": []}',
    ],
)
def test_what_mending_would_lose_is_asked_for_again(text: str) -> None:
    with pytest.raises(BadOutput):
        read_reply(text, CARD)


@pytest.mark.parametrize("end", [14, 18, 24, 27])
def test_what_was_cut_off_is_never_mended(end: int) -> None:
    text = '{"name": "Ondine Marsh", "tags": ["sea"]}'
    with pytest.raises(BadOutput):
        read_reply(text[:end], CARD, "length")
    with pytest.raises(BadOutput):
        read_reply(text[:end], CARD, "stop")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Name": "Ondine", "tags": []}', "name is missing"),
        ('{"name": "Ondine"}', "tags is missing"),
        ('{"name ": "Ondine", "tags": []}', "name is missing"),
        ('{"card": {"nom": "Ondine"}}', "name is missing; tags is missing"),
        ('{"a": {"name": "x", "tags": []}, "b": 1}', "name is missing"),
        ('{"name": "x", "tags": [["a"]]}', r"tags\[0\] is not of the type string"),
        ("[]", "no JSON object"),
        ("I would rather not.", "no JSON object"),
    ],
)
def test_what_is_missing_is_named_to_the_letter(text: str, said: str) -> None:
    with pytest.raises(BadOutput, match=said):
        read_reply(text, CARD)


def test_a_bare_list_is_taken_for_the_only_list_that_was_asked_for() -> None:
    assert read_reply('[{"name": "a", "mood": 1}]', LIST) == {"entries": [{"name": "a"}]}
    with pytest.raises(BadOutput, match=r"entries\[0\]\.name is missing"):
        read_reply('[{"nom": "a"}]', LIST)


@pytest.mark.parametrize(
    ("entries", "said"),
    [([], "entries has 0 parts, fewer than 1"), ([{"name": "a"}] * 3, "entries has 3 parts, more than 2")],
)
def test_lists_are_held_to_their_length(entries: list[Any], said: str) -> None:
    with pytest.raises(BadOutput, match=said):
        read_reply(json.dumps({"entries": entries}), LIST)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 0}, "count is out of bounds"),
        ({"count": True}, "count is not of the type integer"),
        ({"count": 1.5}, "count is not of the type integer"),
        ({"share": "0.5"}, "share is not of the type number"),
        ({"note": 3}, "note is not of the type string or null"),
        ({"kind": "c"}, "kind is none of a, b"),
    ],
)
def test_figures_and_choices_are_held_to_their_kind(change: dict[str, Any], said: str) -> None:
    fitting = {"count": 3, "share": 1, "note": None, "kind": "a"}
    assert read_reply(json.dumps(fitting), FIGURES) == fitting
    with pytest.raises(BadOutput, match=said):
        read_reply(json.dumps(fitting | change), FIGURES)


def test_many_faults_are_counted() -> None:
    with pytest.raises(BadOutput, match="and 4 more"):
        read_reply("{}", object_of(**{f"p{n}": TEXT for n in range(12)}))


def test_balanced_objects_are_the_outermost() -> None:
    assert list(balanced_objects('a {"b": "}{", "c": {}} d {e} } { f')) == ['{"b": "}{", "c": {}}', "{e}"]


WORDS = st.text('ab "{}[]:,\\\n', max_size=30)


@given(WORDS)
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        assert isinstance(find_object(text), dict)
    except BadOutput:
        assert mend_object(text) is None


@given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz ,.", max_size=20), min_size=1, max_size=4), st.data())
def test_mending_loses_no_letter(value: dict[str, str], data: st.DataObject) -> None:
    """Of any object with any one sign taken out: it is mended with all its letters, or not at all."""
    text = json.dumps(value)
    place = data.draw(st.integers(0, len(text) - 1))
    broken = text[:place] + text[place + 1 :]
    mended = mend_object(broken)
    if mended is not None:
        assert letters(json.dumps(mended)) >= 0.97 * letters(broken)
