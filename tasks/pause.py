"""A pause for everybody: one worker is told to wait by a provider, and all of them do. Kept in Redis.

Best effort: while Redis is away there is no pause, and each call finds out for itself.
"""

from __future__ import annotations

from functools import cache

import redis

import logs
import settings

log = logs.get(__name__)

LONGEST_SECONDS = 3600.0
# Sets the pause unless a longer one is on. KEYS: the pause; ARGV: milliseconds.
EXTEND = "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end"


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.load().redis_url, socket_timeout=1, socket_connect_timeout=1, retry=None)


def begin(provider: str, seconds: float) -> None:
    """Make everybody wait for ``provider`` for ``seconds`` from now."""
    milliseconds = int(min(seconds, LONGEST_SECONDS) * 1000)
    try:
        _client().eval(EXTEND, 1, _key(provider), milliseconds)
    except redis.RedisError as error:
        log.warning("pause_not_set", provider=provider, reason=type(error).__name__)


def remaining(provider: str) -> float:
    """Return for how many seconds ``provider`` is still to be left alone."""
    try:
        left = _client().pttl(_key(provider))
    except redis.RedisError:
        return 0.0
    return max(0.0, float(str(left)) / 1000)  # minus one or two: no pause


def _key(provider: str) -> str:
    return f"cardforge:pause:{provider}"
