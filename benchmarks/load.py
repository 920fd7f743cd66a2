"""Clients that ask for one address all the time, each on a connection that is kept.

    python -m benchmarks.load PORT PATH CLIENTS SECONDS

Says how many answers there were a second. An event loop and bare protocols, so that the clients cost little beside the
server. The key is read from BENCH_KEY.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from dataclasses import dataclass

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
END = b"\r\n\r\n"


@dataclass
class Count:
    """What all clients share."""

    port: int
    request: bytes
    answers: int = 0
    over: bool = False


class Client(asyncio.Protocol):
    """One connection: asks, reads, asks again; where the server closes it, another takes its place."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.count.request)

    def data_received(self, data: bytes) -> None:
        """Ask again once an answer is whole."""
        self.received += data
        head, found, rest = self.received.partition(END)
        if not found:
            return
        told = LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or told is None:
            sys.exit(f"not an answer: {self.received[:300]!r}")
        if len(rest) < int(told[1]):
            return
        self.received = b""
        self.count.answers += 1
        if not self.count.over:
            self.transport.write(self.count.request)

    def connection_lost(self, _error: Exception | None) -> None:
        """Come back."""
        if not self.count.over:
            asyncio.get_running_loop().create_task(connect(self.count))


async def connect(count: Count) -> None:
    """Open one connection."""
    await asyncio.get_running_loop().create_connection(lambda: Client(count), "127.0.0.1", count.port)


async def main(port: int, path: str, clients: int, seconds: float) -> float:
    """Ask for so long; returns answers a second. The first fifth of the time does not count."""
    key = os.environ.get("BENCH_KEY", "")
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
    count = Count(port, request.encode())
    await asyncio.gather(*(connect(count) for _ in range(clients)))
    await asyncio.sleep(seconds / 5)
    before, began = count.answers, time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (count.answers - before) / (time.perf_counter() - began)
    count.over = True
    return rate


if __name__ == "__main__":
    rate = asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    sys.stdout.write(f"{rate}\n")
