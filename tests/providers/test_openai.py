"""The OpenAI-compatible client, over real HTTP: answers, bills and faults."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from providers import base
from providers.base import Prompt, Sampling
from providers.learned import Lessons
from providers.openai import OpenAIProvider, is_local
from providers.reply import read_completion, read_retry_after, read_usage
from providers.request import body_of
from tests.model_server import CARD, ModelServer, Say

KEY = "sk-or-a-very-secret-key"
TEXT = {"type": "string"}
SHAPE = {
    "type": "object",
    "properties": {"name": TEXT, "description": TEXT, "tags": {"type": "array", "items": TEXT}},
    "required": ["name", "description", "tags"],
    "additionalProperties": False,
}
PROMPT = Prompt("write_card", ({"role": "user", "content": "Write."},), SHAPE)
SAMPLING = Sampling(model="test/model", max_tokens=900, temperature=0.5)


@pytest.fixture
def provider(model_server: ModelServer) -> OpenAIProvider:
    return OpenAIProvider(model_server.base_url, "test/model", KEY)


def test_a_completion_brings_text_and_the_servers_own_bill(provider: OpenAIProvider, model_server: ModelServer) -> None:
    completion = provider.complete(PROMPT, SAMPLING)
    assert CARD["name"] in completion.text
    assert completion.usage.cost_usd == model_server.ledger.total > 0
    assert completion.usage.cost_basis == "provider"


def test_a_request_asks_for_the_schema_and_caps_the_answer(provider: OpenAIProvider, model_server: ModelServer) -> None:
    provider.complete(PROMPT, SAMPLING)
    (body,) = model_server.ledger.requests
    assert body["response_format"]["json_schema"]["schema"] == SHAPE
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (body["max_tokens"], body["temperature"]) == (900, 0.5)
    assert "top_p" not in body
    assert model_server.ledger.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_openrouters_own_fields_go_to_openrouter_only() -> None:
    known = Lessons()
    assert "plugins" not in body_of(PROMPT, SAMPLING, "json_schema", known, openrouter=False)
    assert body_of(PROMPT, SAMPLING, "json_schema", known, openrouter=True)["plugins"]


FAULTS = [
    (Say(400, {"error": {"message": "bad model"}}), base.BadRequest, "PROVIDER_BAD_OUTPUT"),
    (Say(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}), base.AuthRefused, "PROVIDER_AUTH"),
    (Say(402, {"error": {"message": "no credits"}}), base.OutOfCredits, "PROVIDER_CREDITS"),
    (Say(403, {"error": {"message": "no", "metadata": {"reasons": ["x"]}}}), base.Filtered, "CONTENT_FILTERED"),
    (Say(403, {"error": {"message": "country not supported"}}), base.AuthRefused, "PROVIDER_AUTH"),
    (Say(429, {"error": {"message": "pay", "code": "insufficient_quota"}}), base.OutOfCredits, "PROVIDER_CREDITS"),
    (Say(301, b"", headers={"Location": "/"}), base.BadRequest, "PROVIDER_BAD_OUTPUT"),
    (Say(200, {"choices": [{"message": {"content": {"a": 1}}}]}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(404, {"error": {"message": "no endpoints"}}), base.BadRequest, "PROVIDER_BAD_OUTPUT"),
    (Say(408, {"error": {"message": "slow"}}), base.TimedOut, "PROVIDER_TIMEOUT"),
    (Say(429, {"error": {"message": "later"}}), base.RateLimited, "PROVIDER_RATE_LIMITED"),
    (Say(500, b"<html>oops</html>"), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(503, {"error": {"message": "busy"}}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(529, {"error": {"message": "busy"}}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(200, {"error": {"code": 429, "message": "in a 200"}}), base.RateLimited, "PROVIDER_RATE_LIMITED"),
    (Say(200, {"error": {"code": "server_error"}}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(200, {"object": "error", "message": "vllm"}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(200, {"choices": None}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(200, {"choices": []}), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (
        Say(200, {"choices": [{"error": {"code": 502, "message": "upstream"}, "finish_reason": "error"}]}),
        base.Unavailable,
        "PROVIDER_UNAVAILABLE",
    ),
    (Say(200, b"not json"), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(text="", finish="stop"), base.Unavailable, "PROVIDER_UNAVAILABLE"),
    (Say(text="half a", finish="length"), base.Truncated, "OUTPUT_TRUNCATED"),
    (Say(text="", finish="content_filter"), base.Filtered, "CONTENT_FILTERED"),
]


@pytest.mark.parametrize(("say", "kind", "code"), FAULTS)
def test_every_fault_is_told_apart(
    say: Say, kind: type[base.Fault], code: str, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [say]
    with pytest.raises(kind) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.code == code
    assert KEY not in str(raised.value)
    assert KEY not in repr(raised.value)


def test_a_truncated_answer_is_paid_for_all_the_same(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [Say(text="half a card", finish="length")]
    with pytest.raises(base.Truncated) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.usage is not None
    assert raised.value.usage.cost_usd == model_server.ledger.total > 0


def test_the_wait_that_the_server_asks_for_is_handed_on(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [Say(429, {"error": {"message": "later"}}, headers={"Retry-After": "7"})]
    with pytest.raises(base.RateLimited) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.retry_after == 7.0


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = taken.getsockname()[1]
        with pytest.raises(base.Unavailable, match="cannot be reached"):
            OpenAIProvider(f"http://127.0.0.1:{port}/v1", "m").complete(PROMPT, SAMPLING)


def test_an_answer_that_drips_ends_at_the_deadline(model_server: ModelServer) -> None:
    model_server.script = [Say(seconds=0.3)]
    provider = OpenAIProvider(model_server.base_url, "m", deadline=0.1)
    with pytest.raises(base.TimedOut, match=r"within"):
        provider.complete(PROMPT, SAMPLING)


def test_with_a_key_of_ones_own_the_upstream_bill_is_added() -> None:
    usage: dict[str, Any] = {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}
    assert read_usage({"usage": usage}, charges=True).cost_usd == Decimal("0.21")


def test_a_bill_is_read_to_the_last_digit() -> None:
    assert read_usage({"usage": {"cost": 0.0000021}}, charges=True).cost_usd == Decimal("0.0000021")


@pytest.mark.parametrize("cost", [True, "free", float("nan"), [], {}])
def test_what_is_no_amount_is_not_taken_for_one(cost: Any) -> None:
    usage = read_usage({"usage": {"cost": cost}}, charges=True)
    assert (usage.cost_usd, usage.cost_basis) == (Decimal(0), "unknown")


def test_a_local_server_charges_nothing() -> None:
    assert is_local("http://localhost:11434/v1")
    assert is_local("http://192.168.1.5:1234/v1")
    assert not is_local("https://openrouter.ai/api/v1")
    reply = b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
    assert read_completion(200, {}, reply, charges=False).usage.cost_basis == "local"


def test_the_key_is_in_no_repr(provider: OpenAIProvider) -> None:
    assert KEY not in repr(provider)
    assert KEY not in repr(vars(provider)["_session"].auth)


def test_proxies_and_certificates_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ours.pem")
    session = vars(OpenAIProvider("https://llm.example/v1", "m"))["_session"]
    assert (session.proxies["https"], session.verify) == ("http://proxy.example:3128", "/etc/ours.pem")
    monkeypatch.setenv("NO_PROXY", "llm.example")
    assert "https" not in vars(OpenAIProvider("https://llm.example/v1", "m"))["_session"].proxies


def completed(content: Any) -> str:
    reply = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 2**40}}
    completion = read_completion(200, {}, reply, charges=True)
    assert completion.usage.prompt_tokens == 2**30 - 1
    return completion.text


def test_a_text_is_read_from_parts_and_freed_of_what_cannot_be_stored() -> None:
    assert completed([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "ab"
    assert completed("a\x00b\ud800c") == "abc"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("86400", 3600.0),
        ("inf", 3600.0),
        ("-1", 0.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
    ],
)
def test_retry_after_is_read_in_both_forms_and_within_bounds(header: str, seconds: float | None) -> None:
    assert read_retry_after(header, datetime(2026, 11, 20, 12, tzinfo=UTC)) == seconds
