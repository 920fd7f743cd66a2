"""What the benchmarks run on: embedded servers in a folder of their own, workers, and a model server process."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.embedded import start_postgres, start_redis
from tests.engine.processes import process, wait_for, worker

SLOTS = "50"


@dataclass(frozen=True)
class Services:
    """Addresses of what runs, and where logs go."""

    env: dict[str, str]
    folder: Path


@contextmanager
def services() -> Iterator[Services]:
    """Start PostgreSQL, Redis and a model server without latency; this process's environment points at them."""
    with tempfile.TemporaryDirectory(prefix="cf-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        postgres, redis = start_postgres(home), start_redis(home)
        port = free_port()
        ours = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "CARDFORGE_HOME": folder,
            "LLM_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "LLM_MODEL": "bench/model",
        }
        os.environ.update(ours)
        model = [sys.executable, "-m", "tests.model_server", str(port)]
        try:
            with process(model, dict(os.environ), home / "model.log"):
                wait_for(lambda: is_open(port), "the model server answers")
                yield Services(dict(os.environ), home)
        finally:
            redis.stop()
            postgres.stop()


@contextmanager
def workers(running: Services) -> Iterator[None]:
    """Run one generation worker with threads and one export worker with two processes."""
    generation = ("-P", "threads", "-c", SLOTS, "-Q", "webhooks,lorebook,generation")
    export = ("-P", "prefork", "-c", "2", "-Q", "upkeep,export")
    with (
        worker("generation", generation, running.env, running.folder),
        worker("export", export, running.env, running.folder),
    ):
        yield


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Say whether somebody listens on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
