"""Whatever a server sends, what comes of it is an answer or a fault, never a crash of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from providers import base, sse
from providers.ladder import RUNGS
from providers.reply import Wanted, read_completion

TEXTS = ["", "stop", "length", "error", "429", "x", '{"name": "x"}', "#NAME#\nx", "\x00", "\ud800", "null"]
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-1, 2**40), st.floats(), st.sampled_from(TEXTS))
ANYTHING = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(TEXTS), part), max_leaves=6
)


def odd(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects that have these parts, or something else in their places, or are something else themselves."""
    there = {name: st.one_of(part, part, ANYTHING) for name, part in parts.items()}
    return st.one_of(*[st.fixed_dictionaries({}, optional=there)] * 9, ANYTHING)


NUMBERS = st.integers(-1, 600)
USAGE = odd(
    prompt_tokens=NUMBERS,
    completion_tokens=NUMBERS,
    cost=st.floats(),
    is_byok=st.just(True),
    cost_details=odd(upstream_inference_cost=st.floats()),
    prompt_tokens_details=odd(cached_tokens=NUMBERS),
    completion_tokens_details=odd(reasoning_tokens=NUMBERS),
)
ERROR = odd(
    code=NUMBERS,
    http_status=NUMBERS,
    message=LEAVES,
    type=LEAVES,
    param=LEAVES,
    availability=odd(code=LEAVES, retryable=LEAVES, retry_after=NUMBERS, excluded_by=st.lists(LEAVES)),
    metadata=odd(raw=LEAVES, reasons=st.lists(LEAVES), patterns=LEAVES, headers=odd(x=LEAVES), provider_code=LEAVES),
)
CALLS = st.lists(odd(index=st.just(0), function=odd(name=LEAVES, arguments=ANYTHING)), max_size=2)
PARTS = st.lists(odd(type=st.just("text"), text=LEAVES), max_size=2)
MESSAGE = odd(content=LEAVES | PARTS, tool_calls=CALLS, refusal=LEAVES, reasoning=LEAVES, reasoning_details=ANYTHING)
CHOICE = odd(message=MESSAGE, delta=MESSAGE, finish_reason=LEAVES, error=ERROR, index=LEAVES)
REPLIES = st.one_of(
    odd(choices=st.lists(CHOICE, min_size=1, max_size=2), usage=USAGE, id=LEAVES, model=LEAVES),
    odd(error=ERROR, usage=USAGE, object=st.just("error"), detail=ANYTHING, choices=st.lists(CHOICE, max_size=1)),
    ERROR,
)
SHAPE = {"type": "object", "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {}}}}
STATUSES = st.sampled_from([200, 200, 200, 400, 402, 403, 404, 429, 500, 503, 599])
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "X-RateLimit-Reset", "X-Generation-Id"]), st.text("0123456789.-eNaif", max_size=12)
)
SCRAPS = [b"data: ", b"{", b"}", b"\n", b"\r\n", b"error:", b": x", b'"a"', b"[DONE]", b"data:"]
OFTEN = settings(max_examples=600, deadline=None)


def read(status: int, headers: dict[str, str], content: Any, rung: str) -> None:
    fault = None
    try:
        completion = read_completion(status, headers, content, charges=True, wanted=Wanted(SHAPE, rung, 900))
    except base.Fault as raised:
        fault = raised
    if fault is None:
        assert completion.text.encode()
        assert status < 400
    else:
        assert str(fault).encode(), "it can be stored and shown"
        assert fault.usage is None or fault.usage.cost_usd >= 0


@OFTEN
@given(STATUSES, HEADERS, REPLIES, st.sampled_from(RUNGS))
def test_any_reply_is_an_answer_or_a_fault(status: int, headers: dict[str, str], reply: Any, rung: str) -> None:
    read(status, headers, json.dumps(reply).encode(), rung)


@OFTEN
@given(st.binary(max_size=60), st.sampled_from([200, 500]))
def test_any_bytes_are_a_fault(content: bytes, status: int) -> None:
    with pytest.raises(base.Fault):
        read_completion(status, {}, content, charges=False)


@OFTEN
@example([{"choices": [{"delta": {"tool_calls": [{"index": [0]}, 1]}, "finish_reason": {}}]}], True, "tool")
@given(st.lists(REPLIES, max_size=4), st.booleans(), st.sampled_from(RUNGS))
def test_any_stream_is_an_answer_or_a_fault(chunks: list[Any], done: bool, rung: str) -> None:
    stream = sse.Stream()
    for chunk in chunks:
        stream.add(json.dumps(chunk).encode())
    if done:
        stream.add(sse.DONE)
    try:
        reply = stream.reply()
    except base.Unavailable:
        return
    read(200, {}, reply, rung)


@OFTEN
@given(st.lists(st.sampled_from(SCRAPS)))
def test_any_lines_are_events_or_a_fault(pieces: list[bytes]) -> None:
    stream = sse.Stream()
    try:
        for event in sse.read_events(pieces):
            stream.add(event)
        reply = stream.reply()
    except base.Unavailable:
        return
    read(200, {}, reply, "json_schema")
