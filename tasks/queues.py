"""The queues as Redis has them, and what upkeep has mended: read for metrics, with little patience."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import redis
from celery import signals
from kombu.transport.redis import Channel

import settings
from tasks.celery import app

SENT_AT = "sent_at"  # header of every message: when it was sent, in Unix seconds
# What upkeep has mended since Redis was last empty, by kind, and when it last ran (by the clock of Redis).
REPAIRS = "cardforge:repairs"
RAN_AT = "ran_at"
PATIENCE_SECONDS = 1.0


@dataclass(frozen=True)
class Queue:
    """One queue: how many messages wait, and since how many seconds the oldest (0 where none does)."""

    waiting: int
    oldest_seconds: float


@dataclass(frozen=True)
class Upkeep:
    """What upkeep has mended so far, by kind, and how long ago it last ran (None: not since Redis was emptied)."""

    repairs: Mapping[str, int]
    seconds_ago: float | None


@signals.before_task_publish.connect
def _stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers[SENT_AT] = time.time()


@contextmanager
def _client() -> Iterator[Any]:
    timeouts = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    with redis.Redis.from_url(settings.load().redis_url, retry=None, **timeouts) as client:
        yield client


def names() -> list[str]:
    """Return the names of all queues."""
    return [queue.name for queue in app.conf.task_queues]


def look() -> dict[str, Queue]:
    """Return every queue by name; one round trip. Raises `OSError` when Redis does not answer."""
    try:
        with _client() as client, client.pipeline(transaction=False) as pipe:
            for key in (key for name in names() for key in _keys(name)):
                pipe.llen(key)
                pipe.lindex(key, -1)  # messages are pushed on the left: this is the next to be taken
            answers = iter(pipe.execute())
    except redis.RedisError as error:
        raise OSError(f"Redis does not answer ({type(error).__name__})") from error
    return {name: _queue([(next(answers), next(answers)) for _ in _keys(name)]) for name in names()}


def _keys(queue: str) -> list[str]:
    """Return the lists of a queue, one for each priority."""
    options = app.conf.broker_transport_options
    prefixed = options["global_keyprefix"] + queue
    return [f"{prefixed}{Channel.sep}{step}" if step else prefixed for step in options["priority_steps"]]


def _queue(lists: list[tuple[int, bytes | None]]) -> Queue:
    ages = [age for _, message in lists if message and (age := _age(message)) is not None]
    return Queue(sum(length for length, _ in lists), max(ages, default=0.0))


def _age(message: bytes) -> float | None:
    """Return for how long a message has waited; None where it does not say."""
    with suppress(ValueError, KeyError, TypeError):
        return max(0.0, time.time() - float(json.loads(message)["headers"][SENT_AT]))
    return None


def note_upkeep(repaired: Mapping[str, int]) -> None:
    """Count what a run of upkeep has mended, and note that it ran. Without Redis nothing is noted."""
    with suppress(redis.RedisError), _client() as client, client.pipeline(transaction=False) as pipe:
        for kind, count in repaired.items():
            pipe.hincrby(REPAIRS, kind, count)
        pipe.hset(REPAIRS, RAN_AT, _now(client))
        pipe.execute()


def upkeep() -> Upkeep:
    """Return what upkeep has done. Raises `OSError` when Redis does not answer."""
    try:
        with _client() as client:
            found = {name.decode(): value for name, value in client.hgetall(REPAIRS).items()}
            ran_at = found.pop(RAN_AT, None)
            ago = None if ran_at is None else max(0.0, _now(client) - float(ran_at))
    except redis.RedisError as error:
        raise OSError(f"Redis does not answer ({type(error).__name__})") from error
    return Upkeep({kind: int(count) for kind, count in found.items()}, ago)


def _now(client: Any) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1e6)
