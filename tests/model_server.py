"""A model server of the tests' own: speaks the chat API over real HTTP, fails on a script, and keeps its own books.

`python -m tests.model_server PORT` runs it by itself, for trying the product by hand.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.model_writer import CARD, ENTRIES, Asked, read_request, say_it, write

__all__ = ["CARD", "ENTRIES", "PRICE", "ModelServer", "Say"]

PRICE = Decimal("0.0000021")  # dollars a token: an odd figure, so that sums show what was rounded
CHUNKS = 8  # into how many chunks a stream cuts its text
LOOK_SECONDS = 0.05  # how often a waiting server looks whether its client is still there, and sends comments
COMMENT = b": OPENROUTER PROCESSING"


@dataclass
class Ledger:
    """What the server says it charged, call by call.

    A whole answer is charged in full, and so is a stream whose usage was sent. A stream that the client closes is
    charged for the prompt and the chunks sent so far, for nothing before the first; ``closed`` counts those. A stream
    that the server itself breaks before its usage is free. ``chunks`` counts the chunks of text sent in all;
    ``ports`` are the client's, request by request.
    """

    charges: list[Decimal] = field(default_factory=list)
    closed: int = 0
    chunks: int = 0
    ports: list[int] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    peak: int = 0

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a call while it is answered; ``peak`` is the most there were at one time."""
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
        try:
            yield
        finally:
            with self.lock:
                self.now -= 1

    @property
    def total(self) -> Decimal:
        """Dollars."""
        return sum(self.charges, Decimal(0))


class ModelServer:
    """Runs in a thread on a free port of the loopback. ``script``: answers to give first, in order; see `Say`.

    ``refuses``: what is said to a request that asks by one of these rungs of the ladder (these answers are not taken
    from the script). ``writers``: what to answer instead of the usual, by purpose (the ``title`` of the schema, or the
    name of the tool or response format); each is given the shape and the whole request. ``chance``: what to say where
    the script is empty, None for a good answer (see `tests.model_faults.mixed`).
    """

    def __init__(self, port: int = 0, seconds: float = 0.0) -> None:
        self.ledger = Ledger()
        self.script: list[Say] = []
        self.refuses: dict[str, Say] = {}
        self.writers: dict[str, Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]]] = {}
        self.chance: Callable[[dict[str, Any]], Say | None] | None = None
        self.seconds = seconds
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # each chunk leaves at once

            def do_POST(self) -> None:
                owner.answer(self)

            def do_GET(self) -> None:
                body = {"charged": str(owner.ledger.total), "calls": len(owner.ledger.charges)}
                send(self, 200, json.dumps(body).encode(), {})

            def handle(self) -> None:
                with suppress(ConnectionError):  # a client that cancels resets its connection
                    super().handle()

            def log_message(self, *_: Any) -> None:
                """Keep the tests' output clean."""

        ThreadingHTTPServer.daemon_threads = True
        ThreadingHTTPServer.request_queue_size = 512
        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.base_url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ModelServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one chat request: by the script while it lasts, then as a good model would."""
        content = handler.rfile.read(length := int(handler.headers["Content-Length"]))
        if len(content) < length:  # the client went away in the middle of its question
            handler.close_connection = True
            return
        body = json.loads(content)
        with self.ledger.in_flight():
            self._answer(handler, body)

    def _answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        with self.ledger.lock:
            self.ledger.requests.append(body)
            self.ledger.headers.append(dict(handler.headers))
            self.ledger.ports.append(handler.client_address[1])
            asked = read_request(body)
            say = self.refuses.get(asked.rung) or self.next_say(body)
        text = say.text if say.text is not None else say_it(asked, self.write(asked, body))
        if body.get("stream") and say.stream and say.body is None:
            Streaming(self, handler, body, asked, text, say).send()
            return
        time.sleep(say.seconds or self.seconds)
        reply = say.body if say.body is not None else self.completion(body, asked, text, say)
        send(
            handler,
            say.status,
            reply if isinstance(reply, bytes) else json.dumps(reply).encode(),
            say.headers,
        )

    def next_say(self, body: dict[str, Any]) -> Say:
        """Return what is said to a request: what the script or the chance says, else what a good model does."""
        if self.script:
            return self.script.pop(0)
        return (self.chance(body) if self.chance else None) or Say()

    def write(self, asked: Asked, body: dict[str, Any]) -> dict[str, Any]:
        """Return what a good model writes where the script says nothing."""
        writer = self.writers.get(asked.purpose)
        return writer(asked.schema, body) if writer else write(asked.purpose, asked.schema)

    def completion(self, body: dict[str, Any], asked: Asked, text: str, say: Say) -> dict[str, Any]:
        """Return a completion and book its cost."""
        message = {"role": "assistant", **carried(asked, text), **say.message}
        choices = [{"index": 0, "message": message, "finish_reason": finish_of(asked, say)}]
        usage = self.charge(body, text) | say.usage
        return {"id": "gen-1", "model": say.model or body["model"], "choices": choices, "usage": usage}

    def charge(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        """Book the cost of the prompt and of this much text; return it as usage."""
        prompt = sum(len(message["content"]) for message in body["messages"]) // 4
        cost = (prompt + len(text) // 4) * PRICE
        with self.ledger.lock:
            self.ledger.charges.append(cost)
        return {"prompt_tokens": prompt, "completion_tokens": len(text) // 4, "cost": float(cost)}


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


class Streaming:
    """One streamed answer: chunks of the text, the finish reason, the usage on a chunk without choices, [DONE]."""

    def __init__(
        self,
        server: ModelServer,
        handler: BaseHTTPRequestHandler,
        body: dict[str, Any],
        asked: Asked,
        text: str,
        say: Say,
    ) -> None:
        self.server = server
        self.handler = handler
        self.body = body
        self.asked = asked
        self.text = text
        self.say = say
        self.sent = ""
        self.charged = False

    def send(self) -> None:
        """Send the answer as scripted, and book what became of it."""
        try:
            self._send()
        except (ClientGone, OSError):
            self.handler.close_connection = True
            if self.sent and not self.charged:
                self.server.charge(self.body, self.sent)
            with self.server.ledger.lock:
                self.server.ledger.closed += 1

    def _send(self) -> None:
        seconds = self.say.seconds or self.server.seconds
        if not self.say.comments:
            self.wait(seconds)
        self._start()
        if self.say.comments:
            self.wait(seconds, self._comment)
        if self.say.message:
            self.chunk("", delta=self.say.message)
        for number, piece in enumerate(pieces(self.text)):
            if number == self.say.break_after:
                break
            if self.say.mid_error is not None and number == CHUNKS // 2:
                self.charged = True  # with nothing, whether or not the client stays to the end
                self.event(self.say.mid_error)
                break
            self._send_piece(number, piece)
        else:
            if self.say.break_after is None:
                self._finish()
        if self.say.break_after is None:
            self.write(b"0\r\n\r\n")
        else:
            self.handler.close_connection = True

    def _start(self) -> None:
        self.handler.send_response(self.say.status)
        for name, value in {
            "Content-Type": "text/event-stream",
            "Transfer-Encoding": "chunked",
            **self.say.headers,
        }.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def _send_piece(self, number: int, piece: str) -> None:
        if number:
            self.wait(self.say.chunk_seconds, self._comment if self.say.comments else None)
        if self.say.usage_early and not self.charged:
            self.charged = True
            self.chunk(piece, usage=self.server.charge(self.body, self.text) | self.say.usage)
        else:
            self.chunk(piece)
        self.sent += piece
        with self.server.ledger.lock:
            self.server.ledger.chunks += 1

    def _finish(self) -> None:
        self.chunk("", finish_reason=finish_of(self.asked, self.say))
        if not self.charged:
            self.charged = True
            self.chunk(None, usage=self.server.charge(self.body, self.text) | self.say.usage)
        self.event(b"[DONE]")

    def chunk(
        self,
        content: str | None,
        *,
        finish_reason: str | None = None,
        delta: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Send one chunk; without content it has no choices. ``delta``: instead of one that carries the content."""
        delta = carried(self.asked, content or "", number=self.sent) if delta is None else delta
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        choices = [] if content is None else [choice]
        head = {"id": "gen-1", "object": "chat.completion.chunk", "model": self.say.model or self.body["model"]}
        self.event(head | more, choices)

    def event(self, content: dict[str, Any] | bytes, choices: list[Any] | None = None) -> None:
        """Send one event: an object, or bytes as they are."""
        if isinstance(content, dict):
            content = content if choices is None else content | {"choices": choices}
            content = json.dumps(content, ensure_ascii=False).encode()
        self.line(b"data: " + content)

    def _comment(self) -> None:
        self.line(COMMENT)

    def line(self, content: bytes) -> None:
        """Send a line and an empty one, in HTTP chunks of ``slice_bytes``."""
        content += self.say.newline * 2
        size = self.say.slice_bytes or len(content)
        for start in range(0, len(content), size):
            part = content[start : start + size]
            self.write(b"%x\r\n%b\r\n" % (len(part), part))

    def write(self, content: bytes) -> None:
        """Write to the client, if it is there."""
        if client_is_gone(self.handler.connection, 0):
            raise ClientGone
        self.handler.wfile.write(content)

    def wait(self, seconds: float, meanwhile: Callable[[], None] | None = None) -> None:
        """Wait, but no longer than the client does."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if client_is_gone(self.handler.connection, min(left, LOOK_SECONDS)):
                raise ClientGone
            if meanwhile is not None:
                meanwhile()


def carried(asked: Asked, text: str, number: str | None = None) -> dict[str, Any]:
    """Return the part of a message that carries ``text``: its content, or the arguments of the tool that is asked for.

    ``number``: what a stream has sent so far; only its first piece names the tool.
    """
    if asked.rung != "tool":
        return {"content": text}
    call: dict[str, Any] = {"function": {"arguments": text}}
    if number is not None:
        call["index"] = 0
    if not number:
        call |= {"id": "call_1", "type": "function"}
        call["function"]["name"] = asked.purpose
    return {"content": None, "tool_calls": [call]}


def finish_of(asked: Asked, say: Say) -> str | None:
    """Return the finish reason: a call of a tool ends as such."""
    return "tool_calls" if asked.rung == "tool" and say.finish == "stop" else say.finish


def client_is_gone(connection: socket.socket, seconds: float) -> bool:
    """Say whether the client closed, or closes within so many seconds."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(seconds * 1000)) and not connection.recv(1, socket.MSG_PEEK)


def pieces(text: str) -> Iterator[str]:
    """Cut a text into ``CHUNKS`` pieces or fewer."""
    size = max(1, -(-len(text) // CHUNKS))
    return (text[start : start + size] for start in range(0, len(text), size))


@dataclass
class Say:
    """One scripted answer: a status, a whole body, or a completion with this text and finish reason.

    A completion is streamed if the request asks for it, unless ``stream`` is off: after ``seconds`` (before the
    headers, or after them with ``comments``) chunks, ``chunk_seconds`` apart. ``break_after``: the connection is closed
    after so many chunks. ``comments``: keep-alive comments while waiting. ``mid_error``: an event sent half way, the
    last one. ``usage_early``: the whole usage comes on the first chunk. ``newline`` ends lines; each event is cut into
    HTTP chunks of ``slice_bytes`` (0: whole). ``message`` is added to the message (``reasoning``, ``refusal``), as a
    chunk of its own before the text when streaming; ``usage`` is put over the usage that is told, not over what is
    charged; ``model`` is who answered, if not the model that was asked.
    """

    status: int = 200
    body: Any = None
    text: str | None = None
    finish: str | None = "stop"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    stream: bool = True
    chunk_seconds: float = 0.0
    break_after: int | None = None
    comments: bool = False
    mid_error: dict[str, Any] | bytes | None = None
    usage_early: bool = False
    newline: bytes = b"\n"
    slice_bytes: int = 0
    message: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    model: str = ""


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
    """Write one answer."""
    handler.send_response(status)
    for name, value in {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **headers,
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


if __name__ == "__main__":
    with ModelServer(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0) as server:
        server.thread.join()
