"""Reading what a chat server answered: a completion with its bill, or the fault that it means. Pure.

In this order: an error, no choices, an error in the choice, a filter, the cap, nothing at all, a refusal, the answer.
Wire facts: OpenRouter's API reference (errors may come inside HTTP 200; ``usage.cost`` is what is charged), OpenAI's
``message.refusal`` and tool calls, DeepSeek's and vLLM's ``reasoning_content``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from providers import base, ladder
from providers.base import Completion, Usage
from providers.faults import find_error, read_fault, read_retry_after, storable

__all__ = ["Wanted", "read_completion", "read_retry_after", "read_usage", "storable"]

MOST_TOKENS = 2**30 - 1  # what an integer of PostgreSQL holds also of two of them, which are added
MOST_DOLLARS = Decimal(1_000_000)  # of one call; anything more is no amount
LONGEST_REFUSAL = 1000  # characters; a longer text without JSON is an answer gone wrong, not a refusal
CUT_SHORT = {"length", "max_tokens", "model_length", "model_context_window_exceeded"}
FINISHED = {"stop", "tool_calls", "function_call", "tool_use", "end_turn", "stop_sequence", "eos", "completed"}
THOUGHTS = ("reasoning", "reasoning_content", "reasoning_details", "thinking")
APOLOGY = r"(?:(?:i['’]m|i am) (?:\w+ )?(?:sorry|afraid)|sorry|i apologi[sz]e|unfortunately)?[,.:;!]?\s*(?:but )?"
REFUSALS = (
    r"as an ai\b",
    r"i (?:can['’]?t|cannot|can not|won['’]?t|will not|must decline|decline)\b",
    r"i(?:['’]m| am) (?:not able|unable|not comfortable)",
    r"i (?:do not|don['’]?t) feel comfortable",
    r"this (?:request|content) (?:violates|goes against)",
    r"es tut mir leid|ich kann (?:das|dir|ihnen|dabei) nicht|lo siento|no puedo|désolée?|je ne peux pas",
    r"mi dispiace|non posso|申し訳|抱歉|对不起|извините",
)
REFUSAL = re.compile(rf"\s*{APOLOGY}(?:{'|'.join(REFUSALS)})", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What was asked for, as far as reading needs it: the shape, the rung of the ladder, the cap in tokens."""

    schema: Mapping[str, Any]
    rung: str = ladder.RUNGS[0]
    cap: int = 0


def read_completion(
    status: int,
    headers: Mapping[str, str],
    content: bytes | Mapping[str, Any],
    *,
    charges: bool,
    wanted: Wanted | None = None,
) -> Completion:
    """Turn an HTTP answer into a completion or raise its fault.

    ``content``: the body, or the reply that a stream was put together to. ``charges``: whether the server takes money
    at all.
    """
    wanted = wanted or Wanted({})
    reply = _read_json(status, content) if isinstance(content, bytes) else content
    usage = read_usage(reply, charges=charges)
    if headers.get("X-OpenRouter-Cache-Status", "").upper() == "HIT":  # an answer given before: free, and known to be
        usage = replace(usage, cost_usd=base.ZERO, cost_basis="provider")
    if (error := find_error(reply, status)) is not None:
        raise read_fault(status, headers, error, usage)
    choice = _read_choice(reply, usage)
    if isinstance(choice.get("error"), dict):
        raise read_fault(502, headers, choice["error"], usage)
    finish = str(choice.get("finish_reason") or "stop")
    message = choice.get("message")
    message = message if isinstance(message, dict) else {"content": message}
    text = ladder.read_text(message, _read_content(message, usage), wanted.schema, wanted.rung)
    _refuse_unusable(storable(text), finish.lower(), message, wanted, usage)
    return Completion(
        text=storable(text),
        model=storable(reply.get("model") or "")[:200],
        finish_reason="stop" if finish.lower() in FINISHED else finish[:50],
        usage=usage,
        response_id=storable(reply.get("id") or headers.get("X-Generation-Id") or "")[:200],
        rung=wanted.rung,
    )


def _read_choice(reply: Mapping[str, Any], usage: Usage) -> Mapping[str, Any]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise base.Unavailable("The server answered without choices.", usage=usage)
    return choices[0]


def _read_content(message: Mapping[str, Any], usage: Usage) -> str:
    """Return the text of a message, also from a list of parts; raises `Unavailable` for what is neither."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    if content is None or isinstance(content, str):
        return content or ""
    raise base.Unavailable("The server answered with a message that holds no text.", usage=usage)


def _refuse_unusable(text: str, finish: str, message: Mapping[str, Any], wanted: Wanted, usage: Usage) -> None:
    """Raise the fault of an answer that is no answer."""
    if finish == "content_filter":
        raise base.Filtered("The server's content filter stopped the answer.", usage=usage)
    if finish in CUT_SHORT:
        raise _cut_short(text, message, wanted, usage)
    if finish == "error":
        raise base.Unavailable("The server broke off its answer with an error.", usage=usage)
    if refusal := message.get("refusal"):
        raise base.Refused(f"The model refused: {_short(refusal)}", usage=usage)
    if not text.strip():
        thought = " It thought, and wrote nothing." if _has_thoughts(message, usage) else ""
        raise base.EmptyAnswer(f"The server answered with an empty text.{thought}", usage=usage)
    if is_refusal(text):
        raise base.Refused(f"The model refused: {_short(text)}", usage=usage)


def _cut_short(text: str, message: Mapping[str, Any], wanted: Wanted, usage: Usage) -> base.Truncated:
    """Return the fault of an answer that ran into the cap, and whether thinking used most of it."""
    written = ladder.strip_thinking(text).strip()
    eaten = (
        usage.reasoning_tokens * 2 > usage.completion_tokens
        if usage.reasoning_tokens
        else not written and (bool(text.strip()) or _has_thoughts(message, usage))
    )
    cap = f" of {wanted.cap} tokens" if wanted.cap else ""
    told = " The model spent most of it on reasoning." if eaten else ""
    return base.Truncated(
        f"The answer ran into the output cap{cap} (max_tokens).{told}", reasoning=eaten, cap=wanted.cap, usage=usage
    )


def _has_thoughts(message: Mapping[str, Any], usage: Usage) -> bool:
    return usage.reasoning_tokens > 0 or any(message.get(name) for name in THOUGHTS)


def is_refusal(text: str) -> bool:
    """Say whether a text reads as a model that will not answer: short, no JSON in it, and it opens as refusals do."""
    bare = ladder.strip_thinking(text)
    return "{" not in bare and len(bare) < LONGEST_REFUSAL and bool(REFUSAL.match(bare))


def _short(text: object) -> str:
    return " ".join(storable(text).split())[:200]


def _read_json(status: int, content: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError) as error:
        if status >= 400:
            return {}
        raise base.Unavailable("The server answered with something that is not JSON.", usage=Usage()) from error
    return reply if isinstance(reply, dict) else {}


def read_usage(reply: Mapping[str, Any], *, charges: bool) -> Usage:
    """Return what the answer says it used. With a key of one's own upstream (BYOK) that bill is added to the fee."""
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return Usage(cost_basis="unknown" if charges else "local")
    cost = _money(usage.get("cost"))
    details = usage.get("cost_details")
    upstream = _money(details.get("upstream_inference_cost")) if isinstance(details, dict) else None
    if usage.get("is_byok") and upstream is not None:
        cost = (cost or base.ZERO) + upstream
    basis = "provider" if cost is not None else ("unknown" if charges else "local")
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        cost_usd=cost or base.ZERO,
        cost_basis=basis,
    )


def _count(of: Any, name: str) -> int:
    value = of.get(name) if isinstance(of, dict) else None
    return min(max(value, 0), MOST_TOKENS) if isinstance(value, int) else 0


def _money(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < MOST_DOLLARS else None
