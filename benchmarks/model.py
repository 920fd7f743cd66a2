"""A scripted model server as a process of its own, cheap enough for thousands of calls in flight.

    python -m benchmarks.model PORT [LATENCY]

Each answer is written once for its purpose and shape, and then only sent: the whole of it, after so many seconds.
Waiting is a timer of the event loop; nothing polls. What is asked for as a stream comes as one, in pieces, with usage
and cost at its end.

GET /state: calls, in_flight, peak, and the clock (seconds) at the first call and at the last answer. GET /bodies: one
body for each purpose as it was asked, for a script that is to ask the same. POST /control: `latency`, counts anew.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from tests.model_writer import read_request, say_it, write

PIECES = 8  # that a streamed answer is cut into
USAGE = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500, "cost": 0.0006}
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
END = b"\r\n\r\n"


@dataclass
class Model:
    """The server's state: how it behaves, what it has seen, what it says."""

    latency: float
    calls: int = 0
    in_flight: int = 0
    peak: int = 0
    first: float = 0.0
    last: float = 0.0
    bodies: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """Return the counts."""
        return {name: getattr(self, name) for name in ("calls", "in_flight", "peak", "first", "last", "latency")}

    def control(self, latency: float | None = None) -> None:
        """Begin to count anew."""
        self.latency = self.latency if latency is None else latency
        self.calls = self.peak = 0
        self.first = self.last = 0.0
        self.bodies.clear()

    def begin(self, body: dict[str, Any]) -> bytes:
        """Count a call that arrives and return what it is answered with."""
        self.calls += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.first = self.first or time.monotonic()
        told = body.get("response_format") or body.get("tools") or body["messages"][-1]
        key = json.dumps([body["model"], body.get("stream"), told])
        if key not in self.answers:
            self.answers[key] = answer(body)
        if key not in self.bodies:
            self.bodies[key] = body
        return self.answers[key]

    def end(self) -> None:
        """Count a call that is over."""
        self.in_flight -= 1
        self.last = time.monotonic()


class Connection(asyncio.Protocol):
    """One connection, kept alive; its requests come one after the other."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.received = b""
        self.waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever went away is not waited for."""
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None
            self.model.end()

    def data_received(self, data: bytes) -> None:
        """Take what has come; answer once a request is whole."""
        self.received += data
        head, found, rest = self.received.partition(END)
        if not found:
            return
        told = LENGTH.search(head)
        length = int(told[1]) if told else 0
        if len(rest) < length:
            return
        self.received = rest[length:]
        self.request(head.split(b" ", 2)[1], rest[:length])

    def request(self, path: bytes, body: bytes) -> None:
        """Answer at once, or a chat after its time."""
        if path.endswith(b"/chat/completions"):
            content = self.model.begin(json.loads(body))
            self.waiting = asyncio.get_running_loop().call_later(self.model.latency, self.answer, content)
            return
        if path.endswith(b"/control"):
            self.model.control(**json.loads(body))
        answers = {b"/state": self.model.state(), b"/bodies": list(self.model.bodies.values())}
        self.transport.write(whole(answers.get(path, {"data": []})))

    def answer(self, content: bytes) -> None:
        """Send the answer."""
        self.waiting = None
        self.model.end()
        self.transport.write(content)


def answer(body: dict[str, Any]) -> bytes:
    """Return the bytes that a chat request is answered with."""
    asked = read_request(body)
    text = say_it(asked, write(asked.purpose, asked.schema))
    named = {"id": "gen-bench", "created": 1, "model": body["model"]}
    if not body.get("stream"):
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return whole(named | {"object": "chat.completion", "choices": choices, "usage": USAGE})
    named["object"] = "chat.completion.chunk"
    size = max(1, -(-len(text) // PIECES))
    events: list[Any] = [
        named | {"choices": [{"index": 0, "delta": {"content": text[start : start + size]}, "finish_reason": None}]}
        for start in range(0, len(text), size)
    ]
    events.append(named | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append(named | {"choices": [], "usage": USAGE})
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked" + END
    return head + b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in [*lines, b""])


def whole(value: Any) -> bytes:
    """Return an answer that is one JSON value."""
    content = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def main() -> None:
    """Serve until told to end."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    model = Model(float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(model), "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
