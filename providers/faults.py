"""What a server's error means: the object that it sends, wherever and however, to a fault with its remedy. Pure.

Wire facts: OpenRouter's error reference (``error.availability``, ``metadata``, codes as numbers and as words), OpenAI's
``param`` and ``code``, vLLM's ``{"object": "error"}``, FastAPI's ``detail``, LM Studio's and Ollama's bare strings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from providers import base
from providers.base import Fault, Usage

LONGEST_WAIT = 3600.0  # seconds; a server that asks for more is asked again after an hour
LONGEST_QUOTE = 500  # characters of a server's message that are handed on
LEAST_ROOM = 256  # tokens; with less room beside the prompt, the prompt is what is too long
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MODERATION = {"reasons", "flagged_input"}

# What servers call their errors, in `code`, `type`, `error_type` or `availability.code`.
FAULT_BY_WORD: Mapping[str, type[Fault]] = {
    word: kind
    for kind, words in {
        base.ContextTooLong: "context_length_exceeded string_too_long exceed_context_size_error request_too_large",
        base.Filtered: "content_policy_violation content_filter content_filtered moderation safety",
        base.Refused: "refusal",
        base.NoSuchModel: (
            "model_not_found wrong_endpoint no_endpoints model_deprecated privacy_restricted constraint_filtered"
            " free_variant_ended"
        ),
        base.OutOfCredits: "insufficient_quota insufficient_credits billing_hard_limit_reached billing_not_active",
        base.AuthRefused: "invalid_api_key authentication_error",
        base.RegionRefused: "unsupported_country_region_territory",
        base.RateLimited: "rate_limit_exceeded rate_limit_error too_many_requests capacity_exhausted",
        base.TimedOut: "timeout request_timeout",
        base.Unavailable: (
            "server server_error internal_server_error unmapped provider_unavailable provider_overloaded"
            " temporarily_unavailable overloaded_error api_error"
        ),
    }.items()
    for word in words.split()
}
FAULT_BY_STATUS: Mapping[int, type[Fault]] = {
    400: base.BadRequest,
    401: base.AuthRefused,
    402: base.OutOfCredits,
    403: base.AuthRefused,
    404: base.NoSuchModel,
    405: base.BadRequest,
    408: base.TimedOut,
    409: base.Unavailable,
    413: base.ContextTooLong,
    415: base.BadRequest,
    422: base.BadRequest,
    429: base.RateLimited,
    501: base.BadRequest,
    504: base.TimedOut,
    524: base.TimedOut,
}

TOO_LONG = re.compile(
    r"context (length|window|size)|maximum context|prompt is too long|prompt too long|too many (input )?tokens"
    r"|input is too long|exceeds? the (available )?context|max_model_len|reduce the length",
)
FILTERED = re.compile(r"content (management |filter|usage )?polic|content.?filter|safety (system|filter)|moderation")
REGION = re.compile(r"\b(region|country|territory|location)\b")
KEY_LIMIT = re.compile(r"key limit|limit exceeded|(daily|weekly|monthly|total) limit|settings/keys")
AFFORDABLE = re.compile(r"can only afford ([\d,]+)")
# "This model's maximum context length is 8192 tokens. However, you requested ... (1000 in the messages, ...)"
CONTEXT = re.compile(r"(?:maximum )?context (?:length|window|size)[^.\d]{0,20}?([\d,]+)")
PROMPTED = re.compile(
    r"([\d,]+) (?:tokens )?(?:in the messages|of text input|(?:text )?input tokens|prompt tokens|from the input)"
)
# What the model's cap is said to be, in the words of OpenAI, Anthropic, DeepSeek and Groq.
CAPS = (
    re.compile(r"at most ([\d,]+) (?:completion|output) tokens"),
    re.compile(r"> ([\d,]+), which is the maximum"),
    re.compile(r"valid range of max_tokens is \[\d+, ?([\d,]+)\]"),
    re.compile(r"max\w*_tokens.{0,40}(?:less than or equal to|<=|at most|maximum (?:of|is))[ `'\"]*([\d,]+)"),
)


def find_error(reply: Mapping[str, Any], status: int = 200) -> Mapping[str, Any] | None:
    """Return the error that a reply holds, as an object; None if it holds none. ``status``: that of HTTP."""
    error = reply.get("error")
    if isinstance(error, dict) and error:
        return error
    if error:
        return {"message": error if isinstance(error, str) else json.dumps(error)}
    if reply.get("object") == "error":
        return reply
    if status < 400:
        return None
    if "detail" in reply and "message" not in reply:
        detail = reply["detail"]
        return {"message": detail if isinstance(detail, str) else json.dumps(detail)}
    return reply


def read_fault(
    status: int, headers: Mapping[str, str], error: Mapping[str, Any], usage: Usage | None, now: datetime | None = None
) -> Fault:
    """Return the fault that an error object means. Its own code counts before the status of HTTP.

    ``error``: see `find_error`; ``now``: to turn moments into waits.
    """
    status = read_status(status, error)
    about = "\n".join(_all_said(error)).lower()
    said = _quote(status, error)
    kind = _kind_of(status, error, about)
    availability = _object(error, "availability")
    if availability.get("retryable") is False and issubclass(kind, base.TryLater):
        return base.NotServed(said, usage=usage)
    if availability.get("retryable") is True and issubclass(kind, base.GiveUp):
        kind = base.Unavailable
    if issubclass(kind, base.TryLater):
        return kind(said, usage=usage, retry_after=read_wait(headers, error, now))
    if issubclass(kind, base.OutOfCredits):
        return _read_credits(kind, said, about, usage)
    if issubclass(kind, base.BadRequest):
        return _read_request(kind, said, about, usage)
    return kind(said, usage=usage)


def read_status(status: int, error: Mapping[str, Any]) -> int:
    """Return what counts as the status: ``error.code``, else ``error.http_status``, else HTTP's (502 for a 200)."""
    for name in ("code", "http_status", "status"):
        value = error.get(name)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return status if status >= 400 else 502


def _kind_of(status: int, error: Mapping[str, Any], about: str) -> type[Fault]:
    """Return the class of a fault: what the server calls it, then what its words say, then its status."""
    metadata = _object(error, "metadata")
    if status == 403:
        return _kind_of_403(metadata, about)
    # What the provider behind the server calls it, only of a bad request: its quota, say, is not that of our account.
    behind = str(metadata.get("provider_code", "")).lower() if status == 400 else ""
    for word in (*_words(error), behind):
        if word in FAULT_BY_WORD:
            return FAULT_BY_WORD[word]
    kind = FAULT_BY_STATUS.get(status, base.BadRequest if status < 500 else base.Unavailable)
    if issubclass(kind, base.BadRequest) or status == 500:
        if TOO_LONG.search(about) or _read_cap(about):
            return base.ContextTooLong
        if FILTERED.search(about) and status != 500:
            return base.Filtered
    return kind


def _kind_of_403(metadata: Mapping[str, Any], about: str) -> type[Fault]:
    """Return what a 403 means: moderation, a guardrail, a key that has spent its limit, a place, or the key."""
    if "patterns" in metadata:
        return base.Guarded
    if MODERATION & metadata.keys() or FILTERED.search(about):
        return base.Filtered
    if KEY_LIMIT.search(about):
        return base.OutOfCredits
    return base.RegionRefused if REGION.search(about) else base.AuthRefused


def _read_credits(kind: type[Fault], said: str, about: str, usage: Usage | None) -> Fault:
    """Return which money is missing: for so long an answer, the key's, or the account's."""
    if affordable := AFFORDABLE.search(about):
        return base.Unaffordable(said, affordable=_number(affordable[1]), usage=usage)
    if KEY_LIMIT.search(about):
        return base.KeyLimitReached(said, usage=usage)
    return kind(said, usage=usage)


def _read_request(kind: type[base.BadRequest], said: str, about: str, usage: Usage | None) -> Fault:
    """Return what is wrong with a request; if it is the length, of its prompt or of the answer that it allows."""
    if not issubclass(kind, base.ContextTooLong):
        return kind(said, about=about, usage=usage)
    if most := _read_cap(about):
        return base.CapTooLarge(said, most=most, lasting=True, about=about, usage=usage)
    context, prompted = CONTEXT.search(about), PROMPTED.search(about)
    if context and prompted and (room := _number(context[1]) - _number(prompted[1])) >= LEAST_ROOM:
        # Count a little less: servers count their template's own tokens, or not.
        return base.CapTooLarge(said, most=room - room // 64, lasting=False, about=about, usage=usage)
    return base.ContextTooLong(said, about=about, usage=usage)


def _read_cap(about: str) -> int:
    """Return the largest cap that the server says the model takes; 0 if it says none."""
    return next((_number(found[1]) for pattern in CAPS if (found := pattern.search(about))), 0)


def _number(digits: str) -> int:
    return int(digits.replace(",", "") or 0)


def _words(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words that an error is classed by, the most telling first."""
    metadata = _object(error, "metadata")
    yield from (
        str(value).lower()
        for value in (
            _object(error, "availability").get("code"),
            error.get("code"),
            metadata.get("error_type"),
            error.get("error_type"),
            error.get("type"),
        )
        if isinstance(value, str)
    )


def _all_said(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield all of an error that tells what is wrong, the words of the provider behind the server included."""
    metadata = _object(error, "metadata")
    for value in (
        error.get("message"),
        error.get("param"),
        *_words(error),
        _object(error, "availability").get("excluded_by"),
        metadata.get("raw"),
    ):
        if value:
            yield value if isinstance(value, str) else json.dumps(value)


def _quote(status: int, error: Mapping[str, Any]) -> str:
    """Return what to tell of an error: its status, its message, and what the provider or the filter added."""
    metadata = _object(error, "metadata")
    told = [f"HTTP {status}: {_short(error.get('message') or 'no message', LONGEST_QUOTE)}"]
    if raw := metadata.get("raw"):
        told.append(f"(the provider said: {_short(raw, 200)})")
    if reasons := metadata.get("reasons") or metadata.get("patterns"):
        told.append(f"({_short(reasons, 200)})")
    if metadata.get("provider_name") and status in {429, 502, 503}:
        told.append(f"(from {_short(metadata['provider_name'], 60)})")
    text = " ".join(told)
    return text if text.endswith((".", ")", "!", "?")) else f"{text}."


def _short(value: Any, longest: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(storable(text).split())[:longest]


def storable(text: object) -> str:
    """Return ``text`` without what no database column and no file takes: NUL, and halves of surrogate pairs."""
    return UNSTORABLE.sub("", str(text))


def read_wait(headers: Mapping[str, str], error: Mapping[str, Any], now: datetime | None = None) -> float | None:
    """Return for how many seconds a server wants to be left alone, at most an hour; None where it does not say.

    In this order: ``availability.retry_after``, the header Retry-After, the moment of X-RateLimit-Reset; the headers
    of a provider behind the server stand in ``metadata.headers``.
    """
    now = now or datetime.now(UTC)
    metadata = _object(error, "metadata")
    behind = {str(name).lower(): str(value) for name, value in _object(metadata, "headers").items()}
    found = (
        read_retry_after(str(_object(error, "availability").get("retry_after", "")), now),
        read_retry_after(headers.get("Retry-After", ""), now),
        read_retry_after(behind.get("retry-after", ""), now),
        read_reset(headers.get("X-RateLimit-Reset", ""), now),
        read_reset(behind.get("x-ratelimit-reset", ""), now),
        read_retry_after(str(metadata.get("retry_after_seconds", "")), now),
    )
    return next((seconds for seconds in found if seconds is not None), None)


def read_retry_after(value: str, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number, or an HTTP date), at most an hour."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
        except (TypeError, ValueError):
            return None
    return _bounded(seconds)


def read_reset(value: str, now: datetime) -> float | None:
    """Return the seconds until an X-RateLimit-Reset: milliseconds or seconds of the epoch, or seconds from now."""
    try:
        moment = float(value)
    except ValueError:
        return None
    if moment > 1e11:
        moment /= 1000
    return _bounded(moment - now.timestamp() if moment > 1e8 else moment)


def _bounded(seconds: float) -> float | None:
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}
