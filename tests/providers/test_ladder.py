"""The ladder of structured output over real HTTP: each rung, streaming and not; how rungs are refused and learned."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import base, ladder, learned, tagged
from providers.base import Completion, Prompt, Sampling
from providers.ladder import RUNGS
from providers.openai import OpenAIProvider
from tasks.replies import read_reply
from tests.model_server import ModelServer, Say
from tests.model_writer import CARD, ENTRIES

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def object_of(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CARD_SHAPE = object_of(**{name: TEXTS if isinstance(value, list) else TEXT for name, value in CARD.items()})
ENTRY_SHAPE = object_of(
    entries={
        "type": "array",
        "items": object_of(
            name=TEXT,
            keys=TEXTS,
            content=TEXT,
            category={"type": "string", "enum": ["world", "place"]},
            constant={"type": "boolean"},
            order={"type": "integer", "minimum": 3},
            note={"type": ["string", "null"]},
        ),
    }
)
PROMPT = Prompt("write_card", ({"role": "user", "content": "Write the card."},), CARD_SHAPE)
SAMPLING = Sampling(model="test/model", max_tokens=900)
REFUSAL = Say(400, {"error": {"message": "This response_format, and tools, are not supported here"}})


@pytest.fixture(params=[True, False], ids=["streaming", "whole"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def ask(server: ModelServer, prompt: Prompt = PROMPT, **changes: Any) -> Completion:
    return OpenAIProvider(server.base_url, "m").complete(prompt, replace(SAMPLING, **changes))


def rungs_asked(server: ModelServer) -> list[str]:
    from tests.model_writer import read_request

    return [read_request(body).rung for body in server.ledger.requests]


# Each rung


@pytest.mark.parametrize("rung", RUNGS)
def test_each_rung_brings_the_same_card(rung: str, stream: bool, model_server: ModelServer) -> None:
    completion = ask(model_server, structured_output=rung, stream=stream)
    assert json.loads(completion.text) == CARD
    assert (completion.rung, completion.finish_reason) == (rung, "stop")
    assert completion.usage.cost_usd == model_server.ledger.total > 0
    assert rungs_asked(model_server) == [rung]


@pytest.mark.parametrize("rung", RUNGS)
def test_each_rung_brings_lists_of_objects(rung: str, stream: bool, model_server: ModelServer) -> None:
    prompt = Prompt("write_entries", ({"role": "user", "content": "Write."},), ENTRY_SHAPE)
    entries = {
        "entries": [{**ENTRIES["entries"][0], "order": n, "note": note} for n, note in [(3, None), (12, "x\n\ny")]]
    }
    model_server.writers = {name: lambda *_: entries for name in ("write_entries", "")}
    completion = ask(model_server, prompt, structured_output=rung, stream=stream)
    assert read_reply(completion.text, ENTRY_SHAPE) == entries


def test_the_schema_that_is_sent_has_no_bounds_that_strict_servers_refuse(model_server: ModelServer) -> None:
    for rung in ("json_schema", "tool"):
        ask(model_server, structured_output=rung)
    first, second = model_server.ledger.requests
    shape = first["response_format"]["json_schema"]
    assert (shape["name"], shape["strict"]) == ("write_card", True)
    assert shape["schema"] == second["tools"][0]["function"]["parameters"]
    assert "minLength" not in json.dumps(shape)
    assert "minItems" not in json.dumps(shape)
    assert shape["schema"]["required"] == CARD_SHAPE["required"]
    assert shape["schema"]["additionalProperties"] is False


def test_a_tool_is_forced_by_name_and_is_the_only_one(model_server: ModelServer) -> None:
    ask(model_server, structured_output="tool")
    (body,) = model_server.ledger.requests
    assert body["tool_choice"] == {"type": "function", "function": {"name": "write_card"}}
    assert len(body["tools"]) == 1
    assert "response_format" not in body


@pytest.mark.parametrize("rung", ["json_object", "fenced", "tagged"])
def test_the_shape_stands_in_the_last_message_where_no_field_says_it(rung: str) -> None:
    prompt = replace(PROMPT, messages=({"role": "system", "content": "s"}, {"role": "user", "content": "u"}))
    system, user = ladder.messages(prompt, rung)
    assert system == {"role": "system", "content": "s"}
    assert user["content"].startswith("u\n\n")
    assert "alternate_greetings" in user["content"].lower()
    assert prompt.messages[1]["content"] == "u"


@pytest.mark.parametrize("rung", ["json_schema", "tool"])
def test_the_messages_are_untouched_where_a_field_says_the_shape(rung: str) -> None:
    assert ladder.messages(PROMPT, rung) == [{"role": "user", "content": "Write the card."}]


def test_openrouter_is_told_to_choose_an_endpoint_that_knows_schemas() -> None:
    assert ladder.fields(PROMPT, "json_schema", openrouter=True)["provider"] == {"require_parameters": True}
    assert "provider" not in ladder.fields(PROMPT, "tool", openrouter=True)
    assert "provider" not in ladder.fields(PROMPT, "json_schema", openrouter=False)


ODD_CALLS = {
    "an object": {"tool_calls": [{"function": {"name": "x", "arguments": {"name": "Å"}}}]},
    "text beside": {"content": "Calling.", "tool_calls": [{"function": {"arguments": '{"name": "Å"}'}}]},
    "no call": {"content": '{"name": "Å"}'},
    "an empty call": {"content": '{"name": "Å"}', "tool_calls": []},
}


@pytest.mark.parametrize("message", ODD_CALLS.values(), ids=ODD_CALLS.keys())
def test_a_tool_is_called_in_many_ways(message: dict[str, Any], stream: bool, model_server: ModelServer) -> None:
    part = {"delta" if stream else "message": message, "finish_reason": "stop"}
    body = {"choices": [part]}
    if stream:
        lines = f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n".encode()
        say = Say(body=lines, headers={"Content-Type": "text/event-stream"})
    else:
        say = Say(body=body)
    model_server.script = [say]
    assert json.loads(ask(model_server, structured_output="tool", stream=stream).text) == {"name": "Å"}


# Going down


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_a_refused_rung_is_left_for_the_next_and_that_is_remembered(
    refused: int, stream: bool, model_server: ModelServer
) -> None:
    model_server.refuses = dict.fromkeys(RUNGS[:refused], REFUSAL)
    for _ in range(2):
        completion = ask(model_server, stream=stream)
        assert read_reply(completion.text, CARD_SHAPE) == CARD
        assert completion.rung == RUNGS[refused]
    asked = [rung for rung in rungs_asked(model_server) if rung not in RUNGS[:refused]]
    assert asked == [RUNGS[refused]] * 2
    assert len(model_server.ledger.requests) <= refused + 3
    lessons = learned.known()[model_server.base_url, "test/model"]
    assert (lessons.rung, lessons.worked) == (RUNGS[refused], True)


REFUSED = {
    "OpenAI": (
        400,
        {"error": {"message": "Invalid parameter: 'response_format' of type 'json_schema' is not supported"}},
    ),
    "param": (400, {"error": {"message": "nope", "param": "response_format", "code": "unsupported"}}),
    "a string": (400, {"error": "'response_format.type' must be 'text'"}),
    "behind": (400, {"error": {"message": "Provider returned error", "metadata": {"raw": '{"e":"bad json_schema"}'}}}),
    "constraint": (
        404,
        {
            "error": {
                "message": "x",
                "availability": {"code": "constraint_filtered", "excluded_by": ["require_parameters"]},
            }
        },
    ),
    "no endpoint": (404, {"error": {"message": "No endpoints found that can handle the requested parameters."}}),
    "422": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "response_format"], "msg": "not permitted"}]}),
    "in a 200": (200, {"error": {"code": 400, "message": "json_schema is not supported"}}),
    "grammar": (400, {"object": "error", "message": "Failed to compile grammar", "code": 400}),
    "without a word": (400, {"error": {"message": "Provider returned error", "code": 400}}),
    "with nothing": (400, {}),
}


@pytest.mark.parametrize(("status", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_come_in_many_words(
    status: int, body: dict[str, Any], stream: bool, model_server: ModelServer
) -> None:
    model_server.refuses = {"json_schema": Say(status, body)}
    assert ask(model_server, stream=stream).rung == "tool"
    ask(model_server, stream=stream)
    assert rungs_asked(model_server) == ["json_schema", "tool", "tool"]


def test_lm_studio_is_asked_by_neither_named_tool_nor_json_object(model_server: ModelServer) -> None:
    model_server.refuses = {
        "json_schema": REFUSAL,
        "tool": Say(
            400, {"error": "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"}
        ),
        "json_object": Say(400, {"error": "'response_format.type' must be 'json_schema' or 'text'"}),
    }
    assert ask(model_server).rung == "fenced"
    assert len(model_server.ledger.requests) == 5
    assert [body.get("tool_choice") for body in model_server.ledger.requests][1:3] == [
        {"type": "function", "function": {"name": "write_card"}},
        "required",
    ]


def test_an_error_of_another_kind_moves_nothing(model_server: ModelServer) -> None:
    for say in (Say(503, {"error": {"message": "tool and schema"}}), Say(400, {"error": {"message": "bad voice"}})):
        model_server.script = [say]
        with pytest.raises(base.Fault):
            ask(model_server)
    assert ask(model_server).rung == "json_schema"


def test_what_is_refused_to_the_last_rung_is_the_question(model_server: ModelServer) -> None:
    model_server.script = [Say(400, {})] * 9
    with pytest.raises(base.BadRequest, match="400"):
        ask(model_server)
    assert rungs_asked(model_server) == ["json_schema", "tool", "json_object", "fenced"]
    model_server.script = []
    assert ask(model_server).rung == "json_schema", "it was not the rung, so nothing was learned of it"


def test_a_pinned_rung_is_not_left_and_the_user_is_told_so(model_server: ModelServer) -> None:
    model_server.refuses = {"json_schema": REFUSAL}
    with pytest.raises(base.BadRequest, match="structured_output asks for json_schema: set it to auto"):
        ask(model_server, structured_output="json_schema")
    assert rungs_asked(model_server) == ["json_schema"]


def test_lower_is_one_rung_below_what_is_known(model_server: ModelServer) -> None:
    assert ask(model_server, structured_output="lower").rung == "tool"
    assert ask(model_server).rung == "json_schema", "and is for one answer only"
    model_server.refuses = {"json_schema": REFUSAL, "tool": REFUSAL}
    assert ask(model_server).rung == "json_object"
    assert ask(model_server, structured_output="lower").rung == "fenced"


def test_models_are_remembered_apart(model_server: ModelServer) -> None:
    model_server.refuses = {"json_schema": REFUSAL}
    ask(model_server)
    ask(model_server, model="other")
    assert rungs_asked(model_server) == ["json_schema", "tool"] * 2


def test_a_refusal_of_long_ago_counts_no_more(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    model_server.refuses = {"json_schema": REFUSAL}
    ask(model_server)
    model_server.refuses = {}
    monkeypatch.setattr(learned, "LASTS_SECONDS", 0.0)
    assert ask(model_server).rung == "json_schema"


def test_many_threads_learn_one_thing(model_server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    model_server.refuses = {"json_schema": REFUSAL, "tool": REFUSAL}
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: ask(model_server).rung, range(32)))
    assert set(found) == {"json_object"}
    assert learned.of(model_server.base_url, "test/model").rung == "json_object"
    assert 1 <= sum("asking by" in record.message for record in caplog.records) <= 2


# Tagged sections


def read(text: str, schema: dict[str, Any] = CARD_SHAPE) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tagged.read(text, schema))
    return found


def test_sections_are_read_whatever_surrounds_them() -> None:
    head = 'Sure!\n\n**#NAME#**\nOndine\n\n## description #\nA "tall" woman.\n\n#love# is no tag.\n'
    text = f"{head}#TAGS.2#\nb\n#tags.1#\na\n#END#\nBye"
    assert read(text) == {"name": "Ondine", "description": 'A "tall" woman.\n\n#love# is no tag.', "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("below", "tags"),
    [
        ("- a\n- b c", ["a", "b c"]),
        ("1. a\n2) b", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("a, b c,", ["a", "b c"]),
        ("(none)", []),
        ("", []),
        ("One day it rained.\n\nThen it stopped.", ["One day it rained.\n\nThen it stopped."]),
    ],
)
def test_a_list_may_stand_below_one_tag(below: str, tags: list[str]) -> None:
    assert read(f"#NAME#\nx\n#TAGS#\n{below}") == {"name": "x", "tags": tags}


def test_what_does_not_fit_stays_to_be_named() -> None:
    text = "#ENTRIES.1.NAME#\nx\n#ENTRIES.1.CATEGORY#\nPlace.\n#ENTRIES.1.CONSTANT#\nmaybe\n#ENTRIES.1.ORDER#\nfour"
    entry = {"name": "x", "category": "place", "constant": "maybe", "order": "four"}
    assert read(text, ENTRY_SHAPE) == {"entries": [entry]}


def test_text_without_tags_is_left_alone() -> None:
    assert tagged.read('{"name": "x"}', CARD_SHAPE) == ""
    assert tagged.read("", CARD_SHAPE) == ""


SCALARS = st.one_of(st.text("ab #\n\"{}'", min_size=1).map(str.strip).filter(bool), st.just("Å 「霧」"))


def _plain(text: str) -> bool:
    return not tagged.SECTION.search(text) and text.lower() not in tagged.NOTHING


@given(
    st.fixed_dictionaries(
        {
            "name": SCALARS.filter(_plain),
            "alternate_greetings": st.lists(SCALARS.filter(_plain), min_size=1, max_size=3),
        }
    )
)
def test_what_is_written_in_sections_is_read_back(value: dict[str, Any]) -> None:
    from tests.model_writer import tagged_lines

    assert read("\n".join(tagged_lines(value))) == value


# Thinking aloud


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("<think>a</think>b", "b"),
        ("<THINKING>a\n</thinking>b<think>c</think>d", "bd"),
        ("a</think>b", "b"),
        ("b<think>never ends", "b"),
        ("b", "b"),
    ],
)
def test_thoughts_are_taken_out(text: str, bare: str) -> None:
    assert ladder.strip_thinking(text) == bare


def test_thoughts_hold_no_sections(model_server: ModelServer) -> None:
    model_server.script = [Say(text="<think>#NAME#\nno</think>#NAME#\nOndine")]
    assert json.loads(ask(model_server, structured_output="tagged").text) == {"name": "Ondine"}
