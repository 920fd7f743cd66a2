"""The ways to ask for an answer of a given shape, the strictest first, and how each is read back. Pure.

    json_schema   the server holds the model to the schema
    tool          the model must call one tool, whose arguments have the schema
    json_object   the server sees to it that it is JSON; the schema stands in the prompt
    fenced        only the prompt asks for JSON, in a fence
    tagged        sections of plain text behind #TAGS#: nothing to escape, so nothing to get wrong

A server that refuses one is asked by the next (see `providers.learned`). Wire facts: OpenAI's structured outputs
(``response_format``, ``tools``), OpenRouter's ``provider.require_parameters``, LM Studio (no ``json_object``, no named
``tool_choice``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from providers import base, tagged
from providers.base import Prompt

RUNGS = ("json_schema", "tool", "json_object", "fenced", "tagged")
AUTO, LOWER = "auto", "lower"

# What schemas may say on the wire. Strict servers refuse the keywords that they cannot enforce; we check those anyhow.
WIRE_KEYWORDS = {"type", "properties", "required", "items", "enum", "additionalProperties", "description", "anyOf"}

THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
THOUGHT_BEFORE = re.compile(r"\A(?:(?!<think).)*?</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
FENCED = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)

REFUSALS: Mapping[str, re.Pattern[str]] = {
    "json_schema": re.compile(r"response.?format|json.?schema|structured|schema|grammar|guided"),
    "tool": re.compile(r"tool|function"),
    "json_object": re.compile(r"response.?format|json.?object|json.?mode"),
}
CONSTRAINED = re.compile(r"constraint_filtered|require_parameters|no endpoints found that (?:can handle|support)")
OPAQUE = re.compile(r"(?:provider returned error|bad request|invalid request|invalid_request_error|\s)*")

BY_SCHEMA = "Answer with one JSON object that fits this JSON Schema, complete, and with nothing else."
BY_FENCE = "Answer with one JSON object that fits this JSON Schema, complete, in a block fenced by ```json and ```."


def rung_for(wanted: str, known: str) -> str:
    """Return the rung to ask by: the pinned one, or the ``known`` one of the server, or the one below that."""
    if wanted == LOWER:
        return below(known) or known
    return wanted if wanted in RUNGS else known


def below(rung: str) -> str | None:
    """Return the next rung down; None below the last."""
    place = RUNGS.index(rung) + 1
    return RUNGS[place] if place < len(RUNGS) else None


def fields(prompt: Prompt, rung: str, *, openrouter: bool) -> dict[str, Any]:
    """Return the fields of a request that ask for the prompt's schema on this rung, its messages included."""
    asked: dict[str, Any] = {"messages": messages(prompt, rung)}
    if rung == "json_schema":
        schema = {"name": prompt.purpose, "strict": True, "schema": wire_schema(prompt.schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        if openrouter:  # else an endpoint that knows no schemas may be chosen, and ignore it
            asked["provider"] = {"require_parameters": True}
    elif rung == "tool":
        function = {
            "name": prompt.purpose,
            "description": "Hands in the answer.",
            "parameters": wire_schema(prompt.schema),
        }
        asked["tools"] = [{"type": "function", "function": function}]
        asked["tool_choice"] = {"type": "function", "function": {"name": prompt.purpose}}
    elif rung == "json_object":
        asked["response_format"] = {"type": "json_object"}
    return asked


def messages(prompt: Prompt, rung: str) -> list[dict[str, str]]:
    """Return the messages as they are sent: on the lower rungs the last one says what shape the answer is to have."""
    sent = [dict(message) for message in prompt.messages]
    if (told := instruction(prompt, rung)) and sent:
        sent[-1]["content"] = f"{sent[-1]['content']}\n\n{told}"
    return sent


def instruction(prompt: Prompt, rung: str) -> str:
    """Return what the prompt itself has to say about the shape of the answer; nothing on the upper rungs."""
    if rung in {"json_object", "fenced"}:
        schema = json.dumps({"title": prompt.purpose, **prompt.schema}, ensure_ascii=False)
        return f"{BY_SCHEMA if rung == 'json_object' else BY_FENCE}\n\nJSON Schema:\n{schema}"
    return tagged.instruction(prompt.schema) if rung == "tagged" else ""


def wire_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with the keywords that every strict server knows. Bounds are checked when the answer is read."""
    sent = {name: part for name, part in schema.items() if name in WIRE_KEYWORDS}
    if "properties" in sent:
        sent["properties"] = {name: wire_schema(part) for name, part in sent["properties"].items()}
    if "items" in sent:
        sent["items"] = wire_schema(sent["items"])
    if "anyOf" in sent:
        sent["anyOf"] = [wire_schema(part) for part in sent["anyOf"]]
    return sent


def is_refusal(fault: base.BadRequest, rung: str) -> bool:
    """Say whether a server has refused this way of asking, and not the question."""
    if isinstance(fault, base.ContextTooLong | base.CapTooLarge) or rung not in REFUSALS:
        return False
    if isinstance(fault, base.NoSuchModel):
        return bool(CONSTRAINED.search(fault.about))
    return bool(REFUSALS[rung].search(fault.about))


def is_opaque(fault: base.BadRequest, rung: str) -> bool:
    """Say whether a server has refused without a word of why: it may be this way of asking."""
    return type(fault) is base.BadRequest and rung in REFUSALS and bool(OPAQUE.fullmatch(fault.about))


def read_text(message: Mapping[str, Any], content: str, schema: Mapping[str, Any], rung: str) -> str:
    """Return the JSON text of an answer: what it called the tool with, or what its content says on this rung."""
    called = _arguments(message.get("tool_calls"))
    if called and (rung == "tool" or not content.strip()):
        return called
    if rung == "tagged":
        return tagged.read(strip_thinking(content), schema) or content
    if rung == "fenced" and (blocks := FENCED.findall(strip_thinking(content))):
        return str(blocks[-1]).strip()
    return content


def _arguments(calls: Any) -> str:
    """Return what the first tool was called with, as JSON; servers send text, or the object itself."""
    first = calls[0] if isinstance(calls, Sequence) and calls and not isinstance(calls, str) else None
    function = first.get("function") if isinstance(first, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(arguments, dict):
        return json.dumps(arguments, ensure_ascii=False)
    return arguments if isinstance(arguments, str) else ""


def strip_thinking(text: str) -> str:
    """Return ``text`` without what the model thought aloud, also when only one end of that is marked."""
    bare = THINKING.sub("", text)
    return THOUGHT_BEFORE.sub("", bare, count=1)
