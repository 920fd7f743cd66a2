"""What a call costs at a price, and what a server's list of models says."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import settings
from models import rates
from models.rates import Rates, read_rates
from providers import base
from providers.openai import OpenAIProvider
from providers.prices import fetch_models, read_models, server_name
from providers.reply import read_completion, read_usage

PLAIN = {"prompt": "0.000003", "completion": "0.000015", "request": "0", "image": "0.0048"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def rates_of(pricing: Any, prompt_tokens: int = 100, at: datetime = NOON) -> Rates:
    read = read_rates(pricing, prompt_tokens, at)
    assert read is not None
    return read


def test_tokens_are_priced_to_the_last_digit() -> None:
    assert rates_of(PLAIN).cost(1001, 333) == Decimal("0.007998")
    assert rates_of({"prompt": 1e-7, "completion": "0.0000001"}).cost(3, 0) == Decimal("3E-7")


def test_cached_tokens_are_priced_once() -> None:
    cached = rates_of(PLAIN | {"input_cache_read": "0.0000003"})
    assert cached.cost(1000, 0, cached=900) == Decimal("0.000003") * 100 + Decimal("0.0000003") * 900
    assert rates_of(PLAIN).cost(1000, 0, cached=900) == Decimal("0.003")
    assert rates_of(PLAIN | {"input_cache_read": "0"}).cost(1000, 0, cached=900) == Decimal("0.003")


def test_reasoning_is_inside_the_completion() -> None:
    assert rates_of(PLAIN).cost(0, 1000, reasoning=800) == Decimal("0.015")
    apart = rates_of(PLAIN | {"internal_reasoning": "0.00002"})
    assert apart.cost(0, 1000, reasoning=800) == Decimal("0.015") * 200 / 1000 + Decimal("0.00002") * 800


def test_a_request_has_its_fee() -> None:
    assert rates_of(PLAIN | {"request": "0.01"}).cost(0, 0) == Decimal("0.01")


@pytest.mark.parametrize(
    "pricing",
    [None, {}, {"prompt": "0.1"}, {"prompt": "-1", "completion": "-1"}, {"prompt": "x", "completion": "0"}],
)
def test_what_is_not_priced_in_both_directions_has_no_price(pricing: Any) -> None:
    assert read_rates(pricing) is None


@pytest.mark.parametrize(
    ("override", "prompt_tokens", "hour", "holds"),
    [
        ({"min_prompt_tokens": 200_000}, 200_000, 12, False),  # strictly more
        ({"min_prompt_tokens": 200_000}, 200_001, 12, True),
        ({"utc_start": "1630", "utc_end": "0030"}, 1, 16, False),
        ({"utc_start": "1630", "utc_end": "0030"}, 1, 17, True),  # over midnight
        ({"utc_start": "1630", "utc_end": "0030"}, 1, 0, True),
        ({"utc_start": "0030", "utc_end": "0830"}, 1, 8, True),
        ({"utc_start": 30, "utc_end": 830}, 1, 9, False),
        ({"utc_start": "noon", "utc_end": "x"}, 1, 12, False),
    ],
)
def test_other_rates_hold_under_their_conditions(
    override: dict[str, Any], prompt_tokens: int, hour: int, holds: bool
) -> None:
    pricing = PLAIN | {"overrides": [override | {"prompt": "0.000006"}]}
    found = rates_of(pricing, prompt_tokens, NOON.replace(hour=hour))
    assert found.prompt == Decimal("0.000006" if holds else "0.000003")
    assert found.completion == Decimal("0.000015")


def test_the_later_override_wins() -> None:
    pricing = PLAIN | {"overrides": [{"prompt": "0.5"}, {"prompt": "0.25"}]}
    assert rates_of(pricing).prompt == Decimal("0.25")


def test_a_dearer_hour_that_nears_is_reckoned_with() -> None:
    night = {"utc_start": "1630", "utc_end": "0030", "completion": "0.5"}
    cheap = {"utc_start": "0030", "utc_end": "0830", "completion": "0"}
    at_most = rates.dearest(PLAIN | {"overrides": [night, cheap]}, 1, NOON)
    assert at_most is not None
    assert at_most.completion == Decimal("0.5")
    assert at_most.prompt == Decimal("0.000003")


def test_a_list_of_openrouter_is_read() -> None:
    one = {
        "id": "a/b",
        "context_length": 200_000,
        "top_provider": {"context_length": 131_072, "max_completion_tokens": 8192},
        "pricing": PLAIN | {"overrides": [{"min_prompt_tokens": 5, "prompt": "1e-6", "image": "1"}]},
        "supported_parameters": ["tools", "structured_outputs"],
    }
    (model,) = read_models({"data": [one, {"id": 5}, "x", {"no": "id"}]})
    assert (model.model, model.context_tokens, model.output_cap) == ("a/b", 131_072, 8192)
    assert model.pricing == {
        "prompt": "0.000003",
        "completion": "0.000015",
        "request": "0",
        "overrides": [{"prompt": "1e-6", "min_prompt_tokens": 5}],
    }
    assert model.supported == ("tools", "structured_outputs")


def test_a_list_of_vllm_says_the_window_and_no_price() -> None:
    (model,) = read_models({"object": "list", "data": [{"id": "m", "max_model_len": 4096, "object": "model"}]})
    assert (model.context_tokens, model.output_cap, model.pricing) == (4096, None, None)


@pytest.mark.parametrize("reply", [None, [], {}, {"data": {}}, {"error": {"message": "no"}}])
def test_what_is_no_list_of_models_is_a_fault(reply: Any) -> None:
    with pytest.raises(base.Unavailable):
        read_models(reply)


def test_a_server_that_is_away_is_a_fault_without_its_key() -> None:
    with pytest.raises(base.Unavailable) as raised:
        fetch_models("http://127.0.0.1:1/v1", "sk-secret")
    assert "sk-secret" not in str(raised.value)


def test_a_list_that_drips_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.prices.DEADLINE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    connection.sendall(b" ")
                    threading.Event().wait(0.02)

        pool.submit(drip)
        with pytest.raises(base.TimedOut):
            fetch_models(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")


def test_what_the_server_charges_stays_exact() -> None:
    """0.1 + 0.2 of floats is 0.30000000000000004."""
    usage = json.loads('{"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.2}}')
    assert read_usage({"usage": usage}, charges=True).cost_usd == Decimal("0.3")


@pytest.mark.parametrize(
    ("usage", "cost", "basis"),
    [
        (
            {"cost": 0.5, "cost_details": {"upstream_inference_cost": 0.25}},
            "0.5",
            "provider",
        ),  # not BYOK: in it already
        ({"cost": None, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.25}}, "0.25", "provider"),
        ({"cost": 0.5, "is_byok": True, "cost_details": None}, "0.5", "provider"),
        ({"cost": 0.5, "is_byok": True, "cost_details": [1]}, "0.5", "provider"),
        ({"cost": "NaN", "prompt_tokens": 5}, "0", "unknown"),
        ({"cost": 0}, "0", "provider"),  # a free model; not the same as not knowing
    ],
)
def test_a_bill_is_what_the_account_pays(usage: dict[str, Any], cost: str, basis: str) -> None:
    read = read_usage({"usage": usage}, charges=True)
    assert (read.cost_usd, read.cost_basis) == (Decimal(cost), basis)


def test_an_answer_out_of_the_response_cache_is_known_to_be_free() -> None:
    body = {
        "choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0},
    }
    hit = read_completion(200, {"X-OpenRouter-Cache-Status": "HIT"}, body, charges=True)
    miss = read_completion(200, {"X-OpenRouter-Cache-Status": "MISS"}, body, charges=True)
    assert (hit.usage.cost_usd, hit.usage.cost_basis) == (0, "provider")
    assert miss.usage.cost_basis == "unknown"


def test_the_operator_sets_prices_inline_or_in_a_file(tmp_path: Path) -> None:
    text = '{"a/b": {"prompt": "0.15", "completion": 0.6, "request": "0.01"}}'
    (file := tmp_path / "prices.json").write_text(text)
    inline, read = (settings.model_prices({"MODEL_PRICES": given}) for given in (text, str(file)))
    assert inline == read
    assert rates_of(rates.per_token(read["a/b"])).cost(1_000_000, 1_000_000) == Decimal("0.76")
    assert settings.model_prices({}) == {}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("no/such/file.json", "file"),
        ("{", "JSON"),
        ('{"m": {"prompt": "0.1"}}', "needs prompt and completion"),
        ('{"m": {"prompt": "0.1", "completion": "-1"}}', "completion of 'm'"),
        ('{"m": {"prompt": "0.1", "completion": "1", "image": "1"}}', "may have"),
    ],
)
def test_prices_that_cannot_be_used_are_named(given: str, says: str) -> None:
    with pytest.raises(settings.SettingError, match=says):
        settings.model_prices({"MODEL_PRICES": given})


@pytest.mark.parametrize("given", [{"DAILY_TOKENS": "many"}, {"DAILY_COST_USD": "-1"}, {"DAILY_COST_USD": "NaN"}])
def test_daily_limits_that_cannot_be_used_are_named(given: dict[str, str]) -> None:
    with pytest.raises(settings.SettingError, match=next(iter(given))):
        settings.daily(given)


@pytest.mark.parametrize("url", ["https://openrouter.ai/api/v1", "http://127.0.0.1:1/v1", "https://api.example.com/v1"])
def test_prices_and_calls_call_a_server_by_one_name(url: str) -> None:
    assert server_name(url) == OpenAIProvider(url, "m").name
