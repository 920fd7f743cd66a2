"""Counts within fixed windows of time: on Redis for all processes, and in each by itself while that is away.

One trip to Redis a request: its answer is the count and what is left of the window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

import logs

log = logs.get(__name__)

WAIT = 0.25  # seconds for Redis: it is next door or away, and every request waits
AWAY_SECONDS = 5.0  # for which nobody asks it again
MOST_CONNECTIONS = 1000  # there are never more threads
MOST_KEPT = 10_000  # counts in memory, before those that are over are dropped

# A count without an end, should there ever be one, is given one: whose it is would be refused for ever.
SCRIPT = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}
"""


@dataclass(frozen=True)
class Count:
    """How many there were in a window, this one included, and the seconds until it ends."""

    number: int
    left: float


class Windows:
    """The counts by key."""

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = prefix
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=WAIT,
            socket_connect_timeout=WAIT,
            retry=Retry(NoBackoff(), 0),
            max_connections=MOST_CONNECTIONS,
        )
        self._sha = self._redis.register_script(SCRIPT).sha  # asks nothing yet
        self._here = Here()
        self._away_until = 0.0

    def count(self, key: str, seconds: int) -> Count:
        """Count one more of ``key`` in its window of so many seconds."""
        if time.monotonic() >= self._away_until:
            try:
                number, left = self._ask(f"{self._prefix}{key}", seconds * 1000)
                return Count(number, left / 1000)
            except RedisError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("redis_away", remedy="requests are counted in each process", reason=type(error).__name__)
        return self._here.count(key, seconds)

    def _ask(self, key: str, milliseconds: int) -> tuple[int, int]:
        try:
            number, left = self._redis.evalsha(self._sha, 1, key, milliseconds)
        except NoScriptError:  # Redis has started anew
            number, left = self._redis.eval(SCRIPT, 1, key, milliseconds)
        return number, left


class Here:
    """The counts of this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}  # how many there were, and when it ends

    def count(self, key: str, seconds: int) -> Count:
        """Count one more of ``key``."""
        now = self._clock()
        with self._lock:
            if len(self._windows) >= MOST_KEPT:
                self._windows = {name: window for name, window in self._windows.items() if window[1] > now}
            number, end = self._windows.get(key, (0, 0.0))
            number, end = (number + 1, end) if end > now else (1, now + seconds)
            self._windows[key] = number, end
        return Count(number, end - now)
