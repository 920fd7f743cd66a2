"""The whole product as real processes under a little supervisor, and every way of hurting it. By process id only."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.embedded import Server, free_port, start_postgres, start_redis
from cli.processes import Child, start

ROOT = Path(__file__).resolve().parents[2]
HOOKS = Path(__file__).with_name("hooks")
OURS = ("LLM_", "CARDFORGE_", "OPENROUTER_", "CORS_", "REDIS_URL", "DATABASE_URL", "PYTHON", "CHAOS_")
KEPT = ("owners", "api_keys", "profiles", "profile_versions", "alembic_version")


class Late(AssertionError):
    """Something did not happen in time."""


def wait_for(question: Callable[[], Any], what: str, seconds: float = 60.0, every: float = 0.05) -> Any:
    """Poll until the answer is true and return it; raises `Late` after ``seconds``, saying what did not happen."""
    until = time.monotonic() + seconds
    while True:
        if found := question():
            return found
        if time.monotonic() > until:
            raise Late(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)


@dataclass(frozen=True)
class Size:
    """How big the scenarios are, and the settings they run with."""

    full: bool
    settings: Mapping[str, str]
    lease: float
    upkeep: float
    grace: float
    threads: int
    pause: float  # before a dead process is started again

    def pick(self, short: Any, full: Any) -> Any:
        return full if self.full else short

    @property
    def recovery(self) -> float:
        """Within how many seconds of a kill another worker has to have an orphaned job."""
        # Full: the promise. Short: a lease and a grace, each found a tick later, and the restarts of processes.
        return 60.0 if self.full else self.lease + self.grace + 3 * self.upkeep + 12


# Kills come as often against a lease of 3 s as in the full form against one of 30: a job may be hit more often.
SHORT = {
    "LEASE_SECONDS": "3",
    "HEARTBEAT_SECONDS": "1",
    "UPKEEP_SECONDS": "1",
    "GRACE_SECONDS": "2",
    "MAX_ATTEMPTS": "10",
}


def size_of(env: Mapping[str, str]) -> Size:
    """Full size runs with the product's default settings: none is set."""
    if env.get("CHAOS") == "full":
        return Size(True, {}, 30, 10, 30, 200, 1.0)
    return Size(False, SHORT, 3, 1, 2, 30, 0.2)


@dataclass(frozen=True)
class Event:
    """One thing done to the stack. ``costly``: calls in flight then may be lost; ``lasting``: seconds that it takes."""

    at: float
    what: str
    pids: frozenset[int] = frozenset()
    costly: bool = False
    wake: bool = False  # what a worker was about to ask when it was frozen, it asks now
    kill: bool = False
    lasting: float = 0.0


@dataclass
class Stack:
    """``with Stack(size) as stack``: everything runs; at the end, however it comes, nothing does."""

    size: Size
    home: Path = field(init=False)
    env: dict[str, str] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    outages: list[tuple[str, float, float]] = field(default_factory=list)
    frozen: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)
    dirty: bool = False  # the last scenario failed: its workers may still hold anything
    away: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    over: threading.Event = field(default_factory=threading.Event)
    due: dict[str, float] = field(default_factory=dict)

    # --- beginning and end ---

    def __enter__(self) -> Stack:
        # A short path: sockets live in it.
        self.home = Path(tempfile.mkdtemp(prefix="cx-", dir="/tmp"))
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.flags = self.home / "flags"
        self.flags.mkdir()
        self.postgres: Server = start_postgres(self.home, started=self._note_postgres)
        self.redis: Server = start_redis(self.home, started=self._note_redis)
        self.model_port, self.web_port = free_port(), free_port()
        self.model_url = f"http://127.0.0.1:{self.model_port}"
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.ledger = self.home / "ledger.jsonl"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "CARDFORGE_HOME": str(self.home),
            "LLM_BASE_URL": f"{self.model_url}/v1",
            "LLM_MODEL": "test/model",
            "PORT": str(self.web_port),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(HOOKS),
            "CHAOS_FLAGS": str(self.flags),
            **self.size.settings,
        }
        self.commands = self._commands()
        self._spawn("model")
        migrations = self._launch("migrations", [sys.executable, "-m", "migrations"])
        assert migrations.wait(60), "migrations hang"
        assert migrations.exit_code() == 0, migrations.last_lines(30)
        for name in ("web", "generation1", "generation2", "export1", "beat1"):
            self._spawn(name)
        self.supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self.supervisor.start()
        self.key = (self.home / "api-key").read_text().strip()
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {self.key}"
        self.wait_ready()

    def _note_postgres(self, server: Server) -> None:
        self.postgres = server

    def _note_redis(self, server: Server) -> None:
        self.redis = server

    def stop(self) -> None:
        """End everything: ask, wait a little, kill. What is frozen cannot hear us and is killed at once."""
        self.over.set()
        if hasattr(self, "supervisor"):
            self.supervisor.join(20)
        for pid in list(self.frozen):
            self._signal(pid, signal.SIGKILL)
        for child in self.children.values():
            child.ask()
        until = time.monotonic() + 10
        for child in self.children.values():
            child.stop(max(0.0, until - time.monotonic()))
        for name in ("redis", "postgres"):
            if server := getattr(self, name, None):
                with contextlib.suppress(Exception):
                    server.kill()
        if keep := os.environ.get("CHAOS_LOGS"):
            shutil.copytree(self.home / "logs", keep, dirs_exist_ok=True)
            if self.ledger.exists():
                shutil.copy(self.ledger, keep)
        shutil.rmtree(self.home, ignore_errors=True)

    def _commands(self) -> dict[str, list[str]]:
        celery = [sys.executable, "-m", "celery", "-A", "tasks.celery"]
        quiet = ["--without-gossip", "--without-mingle", "-E"]
        threads = ["-P", "threads", "-c", str(self.size.threads), "-Q", "webhooks,lorebook,generation"]
        prefork = ["-P", "prefork", "-c", "2", "-Q", "upkeep,export"]
        found = {
            "model": [
                *(sys.executable, "-m", "tests.chaos.model"),
                *("--port", str(self.model_port), "--ledger", str(self.ledger)),
            ],
            "web": [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "api" / "gunicorn.py"), "api:create_app()"],
        }
        for n in (1, 2):
            found[f"generation{n}"] = [*celery, "worker", *threads, "-n", f"generation{n}@%h", *quiet]
            found[f"export{n}"] = [*celery, "worker", *prefork, "-n", f"export{n}@%h", *quiet]
            found[f"beat{n}"] = [*celery, "beat", "--schedule", str(self.home / f"schedule{n}"), "--pidfile="]
        return found

    # --- processes ---

    def _launch(self, name: str, command: list[str]) -> Child:
        logs, run = self.home / "logs", self.home / "run"
        env = self.env | {"CHAOS_ROLE": name}
        if name == "model":  # not of the product: no faults from inside
            env = {key: value for key, value in env.items() if key != "PYTHONPATH"}
        return start(name, command, log=logs / f"{name}.log", run=run, env=env, cwd=ROOT)

    def _spawn(self, name: str) -> None:
        with self.lock:
            self.children[name] = self._launch(name, self.commands[name])

    def _supervise(self) -> None:
        """Start again what ended, like production would; sweep first, for a killed master leaves its pool behind."""
        # The kernel ties a child to the thread that started it, so this one lives as long as the stack.
        while not self.over.wait(0.05):
            with self.lock:
                for name, child in self.children.items():
                    if child.exit_code() is None or name in self.held:
                        continue
                    if name not in self.due:
                        child.sweep()
                        self.due[name] = time.monotonic() + self.size.pause
                    elif time.monotonic() >= self.due[name]:
                        del self.due[name]
                        self._spawn(name)

    def add(self, name: str) -> None:
        """Have one more process, supervised from now on."""
        with self.lock:
            self.held.discard(name)
            if name not in self.children:
                # Started by the supervisor, which outlives the caller: an ended child stands for it until then.
                self._spawn(name)

    def drop(self, name: str) -> None:
        """Have one process less."""
        with self.lock:
            child = self.children.pop(name, None)
            self.due.pop(name, None)
        if child:
            child.stop(10)

    def pid(self, name: str) -> int:
        return self.children[name].pid

    def pool(self, name: str) -> list[int]:
        """The process ids of a worker's pool or the web's workers."""
        try:
            return [child.pid for child in psutil.Process(self.pid(name)).children(recursive=True)]
        except psutil.Error:
            return []

    def _signal(self, pid: int, number: int) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    # --- hurting ---

    def note(self, what: str, *, pids: Iterator[int] | tuple[int, ...] = (), **about: Any) -> Event:
        event = Event(time.time(), what, frozenset(pids), **about)
        self.events.append(event)
        return event

    def down(self) -> bool:
        """Whether PostgreSQL or Redis is away right now, by our doing."""
        return self.away > 0

    def kill(self, *names: str, hold: bool = False) -> None:
        """kill -9 main processes, and what belongs to them, all at one moment."""
        with self.lock:
            if hold:
                self.held.update(names)
            gone = {name: (self.pid(name), *self.pool(name)) for name in names}
            costly = any(name.startswith("generation") for name in names)
            self.note(
                f"kill -9 {' '.join(names)}",
                pids=tuple(pid for pids in gone.values() for pid in pids),
                costly=costly,
                kill=True,
            )
            for pids in gone.values():
                self.dead.update(pids)
                self._signal(pids[0], signal.SIGKILL)
        # A pool whose master died is taken down with it: containers and systemd end the group.
        for pids in gone.values():
            for pid in pids[1:]:
                self._signal(pid, signal.SIGKILL)

    def kill_child(self, name: str) -> bool:
        """kill -9 one process of a pool; the master lives and replaces it."""
        pool = self.pool(name)
        if not pool:
            return False
        self.dead.add(pool[0])
        self.note(f"kill -9 a child of {name}", pids=(pool[0],), kill=True)
        return self._signal(pool[0], signal.SIGKILL)

    def freeze(self, name: str) -> None:
        self.note(f"freeze {name}", pids=(self.pid(name), *self.pool(name)), costly=True, kill=True)
        self.frozen.add(self.pid(name))
        self._signal(self.pid(name), signal.SIGSTOP)

    def wake(self, name: str) -> None:
        self.note(f"wake {name}", wake=True)
        self._signal(self.pid(name), signal.SIGCONT)
        self.frozen.discard(self.pid(name))

    def terminate(self, *names: str, wait: float = 60.0) -> None:
        """SIGTERM to main processes, all at one moment; returns when each has ended by itself."""
        with self.lock:
            asked = {name: self.children[name] for name in names}
            self.note(f"SIGTERM {' '.join(names)}", pids=tuple(child.pid for child in asked.values()))
            for child in asked.values():
                child.ask()
        for name, child in asked.items():
            wait_for(lambda child=child: child.exit_code() is not None, f"{name} ends after SIGTERM", wait)
            assert child.exit_code() == 0, f"{name} ended with {child.exit_code()}"

    def release(self, *names: str) -> None:
        """Let the supervisor start held processes again."""
        with self.lock:
            self.held.difference_update(names)

    @contextmanager
    def outage(self, what: str) -> Iterator[None]:
        began = time.time()
        self.away += 1
        try:
            yield
        finally:
            self.away -= 1
            self.outages.append((what, began, time.time()))

    def lose_redis(self) -> None:
        """Kill Redis and start it empty."""
        self.note("Redis killed and emptied", kill=True)
        with self.outage("redis"):
            self.redis.kill()
            for path in (self.home / "redis").iterdir():
                if path.name != "redis.conf":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self.redis.restart()

    def redis_away(self, seconds: float) -> None:
        self.note("Redis stopped", kill=True)
        with self.outage("redis"):
            self.redis.stop()
            time.sleep(seconds)  # the length of the outage is the fault
            self.redis.restart()

    def cancel(self, *batch_ids: str) -> None:
        """Cancel batches. What streams is closed within two seconds, and paid as far as it came."""
        for batch_id in batch_ids:
            self.note(f"cancelled {batch_id}", costly=True, lasting=2.0)
            answer = self.post(f"/api/v2/batch-generations/{batch_id}/cancel")
            assert answer.status_code in {202, 409}, answer.text  # 409: it has ended in the meantime

    def crash_postgres(self, seconds: float = 0.0) -> None:
        self.note("PostgreSQL killed", kill=True)
        with self.outage("postgres"):
            self.postgres.kill()
            time.sleep(seconds)  # the length of the outage is the fault
            self.postgres.restart()

    @contextmanager
    def flag(self, name: str) -> Iterator[None]:
        """Switch on a fault inside the processes; see hooks/sitecustomize.py."""
        path = self.flags / name
        path.touch()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    # --- looking ---

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as an outsider; patient while it is away."""
        until = time.monotonic() + 60
        while True:
            try:
                connection = psycopg2.connect(self.postgres.url, connect_timeout=5, application_name="chaos")
                try:
                    connection.autocommit = True
                    with connection.cursor() as cursor:
                        cursor.execute(sql, values or None)
                        return cursor.fetchall() if cursor.description else []
                finally:
                    connection.close()
            except psycopg2.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def one(self, sql: str, *values: Any) -> Any:
        return self.query(sql, *values)[0][0]

    def broker(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis.url, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/ready", timeout=5).ok
        except requests.RequestException:
            return False

    def wait_ready(self) -> None:
        """Wait until the web answers and every worker process that should be there beats."""

        def all_there() -> bool:
            expected = {self.pid(name) for name in self.children if name.startswith("generation")}
            exports = {self.pid(name): set(self.pool(name)) for name in self.children if name.startswith("export")}
            beating = {row[0] for row in self.query("SELECT pid FROM workers WHERE seen_at > now() - interval '20 s'")}
            served = all(main in beating and pool & beating for main, pool in exports.items())
            return expected <= beating and served and self.ready()

        wait_for(all_there, "web and workers are ready", 90, every=0.1)

    # --- working ---

    def control(self, **behaviour: Any) -> None:
        requests.post(f"{self.model_url}/control", json=behaviour, timeout=10).raise_for_status()

    def model_state(self) -> dict[str, int]:
        return dict(requests.get(f"{self.model_url}/state", timeout=10).json())

    def post(self, path: str, body: Any = None, timeout: float = 60.0) -> requests.Response:
        return self.http.post(f"{self.url}{path}", json={} if body is None else body, timeout=timeout)

    def submit(self, items: int, *, mark: str = "", options: Mapping[str, Any] | None = None, **batch: Any) -> str:
        """Submit a batch over HTTP; each source is like no other, so that questions can be told apart."""
        body = self.request(items, mark=mark, options=options, **batch)
        answer = self.post("/api/v2/batch-generations", body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["batch_id"])

    def request(self, items: int, *, mark: str, options: Mapping[str, Any] | None, **batch: Any) -> dict[str, Any]:
        generations = [
            {
                "source_material": f"Ondine Marsh keeps the lamp of Gull Rock, {mark} night number {n}.",
                "options": {"format": ["v2"], "passes": "one", **(options or {})},
            }
            for n in range(1, items + 1)
        ]
        return {"generations": generations, "batch_options": batch}

    def counts(self, batch_id: str) -> dict[str, int]:
        names = ("total", "queued", "processing", "completed", "failed", "cancelled")
        (row,) = self.query(f"SELECT {', '.join(names)} FROM batches WHERE id = %s", batch_id)
        return dict(zip(names, row, strict=True))

    def done(self, batch_id: str) -> int:
        found = self.counts(batch_id)
        return found["completed"] + found["failed"] + found["cancelled"]

    def wait_done(self, *batch_ids: str, seconds: float) -> None:
        """Wait until every batch has ended."""

        def ended() -> bool:
            rows = self.query("SELECT status FROM batches WHERE id = ANY(%s)", list(batch_ids))
            return all(row[0] in {"completed", "failed", "cancelled"} for row in rows)

        try:
            wait_for(ended, "all batches have ended", seconds, every=0.1)
        except Late as late:
            raise Late(f"{late}; {[self.counts(one) for one in batch_ids]}; {self.stuck()}") from None

    def stuck(self) -> str:
        """What the unfinished jobs look like, for the message of a failure."""
        rows = self.query(
            "SELECT j.id, j.status, j.attempt, j.current_step, j.lease_owner, j.lease_expires_at - now(),"
            " now() - j.dispatched_at, array_agg(s.status ORDER BY s.index) FROM jobs j JOIN steps s ON s.job_id = j.id"
            " WHERE j.status IN ('queued', 'processing') AND j.dispatched_at IS NOT NULL GROUP BY j.id LIMIT 10"
        )
        return "; ".join(" ".join(str(part) for part in row) for row in rows)

    def charges(self) -> list[dict[str, Any]]:
        """The model server's own ledger."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return [json.loads(line) for line in lines]

    def reset(self) -> None:
        """Begin a new scenario: all processes there, no work, no messages, no history."""
        for flag in self.flags.iterdir():
            flag.unlink()
        for pid in list(self.frozen):
            self._signal(pid, signal.SIGCONT)
        self.frozen.clear()
        if self.dirty:
            self.kill(*(name for name in self.children if name not in {"model"}))
            self.dirty = False
        for name in ("generation2", "export1", "beat1"):
            self.add(name)
        for name in ("export2", "beat2"):
            self.drop(name)
        self.held.clear()
        for server in (self.postgres, self.redis):
            if server.child.exit_code() is not None:
                server.restart()
        self.control(latency=0.0, faults=0.0, most=0)
        wait_for(lambda: self.model_state()["in_flight"] == 0, "no call is left in flight", 60)
        tables = [row[0] for row in self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        rest = [table for table in tables if table not in (*KEPT, "workers")]
        self.query(f"TRUNCATE {', '.join(rest)} RESTART IDENTITY CASCADE")
        with contextlib.suppress(redis.RedisError):
            self.broker().flushall()
        wait_for(self._only_the_living, "dead workers are off the list", 20)
        self.wait_ready()
        self.events.clear()
        self.outages.clear()
        self.first = len(self.charges())

    def _only_the_living(self) -> bool:
        self.query("DELETE FROM workers WHERE seen_at < now() - %s * interval '1 s'", self.size.lease)
        return True
