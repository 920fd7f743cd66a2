"""The whole of Cardforge on one machine: services and processes, started, watched, stopped.

start: home's lock -> PostgreSQL, Redis (or those given) -> migrations -> processes -> /health/ready
stop:  web, beat, flower -> workers -> Redis -> PostgreSQL
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from cli.embedded import Server, make_home, start_postgres, start_redis
from cli.probe import check_database, check_port, check_redis
from cli.processes import Child, Signals, StartError, end_leftovers, start

ROOT = Path(__file__).resolve().parent.parent  # where api/, tasks/, migrations/ and examples/ are
READY_SECONDS = 60.0
GRACE = {"web": 15.0, "beat": 5.0, "flower": 5.0, "generation": 30.0, "export": 30.0}
STOP_ORDER = (("web", "beat", "flower"), ("generation", "export"))
PATIENCE_SECONDS = 4.0  # a stop that takes longer says what it waits for
BACKOFF_SECONDS = (1.0, 30.0)  # first and longest pause before a process is started again
SETTLED_SECONDS = 60.0  # a process that has run this long starts again with the first pause


class AlreadyRunning(StartError):
    """Another `up` or `demo` has this home; ``holder``: the ``pid``, ``command``, ``url`` it noted."""

    def __init__(self, home: Path, holder: Mapping[str, Any]) -> None:
        self.holder = holder
        who = f"`cardforge {holder['command']}`, pid {holder['pid']}" if holder else "another process"
        where = f", {holder['url']}" if holder.get("url") else ""
        super().__init__(f"Cardforge is already running on {home} ({who}{where}).")


@contextmanager
def claim(home: Path, command: str) -> Iterator[None]:
    """Hold ``home`` against every other `up` and `demo`; the kernel lets go of it however we end."""
    make_home(home)
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(home, read_holder(home)) from None
        write_holder(home, command, None)
        try:
            yield
        finally:
            (home / "run" / "up.json").unlink(missing_ok=True)


def read_holder(home: Path) -> dict[str, Any]:
    """What the process that holds ``home`` says of itself; empty when it has not said yet."""
    with suppress(OSError, ValueError):
        holder = json.loads((home / "run" / "up.json").read_text())
        return holder if isinstance(holder, dict) else {}
    return {}


def write_holder(home: Path, command: str, url: str | None) -> None:
    """Say who holds ``home`` and, once it answers, where."""
    path = home / "run" / "up.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "command": command, "url": url}))
    fresh.replace(path)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to a file that only its owner may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(text)


def python(*words: str) -> list[str]:
    """A command of this Python."""
    return [sys.executable, *words]


def commands(home: Path, env: Mapping[str, str], flower_port: int | None) -> dict[str, list[str]]:
    """The processes by name, as in the Procfile; Flower only with a port."""
    celery = python("-m", "celery", "-A", "tasks.celery")
    quiet = ["--without-gossip", "--without-mingle", "-E"]
    generation = [
        "-P",
        "threads",
        "-c",
        env.get("GENERATION_CONCURRENCY") or "200",
        "-Q",
        "webhooks,lorebook,generation",
    ]
    export = ["-P", "prefork", "-c", env.get("EXPORT_CONCURRENCY") or "2", "-Q", "upkeep,export"]
    found = {
        "web": python("-m", "gunicorn", "-c", str(ROOT / "api" / "gunicorn.py"), "api:create_app()"),
        "generation": [*celery, "worker", *generation, "-n", "generation@%h", *quiet],
        "export": [*celery, "worker", *export, "-n", "export@%h", *quiet],
        "beat": [*celery, "beat", "--schedule", str(home / "beat-schedule"), "--pidfile="],
    }
    if flower_port:
        options = [
            "--address=127.0.0.1",
            f"--port={flower_port}",
            "--persistent=False",
            "--purge-offline-workers=300",
        ]
        found["flower"] = [*celery, "flower", *options]
    return found


def flower_login(home: Path, env: Mapping[str, str]) -> str:
    """``user:password`` for Flower: the one set, else one made up once and kept in ``home``/flower-auth."""
    if env.get("FLOWER_BASIC_AUTH"):
        return env["FLOWER_BASIC_AUTH"]
    path = home / "flower-auth"
    if not path.exists() or ":" not in path.read_text():
        write_private(path, f"cardforge:{secrets.token_urlsafe(16)}\n")
    return path.read_text().strip()


def webhook_secret(home: Path, env: Mapping[str, str]) -> str:
    """What webhooks are signed with: the one set, else one made up once and kept in ``home``/webhook-secret."""
    if env.get("WEBHOOK_SECRET"):
        return env["WEBHOOK_SECRET"]
    path = home / "webhook-secret"
    if not path.exists() or not path.read_text().strip():
        write_private(path, f"{secrets.token_urlsafe(32)}\n")
    return path.read_text().strip()


@dataclass
class Pause:
    """When a process that ended is started again: at ``due`` (monotonic), after a pause of ``seconds``."""

    seconds: float
    due: float


@dataclass
class Stack:
    """Everything `up` and `demo` run: ``start()``, then ``supervise()`` or work, and always ``stop()``."""

    home: Path
    port: int
    signals: Signals
    say: Callable[[str], None]
    flower_port: int | None = None
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    services: dict[str, Server] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    pauses: dict[str, Pause] = field(default_factory=dict)
    login: str = ""
    ready: bool = False

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://127.0.0.1:{self.port}"

    # --- starting ---

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises `StartError`; call `stop` in any case."""
        if ended := end_leftovers(self.home / "run"):
            self.say(f"ended what an earlier run left behind: {', '.join(ended)}")
        check_port(self.port, "PORT")
        if self.flower_port:
            check_port(self.flower_port, "FLOWER_PORT")
        self.env |= {"CARDFORGE_HOME": str(self.home), "PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        self.env["WEBHOOK_SECRET"] = webhook_secret(self.home, self.env)
        self.start_services()
        self.migrate()
        self.login = flower_login(self.home, self.env) if self.flower_port else ""
        began = time.monotonic()
        for name in commands(self.home, self.env, self.flower_port):
            self.spawn(name)
        self.wait_ready()
        self.say(f"processes  {', '.join(self.children)}: ready in {time.monotonic() - began:.1f} s")
        self.write_environment()
        self.ready = True

    def start_services(self) -> None:
        """Start PostgreSQL and Redis, each unless its URL is set; those set are tried first."""
        if url := self.env.get("DATABASE_URL"):
            check_database(url)
        if url := self.env.get("REDIS_URL"):
            check_redis(url)
        for name, setting, begin in (
            ("postgres", "DATABASE_URL", start_postgres),
            ("redis", "REDIS_URL", start_redis),
        ):
            if self.env.get(setting):
                self.say(f"{name:<11}the one in {setting}")
                continue
            began = time.monotonic()
            server = begin(self.home, guard=self.signals.shield, started=partial(self.note, name))
            self.env[setting] = server.url
            self.say(f"{name:<11}started in {time.monotonic() - began:.1f} s")

    def note(self, name: str, server: Server) -> None:
        """Remember a service that has just been started, to stop it whatever comes next."""
        self.services[name] = server

    def migrate(self) -> None:
        """Bring the schema to head, in a process of its own; raises `StartError` with its own last line."""
        child = None
        try:
            with self.signals.shield():
                child = self.launch("migrations", python("-m", "migrations"))
            while not child.wait(1.0):
                pass
        finally:
            if child:
                child.sweep()
        lines = [line for line in child.last_lines(30) if line and not line.startswith("{")]
        if child.exit_code() != 0:
            raise StartError(f"Migrations failed: {lines[-1] if lines else 'no reason given'} (log: {child.log})")
        self.say(f"migrations {'; '.join(lines) or 'done'}")

    def launch(self, name: str, command: list[str]) -> Child:
        """Start one of our processes from the folder of the code."""
        extra = {"FLOWER_BASIC_AUTH": self.login} if name == "flower" else {}
        return start(
            name,
            command,
            log=self.home / "logs" / f"{name}.log",
            run=self.home / "run",
            env=self.env | extra,
            cwd=ROOT,
        )

    def spawn(self, name: str) -> None:
        """Start process ``name`` and remember it."""
        with self.signals.shield():
            self.children[name] = self.launch(name, commands(self.home, self.env, self.flower_port)[name])

    def wait_ready(self) -> None:
        """Wait until /health/ready says 200; raises `StartError` telling what is missing or who died."""
        deadline = time.monotonic() + READY_SECONDS
        missing = "the web server does not answer"
        while time.monotonic() < deadline:
            for name, child in self.children.items():
                if child.exit_code() is not None:
                    raise StartError(obituary(name, child))
            with suppress(requests.RequestException):
                answer = requests.get(f"{self.url}/health/ready", timeout=5)
                if answer.ok:
                    return
                missing = answer.text.strip()[:500]
            time.sleep(0.1)
        raise StartError(f"Not ready after {READY_SECONDS:.0f} s: {missing} (logs: {self.home / 'logs'})")

    def write_environment(self) -> None:
        """Write what a shell needs to work on the same servers, for an operator to source."""
        names = ("DATABASE_URL", "REDIS_URL", "CARDFORGE_HOME", "WEBHOOK_SECRET")
        values = {name: self.env[name] for name in names} | {"CARDFORGE_URL": self.url}
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
        write_private(self.home / "services.env", "".join(lines))

    # --- watching ---

    def supervise(self) -> None:
        """Start again what ends by itself, until a signal interrupts (`KeyboardInterrupt`)."""
        while True:
            for name, server in self.services.items():
                if server.child.exit_code() is not None:
                    self.revive(name, server.child, server.restart)
            for name, child in list(self.children.items()):
                if child.exit_code() is not None:
                    self.revive(name, child, partial(self.spawn, name))
            time.sleep(0.2)

    def revive(self, name: str, child: Child, again: Callable[[], None]) -> None:
        """Start an ended process again when its pause is over; say so when the pause begins."""
        now = time.monotonic()
        pause = self.pauses.get(name)
        if pause is None or pause.due < child.started_at:  # newly ended
            first, longest = BACKOFF_SECONDS
            settled = pause is None or now - child.started_at > SETTLED_SECONDS
            seconds = first if settled or pause is None else min(pause.seconds * 2, longest)
            self.pauses[name] = Pause(seconds, now + seconds)
            self.say(f"{name} {ending(child)}; starting it again in {seconds:.0f} s (log: {child.log})")
            child.sweep()
        elif now >= pause.due:
            try:
                again()
            except StartError as error:
                self.pauses[name] = Pause(min(pause.seconds * 2, BACKOFF_SECONDS[1]), now + pause.seconds * 2)
                self.say(f"{name}: {error}")

    # --- stopping ---

    def stop(self) -> None:
        """Stop everything in order. Safe to call at any stage of the start, and more than once."""
        self.signals.quieten()
        for names in STOP_ORDER:
            group = {name: self.children.pop(name) for name in names if name in self.children}
            if group:
                self.say(f"stopping {', '.join(group)}")
            for child in group.values():
                child.ask()
            grace = max((GRACE[name] for name in group), default=0.0)
            deadline = time.monotonic() + grace
            if not all(child.wait(PATIENCE_SECONDS, self.signals) for child in group.values()):
                self.say(f"waiting up to {grace:.0f} s for work in hand (Ctrl-C again: no longer)")
            for child in group.values():
                child.stop(max(0.0, deadline - time.monotonic()), self.signals)
        for name in ("redis", "postgres"):
            if server := self.services.pop(name, None):
                self.say(f"stopping {name}")
                # Not hurried: their own stop takes a moment and keeps the data.
                server.stop()
        (self.home / "services.env").unlink(missing_ok=True)


def ending(child: Child) -> str:
    """How ``child`` ended, in words."""
    code = child.exit_code() or 0
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"


def obituary(name: str, child: Child) -> str:
    """Why a process that died during the start did: the last lines of its log, and where the rest is."""
    lines = "\n".join(f"  {line}" for line in child.last_lines())
    return f"{name} {ending(child)} while starting (log: {child.log}):\n{lines}"
