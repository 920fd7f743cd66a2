"""The feed of a process: one thread reads the journal for everybody who watches here.

    journal (PostgreSQL) --poll--> Feed --frames--> Channel of a job or a batch --wake--> each watcher's response

PostgreSQL is the only source: no event depends on Redis, or on which process wrote it. What a channel has not at hand
(the past, for whoever comes late or was slow) each watcher reads for itself, so that nothing is missed at the seam.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import logs
from models import db
from models.events import Kind
from models.services import events
from models.services.events import Stream, Told

log = logs.get(__name__)

POLL_SECONDS = 0.1  # how late an event may be told; one query for all channels
OUTAGE_SECONDS = 1.0  # between looks while the database is away
PAGE = 500  # events read at one time, of each channel
KEPT = 1_000  # events that a channel keeps at hand
HEARTBEAT_SECONDS = 15.0  # proxies close connections on which nothing comes
MOST_SECONDS = 900.0  # a stream's longest life: its client comes back, with a key that is looked at anew


@dataclass(frozen=True)
class Frame:
    """One event as it goes over the wire, made once for all watchers."""

    id: int
    done: bool
    text: bytes


def frame_of(told: Told) -> Frame:
    """Return an event in the format of server-sent events (HTML Living Standard, 9.2.6)."""
    at = told.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = json.dumps({"at": at, **told.data}, ensure_ascii=False, separators=(",", ":"))
    return Frame(told.id, told.kind == Kind.DONE, f"id: {told.id}\nevent: {told.kind}\ndata: {data}\n\n".encode())


class Channel:
    """The newest events of one job or batch: all of them behind ``floor``."""

    def __init__(self, stream: Stream, floor: int) -> None:
        self.stream = stream
        self.floor = self.cursor = floor
        self.watchers = 0
        self._frames: deque[Frame] = deque()
        self._news = threading.Condition()

    def push(self, frames: list[Frame]) -> None:
        """Add what was read behind the cursor, and wake whoever waits."""
        with self._news:
            self._frames.extend(frames)
            while len(self._frames) > KEPT:
                self.floor = self._frames.popleft().id
            self.cursor = frames[-1].id
            self._news.notify_all()

    def take(self, after: int) -> list[Frame]:
        """Return the frames behind ``after``, from here or out of the journal; none: nothing new yet."""
        with self._news:
            if after >= self.floor:
                return [frame for frame in self._frames if frame.id > after] if self.cursor > after else []
        with db.transaction() as session:
            return [frame_of(told) for told in events.list_events(session, self.stream, after, PAGE)]

    def wait(self, after: int, seconds: float) -> None:
        """Wait until there is something behind ``after``, or the time is over, or the feed closes."""
        with self._news:
            if self.cursor <= after:
                self._news.wait(seconds)

    def wake(self) -> None:
        """Let everybody look up."""
        with self._news:
            self._news.notify_all()


class Feed:
    """All channels of this process, and the thread that fills them while somebody watches.

    ``is_alive`` says whether the process is to go on; once it is not, every stream ends, and its client comes back to
    another process with the id of the last event that it saw.
    """

    def __init__(self) -> None:
        self.is_alive: Callable[[], bool] = lambda: True
        self._channels: dict[Stream, Channel] = {}
        self._lock = threading.Lock()
        self._watched = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, stream: Stream) -> Iterator[Channel]:
        """Keep a channel filled while the block runs."""
        with db.transaction() as session:
            newest = events.last_event(session, stream)
        with self._lock:
            channel = self._channels.setdefault(stream, Channel(stream, newest))
            channel.watchers += 1
            self._start()
        try:
            yield channel
        finally:
            with self._lock:
                channel.watchers -= 1
                if not channel.watchers:
                    self._channels.pop(stream)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
            self._thread.start()
        self._watched.set()

    def _run(self) -> None:
        while self.is_alive():
            self._watched.wait(OUTAGE_SECONDS)
            with self._lock:
                channels = dict(self._channels)
                if not channels:
                    self._watched.clear()
            try:
                more = self._read(channels)
            except db.Trouble as error:
                log.warning("feed_waits", reason=type(error).__name__)
                time.sleep(OUTAGE_SECONDS)
                continue
            if channels and not more:
                time.sleep(POLL_SECONDS)
        with self._lock:
            for channel in self._channels.values():
                channel.wake()

    def _read(self, channels: dict[Stream, Channel]) -> bool:
        """Read what is new; returns whether there may be more at once."""
        if not channels:
            return False
        with db.transaction() as session:
            found = events.read_streams(session, {stream: one.cursor for stream, one in channels.items()}, PAGE)
        for stream, told in found.items():
            channels[stream].push([frame_of(one) for one in told])
        return any(len(told) == PAGE for told in found.values())

    def follow(self, stream: Stream, after: int) -> Generator[bytes]:
        """Yield a stream's events behind ``after`` as they come, and heartbeats, until nothing more is to come."""
        until = time.monotonic() + MOST_SECONDS
        yield b"retry: 1000\n\n"
        with self.watching(stream) as channel:
            while self.is_alive() and time.monotonic() < until:
                frames = channel.take(after)
                if frames:
                    yield b"".join(frame.text for frame in frames)
                    after = frames[-1].id
                    if frames[-1].done and is_over(stream, after):
                        return
                    continue
                channel.wait(after, HEARTBEAT_SECONDS)
                if channel.cursor <= after:
                    if is_over(stream, after):
                        return
                    yield b": still here\n\n"


def is_over(stream: Stream, after: int) -> bool:
    """Say whether nothing is to come behind ``after``: what the stream is about has ended, and all of it was told."""
    with db.transaction() as session:
        return events.is_over(session, stream) and events.last_event(session, stream) <= after
