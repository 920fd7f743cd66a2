"""What is sent: every setting, to whom it may be sent, and what a server has been found not to take."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

import settings
from providers import base
from providers.base import Completion, Prompt, Sampling
from providers.learned import Lessons
from providers.openai import OpenAIProvider, is_openrouter
from providers.request import body_of
from tests.model_server import ModelServer, Say

PROMPT = Prompt("write_card", ({"role": "user", "content": "Write."},), {"type": "object"})
BARE = Sampling(model="test/model", max_tokens=900)
FULL = Sampling(
    model="test/model",
    max_tokens=900,
    temperature=0.5,
    top_p=0.9,
    top_k=40,
    min_p=0.05,
    top_a=0.2,
    frequency_penalty=0.1,
    presence_penalty=0.2,
    repetition_penalty=1.1,
    seed=7,
    stop=("END", "STOP"),
    reasoning_effort="low",
    fallback_models=("b/two", "test/model"),
    routing={"order": ["Deep"], "data_collection": "deny"},
)


def body(sampling: Sampling, *, openrouter: bool = False, rung: str = "json_schema", **known: Any) -> dict[str, Any]:
    return body_of(PROMPT, sampling, rung, Lessons(**known), openrouter=openrouter)


def ask(server: ModelServer, **changes: Any) -> Completion:
    return OpenAIProvider(server.base_url, "m").complete(PROMPT, replace(FULL, **changes))


def test_what_is_not_set_is_not_sent() -> None:
    sent = body(BARE)
    assert set(sent) == {"model", "messages", "max_tokens", "response_format", "stream", "stream_options"}
    assert set(body(BARE, openrouter=True)) == set(sent) | {"plugins", "provider"}


def test_zero_is_set() -> None:
    assert body(replace(BARE, temperature=0.0, seed=0)).items() >= {"temperature": 0.0, "seed": 0}.items()


def test_every_server_gets_the_settings_that_all_know() -> None:
    sent = body(FULL)
    assert {name: sent[name] for name in ("temperature", "top_p", "top_k", "min_p", "seed", "stop")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "seed": 7,
        "stop": ["END", "STOP"],
    }
    assert (sent["frequency_penalty"], sent["presence_penalty"]) == (0.1, 0.2)
    assert sent["reasoning_effort"] == "low"


def test_openrouters_own_settings_go_to_openrouter_only() -> None:
    own = {"plugins", "provider", "models", "reasoning", "top_a", "repetition_penalty"}
    assert not own & set(body(FULL))
    sent = body(FULL, openrouter=True)
    assert own <= set(sent)
    assert sent["plugins"] == [{"id": "context-compression", "enabled": False}]
    assert sent["provider"] == {"order": ["Deep"], "data_collection": "deny", "require_parameters": True}
    assert sent["models"] == ["test/model", "b/two"]
    assert sent["reasoning"] == {"effort": "low"}
    assert "reasoning_effort" not in sent
    assert body(FULL, openrouter=True, rung="tool")["provider"] == {"order": ["Deep"], "data_collection": "deny"}


def test_openrouter_is_given_no_more_models_than_it_takes() -> None:
    sent = body(replace(BARE, fallback_models=("b", "c", "d", "e")), openrouter=True)
    assert sent["models"] == ["test/model", "b", "c"]


def test_openrouters_headers_go_to_openrouter_only(model_server: ModelServer) -> None:
    ask(model_server)
    openrouter = OpenAIProvider(model_server.base_url, "m")
    openrouter._openrouter = True  # its host cannot be played here
    openrouter.complete(PROMPT, FULL)
    first, second = ({name for name in sent if name.startswith("X-")} for sent in model_server.ledger.headers)
    assert first == set()
    assert "X-OpenRouter-Title" in second


def test_an_answer_is_streamed_only_if_that_is_wanted(model_server: ModelServer) -> None:
    assert ask(model_server, stream=False) == ask(model_server)
    whole, streamed = model_server.ledger.requests
    assert whole["stream"] is False
    assert "stream_options" not in whole
    assert streamed["stream_options"] == {"include_usage": True}


def test_a_whole_answer_may_be_long_in_coming(model_server: ModelServer) -> None:
    """It is silent until it is written; the silence that a stream must not keep is no fault of it."""
    model_server.seconds = 0.6
    provider = OpenAIProvider(model_server.base_url, "m", silence=0.3)
    assert provider.complete(PROMPT, replace(BARE, stream=False)).text
    with pytest.raises(base.TimedOut):
        provider.complete(PROMPT, BARE)


# What servers do not take


def refusing(message: str, **more: Any) -> Say:
    return Say(400, {"error": {"message": message, "type": "invalid_request_error", **more}})


REFUSED = {
    "OpenAI": (refusing("Unsupported parameter", param="top_k", code="unsupported_parameter"), "top_k"),
    "OpenAI's value": (
        refusing("Unsupported value: 'temperature' does not support 0.5 with this model. Only 1 is supported."),
        "temperature",
    ),
    "OpenAI of old": (refusing("Unrecognized request argument supplied: min_p"), "min_p"),
    "Groq": (refusing("property 'seed' is unsupported"), "seed"),
    "Google": (
        refusing('Invalid JSON payload. Unknown name "presence_penalty": Cannot find field.'),
        "presence_penalty",
    ),
    "Mistral": (
        Say(422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "frequency_penalty"], "msg": "Extra"}]}),
        "frequency_penalty",
    ),
    "Anthropic": (refusing("`temperature` and `top_p` cannot both be specified for this model"), "top_p"),
    "xAI": (refusing("Model does not support parameter stop"), "stop"),
    "effort": (refusing("reasoning_effort is not supported by this model"), "reasoning_effort"),
    "stream options": (refusing("Unknown parameter: 'stream_options.include_usage'"), "stream_options"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize(("say", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_setting_that_is_refused_by_name_is_left_out_from_then_on(
    say: Say, field: str, stream: bool, model_server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    if field == "stream_options" and not stream:
        return
    model_server.script = [say]
    with caplog.at_level(logging.WARNING):
        assert ask(model_server, stream=stream).rung == "json_schema"
        ask(model_server, stream=stream)
    first, second, third = model_server.ledger.requests
    assert field in first
    assert set(first) - set(second) == set(first) - set(third) == {field}
    assert [record.message for record in caplog.records if field in record.message]


def test_a_setting_is_left_out_for_its_model_only(model_server: ModelServer) -> None:
    model_server.script = [REFUSED["OpenAI"][0]]
    ask(model_server)
    ask(model_server, model="other")
    assert "top_k" in model_server.ledger.requests[-1]


def test_reasoning_that_cannot_be_switched_off_is_left_alone(model_server: ModelServer) -> None:
    provider = OpenAIProvider(model_server.base_url, "m")
    provider._openrouter = True
    model_server.script = [refusing("Reasoning is mandatory for this endpoint and cannot be disabled.")]
    provider.complete(PROMPT, replace(BARE, reasoning_effort="none"))
    first, second = model_server.ledger.requests
    assert first["reasoning"] == {"effort": "none"}
    assert "reasoning" not in second


def test_a_value_that_is_out_of_range_is_told_and_not_dropped(model_server: ModelServer) -> None:
    model_server.script = [refusing("temperature must be between 0 and 1")]
    with pytest.raises(base.BadRequest, match="between 0 and 1"):
        ask(model_server)


def test_the_cap_goes_by_its_other_name_where_the_old_one_is_refused(model_server: ModelServer) -> None:
    model_server.script = [
        refusing(
            "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    ]
    for _ in range(2):
        ask(model_server)
    caps = [(sent.get("max_tokens"), sent.get("max_completion_tokens")) for sent in model_server.ledger.requests]
    assert caps == [(900, None), (None, 900), (None, 900)]


def test_what_was_written_before_the_refusal_is_paid_for_and_so_not_asked_again(model_server: ModelServer) -> None:
    refusal = {"error": {"code": 400, "message": "json_schema is not supported"}}
    model_server.script = [Say(mid_error=refusal, usage_early=True)]
    with pytest.raises(base.BadRequest) as raised:
        ask(model_server)
    assert raised.value.usage is not None
    assert raised.value.usage.cost_usd == model_server.ledger.total > 0


def test_a_server_that_refuses_everything_is_given_up(model_server: ModelServer) -> None:
    model_server.script = [refusing(f"{name} is not supported") for name in ("top_k", "seed", "stop", "voice")]
    with pytest.raises(base.BadRequest, match="voice"):
        ask(model_server)
    assert len(model_server.ledger.requests) == 4


# Where it goes


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("http://localhost:1234/v1/", "http://localhost:1234/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1"),
        ("https://openrouter.ai", "https://openrouter.ai/api/v1"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://host.example/v1beta/openai/", "https://host.example/v1beta/openai"),
        ("https://host.example/api/paas/v4", "https://host.example/api/paas/v4"),
        (" https://host.example/llm ", "https://host.example/llm/v1"),
    ],
)
def test_an_address_ends_in_its_version(raw: str, url: str) -> None:
    assert settings.chat_base_url(raw) == url


@pytest.mark.parametrize(
    "raw", ["openrouter.ai/api/v1", "ftp://host/v1", "https://", "https://host/v1?key=x", "http://:80"]
)
def test_an_address_that_cannot_be_used_is_refused(raw: str) -> None:
    with pytest.raises(settings.SettingError, match="LLM_BASE_URL"):
        settings.chat_base_url(raw)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://openrouter.ai/api/v1", True),
        ("https://eu.openrouter.ai/api/v1", True),
        ("https://openrouter.ai.evil.example/api/v1", False),
        ("https://evilopenrouter.ai/api/v1", False),
        ("http://127.0.0.1/openrouter.ai", False),
    ],
)
def test_openrouter_is_known_by_its_host(url: str, known: bool) -> None:
    assert is_openrouter(url) is known
