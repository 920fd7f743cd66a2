"""The bare thing that P2 and P3 are held against: an aiohttp script that makes calls to a model server.

    python -m benchmarks.script URL CALLS FLIGHT

It puts the questions that the product has put last (the model server kept them), reads each answer as it is streamed,
and keeps its text; nothing else. The model server's clock says how long it took.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import cycle, islice

import aiohttp


async def main(url: str, calls: int, flight: int) -> None:
    """Make so many calls, so many at one time."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=flight), timeout=aiohttp.ClientTimeout(600)
    ) as session:
        async with session.get(f"{url}/bodies") as answer:
            bodies = [json.dumps(body).encode() for body in await answer.json()]
        await session.post(f"{url}/control", json={})
        waiting = islice(cycle(bodies), calls)
        texts: list[str] = []
        await asyncio.gather(*(work(session, f"{url}/v1/chat/completions", waiting, texts) for _ in range(flight)))
        if not all(texts) or len(texts) != calls:
            sys.exit("some calls were not answered")


async def work(session: aiohttp.ClientSession, url: str, waiting: Iterator[bytes], texts: list[str]) -> None:
    """Make one call after the other until none waits."""
    for body in waiting:
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            answer.raise_for_status()
            texts.append("".join([piece async for line in answer.content if (piece := piece_of(line))]))


def piece_of(line: bytes) -> str:
    """Return the text that a line of a stream carries."""
    if not line.startswith(b"data: {"):
        return ""
    choices = json.loads(line[6:])["choices"]
    return choices[0]["delta"].get("content", "") if choices else ""


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
