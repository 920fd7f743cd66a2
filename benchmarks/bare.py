"""A bare Celery app with our settings: a chain of three tasks that do nothing, the last of which counts.

As a program it sends chains and says how many were done a second: `python -m benchmarks.bare COUNT`.
"""

from __future__ import annotations

import sys
import time
from functools import cache
from typing import Any

import redis
from celery import Celery, signals

import logs
import settings
from tasks import broker_restart

COUNTER = "bench:done"

broker_restart.install()
app = Celery("bare", config_source="celeryconfig")


@signals.setup_logging.connect
def configure_logging(**_: Any) -> None:
    """Log as our own workers do."""
    logs.configure("bare")


@cache
def client() -> redis.Redis:
    """Return this process's connection to Redis."""
    return redis.Redis.from_url(settings.load().redis_url)


@app.task(name="first")
def first(number: int) -> None:
    """Do nothing."""


@app.task(name="second")
def second(number: int) -> None:
    """Do nothing."""


@app.task(name="third")
def third(number: int) -> None:
    """Count."""
    client().incr(COUNTER)


def run(count: int) -> float:
    """Send so many chains, on the queues that our steps go by, and return how many a second were done."""
    client().delete(COUNTER)
    began = time.perf_counter()
    for number in range(count):
        chain = first.si(number).set(queue="generation") | second.si(number).set(queue="lorebook")
        chain |= third.si(number).set(queue="export")
        chain.apply_async()
    while int(client().get(COUNTER) or 0) < count:
        time.sleep(0.02)
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.stdout.write(f"{run(int(sys.argv[1]))}\n")
