"""The body of a chat request, for OpenRouter and for everybody else; and what to change in it when it is refused. Pure.

Wire facts: OpenRouter's API reference (an explicit ``max_tokens`` keeps its credit check from assuming the model's
maximum; ``plugins`` switches off the compression that drops the middle of a prompt); Ollama's compatibility notes
(``max_completion_tokens`` is ignored there, ``max_tokens`` works everywhere but with OpenAI's reasoning models).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from providers import base, ladder
from providers.base import Prompt, Sampling
from providers.learned import Lessons

# Settings that are sent under their own name, where they are set at all.
SETTINGS = ("temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "seed")
OPENROUTER_SETTINGS = ("top_a", "repetition_penalty")
MOST_MODELS = 3  # that OpenRouter takes in one request; those behind are asked by us, should it come to that
# What a request can do without.
DISPENSABLE = (*SETTINGS, *OPENROUTER_SETTINGS, "stop", "reasoning_effort", "reasoning", "stream_options")
UNSUPPORTED = re.compile(
    r"unsupported|not supported|not support|unrecognized|unknown|not permitted|not allowed|unexpected|extra_forbidden"
    r"|extra (?:inputs|fields)|cannot both|deprecated|cannot be disabled|is mandatory"
)


def body_of(prompt: Prompt, sampling: Sampling, rung: str, known: Lessons, *, openrouter: bool) -> dict[str, Any]:
    """Return the body of a chat request; settings that are None or empty are left out, so are refused ones."""
    settings = asdict(sampling)
    names = (*SETTINGS, *(OPENROUTER_SETTINGS if openrouter else ()))
    body: dict[str, Any] = {
        "model": sampling.model,
        **ladder.fields(prompt, rung, openrouter=openrouter),
        "max_tokens": min(sampling.max_tokens, known.most_tokens or sampling.max_tokens),
        **{name: settings[name] for name in names if settings[name] is not None},
        "stream": sampling.stream,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.stream:  # OpenRouter sends usage anyway; OpenAI, vLLM and Ollama do not
        body["stream_options"] = {"include_usage": True}
    if openrouter:
        body |= _for_openrouter(sampling, body)
    elif sampling.reasoning_effort:
        body["reasoning_effort"] = sampling.reasoning_effort
    return _as_learned(body, known)


def _for_openrouter(sampling: Sampling, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that OpenRouter alone knows."""
    # Without this, endpoints of small context would drop the middle of the source without a word.
    fields: dict[str, Any] = {"plugins": [{"id": "context-compression", "enabled": False}]}
    if routing := {**sampling.routing, **body.get("provider", {})}:
        fields["provider"] = routing
    if sampling.fallback_models:
        fields["models"] = list(dict.fromkeys((sampling.model, *sampling.fallback_models)))[:MOST_MODELS]
    if sampling.reasoning_effort:
        fields["reasoning"] = {"effort": sampling.reasoning_effort}
    return fields


def _as_learned(body: dict[str, Any], known: Lessons) -> dict[str, Any]:
    """Return the body as the server has been found to want it."""
    sent = {name: value for name, value in body.items() if name not in known.dropped}
    if "max_tokens" in known.renamed:
        sent["max_completion_tokens"] = sent.pop("max_tokens")
    if "tool_choice" in known.renamed and "tool_choice" in sent:
        sent["tool_choice"] = "required"  # there is only one to choose from
    return sent


def other_form(fault: base.BadRequest, body: Mapping[str, Any]) -> str | None:
    """Return the field that the server wants by another name or in another form; None if it is not about that."""
    if "max_tokens" in body and "max_completion_tokens" in fault.about and UNSUPPORTED.search(fault.about):
        return "max_tokens"
    if isinstance(body.get("tool_choice"), dict) and re.search(r"tool.choice", fault.about):
        return "tool_choice"
    return None


def refused_field(fault: base.BadRequest, body: Mapping[str, Any]) -> str | None:
    """Return the field that the server refuses by name, and that the request can do without; None if there is none."""
    if isinstance(fault, base.ContextTooLong | base.CapTooLarge) or not UNSUPPORTED.search(fault.about):
        return None
    places = {
        name: found.start()
        for name in DISPENSABLE
        if name in body and (found := re.search(rf"(?<![a-z_]){name}(?![a-z_])", fault.about))
    }
    if "temperature" in places and "top_p" in places and "both" in fault.about:
        return "top_p"
    return min(places, key=places.__getitem__) if places else None
