"""A bare Celery app with our settings: a chain of three tasks that do nothing, the last of which counts."""

from __future__ import annotations

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
