"""Streamed answers over real HTTP: how they are put together, how they break, and how they are called off."""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from providers import base, sse
from providers.base import Completion, Prompt, Sampling, Usage
from providers.openai import OpenAIProvider
from tests.model_server import CARD, PRICE, ModelServer, Say

KEY = "sk-or-a-very-secret-key"
PROMPT = Prompt("write_card", ({"role": "user", "content": "Write."},), {"type": "object"})
SAMPLING = Sampling(model="test/model", max_tokens=900)
LONG = 60.0  # seconds; no test waits for it
UNKNOWN = Usage(cost_basis="unknown")
ODD = "Åse \u2028 said: 「霧」 \U0001f30a\r\n\x0b\x85 end"


@pytest.fixture
def provider(model_server: ModelServer) -> OpenAIProvider:
    return OpenAIProvider(model_server.base_url, "test/model", KEY)


@pytest.fixture
def ask(provider: OpenAIProvider) -> Iterator[Callable[..., Future[Completion]]]:
    """Ask in a thread of its own."""
    with ThreadPoolExecutor(64) as threads:
        yield lambda **options: threads.submit(provider.complete, PROMPT, SAMPLING, **options)


def wait_for(fact: Callable[[], bool], what: str, seconds: float = 5.0) -> float:
    """Poll for ``fact``; return after how many seconds it was there."""
    started = time.monotonic()
    while not fact():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.005)
    return time.monotonic() - started


def raw(*events: Any, **headers: str) -> Say:
    """A stream of exactly these events; bytes are whole lines."""
    lines = [event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() for event in events]
    return Say(body=b"\n\n".join((*lines, b"")), headers={"Content-Type": "text/event-stream", **headers})


def said(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **more}


DONE = b"data: [DONE]"


# Putting an answer together


def test_an_answer_is_streamed_and_its_bill_comes_last(provider: OpenAIProvider, model_server: ModelServer) -> None:
    completion = provider.complete(PROMPT, SAMPLING)
    (body,) = model_server.ledger.requests
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert json.loads(completion.text) == CARD
    assert (completion.model, completion.finish_reason, completion.response_id) == ("test/model", "stop", "gen-1")
    assert completion.usage.cost_usd == model_server.ledger.total > 0
    assert model_server.ledger.chunks > 1


def test_a_server_that_does_not_stream_is_understood(provider: OpenAIProvider, model_server: ModelServer) -> None:
    streamed = provider.complete(PROMPT, SAMPLING)
    model_server.script = [Say(stream=False)]
    assert provider.complete(PROMPT, SAMPLING) == streamed


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 64])
def test_it_does_not_matter_how_the_bytes_are_cut(
    newline: bytes, size: int, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(text=ODD, newline=newline, slice_bytes=size)]
    assert provider.complete(PROMPT, SAMPLING).text == ODD


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=iso-8859-1"])
def test_text_is_utf8_whatever_the_header_says(
    charset: str, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(text=ODD, headers={"Content-Type": "text/event-stream" + charset})]
    assert provider.complete(PROMPT, SAMPLING).text == ODD


def test_a_compressed_stream_is_read(provider: OpenAIProvider, model_server: ModelServer) -> None:
    say = raw(said(ODD, "stop"), DONE, **{"Content-Encoding": "gzip"})
    say.body = gzip.compress(say.body)
    model_server.script = [say]
    assert provider.complete(PROMPT, SAMPLING).text == ODD


def test_lines_come_out_as_they_went_in() -> None:
    whole = b"a\r\n\r\nb\xe2\x80\xa8c\n\rd\ne"
    for size in range(1, len(whole) + 1):
        cut = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert list(sse.split_lines(cut)) == [b"a", b"", b"b\xe2\x80\xa8c", b"\rd", b"e"]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_LINE_BYTES", 100)
    with pytest.raises(base.BadOutput, match="line"):
        list(sse.split_lines([b"x" * 60] * 2))


def test_a_text_without_end_is_refused(
    provider: OpenAIProvider, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_TEXT_CHARACTERS", 10)
    model_server.script = [Say(text="x" * 80, chunk_seconds=0.01)]
    with pytest.raises(base.BadOutput, match="characters"):
        provider.complete(PROMPT, SAMPLING)


def test_comments_and_other_fields_are_skipped(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [
        Say(text=ODD, comments=True, seconds=0.2, chunk_seconds=0.01),
        raw(b": hello", b"event: message\nid: 7\nretry: 10\ndata:", said("a"), said("b", "stop"), DONE),
    ]
    assert provider.complete(PROMPT, SAMPLING).text == ODD
    assert provider.complete(PROMPT, SAMPLING).text == "ab"


WHOLE: dict[str, tuple[Any, ...]] = {
    "reasoning is not content": (
        {"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm"}}]},
        said("ab", "stop"),
        DONE,
    ),
    "chunks without choices": ({"debug": {}}, {"choices": []}, {"choices": None}, said("ab", "stop"), DONE),
    "odd choices": ({"choices": [None]}, {"choices": [{"delta": None}]}, b"data: null", said("ab", "stop"), DONE),
    "no content in the last chunk": (said("ab"), {"choices": [{"delta": {}, "finish_reason": "stop"}]}, DONE),
    "no finish reason": (said("a"), said("b"), DONE),
    "no [DONE]": (said("ab"), said(None, "stop")),
    "no blank lines": (
        b'data: {"choices":[{"delta":{"content":"a"}}]}\ndata:{"choices":[{"delta":{"content":"b"}}]}',
        DONE,
    ),
    "one chunk with the whole message": ({"choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}, DONE),
    "more after [DONE]": (said("ab", "stop"), DONE, said("c"), b"data: {oops"),
}


@pytest.mark.parametrize("events", WHOLE.values(), ids=WHOLE.keys())
def test_every_servers_habits_give_the_same_text(
    events: tuple[Any, ...], provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [raw(*events)]
    assert provider.complete(PROMPT, SAMPLING).text == "ab"


def test_the_last_usage_counts_wherever_it_comes(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [
        raw(
            said("a", usage={"prompt_tokens": 3, "cost": 0.1}),
            said("b", "stop", usage=None),
            {"choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 3, "cost": 0.25}},
            DONE,
        )
    ]
    assert provider.complete(PROMPT, SAMPLING).usage.cost_usd == Decimal("0.25")


def test_an_early_bill_is_read(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [Say(usage_early=True)]
    assert provider.complete(PROMPT, SAMPLING).usage.cost_usd == model_server.ledger.total > 0


def test_a_truncated_stream_of_the_models_own_is_told_with_its_bill(
    provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(text="half a card", finish="length")]
    with pytest.raises(base.Truncated) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.usage is not None
    assert raised.value.usage.cost_usd == model_server.ledger.total > 0


# Breaking


ERRORS = [
    ({"error": {"code": 429, "message": "slow down"}, **said("", "error")}, base.RateLimited),
    ({"error": {"code": "server_error", "message": "upstream"}, **said("", "error")}, base.Unavailable),
    ({"error": {"code": 402, "message": "no credits"}}, base.OutOfCredits),
    ({"error": "plain words"}, base.Unavailable),
    ({"choices": [{"error": {"code": 502, "message": "upstream"}, "finish_reason": "error"}]}, base.Unavailable),
    (said("", "error"), base.Unavailable),
    ({"object": "error", "message": "vllm", "code": 400}, base.BadRequest),
    ({"error": {"code": 401, "message": f"Incorrect API key provided: {KEY}"}}, base.AuthRefused),
    (b'{"choices": [{"del', base.Unavailable),
    (b"\xff\xfe", base.Unavailable),
]


@pytest.mark.parametrize(("event", "kind"), ERRORS)
def test_every_error_in_the_middle_is_told_apart(
    event: Any, kind: type[base.Fault], provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(mid_error=event)]
    with pytest.raises(kind) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert type(raised.value) is kind
    assert KEY not in repr(raised.value)
    assert model_server.ledger.charges == []


def test_an_error_in_the_middle_brings_the_bill_that_came(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [
        Say(mid_error={"error": {"message": "x"}}, usage_early=True),
        Say(mid_error=b"{oops", usage_early=True),
    ]
    for _ in range(2):
        with pytest.raises(base.Unavailable) as raised:
            provider.complete(PROMPT, SAMPLING)
        assert raised.value.usage is not None
        assert raised.value.usage.cost_usd == model_server.ledger.charges[-1] > 0


def test_an_error_before_the_stream_is_plain_json(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [
        Say(429, {"error": {"message": "later"}}, headers={"Retry-After": "7"}),
        Say(503, b"data: {}\n\n", headers={"Content-Type": "text/event-stream"}),
    ]
    with pytest.raises(base.RateLimited) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.retry_after == 7.0
    with pytest.raises(base.Unavailable):
        provider.complete(PROMPT, SAMPLING)


@pytest.mark.parametrize("chunks", [0, 1, 3, 100])
def test_a_stream_that_breaks_off_may_be_tried_again(
    chunks: int, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(break_after=chunks)]
    with pytest.raises(base.Unavailable, match="broke off") as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.usage == UNKNOWN
    assert model_server.ledger.charges == []
    assert model_server.ledger.closed == 0
    assert json.loads(provider.complete(PROMPT, SAMPLING).text) == CARD


def test_an_answer_whose_bill_gets_lost_is_taken_and_told_to_the_operator(
    provider: OpenAIProvider, model_server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    model_server.script = [raw(said(json.dumps(CARD), "stop"), b"data: {oops")]
    completion = provider.complete(PROMPT, SAMPLING)
    assert json.loads(completion.text) == CARD
    assert (completion.usage.cost_usd, completion.usage.cost_basis) == (Decimal(0), "local")
    assert "broke off between an answer and its usage" in caplog.text


def test_a_stream_that_breaks_off_brings_the_bill_that_came(
    provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(break_after=2, usage_early=True)]
    with pytest.raises(base.Unavailable) as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.usage is not None
    assert raised.value.usage.cost_usd == model_server.ledger.total > 0


def test_a_stream_that_ends_in_good_order_but_too_early_is_no_answer(
    provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [raw(said("half"))]
    with pytest.raises(base.Unavailable, match="too early") as raised:
        provider.complete(PROMPT, SAMPLING)
    assert raised.value.usage == UNKNOWN


@pytest.mark.parametrize("last", [DONE, said(None, "stop")], ids=["done", "finish reason"])
def test_what_is_whole_is_taken_though_the_connection_stays_open(
    last: Any, model_server: ModelServer, provider: OpenAIProvider
) -> None:
    model_server.script = [raw(said("a"), said("b"), last, **{"Content-Length": "100000"})]
    slow = OpenAIProvider(model_server.base_url, "m", silence=1.0)
    assert slow.complete(PROMPT, SAMPLING).text == "ab"


# Calling off


def test_a_call_before_its_headers_can_be_cancelled(
    ask: Callable[..., Future[Completion]], model_server: ModelServer
) -> None:
    flag = threading.Event()
    model_server.script = [Say(seconds=LONG)]
    answer = ask(cancelled=flag.is_set)
    wait_for(lambda: len(model_server.ledger.requests) == 1, "the server has the request")
    flag.set()
    wait_for(lambda: model_server.ledger.closed == 1, "the server sees the connection closed", 1.0)
    with pytest.raises(base.Cancelled) as raised:
        answer.result(1.0)
    assert raised.value.code == "CANCELLED"
    assert raised.value.usage == UNKNOWN
    assert model_server.ledger.charges == []


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_call_in_the_middle_can_be_cancelled(
    connection: str, ask: Callable[..., Future[Completion]], model_server: ModelServer
) -> None:
    """Also on a connection that is not for the pool: http.client lets go of its socket as soon as it knows."""
    flag = threading.Event()
    model_server.script = [Say(text="x" * 800, chunk_seconds=LONG, headers={"Connection": connection})]
    answer = ask(cancelled=flag.is_set)
    wait_for(lambda: model_server.ledger.chunks == 1, "a chunk is sent")
    flag.set()
    wait_for(lambda: model_server.ledger.closed == 1, "the server sees the connection closed", 1.0)
    with pytest.raises(base.Cancelled) as raised:
        answer.result(1.0)
    assert raised.value.usage == UNKNOWN
    assert model_server.ledger.charges == [(len("Write.") // 4 + 25) * PRICE], "the prompt and one chunk of eight"


def test_a_busy_stream_is_cancelled_as_soon_as_an_idle_one(
    ask: Callable[..., Future[Completion]], model_server: ModelServer
) -> None:
    flag = threading.Event()
    model_server.script = [Say(text="x" * 800, chunk_seconds=LONG, comments=True, usage_early=True)]
    answer = ask(cancelled=flag.is_set)
    wait_for(lambda: model_server.ledger.chunks == 1, "a chunk is sent")
    flag.set()
    with pytest.raises(base.Cancelled) as raised:
        answer.result(1.0)
    wait_for(lambda: model_server.ledger.closed == 1, "the server sees the connection closed", 1.0)
    assert raised.value.usage is not None
    assert raised.value.usage.cost_usd == model_server.ledger.total > 0, "the bill had come already"


def test_a_whole_answer_can_be_cancelled_while_it_is_waited_for(
    ask: Callable[..., Future[Completion]], model_server: ModelServer
) -> None:
    model_server.script = [Say(stream=False, seconds=2.0)]
    answer = ask(cancelled=lambda: len(model_server.ledger.requests) == 1)
    with pytest.raises(base.Cancelled):
        answer.result(1.0)


def test_a_whole_answer_that_was_asked_for_can_be_cancelled_too(
    provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.seconds = 2.0
    started = time.monotonic()
    with pytest.raises(base.Cancelled):
        provider.complete(PROMPT, replace(SAMPLING, stream=False), cancelled=lambda: model_server.ledger.now == 1)
    assert time.monotonic() - started < 1.5


def test_a_call_that_is_cancelled_before_it_begins_asks_nobody(
    provider: OpenAIProvider, model_server: ModelServer
) -> None:
    with pytest.raises(base.Cancelled) as raised:
        provider.complete(PROMPT, SAMPLING, cancelled=lambda: True)
    assert raised.value.usage is None
    assert model_server.ledger.requests == []


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections into its queue of one and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        yield listening


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_silent_server_does_not_hold_up_a_cancel(scheme: str, silent: socket.socket) -> None:
    """With https the call is in the middle of its handshake."""
    provider = OpenAIProvider(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/v1", "m")
    started = time.monotonic()
    with pytest.raises(base.Cancelled):
        provider.complete(PROMPT, SAMPLING, cancelled=lambda: time.monotonic() > started + 0.3)
    assert time.monotonic() - started < 1.3


def test_a_call_that_still_connects_can_be_cancelled(silent: socket.socket) -> None:
    crowd = [socket.socket() for _ in range(3)]
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(silent.getsockname())  # the queue is full: the next packets are dropped
    provider = OpenAIProvider(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", "m")
    started = time.monotonic()
    with pytest.raises(base.Cancelled) as raised:
        provider.complete(PROMPT, SAMPLING, cancelled=lambda: time.monotonic() > started + 0.3)
    assert time.monotonic() - started < 1.3
    assert raised.value.usage is None, "nothing was sent"
    for one in crowd:
        one.close()


def test_a_mistake_in_the_question_whether_to_cancel_ends_its_call_only(
    ask: Callable[..., Future[Completion]], model_server: ModelServer
) -> None:
    def mistaken() -> bool:
        if model_server.ledger.chunks:
            raise ZeroDivisionError
        return False

    model_server.script = [Say(chunk_seconds=LONG)]
    with pytest.raises(ZeroDivisionError):
        ask(cancelled=mistaken).result(2.0)
    assert json.loads(ask().result(2.0).text) == CARD


@pytest.mark.parametrize(
    "say",
    [Say(seconds=LONG), Say(chunk_seconds=LONG), Say(chunk_seconds=LONG, comments=True), Say(chunk_seconds=0.2)],
    ids=["before the headers", "in the middle", "with comments", "with chunks"],
)
def test_the_deadline_of_a_call_ends_it(say: Say, provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [say]
    started = time.monotonic()
    with pytest.raises(base.TimedOut, match=r"within 0\.5 s") as raised:
        provider.complete(PROMPT, SAMPLING, deadline=0.5)
    assert 0.5 <= time.monotonic() - started < 1.5
    assert raised.value.usage == UNKNOWN
    wait_for(lambda: model_server.ledger.closed == 1, "the server sees the connection closed", 1.0)


def test_the_smaller_deadline_counts(model_server: ModelServer) -> None:
    model_server.script = [Say(seconds=LONG)]
    with pytest.raises(base.TimedOut, match=r"within 0\.2 s"):
        OpenAIProvider(model_server.base_url, "m", deadline=0.2).complete(PROMPT, SAMPLING, deadline=LONG)


@pytest.mark.parametrize(
    "say", [Say(chunk_seconds=LONG, comments=True), Say(comments=True, seconds=LONG)], ids=["middle", "start"]
)
def test_comments_are_no_sign_of_life(say: Say, model_server: ModelServer) -> None:
    model_server.script = [say]
    started = time.monotonic()
    with pytest.raises(base.TimedOut, match=r"no data for 0\.5 s"):
        OpenAIProvider(model_server.base_url, "m", silence=0.5).complete(PROMPT, SAMPLING)
    assert time.monotonic() - started < 1.5
    wait_for(lambda: model_server.ledger.closed == 1, "the server sees the connection closed", 1.0)


def test_a_slow_stream_that_goes_on_is_left_alone(model_server: ModelServer) -> None:
    model_server.script = [Say(chunk_seconds=0.2)]
    provider = OpenAIProvider(model_server.base_url, "m", silence=0.6)
    assert json.loads(provider.complete(PROMPT, SAMPLING).text) == CARD


# Connections and threads


def test_calls_share_a_connection(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [Say(), Say(stream=False), Say(mid_error={"error": {"message": "x"}}), Say(503, {})]
    for _ in range(6):
        try:
            provider.complete(PROMPT, SAMPLING)
        except base.Unavailable:
            continue
    assert len(model_server.ledger.ports) == 6
    assert len(set(model_server.ledger.ports)) == 1


def test_a_connection_that_was_cut_is_not_used_again(provider: OpenAIProvider, model_server: ModelServer) -> None:
    model_server.script = [Say(), Say(chunk_seconds=LONG)]
    provider.complete(PROMPT, SAMPLING)
    with pytest.raises(base.TimedOut):
        provider.complete(PROMPT, SAMPLING, deadline=0.2)
    provider.complete(PROMPT, SAMPLING)
    provider.complete(PROMPT, SAMPLING)
    first, second, third, fourth = model_server.ledger.ports
    assert first == second != third == fourth


def test_one_of_fifty_is_cancelled_and_the_rest_come_whole(
    ask: Callable[..., Future[Completion]], model_server: ModelServer
) -> None:
    flag = threading.Event()
    model_server.script = [Say(text=f"{n} " * 40, chunk_seconds=0.1) for n in range(49)]
    rest = [ask() for _ in range(49)]
    wait_for(lambda: not model_server.script, "the first 49 are asked")
    model_server.script = [Say(chunk_seconds=LONG)]
    one = ask(cancelled=flag.is_set)
    wait_for(lambda: len(model_server.ledger.requests) == 50, "all are in flight")
    flag.set()
    with pytest.raises(base.Cancelled):
        one.result(1.5)
    assert sorted(answer.result(10).text for answer in rest) == sorted(f"{n} " * 40 for n in range(49))
    assert model_server.ledger.closed == 1


def test_calls_leave_no_threads_and_no_sockets(provider: OpenAIProvider, model_server: ModelServer) -> None:
    provider.complete(PROMPT, SAMPLING)
    threads, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    model_server.script = [Say(chunk_seconds=LONG), Say(break_after=1), Say()] * 3
    for _ in range(9):
        deadline = 0.1 if model_server.script[0].chunk_seconds else None
        try:
            provider.complete(PROMPT, SAMPLING, deadline=deadline)
        except base.TryLater:
            continue
    # The server keeps one thread and one socket for the connection in the pool.
    wait_for(lambda: len(set(threading.enumerate()) - threads) <= 1, "the threads are gone")
    wait_for(lambda: len(os.listdir("/proc/self/fd")) <= files, "the sockets are closed")
    assert [thread.name for thread in threading.enumerate()].count("providers-watch") == 1
