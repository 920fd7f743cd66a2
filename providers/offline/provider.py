"""The offline writer as a provider: reads a prompt's inputs, answers with JSON, asks nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cards.text import estimate_tokens
from providers.base import BadRequest, Completion, Prompt, Sampling, Usage
from providers.offline.cards import write_card
from providers.offline.lore import write_entries
from providers.offline.reading import read

MODEL = "extractive"


class OfflineProvider:
    """Writes from the source text alone. The same inputs always give the same text; no network, no clock, no cost."""

    name = "offline"
    label = "offline"
    default_model = MODEL

    def complete(
        self,
        prompt: Prompt,
        sampling: Sampling,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
    ) -> Completion:
        """Answer ``prompt`` from its ``inputs``; `BadRequest` for a purpose or inputs that it does not know."""
        if prompt.purpose in {"write_card", "repair_card"}:
            reply = _card(prompt.inputs)
        elif prompt.purpose == "write_entries":
            reply = _entries(prompt.inputs)
        else:
            raise BadRequest(f"the offline writer knows no purpose {prompt.purpose!r}")
        text = json.dumps(reply, ensure_ascii=False)
        return Completion(text=text, model=MODEL, finish_reason="stop", usage=_usage(prompt, text))


def _card(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return write_card(
        _source(inputs),
        name=inputs.get("name") or None,
        greetings=int(inputs.get("greetings") or 1),
        card=inputs.get("card") or None,
        problems=_strings(inputs.get("problems")),
    )


def _entries(inputs: Mapping[str, Any]) -> dict[str, Any]:
    card = inputs.get("card") or {}
    source = read(_source(inputs), card.get("name") or None)
    limit = inputs.get("max_entries")
    return {
        "entries": write_entries(source, card, _strings(inputs.get("candidates")), 12 if limit is None else int(limit))
    }


def _source(inputs: Mapping[str, Any]) -> str:
    source = inputs.get("source")
    if not isinstance(source, str):
        raise BadRequest("the offline writer needs inputs with a source text")
    return source


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _usage(prompt: Prompt, text: str) -> Usage:
    return Usage(
        prompt_tokens=estimate_tokens(str(prompt.inputs.get("source", ""))),
        completion_tokens=estimate_tokens(text),
        cost_basis="local",
    )
