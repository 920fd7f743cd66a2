"""What is looked at, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import settings
from cli import dump

SECONDS = 5.0  # how long a check waits for an answer
UP = "`cardforge up` starts everything"


@dataclass(frozen=True)
class Finding:
    """What one check found. ``state``: ok, warning, fault, or unknown where another fault is in the way."""

    part: str
    state: str
    detail: str
    remedy: str = ""


@dataclass
class Patient:
    """What is looked at: ``env`` as the processes have it; ``least_free`` in MB; ``call``: ask the model something."""

    env: Mapping[str, str]
    home: Path
    least_free: float = 1000
    call: bool = True
    faulty: set[str] = field(default_factory=set)

    def engine(self) -> settings.Engine:
        """The engine's timings, or the defaults where they cannot be read."""
        try:
            return settings.engine(self.env)
        except settings.SettingError:
            return settings.Engine()

    def ask(self, query: str) -> list[Any]:
        """The rows of a query."""
        with dump.connected(self.env["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def redis(self) -> Any:
        """A client of Redis that does not wait for long."""
        waits = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
        return redis.Redis.from_url(self.env["REDIS_URL"], retry=Retry(NoBackoff(), 0), **waits)
