"""The key is nowhere but in its header: not in a fault, an answer, a log or a repr, whatever the server quotes."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import settings
from providers import base, learned
from providers.base import Prompt, Sampling
from providers.openai import OpenAIProvider
from tests.model_faults import BREAKING, CAPPED, LASTING, PASSING
from tests.model_server import ModelServer, Say

KEY = "sk-or-v1-a-very-secret-key"
PROMPT = Prompt("write_card", ({"role": "user", "content": "Write."},), {"type": "object"})
SAMPLING = Sampling(model="test/model", max_tokens=900)
QUOTED = f"Incorrect API key provided: {KEY}. Bearer {KEY}"


@pytest.fixture
def provider(model_server: ModelServer) -> OpenAIProvider:
    return OpenAIProvider(model_server.base_url, "test/model", KEY)


@pytest.fixture(autouse=True)
def _no_line_of_the_log_holds_the_key(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert KEY not in caplog.text


def quoting(status: int) -> dict[str, Say]:
    """An error that quotes the key wherever an error has room for words."""
    return {
        "message": Say(status, {"error": {"message": QUOTED, "code": status}}),
        "a string": Say(status, {"error": QUOTED}),
        "detail": Say(status, {"detail": QUOTED}),
        "raw": Say(status, {"error": {"message": "x", "metadata": {"raw": QUOTED}}}),
        "reasons": Say(status, {"error": {"message": "x", "metadata": {"reasons": [QUOTED]}}}),
        "param": Say(status, {"error": {"message": "x", "param": QUOTED}}),
        "headers": Say(status, {"error": {"message": "x"}}, headers={"Retry-After": KEY, "X-Generation-Id": KEY}),
        "a page": Say(status, f"<html>{QUOTED}</html>".encode()),
    }


FAULTS = [
    pytest.param(say, id=f"{status} {name}")
    for status in (400, 401, 402, 403, 404, 422, 429, 500)
    for name, say in quoting(status).items()
]
FAULTS += [
    pytest.param(say, id=name)
    for name, say in {
        "in a 200": Say(200, {"error": {"message": QUOTED, "code": 401}}),
        "in the choice": Say(200, {"choices": [{"error": {"message": QUOTED, "code": 502}}]}),
        "mid-stream": Say(mid_error={"error": {"message": QUOTED, "code": 401}}),
        "mid-stream, a string": Say(mid_error={"error": QUOTED}),
        "mid-stream, no JSON": Say(mid_error=QUOTED.encode()),
        "refusal": Say(text="", message={"refusal": QUOTED}),
        "refusal in words": Say(text=f"I'm sorry, but I can't use {KEY}."),
    }.items()
]


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("say", FAULTS)
def test_no_fault_holds_the_key(say: Say, stream: bool, provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [say] * 9
    if say.mid_error is not None and not stream:
        return
    with pytest.raises(base.Fault) as raised:
        provider.complete(PROMPT, replace(SAMPLING, stream=stream))
    fault = raised.value
    assert KEY not in "".join(traceback.format_exception(fault))
    assert KEY not in repr((fault, fault.args, vars(fault)))


@pytest.mark.parametrize("row", [*LASTING.values(), *PASSING.values(), *CAPPED.values(), *BREAKING.values()])
def test_no_row_of_the_fault_table_brings_it_out(row: Any, provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [row.say] * 9
    with pytest.raises(base.Fault) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert KEY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
def test_no_answer_holds_the_key(stream: bool, provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [Say(text=f'{{"name": "{KEY}"}}', model=KEY)]
    completion = provider.complete(PROMPT, replace(SAMPLING, stream=stream))
    assert KEY not in repr(completion)
    assert completion.text == '{"name": "[key]"}'


def test_no_repr_and_nothing_learned_holds_the_key(provider: OpenAIProvider, model_server: ModelServer) -> None:
    provider.complete(PROMPT, SAMPLING)
    assert KEY not in repr((provider, vars(provider)["_session"].auth, learned.known()))
    llm = settings.llm({"LLM_BASE_URL": f"http://user:{KEY}@host/v1", "LLM_MODEL": "m", "LLM_API_KEY": KEY})
    assert KEY not in repr(llm)


@pytest.mark.parametrize("name", ["LLM_API_KEY", "OPENROUTER_API_KEY"])
@pytest.mark.parametrize("bad", [f"{KEY}\n{KEY}", f"{KEY} x", f"{KEY}ä", f"{KEY}\x00"])
def test_a_key_that_no_header_can_hold_is_refused_unquoted(name: str, bad: str) -> None:
    env = {name: bad} | ({"LLM_BASE_URL": "http://host", "LLM_MODEL": "m"} if name == "LLM_API_KEY" else {})
    with pytest.raises(settings.SettingError, match=name) as raised:
        settings.llm(env)
    assert KEY not in str(raised.value)
    assert settings.llm(env | {name: f" {KEY}\n"}).api_key == KEY


def test_the_key_goes_to_no_other_address(provider: OpenAIProvider, model_server: ModelServer) -> None:
    with ModelServer() as other:
        model_server.script = [Say(307, b"", headers={"Location": f"{other.base_url}/chat/completions"})]
        with pytest.raises(base.BadRequest, match="redirects"):
            provider.complete(PROMPT, SAMPLING)
        assert other.ledger.requests == []
