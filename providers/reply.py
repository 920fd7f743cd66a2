"""Reading what a chat server answered: a completion with its bill, or the fault that it means. Pure.

Wire facts: OpenRouter's API reference (errors may come inside HTTP 200; ``usage.cost`` is what is charged).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from providers import base
from providers.base import Completion, Fault, Usage

LONGEST_WAIT = 3600.0  # seconds; a server that asks for more is asked again after an hour
MOST_TOKENS = 2**31 - 1
MOST_DOLLARS = Decimal(1_000_000)  # of one call; anything more is no amount
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MODERATION = {"reasons", "flagged_input", "patterns"}

FAULT_BY_STATUS: Mapping[int, type[Fault]] = {
    400: base.BadRequest,
    401: base.AuthRefused,
    402: base.OutOfCredits,
    403: base.AuthRefused,  # and Filtered where the error speaks of moderation
    404: base.BadRequest,
    408: base.TimedOut,
    409: base.Unavailable,
    413: base.BadRequest,
    422: base.BadRequest,
    429: base.RateLimited,
    504: base.TimedOut,
    524: base.TimedOut,
}


def read_completion(
    status: int, headers: Mapping[str, str], content: bytes | Mapping[str, Any], *, charges: bool
) -> Completion:
    """Turn an HTTP answer into a completion or raise its fault.

    ``content``: the body, or the reply that a stream was put together to. ``charges``: whether the server takes money
    at all.
    """
    reply = _read_json(status, content) if isinstance(content, bytes) else content
    usage = read_usage(reply, charges=charges)
    error = reply.get("error")
    if status >= 400 or error or reply.get("object") == "error":
        raise read_fault(status, headers, error if isinstance(error, dict) else reply, usage)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise base.Unavailable("The server answered without choices.", usage=usage)
    choice = choices[0]
    if isinstance(choice.get("error"), dict):
        raise read_fault(502, headers, choice["error"], usage)
    text = _read_text(choice.get("message"), usage)
    finish = str(choice.get("finish_reason") or "stop")
    _refuse_unusable(text, finish, usage)
    return Completion(
        text=text,
        model=storable(reply.get("model") or "")[:200],
        finish_reason=finish[:50],
        usage=usage,
        response_id=storable(reply.get("id") or headers.get("X-Generation-Id") or "")[:200],
    )


def _read_text(message: Any, usage: Usage) -> str:
    """Return the text of a message, also from a list of parts; raises `Unavailable` for what is neither."""
    content = message.get("content") if isinstance(message, dict) else message
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is None or isinstance(content, str):
        return storable(content or "")
    raise base.Unavailable("The server answered with a message that holds no text.", usage=usage)


def storable(text: object) -> str:
    """Return ``text`` without what no database column and no file takes: NUL, and halves of surrogate pairs."""
    return UNSTORABLE.sub("", str(text))


def _refuse_unusable(text: str, finish: str, usage: Usage) -> None:
    if finish == "content_filter":
        raise base.Filtered("The server's content filter stopped the answer.", usage=usage)
    if finish == "length":
        eaten = " The model spent all of it on reasoning." if usage.reasoning_tokens and not text else ""
        raise base.Truncated(f"The answer ran into the output cap of max_tokens.{eaten}", usage=usage)
    if finish == "error":
        raise base.Unavailable("The server broke off its answer with an error.", usage=usage)
    if not text.strip():
        raise base.Unavailable("The server answered with an empty text.", usage=usage)


def _read_json(status: int, content: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError) as error:
        if status >= 400:
            return {}
        raise base.Unavailable("The server answered with something that is not JSON.", usage=Usage()) from error
    return reply if isinstance(reply, dict) else {}


def read_fault(status: int, headers: Mapping[str, str], error: Mapping[str, Any], usage: Usage) -> Fault:
    """Return the fault that an error object means; its own code counts when it came inside a 200."""
    code = error.get("code") or error.get("http_status")
    if status < 400:
        status = code if isinstance(code, int) and code >= 400 else 502
    said = f"HTTP {status}: {storable(error.get('message') or 'no message')[:500]}"
    kind = _kind_of(status, code, error)
    if issubclass(kind, base.TryLater):
        return kind(said, usage=usage, retry_after=read_retry_after(headers.get("Retry-After", "")))
    return kind(said, usage=usage)


def _kind_of(status: int, code: object, error: Mapping[str, Any]) -> type[Fault]:
    """Return the class of a fault; some servers say with a code what their status does not."""
    metadata = error.get("metadata")
    if code == "insufficient_quota":  # OpenAI's 429 of an account that has no money left
        return base.OutOfCredits
    if status == 403 and isinstance(metadata, dict) and MODERATION & metadata.keys():
        return base.Filtered
    return FAULT_BY_STATUS.get(status, base.Unavailable)


def read_retry_after(value: str, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number, or an HTTP date), at most an hour."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
        except (TypeError, ValueError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def read_usage(reply: Mapping[str, Any], *, charges: bool) -> Usage:
    """Return what the answer says it used. With a key of one's own upstream (BYOK) that bill is added to the fee."""
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return Usage(cost_basis="unknown" if charges else "local")
    cost = _money(usage.get("cost"))
    if cost is not None and usage.get("is_byok"):
        cost += _money((usage.get("cost_details") or {}).get("upstream_inference_cost")) or base.ZERO
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
