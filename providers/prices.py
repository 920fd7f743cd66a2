"""What a model server says of its models: prices, context, output cap, by its `GET /models`.

Wire facts: OpenRouter's API reference (``pricing`` in decimal strings, dollars a token; ``top_provider``;
``supported_parameters``); vLLM's ``max_model_len``. OpenAI, Ollama, LM Studio and llama.cpp list ids only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from providers import base
from providers.openai import is_openrouter
from providers.reply import storable

TIMEOUT = (5, 10)  # seconds: to connect, and between two pieces of the answer
DEADLINE_SECONDS = 30  # for all of it: upkeep has other work
MOST_BYTES = 32 * 1024 * 1024
MOST_MODELS = 5000
MOST_TOKENS = 2**31 - 1
LONGEST_ID = 200  # characters, as the option `model` has it
RATES = ("prompt", "completion", "request", "internal_reasoning", "input_cache_read", "input_cache_write")
CONDITIONS = ("min_prompt_tokens", "utc_start", "utc_end")


@dataclass(frozen=True)
class ListedModel:
    """One model as a server lists it; None where it does not say. ``pricing``: see `models.rates`."""

    model: str
    context_tokens: int | None = None
    output_cap: int | None = None
    pricing: Mapping[str, Any] | None = None
    supported: tuple[str, ...] = field(default=())


def server_name(base_url: str) -> str:
    """Return what the ledger calls the server at this address."""
    return "openrouter" if is_openrouter(base_url) else (urlsplit(base_url).hostname or "openai")


def fetch_models(base_url: str, api_key: str = "") -> list[ListedModel]:
    """Ask the server for its models; raises a `Fault` when it does not answer with a list of them."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with (
            requests.Session() as session,
            session.get(
                f"{base_url}/models",
                headers=headers,
                timeout=TIMEOUT,
                stream=True,
                allow_redirects=False,  # the key is for this host alone
                auth=lambda request: request,  # and ~/.netrc is for others
            ) as response,
        ):
            if response.status_code != 200:
                raise base.Unavailable(f"The list of models came with HTTP {response.status_code}.")
            reply = json.loads(_read(response))
    except (requests.RequestException, HTTPError) as error:
        raise base.Unavailable(f"The list of models cannot be had ({type(error).__name__}).") from error
    except (ValueError, RecursionError) as error:
        raise base.Unavailable("The list of models is not JSON.") from error
    return read_models(reply)


def _read(response: requests.Response) -> bytes:
    until = time.monotonic() + DEADLINE_SECONDS
    content = bytearray()
    while piece := response.raw.read1(65536, decode_content=True):  # iter_content would wait for full pieces
        content += piece
        if len(content) > MOST_BYTES:
            raise base.Unavailable(f"The list of models is longer than {MOST_BYTES} bytes.")
        if time.monotonic() > until:
            raise base.TimedOut(f"The list of models did not come within {DEADLINE_SECONDS} s.")
    return bytes(content)


def read_models(reply: Any) -> list[ListedModel]:
    """Return the models of a server's answer (``data``), without those that cannot be read."""
    listed = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(listed, list):
        raise base.Unavailable("The server's answer is no list of models.")
    found = {model.model: model for one in listed[:MOST_MODELS] if (model := _read_model(one)) is not None}
    return list(found.values())


def _read_model(one: Any) -> ListedModel | None:
    if not isinstance(one, dict) or not isinstance(one.get("id"), str):
        return None
    name = storable(one["id"])
    if not 0 < len(name) <= LONGEST_ID:
        return None
    top: dict[str, Any] = one["top_provider"] if isinstance(one.get("top_provider"), dict) else {}
    windows = (one.get("context_length"), top.get("context_length"), one.get("max_model_len"))
    supported = one.get("supported_parameters")
    return ListedModel(
        model=name,
        # The provider that is asked first may have less than the model could: what is certain counts.
        context_tokens=min(filter(None, map(_tokens, windows)), default=None),
        output_cap=_tokens(top.get("max_completion_tokens")),
        pricing=_read_pricing(one.get("pricing")),
        supported=tuple(storable(each)[:100] for each in supported[:100] if isinstance(each, str))
        if isinstance(supported, list)
        else (),
    )


def _tokens(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_TOKENS else None


def _read_pricing(pricing: Any) -> dict[str, Any] | None:
    """Return the parts of a price list that a text completion is priced by, as strings."""
    if not isinstance(pricing, dict):
        return None
    kept = _rates_of(pricing)
    if not kept:
        return None
    overrides = pricing.get("overrides")
    if isinstance(overrides, list):
        kept["overrides"] = [
            _rates_of(one) | {name: one[name] for name in CONDITIONS if isinstance(one.get(name), int | str)}
            for one in overrides[:50]
            if isinstance(one, dict)
        ]
    return kept


def _rates_of(pricing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: storable(pricing[name])[:40]
        for name in RATES
        if isinstance(pricing.get(name), str | int | float) and not isinstance(pricing[name], bool)
    }
