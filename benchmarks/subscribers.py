"""Many subscribers of one batch's events: `python -m benchmarks.subscribers PORT PATH COUNT`.

Says "all there" once each has its first line, and at the end the delays as JSON: p50 and p95 (ms) from the moment that
an event names, the beginning of its transaction, until it has been read, of all events since all are there. The key is
read from BENCH_KEY.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.figures import percentile

AT = b'data: {"at":"'
STAMP = 24  # characters: 2026-01-01T00:00:00.000Z


@dataclass
class Audience:
    """What all subscribers share. ``moments``: of events that were read before, as they are the same for all."""

    count: int
    there: int = 0
    since: float = 0.0
    left: int = 0
    delays: list[float] = field(default_factory=list)
    moments: dict[bytes, float] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def arrive(self) -> None:
        """One more is there."""
        self.there += 1
        if self.there == self.count:
            self.since = time.time()
            sys.stdout.write("all there\n")
            sys.stdout.flush()

    def read(self, data: bytes) -> None:
        """Note the events of what has come."""
        now = time.time()
        place = data.find(AT)
        while place >= 0:
            stamp = data[place + len(AT) : place + len(AT) + STAMP]
            if stamp not in self.moments:
                self.moments[stamp] = datetime.fromisoformat(stamp.decode()).timestamp()
            if self.since and self.moments[stamp] > self.since:
                self.delays.append((now - self.moments[stamp]) * 1000)
            place = data.find(AT, place + STAMP)


class Subscriber(asyncio.Protocol):
    """One connection."""

    def __init__(self, audience: Audience, request: bytes) -> None:
        self.audience = audience
        self.request = request
        self.began = False
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Read the events that are whole."""
        if not self.began:
            if not data.startswith(b"HTTP/1.1 200"):
                sys.exit(f"not a stream: {data[:300]!r}")
            self.began = True
            self.audience.arrive()
        whole, _, self.rest = (self.rest + data).rpartition(b"\n\n")
        self.audience.read(whole)

    def connection_lost(self, _error: Exception | None) -> None:
        """The stream has ended."""
        self.audience.left += 1
        if self.audience.left == self.audience.count:
            self.audience.over.set()


async def main(port: int, path: str, count: int) -> None:
    """Subscribe, and read to the end."""
    key = os.environ.get("BENCH_KEY", "")
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    audience = Audience(count)
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_connection(lambda: Subscriber(audience, request.encode()), "127.0.0.1", port)
    await audience.over.wait()
    told = {"events": len(audience.delays)} | {f"p{p}": percentile(audience.delays, p) for p in (50, 95)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
