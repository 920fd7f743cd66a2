"""Every way in which model servers fail: the fault table as scripted answers, each with what it has to be taken for.

Rows of the table in OpenRouter's error reference come under its names; the rest are what other servers do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from providers import base
from providers.base import Fault
from tests.model_server import Say


@dataclass(frozen=True)
class Row:
    """One way to fail. ``remedy`` is part of the message that a user is told."""

    say: Say
    kind: type[Fault]
    remedy: str = ""


def error(status: int, message: str = "scripted", /, **more: Any) -> Say:
    """An error as OpenRouter sends it, with its status."""
    return Say(status, {"error": {"code": status, "message": message, **more}})


def inside(message: str = "scripted", /, **more: Any) -> Say:
    """An error inside of HTTP 200."""
    return Say(200, {"error": {"message": message, **more}})


def raw_stream(*lines: str) -> Say:
    """A stream of exactly these lines."""
    content = "".join(f"{line}\n\n" for line in lines).encode()
    return Say(200, content, headers={"Content-Type": "text/event-stream"})


KEY, CREDITS, LATER = "API key", "Add credits", "Retry the job"
AFFORD = "This request requires more credits, or fewer max_tokens. You requested up to 900 tokens, but can only afford"

# Somebody has to act, or another model: asking the same again is no use.
LASTING = {
    "400 bad parameter": Row(error(400, "temperature must be at most 1"), base.BadRequest, "Change the option"),
    "400 context": Row(
        error(400, "x", error_type="context_length_exceeded"), base.ContextTooLong, "Shorten the source"
    ),
    "400 context in words": Row(
        error(400, "This endpoint's maximum context length is 8192 tokens."), base.ContextTooLong, "Shorten"
    ),
    "400 string too long": Row(error(400, "x", type="string_too_long"), base.ContextTooLong, "Shorten"),
    "400 no room for the answer": Row(
        error(400, "maximum context length is 1000 tokens, you requested 1900 tokens (990 in the messages, 900 more)"),
        base.ContextTooLong,
        "Shorten",
    ),
    "400 invalid prompt": Row(error(400, "x", error_type="invalid_prompt"), base.BadRequest),
    "400 policy": Row(error(400, "x", error_type="content_policy_violation"), base.Filtered, "Change what"),
    "400 Azure's filter": Row(Say(400, {"error": {"code": "content_filter", "message": "x"}}), base.Filtered),
    "400 refusal": Row(error(400, "x", error_type="refusal"), base.Refused),
    "400 no model": Row(
        Say(400, {"error": {"code": "model_not_found", "message": "x"}}), base.NoSuchModel, "model's id"
    ),
    "401": Row(error(401, "No auth credentials found"), base.AuthRefused, KEY),
    "401 of words": Row(Say(401, {"error": {"code": "invalid_api_key", "message": "x"}}), base.AuthRefused, KEY),
    "402 balance": Row(error(402, "Insufficient credits"), base.OutOfCredits, CREDITS),
    "402 key": Row(
        error(402, "To increase, visit settings/keys and create a key with a higher monthly limit"),
        base.KeyLimitReached,
        "Raise the limit of the API key",
    ),
    "402 preflight": Row(error(402, f"{AFFORD} 700. To increase, ..."), base.Unaffordable, CREDITS),
    "403 moderation": Row(
        error(403, "flagged", metadata={"reasons": ["violence"], "flagged_input": "x", "provider_name": "p"}),
        base.Filtered,
        "violence",
    ),
    "403 guardrail": Row(error(403, "x", metadata={"patterns": ["card number"]}), base.Guarded, "guardrail"),
    "403 region": Row(
        error(403, "Country, region, or territory not supported"), base.RegionRefused, "where it is served"
    ),
    "403 key": Row(error(403, "Key limit exceeded (total limit)"), base.KeyLimitReached, "limit"),
    "403 disabled": Row(error(403, "This key is disabled"), base.AuthRefused, KEY),
    "404 no endpoints": Row(
        error(404, "x", availability={"code": "no_endpoints"}), base.NoSuchModel, "fallback_models"
    ),
    "404 deprecated": Row(
        error(404, "x", availability={"code": "model_deprecated"}), base.NoSuchModel, "fallback_models"
    ),
    "404 privacy": Row(
        error(404, "x", availability={"code": "privacy_restricted"}), base.NoSuchModel, "fallback_models"
    ),
    "404 free ended": Row(error(404, "x", availability={"code": "free_variant_ended"}), base.NoSuchModel),
    "404 Ollama": Row(Say(404, {"error": {"message": 'model "x" not found', "code": None}}), base.NoSuchModel),
    "413": Row(error(413, "payload too large"), base.ContextTooLong, "Shorten"),
    "422": Row(error(422, "unprocessable"), base.BadRequest, "Change the option"),
    "422 FastAPI": Row(
        Say(422, {"detail": [{"loc": ["body", "messages"], "msg": "bad"}]}), base.BadRequest, "messages"
    ),
    "429 no money": Row(
        Say(429, {"error": {"code": "insufficient_quota", "message": "x"}}), base.OutOfCredits, CREDITS
    ),
    "503 not retryable": Row(
        error(503, "no provider", availability={"code": "temporarily_unavailable", "retryable": False}),
        base.NotServed,
        "another model",
    ),
    "200 with 402": Row(inside("no money", code=402), base.OutOfCredits, CREDITS),
    "200 with a word": Row(inside("too long", code="context_length_exceeded"), base.ContextTooLong),
    "200 vLLM": Row(
        Say(200, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}), base.BadRequest
    ),
    "200 llama.cpp": Row(
        inside("the request exceeds the available context size", code=400, type="exceed_context_size_error"),
        base.ContextTooLong,
    ),
    "redirect": Row(Say(307, b"", headers={"Location": "https://elsewhere.example/"}), base.BadRequest, "LLM_BASE_URL"),
    "filter": Row(Say(text="", finish="content_filter"), base.Filtered, "Change what"),
    "refusal field": Row(Say(text="", message={"refusal": "I will not."}), base.Refused, "I will not"),
    "refusal in words": Row(Say(text="I'm sorry, but I can't help with that."), base.Refused, "I can't help"),
}

# The cap is what is wrong.
CAPPED = {
    "length": Row(Say(text='{"name": "Ond', finish="length"), base.Truncated, "max_tokens"),
    "length by another name": Row(Say(text="{", finish="MAX_TOKENS"), base.Truncated),
    "reasoning ate it": Row(
        Say(
            text="",
            finish="length",
            message={"reasoning": "Let me think."},
            usage={"completion_tokens": 900, "completion_tokens_details": {"reasoning_tokens": 900}},
        ),
        base.Truncated,
        "on reasoning",
    ),
    "reasoning ate it, uncounted": Row(
        Say(text="", finish="length", message={"reasoning_content": "Let me think."}), base.Truncated, "on reasoning"
    ),
}

# The same again may do.
PASSING = {
    "408": Row(error(408), base.TimedOut, LATER),
    "409": Row(error(409), base.Unavailable),
    "429": Row(error(429), base.RateLimited, LATER),
    "429 upstream": Row(
        error(
            429, "Provider returned error", metadata={"provider_name": "Deep", "provider_code": "insufficient_quota"}
        ),
        base.RateLimited,
        "Deep",
    ),
    "429 capacity": Row(error(429, availability={"code": "capacity_exhausted"}), base.RateLimited),
    "500": Row(error(500), base.Unavailable, LATER),
    "500 page": Row(Say(500, b"<html>oops</html>"), base.Unavailable),
    "500 nothing": Row(Say(500, b""), base.Unavailable),
    "502": Row(error(502, metadata={"error_type": "provider_unavailable"}), base.Unavailable, LATER),
    "503": Row(error(503, availability={"code": "provider_overloaded", "retryable": True}), base.Unavailable),
    "504": Row(error(504), base.TimedOut),
    "524": Row(Say(524, b"<html>a timeout occurred</html>"), base.TimedOut),
    "529": Row(error(529), base.Unavailable),
    "404 that says it passes": Row(
        error(404, availability={"code": "no_endpoints", "retryable": True}), base.Unavailable
    ),
    "503 that says what it is": Row(Say(503, {"error": {"http_status": 429, "message": "x"}}), base.RateLimited),
    "200 with 429": Row(inside(code=429), base.RateLimited),
    "200 with 502": Row(inside(code=502), base.Unavailable),
    "200 with digits": Row(inside(code="429"), base.RateLimited),
    "200 with http_status": Row(inside(http_status=504), base.TimedOut),
    "200 with a word": Row(inside(code="server_error"), base.Unavailable),
    "200 with an unknown word": Row(inside(code="gremlins"), base.Unavailable),
    "200 with a string": Row(Say(200, {"error": "upstream is down"}), base.Unavailable),
    "200 vLLM of old": Row(Say(200, {"object": "error", "message": "vllm"}), base.Unavailable),
    "choices null": Row(Say(200, {"choices": None}), base.Unavailable),
    "choices missing": Row(Say(200, {"id": "x"}), base.Unavailable),
    "choices empty": Row(Say(200, {"choices": []}), base.Unavailable),
    "choices of nothing": Row(Say(200, {"choices": [None]}), base.Unavailable),
    "choice with an error": Row(
        Say(200, {"choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "error"}]}), base.Unavailable
    ),
    "finish error": Row(Say(text="", finish="error"), base.Unavailable),
    "not JSON": Row(Say(200, b"<html>busy</html>"), base.Unavailable),
    "not an object": Row(Say(200, b"[1, 2]"), base.Unavailable),
    "no text": Row(Say(200, {"choices": [{"message": {"content": {"a": 1}}}]}), base.Unavailable),
    "empty": Row(Say(text=""), base.EmptyAnswer, LATER),
    "blank": Row(Say(text=" \n "), base.EmptyAnswer),
    "only thoughts": Row(Say(text="", message={"reasoning": "Hm."}), base.EmptyAnswer, "It thought"),
}

# What can only happen in the middle of a stream.
BREAKING = {
    "error": Row(Say(mid_error={"error": {"code": 502, "message": "x"}, "choices": []}), base.Unavailable),
    "error of a word": Row(Say(mid_error={"error": {"code": "server_error", "message": "x"}}), base.Unavailable),
    "limit": Row(Say(mid_error={"error": {"code": 429, "message": "x"}}), base.RateLimited),
    "vLLM": Row(Say(mid_error={"object": "error", "message": "x", "code": 500}), base.Unavailable),
    "in the choice": Row(Say(mid_error={"choices": [{"error": {"code": 504, "message": "x"}}]}), base.TimedOut),
    "not JSON": Row(Say(mid_error=b"{oops"), base.Unavailable),
    "broken off": Row(Say(break_after=3), base.Unavailable),
    "broken off at once": Row(Say(break_after=0), base.Unavailable),
    "ended early": Row(raw_stream('data: {"choices": [{"delta": {"content": "half"}}]}'), base.Unavailable),
    "llama.cpp's own line": Row(
        raw_stream('error: {"code": 400, "message": "the request exceeds the available context size"}'),
        base.ContextTooLong,
    ),
    "JSON under a stream's header": Row(
        raw_stream(json.dumps({"error": {"code": 429, "message": "x"}})), base.RateLimited
    ),
}

# An answer that is none, as far as the server can tell it is one.
GARBLED = {
    "talk": Row(Say(text="Here is your card: {name"), base.BadOutput),
    "half of it": Row(Say(text='{"name": "Ondine", "description": "She kee'), base.BadOutput),
    "another language's keys": Row(Say(text='{"nombre": "Ondine"}'), base.BadOutput),
}


def mixed(rate: float, seed: int) -> Callable[[dict[str, Any]], Say | None]:
    """Return a `ModelServer.chance`: this share of all calls fails, in every way that may pass, each as likely.

    By the seed and the order of the calls; not with refusals, which may be meant.
    """
    dice = random.Random(seed)
    whole = [row.say for rows in (PASSING, CAPPED, GARBLED) for row in rows.values()]
    streamed = whole + [row.say for row in BREAKING.values() if issubclass(row.kind, base.TryLater)]

    def chance(body: dict[str, Any]) -> Say | None:
        if dice.random() >= rate:
            return None
        return dice.choice(streamed if body.get("stream") else whole)

    return chance
