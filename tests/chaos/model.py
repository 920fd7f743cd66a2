"""A model server of the suite's own, a process by itself: streams, fails by a seed, and writes down what it charged.

    python -m tests.chaos.model --port N --ledger FILE [--latency S] [--faults RATE] [--seed N]

Each call is one JSON line of the ledger, written when the call is over. Its cost is like no other call's (the
last decimals count the calls), so that an audit can pair each line with one row of the product's own ledger.

What is charged: whole answers; answers of garbage and empty ones (a model's fault, billed by every provider); and what
was written of an answer whose client went away. Not charged: what the server itself broke off or refused.

GET /state tells what is in flight; POST /control takes `latency`, `faults` and `seed`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import resource
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.model_writer import read_request, write

TOKEN = Decimal("0.00002")  # dollars; leaves five decimals for the number of the call
ORDINAL = Decimal("0.0000000001")
PIECES = 8  # parts that a streamed answer is written in
MOST_FAULTS = 2  # in a row for one question: retries have to be able to succeed
RETRY_AFTER = 1
# How often each kind of fault is drawn, of all faults.
FAULTS = {
    "429": 1,
    "500": 3,
    "503": 3,
    "reset": 3,
    "break": 3,
    "error": 2,
    "body": 2,
    "garbage": 2,
    "empty": 2,
    "slow": 2,
}


class Gone(Exception):
    """The client has gone away."""


@dataclass
class Call:
    """One call: a line of the ledger in the making."""

    n: int
    digest: str
    purpose: str
    stream: bool
    fault: str | None
    started: float
    prompt: int
    written: int = 0
    ended: float = 0.0
    cost: Decimal = Decimal(0)
    delivered: bool = False
    gone: bool = False

    def price(self) -> Decimal:
        return (self.prompt + self.written) * TOKEN + self.n * ORDINAL

    def line(self) -> dict[str, Any]:
        return {**vars(self), "cost": str(self.cost)}


@dataclass
class Model:
    """The server's state: how it behaves, what it has seen."""

    path: str
    latency: float
    faults: float
    seed: int
    calls: int = 0
    in_flight: int = 0
    most: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    spoilt: set[str] = field(default_factory=set)

    def open_ledger(self) -> None:
        self.ledger = open(self.path, "a", buffering=1)  # noqa: SIM115 - open as long as the process

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, Gone):
            while await self.one(reader, writer):
                pass
        writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection can take another."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        if method == "GET":
            state = {"calls": self.calls, "in_flight": self.in_flight, "most": self.most}
            await plain(writer, 200, state)
            return True
        asked = json.loads(body)
        if path.endswith("/control"):
            for name, value in asked.items():
                setattr(self, name, value)
            await plain(writer, 200, {})
            return True
        return await self.chat(asked, reader, writer)

    def draw(self, digest: str, asked_again: bool) -> str | None:
        """Decide on a fault: by seed, question and how often it was asked, whatever the order of the calls."""
        self.asked[digest] += 1
        tried = self.asked[digest]
        dice = random.Random(f"{self.seed}:{digest}:{tried}")
        if tried > MOST_FAULTS or dice.random() >= self.faults:
            return None
        fault = dice.choices(list(FAULTS), list(FAULTS.values()))[0]
        if fault == "garbage":
            # The product asks again so many times after an answer of the wrong shape, and then gives up, as it should.
            if digest in self.spoilt or asked_again:
                return "503"
            self.spoilt.add(digest)
        return fault

    async def chat(self, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.calls += 1
        digest = hashlib.sha256(json.dumps(asked["messages"], sort_keys=True).encode()).hexdigest()[:24]
        wanted = read_request(asked)
        prompt = sum(len(message["content"]) for message in asked["messages"]) // 4
        fault = self.draw(digest, len(asked["messages"]) > 2)
        call = Call(self.calls, digest, wanted.purpose, bool(asked.get("stream")), fault, time.time(), prompt)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            return await self.answer(call, asked, reader, writer)
        except (Gone, ConnectionError):
            call.gone = True
            if not call.cost and call.fault in {None, "slow"}:
                call.cost = call.price()
            raise
        finally:
            self.in_flight -= 1
            call.ended = time.time()
            self.ledger.write(json.dumps(call.line()) + "\n")

    async def answer(  # noqa: PLR0911 - one for each way to fail
        self, call: Call, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Write the answer, or what the drawn fault makes of it."""
        text = json.dumps(write(call.purpose, read_request(asked).schema))
        if call.fault == "garbage":
            text = "I am sorry, here is your card: {name"
        if call.fault == "empty":
            text = ""
        seconds = self.latency * (4 if call.fault == "slow" else 1)
        if call.fault in {"429", "500", "503", "reset"}:
            await pause(reader, writer, seconds / 4)
            if call.fault == "reset":
                return reset(writer)
            headers = f"Retry-After: {RETRY_AFTER}\r\n" if call.fault == "429" else ""
            await plain(writer, int(call.fault), {"error": {"message": "scripted"}}, headers)
            return True
        if call.stream:
            return await self.stream(call, asked, text, seconds, reader, writer)
        await pause(reader, writer, seconds)
        if call.fault == "break":
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n" + b" " * 100
            )
            await writer.drain()
            return reset(writer)
        if call.fault == "body":
            await plain(writer, 200, b"<html>upstream said something else</html>")
            return True
        if call.fault == "error":
            await plain(writer, 200, {"error": {"code": 502, "message": "scripted: upstream is down"}})
            return True
        call.written = len(text) // 4
        call.cost = call.price()
        message = {"role": "assistant", "content": text}
        body = {**self.named(call, asked), "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        await plain(writer, 200, body | {"usage": usage(call)})
        call.delivered = True
        return True

    async def stream(
        self,
        call: Call,
        asked: dict[str, Any],
        text: str,
        seconds: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Write the answer piece by piece, as server-sent events."""
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        await event(writer, b": PROCESSING\n\n")
        size = max(1, -(-len(text) // PIECES))
        named = self.named(call, asked) | {"object": "chat.completion.chunk"}
        for place in range(PIECES):
            await pause(reader, writer, seconds / PIECES)
            if call.fault == "break" and place == PIECES // 2:
                return reset(writer)
            if call.fault == "body" and place == PIECES // 2:
                await event(writer, b"data: {not json\n\n")
                return reset(writer)
            if call.fault == "error" and place == PIECES // 2:
                broken = {"code": 502, "message": "scripted: upstream broke off"}
                await say(writer, named | {"error": broken, "choices": [choice("", "error")]})
                await event(writer, b"data: [DONE]\n\n")
                await event(writer, b"")
                return True
            piece = text[place * size : (place + 1) * size]
            if piece:
                call.written += len(piece) // 4
                await say(writer, named | {"choices": [choice(piece, None)]})
        call.written = len(text) // 4
        call.cost = call.price()
        await say(writer, named | {"choices": [choice("", "stop")]})
        await say(writer, named | {"choices": [], "usage": usage(call)})
        await event(writer, b"data: [DONE]\n\n")
        await event(writer, b"")
        call.delivered = True
        return True

    def named(self, call: Call, asked: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"gen-{call.n}", "model": asked["model"]}


def choice(piece: str, finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": piece} if piece else {}, "finish_reason": finish}


def usage(call: Call) -> dict[str, Any]:
    return {
        "prompt_tokens": call.prompt,
        "completion_tokens": call.written,
        "total_tokens": call.prompt + call.written,
        "cost": float(call.cost),
    }


async def pause(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Wait, and look all the while whether the client is still there; raises `Gone`."""
    until = time.monotonic() + seconds
    while True:
        if reader.at_eof() or writer.transport.is_closing():
            raise Gone
        left = until - time.monotonic()
        if left <= 0:
            return
        await asyncio.sleep(min(left, 0.1))


async def plain(writer: asyncio.StreamWriter, status: int, body: Any, headers: str = "") -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
    writer.write(head.encode() + content)
    await writer.drain()


async def say(writer: asyncio.StreamWriter, chunk: dict[str, Any]) -> None:
    await event(writer, f"data: {json.dumps(chunk)}\n\n".encode())


async def event(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> bool:
    """Break the connection off the hard way: RST instead of FIN."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.model", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    model = Model(given.ledger, given.latency, given.faults, given.seed)
    model.open_ledger()
    server = await asyncio.start_server(model.serve, "127.0.0.1", given.port, backlog=1024, limit=1 << 24)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
