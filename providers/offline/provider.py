"""The offline writer as a provider: reads a prompt's inputs, answers with JSON, asks nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cards.text import estimate_tokens
from providers.base import BadRequest, Completion, Prompt, Sampling, Usage
from providers.offline.cards import CARD, Wish, repair_field, write_anew, write_card
from providers.offline.lore import write_entries
from providers.offline.reading import Source, read
from providers.offline.roster import plan_roster

MODEL = "extractive"
SHORTER, LONGER = re.compile(r"\b(?:short|brief|concise|cut)", re.I), re.compile(r"\b(?:long|more detail|expand)", re.I)

Reply = dict[str, Any]


class OfflineProvider:
    """Writes from the source text alone. The same inputs always give the same text; no network, no clock, no cost."""

    name = "offline"
    label = "offline"
    default_model = MODEL
    whole = True  # one question for all fields of a card: there is no window to fit, and nothing to plan for

    def complete(
        self,
        prompt: Prompt,
        sampling: Sampling,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
    ) -> Completion:
        """Answer ``prompt`` from its ``inputs``; `BadRequest` for a purpose or inputs that it does not know."""
        answer = ANSWERS.get(prompt.purpose)
        if answer is None:
            raise BadRequest(f"the offline writer knows no purpose {prompt.purpose!r}")
        text = json.dumps(answer(prompt.inputs, prompt.schema.get("properties") or {}), ensure_ascii=False)
        return Completion(text=text, model=MODEL, finish_reason="stop", usage=_usage(prompt, text))


def _card(inputs: Mapping[str, Any], properties: Mapping[str, Any]) -> Reply:
    asked, wish = tuple(properties) or CARD, _wish(inputs)
    # A finished card of which most is to stay: the rest is wanted anew, not brought up to date.
    if wish.card and len(wish.keep) > len(asked):
        return write_anew(_read(inputs), asked, wish)
    return write_card(_read(inputs), asked, wish)


def _repair(inputs: Mapping[str, Any], properties: Mapping[str, Any]) -> Reply:
    """The one property that is asked for, from the field that ``inputs`` name."""
    asked = next(iter(properties), "") or str(inputs.get("field") or "first_mes")
    return {asked: repair_field(_read(inputs), str(inputs.get("field") or asked), _wish(inputs))}


def _roster(inputs: Mapping[str, Any], properties: Mapping[str, Any]) -> Reply:
    return {"characters": plan_roster(_read(inputs), int(inputs.get("size") or 1))}


def _entries(inputs: Mapping[str, Any], properties: Mapping[str, Any]) -> Reply:
    card = inputs.get("card") or {}
    limit = inputs.get("max_entries")
    return {
        "entries": write_entries(
            _read(inputs), card, _strings(inputs.get("candidates")), 12 if limit is None else int(limit)
        )
    }


ANSWERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Reply]] = {
    "write_card": _card,
    "repair_field": _repair,
    "write_entries": _entries,
    "plan_roster": _roster,
}


def _read(inputs: Mapping[str, Any]) -> Source:
    """The source of the inputs, read as one about whom they name."""
    source = inputs.get("source")
    if not isinstance(source, str):
        raise BadRequest("the offline writer needs inputs with a source text")
    card = inputs.get("card") or {}
    return _reading(source, str(inputs.get("name") or card.get("name") or ""))


@lru_cache(maxsize=4)
def _reading(source: str, name: str) -> Source:
    """A source that was just read: a card, its repairs and its lore are asked for one after the other."""
    return read(source, name or None)


def _wish(inputs: Mapping[str, Any]) -> Wish:
    said = str(inputs.get("instruction") or inputs.get("instructions") or "")
    greetings = inputs.get("greetings")
    if greetings is None:
        greetings = len((inputs.get("card") or {}).get("alternate_greetings") or ()) or 1
    problems = tuple(_strings(inputs.get("problems")))
    return Wish(
        greetings=int(greetings),
        group_greetings=int(inputs.get("group_greetings") or 0),
        tags=int(inputs["tag_count"]) if inputs.get("tag_count") else None,
        blocks=int(inputs["example_blocks"]) if inputs.get("example_blocks") else None,
        turn=1 if problems else 0,
        size=0.5 if SHORTER.search(said) else 1.5 if LONGER.search(said) else 1.0,
        card=inputs.get("card") or None,
        problems=problems,
        keep=frozenset(_strings(inputs.get("keep"))),
    )


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _usage(prompt: Prompt, text: str) -> Usage:
    return Usage(
        prompt_tokens=estimate_tokens(str(prompt.inputs.get("source", ""))),
        completion_tokens=estimate_tokens(text),
        cost_basis="local",
    )
