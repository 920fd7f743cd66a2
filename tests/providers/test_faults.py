"""Every row of the fault table over real HTTP, streaming and not: what it is taken for, and what the user is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from providers import base
from providers.base import Completion, Prompt, Sampling
from providers.faults import read_fault, read_reset, read_wait
from providers.openai import OpenAIProvider
from providers.reply import is_refusal
from tests.model_faults import BREAKING, CAPPED, LASTING, PASSING, Row, error
from tests.model_server import ModelServer

TEXT = {"type": "string"}
SHAPE = {
    "type": "object",
    "properties": {"name": TEXT, "description": TEXT},
    "required": ["name", "description"],
    "additionalProperties": False,
}
PROMPT = Prompt("write_card", ({"role": "user", "content": "Write."},), SHAPE)
SAMPLING = Sampling(model="test/model", max_tokens=900)
STABLE = {
    *("PROVIDER_AUTH", "PROVIDER_CREDITS", "PROVIDER_RATE_LIMITED", "PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT"),
    *("PROVIDER_BAD_OUTPUT", "OUTPUT_TRUNCATED", "CONTENT_FILTERED"),
}
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def ask(server: ModelServer, *, stream: bool = True, **changes: Any) -> Completion:
    return OpenAIProvider(server.base_url, "m").complete(PROMPT, replace(SAMPLING, stream=stream, **changes))


def fault_of(server: ModelServer, row: Row, *, stream: bool) -> base.Fault:
    server.script = [row.say]
    with pytest.raises(base.Fault) as raised:
        ask(server, stream=stream)
    assert type(raised.value) is row.kind
    assert row.remedy in str(raised.value)
    assert raised.value.code in STABLE
    return raised.value


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("row", LASTING.values(), ids=LASTING.keys())
def test_what_lasts_is_given_up_with_a_remedy(row: Row, stream: bool, model_server: ModelServer) -> None:
    assert isinstance(fault_of(model_server, row, stream=stream), base.GiveUp)
    assert len(model_server.ledger.requests) == 1, "no other way of asking is tried"


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("row", PASSING.values(), ids=PASSING.keys())
def test_what_passes_may_be_tried_again(row: Row, stream: bool, model_server: ModelServer) -> None:
    assert isinstance(fault_of(model_server, row, stream=stream), base.TryLater)
    assert ask(model_server, stream=stream).text


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("row", CAPPED.values(), ids=CAPPED.keys())
def test_what_was_cut_off_says_at_what_cap_and_whether_by_thinking(
    row: Row, stream: bool, model_server: ModelServer
) -> None:
    fault = fault_of(model_server, row, stream=stream)
    assert isinstance(fault, base.Truncated)
    assert (fault.cap, fault.reasoning) == (900, "reasoning" in row.remedy)
    assert fault.usage is not None
    assert fault.usage.cost_usd == model_server.ledger.total > 0


@pytest.mark.parametrize("row", BREAKING.values(), ids=BREAKING.keys())
def test_what_breaks_a_stream_is_told_apart(row: Row, model_server: ModelServer) -> None:
    fault_of(model_server, row, stream=True)


def test_what_can_be_afforded_is_told(model_server: ModelServer) -> None:
    fault = fault_of(model_server, LASTING["402 preflight"], stream=False)
    assert isinstance(fault, base.Unaffordable)
    assert fault.affordable == 700


def test_the_provider_behind_the_server_is_quoted(model_server: ModelServer) -> None:
    say = error(400, "Provider returned error", metadata={"raw": '{"msg": "no such voice"}'})
    assert "no such voice" in str(fault_of(model_server, Row(say, base.BadRequest), stream=False))


WAITS = [
    ({"Retry-After": "7"}, {"availability": {"retry_after": 3}}, 3.0),
    ({"Retry-After": "7"}, {"metadata": {"headers": {"Retry-After": "9"}}}, 7.0),
    ({}, {"metadata": {"headers": {"retry-after": "9"}}}, 9.0),
    ({"X-RateLimit-Reset": str(int(NOW.timestamp() + 90) * 1000)}, {}, 90.0),
    ({}, {"metadata": {"headers": {"X-RateLimit-Reset": str(int(NOW.timestamp() + 90) * 1000)}}}, 90.0),
    ({"X-RateLimit-Reset": str(int(NOW.timestamp() + 7 * 3600) * 1000)}, {}, 3600.0),
    ({"X-RateLimit-Reset": "soon", "Retry-After": "soon"}, {"availability": {"retry_after": None}}, None),
    ({}, {"availability": "x", "metadata": [1]}, None),
]


@pytest.mark.parametrize(("headers", "more", "seconds"), WAITS)
def test_a_server_says_in_many_places_how_long_to_wait(
    headers: dict[str, str], more: dict[str, Any], seconds: float | None
) -> None:
    assert read_wait(headers, more, NOW) == seconds
    fault = read_fault(429, headers, {"message": "x", **more}, None, NOW)
    assert isinstance(fault, base.RateLimited)
    assert fault.retry_after == seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [("30", 30.0), (str(NOW.timestamp() + 30), 30.0), ("1", 1.0), ("-5", 0.0)]
)
def test_a_reset_is_read_in_seconds_too(value: str, seconds: float) -> None:
    assert read_reset(value, NOW) == seconds


CAPS = [
    ("max_tokens is too large: 900. This model supports at most 512 completion tokens", 512),
    ("max_tokens: 900 > 512, which is the maximum allowed number of output tokens", 512),
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 512]", 512),
    ("`max_tokens` must be less than or equal to `512`", 512),
    ("maximum context length is 1,512 tokens. However, you requested 1900 tokens (1000 in the messages)", 504),
    ("maximum context length is 1512 tokens and your request has 1000 input tokens", 504),
]


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize(("message", "cap"), CAPS)
def test_a_cap_that_the_model_does_not_take_is_lowered_to_what_it_does(
    message: str, cap: int, stream: bool, model_server: ModelServer
) -> None:
    model_server.script = [error(400, message)]
    assert ask(model_server, stream=stream).text
    assert [body["max_tokens"] for body in model_server.ledger.requests] == [900, cap]


def test_the_cap_of_a_model_is_remembered_but_not_that_beside_one_prompt(model_server: ModelServer) -> None:
    model_server.script = [error(400, CAPS[4][0])]
    ask(model_server)
    model_server.script = [error(400, CAPS[0][0])]
    ask(model_server)
    ask(model_server)
    assert [body["max_tokens"] for body in model_server.ledger.requests] == [900, 504, 900, 512, 512]


def test_a_cut_off_answer_tells_the_largest_cap_that_is_known(model_server: ModelServer) -> None:
    model_server.script = [error(400, CAPS[0][0]), CAPPED["length"].say, error(400, CAPS[4][0]), CAPPED["length"].say]
    for cap in (512, 504):
        with pytest.raises(base.Truncated) as raised:
            ask(model_server, model=f"m{cap}")
        assert (raised.value.cap, raised.value.most) == (cap, cap)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot write this character.", True),
        ("As an AI language model, I do not have a body.", True),
        ("Sorry, I can’t assist with that request.", True),
        ("<think>Is this fine? No.</think>I won't continue.", True),
        ("I am unable to write about this.", True),
        ("Lo siento, no puedo ayudar con eso.", True),
        ("I can certainly do that! Here it is.", False),
        ("I am sorry, here is your card: {name", False),
        ('{"name": "I cannot"}', False),
        ("I cannot recall a storm like it. " * 60, False),
        ("Ondine keeps the lamp.", False),
    ],
)
def test_a_refusal_is_told_from_an_answer_by_how_it_opens(text: str, refused: bool) -> None:
    assert is_refusal(text) is refused
