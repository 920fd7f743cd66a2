"""Events as they happen (server-sent events): each exactly once and in order, over any number of broken connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cardforge_client.errors import BadAnswer, Unreachable
from cardforge_client.transport import CHUNK, Answer, Ask, Transport, pieces, spread

SILENCE_SECONDS = 60.0  # without even a heartbeat: the connection is dead, make another
AGAIN_SECONDS = (0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 10.0, 10.0)  # pauses between connections that bring nothing


@dataclass(frozen=True)
class Event:
    """One event. ``id``: to resume behind it; ``kind``: ``status``, ``progress``, ``step``, ``log`` or ``done``."""

    id: str
    kind: str
    data: dict[str, Any]


class Events:
    """The events of one job or batch, to be iterated until it has ended. ``last_id`` is where it stands."""

    def __init__(self, transport: Transport, path: str, last_id: str | None = None) -> None:
        self._transport, self._path = transport, path
        self.last_id = last_id or ""
        self._pause = 0.5  # seconds; the server may ask for another
        self._over = False

    def __iter__(self) -> Iterator[Event]:
        """Every event, oldest first; connects again when the connection breaks. Raises `Unreachable` after a minute."""
        return (event for event in self.ticks() if event is not None)

    def ticks(self, silence: float = SILENCE_SECONDS) -> Iterator[Event | None]:
        """As iterating does, and None whenever nothing happened for a while: for who has a deadline."""
        misses = 0
        while not self._over:
            before = self.last_id
            try:
                yield from self._connection(silence)
                problem = None
            except Unreachable as error:
                problem = error
            if self._over:
                return
            misses = 0 if self.last_id != before else misses + 1
            if misses > len(AGAIN_SECONDS):
                raise problem or Unreachable(f"{self._path} ends again and again without an end of its work.")
            yield None
            time.sleep(spread(AGAIN_SECONDS[misses - 1] if misses else self._pause))

    def _connection(self, silence: float) -> Iterator[Event | None]:
        """What one connection brings. Sets ``_over`` when nothing more is to come."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        ask = Ask("GET", self._path, headers=headers, safe=True, stream=True, silence=silence)
        with self._transport.send(ask) as answer:
            if answer.status_code == 204:
                self._over = True
                return
            if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise BadAnswer(f"{answer.url} does not answer with events.")
            last = ""
            for event in self._fresh(answer):
                yield event
                last = event.kind if event else last
            # A stream that ends behind `done` is complete; any other end is a broken connection.
            self._over = last == "done"

    def _fresh(self, answer: Answer) -> Iterator[Event | None]:
        """The events of an answer that were not there before."""
        # A chunk comes as soon as it is there; without them, only single bytes are not waited for in company.
        chunked = "chunked" in answer.headers.get("Transfer-Encoding", "")
        stream = pieces(answer, self._transport.base_url, CHUNK if chunked else 1)
        for fields in read_stream(stream):
            if "retry" in fields and fields["retry"].isdigit():
                self._pause = min(int(fields["retry"]) / 1000, 30.0)
            if "data" not in fields:
                yield None
            elif not is_known(fields.get("id", ""), self.last_id):
                self.last_id = fields.get("id", "") or self.last_id
                yield Event(self.last_id, fields.get("event", "message"), read_data(fields["data"]))


def is_known(event_id: str, last_id: str) -> bool:
    """Whether an event is not behind the last one that was seen."""
    if event_id.isdigit() and last_id.isdigit():
        return int(event_id) <= int(last_id)
    return bool(event_id) and event_id == last_id


def read_data(text: str) -> dict[str, Any]:
    """The JSON object of an event; anything else under ``value``."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"value": value}


def read_stream(chunks: Iterable[bytes]) -> Iterator[dict[str, str]]:
    """Yield the fields of each event; an empty dictionary for a comment.

    By the HTML standard, "Interpreting an event stream": lines end with LF, CRLF or CR, an empty one ends an
    event, and an event that is not ended that way is dropped.
    """
    fields: dict[str, str] = {}
    for line in read_lines(chunks):
        if not line:
            if fields:
                yield fields
            fields = {}
        elif line.startswith(":"):
            yield {}
        else:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value


def read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream of UTF-8 as they are complete."""
    rest, skip = b"", False
    for chunk in filter(None, chunks):
        # CR at the end of a chunk is a line's end by itself; an LF that follows belongs to it.
        rest += chunk[1:] if skip and chunk.startswith(b"\n") else chunk
        skip = rest.endswith(b"\r")
        lines = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line.decode("utf-8", "replace")
