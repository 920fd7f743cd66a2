"""What rows are measured on: embedded servers in a folder of their own, a model server, and our processes as they ship.

The benchmarks are outsiders. They submit over HTTP, and look with a connection of their own.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis
import requests

from benchmarks.sizes import Sizes
from cli.embedded import Server, start_postgres, start_redis
from tests.engine.processes import beat as beating
from tests.engine.processes import free_port, process, wait_for
from tests.engine.processes import worker as working

KEPT = ("owners", "api_keys", "profiles", "profile_versions", "alembic_version")
FOREIGN = ("OPENROUTER_", "LLM_", "RATE_LIMIT_", "DAILY_", "MODEL_PRICES", "WEB_", "WEBHOOK_", "CORS_")
BATCHES, JOBS = "/api/v2/batch-generations", "/api/v2/jobs"
JSON = {"Content-Type": "application/json"}
OWN = "bench"  # what our own connections to PostgreSQL are called
MOST_WINDOW = 1000  # jobs of one batch that may be in work at one time
GENERATION, EXPORT = "webhooks,lorebook,generation", "upkeep,export"
# One call for the card and one for its lorebook: all at one go, and one entry, whose subject the source names.
TWO_CALLS = {"passes": "one", "lorebook_entries": 1, "repairs": 0, "format": ["json"]}


@dataclass
class Bed:
    """Addresses of what runs, and what can be done with it. ``pids``: processes by kind, as long as they run."""

    env: dict[str, str]
    folder: Path
    postgres: Server
    redis_server: Server
    model: str
    sizes: Sizes
    say: Callable[[str], None]
    pids: dict[str, list[int]] = field(default_factory=dict)
    url: str = ""

    # --- processes ---

    @contextmanager
    def noted(self, kind: str, running: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Keep a process among those of its kind."""
        self.pids.setdefault(kind, []).append(running.pid)
        try:
            yield running
        finally:
            self.pids[kind].remove(running.pid)

    @contextmanager
    def generation(self, threads: int, count: int = 1, **env: str) -> Iterator[None]:
        """Run generation workers."""
        pool = ("-P", "threads", "-c", str(threads), "-Q", GENERATION)
        with ExitStack() as stack:
            for number in range(count):
                running = stack.enter_context(working(f"generation{number}", pool, self.env | env, self.folder))
                stack.enter_context(self.noted("generation", running))
            yield

    @contextmanager
    def export(self, processes: int = 2) -> Iterator[None]:
        """Run an export worker."""
        pool = ("-P", "prefork", "-c", str(processes), "-Q", EXPORT)
        with working("export", pool, self.env, self.folder) as running, self.noted("export", running):
            yield

    @contextmanager
    def beat(self) -> Iterator[None]:
        """Run beat, which has upkeep done."""
        with beating(self.env, self.folder):
            yield

    @contextmanager
    def web(
        self, processes: int = 1, command: tuple[str, ...] = ("-c", "api/gunicorn.py", "api:create_app()")
    ) -> Iterator[str]:
        """Run gunicorn until the end of the block; ``url`` is where."""
        port, before = free_port(), self.url
        env = self.env | {"PORT": str(port), "WEB_PROCESSES": str(processes)}
        whole = [sys.executable, "-m", "gunicorn", *command, *(() if "-c" in command else ("-b", f"127.0.0.1:{port}"))]
        log = self.folder / f"web{port}.log"
        with process(whole, env, log) as running, self.noted("web", running):
            wait_for(lambda: is_open(port) or running.poll() is not None, "the web server answers")
            assert running.poll() is None, log.read_text()
            self.url = f"http://127.0.0.1:{port}"
            try:
                yield self.url
            finally:
                self.url = before

    @contextmanager
    def product(self, threads: int, count: int = 1) -> Iterator[None]:
        """Run everything that a batch needs."""
        with self.web(), self.export(), self.generation(threads, count):
            yield

    def family(self, kind: str) -> list[psutil.Process]:
        """Return the processes of a kind with all that they have started."""
        roots = {"postgres": [self.postgres.pid], "redis": [self.redis_server.pid]} | self.pids
        found = [psutil.Process(pid) for pid in roots.get(kind, ())]
        return found + [child for one in found for child in one.children(recursive=True)]

    def memory(self, kind: str) -> float:
        """Return the resident memory of the largest process of a kind, in MB."""
        return max(one.memory_info().rss for one in self.family(kind)) / 1e6

    def held_by_redis(self) -> float:
        """Return the memory that Redis uses but for its clients' buffers, in MB.

        Its process also keeps what earlier loads have taken; and buffers, half of what it uses, go by connections.
        """
        found = self.broker().info("memory")
        return float(found["used_memory"] - found["mem_clients_normal"]) / 1e6

    # --- looking ---

    def connect(self) -> Any:
        """Return a connection to the database that is told apart from those of the product."""
        connection = psycopg2.connect(self.postgres.url, application_name=OWN)
        connection.autocommit = True
        return connection

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def one(self, sql: str, *values: Any) -> Any:
        """Return the one value that a query has."""
        return self.query(sql, *values)[0][0]

    def broker(self) -> redis.Redis:
        """Return a connection to Redis."""
        return redis.Redis.from_url(self.redis_server.url)

    def fresh(self) -> None:
        """Empty tables and queues; owner, key and profiles stay."""
        tables = [row[0] for row in self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        self.query(f"TRUNCATE {', '.join(name for name in tables if name not in KEPT)} RESTART IDENTITY CASCADE")
        self.broker().flushall()

    # --- working ---

    @property
    def key(self) -> str:
        """The secret of a key that may do everything."""
        return (self.folder / "api-key").read_text().strip()

    def http(self) -> requests.Session:
        """Return a client with the key."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {self.key}"
        return session

    def control(self, latency: float) -> None:
        """Have the model server count anew, with this latency in seconds."""
        requests.post(f"{self.model}/control", json={"latency": latency}, timeout=10).raise_for_status()

    def model_state(self) -> dict[str, Any]:
        """Return what the model server has counted."""
        return dict(requests.get(f"{self.model}/state", timeout=30).json())

    def submit(self, items: int, window: int, options: Mapping[str, Any] | None = None) -> list[str]:
        """Submit jobs over HTTP, in as few batches as windows allow; returns the batches' ids."""
        share = -(-window // MOST_WINDOW)
        counts = [items // share + (number < items % share) for number in range(share)]
        http = self.http()
        found = []
        for count in counts:
            body = body_of(count, window // share, options)
            answer = http.post(f"{self.url}{BATCHES}", data=body, headers=JSON, timeout=120)
            assert answer.status_code == 202, answer.text
            found.append(answer.json()["batch_id"])
        return found

    def wait(self, batch_ids: list[str], seconds: float = 600.0, column: str = "completed") -> None:
        """Wait until all items of the batches are completed; raises `AssertionError`, with what they failed by."""
        sql = f"SELECT bool_and({column} = total), sum(failed + cancelled) FROM batches WHERE id = ANY(%s)"
        connection = self.connect()
        until = time.monotonic() + seconds
        try:
            with connection.cursor() as cursor:
                while True:
                    cursor.execute(sql, (batch_ids,))
                    done, failed = cursor.fetchone() or (False, 0)
                    if done:
                        return
                    assert not failed, self.query("SELECT error FROM jobs WHERE status = 'failed' LIMIT 1")
                    assert time.monotonic() < until, f"not completed within {seconds:.0f} s"
                    time.sleep(0.02)
        finally:
            connection.close()


def body_of(items: int, window: int, options: Mapping[str, Any] | None = None) -> bytes:
    """Return the request that submits a batch; each source is like no other."""
    generations = [
        {
            "source_material": f"Ondine Marsh keeps the lamp of Gull Rock, night number {n}.",
            "options": dict(options or {}),
        }
        for n in range(1, items + 1)
    ]
    return json.dumps({"generations": generations, "batch_options": {"max_concurrent": window}}).encode()


@contextmanager
def services(sizes: Sizes, say: Callable[[str], None]) -> Iterator[Bed]:
    """Start PostgreSQL, Redis and a model server without latency, with the tables made and a first key."""
    with (
        tempfile.TemporaryDirectory(prefix="cf-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        home = Path(folder)
        postgres, broker = start_postgres(home), start_redis(home)
        stack.callback(postgres.stop)
        stack.callback(broker.stop)
        port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        env |= {"DATABASE_URL": postgres.url, "REDIS_URL": broker.url, "CARDFORGE_HOME": folder}
        env |= {"LLM_BASE_URL": f"http://127.0.0.1:{port}/v1", "LLM_MODEL": "bench/model"}
        # Counted as ever, but never reached.
        env |= {f"RATE_LIMIT_{kind}": "1000000/minute" for kind in ("CREATE", "EDIT", "READ")}
        model = [sys.executable, "-m", "benchmarks.model", str(port)]
        bed = Bed(env, home, postgres, broker, f"http://127.0.0.1:{port}", sizes, say)
        with process(model, env, home / "model.log") as running, bed.noted("model server", running):
            wait_for(lambda: is_open(port), "the model server answers")
            subprocess.run([sys.executable, "-m", "migrations"], env=env, check=True, capture_output=True)
            yield bed


def is_open(port: int) -> bool:
    """Say whether somebody listens on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
