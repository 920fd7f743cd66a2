"""Real processes of the product for tests: workers and the web server, each ended by process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GENERATION = ("-P", "threads", "-c", "20", "-Q", "webhooks,lorebook,generation")
EXPORT = ("-P", "prefork", "-c", "2", "-Q", "upkeep,export")


def wait_for(question: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Poll until the answer is yes; fail after ``seconds``, saying what did not happen."""
    until = time.monotonic() + seconds
    while not question():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


@contextmanager
def process(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a session of its own with its output in ``log``; ended with SIGTERM, at the latest SIGKILL."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(10)


@contextmanager
def worker(
    name: str, pool: tuple[str, ...], env: dict[str, str], folder: Path, app: str = "tasks.celery"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Celery worker and wait until it is ready."""
    log = folder / f"{name}.log"
    options = ["-n", f"{name}@%h", "--without-gossip", "--without-mingle", "-E"]
    command = [sys.executable, "-m", "celery", "-A", app, "worker", *pool, *options]
    with process(command, env, log) as running:
        wait_for(lambda: b" ready." in log.read_bytes() or running.poll() is not None, f"{name} is ready")
        assert running.poll() is None, log.read_text()
        yield running


@contextmanager
def beat(env: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run Celery beat, which has parked and lost work found."""
    options = ["--schedule", str(folder / "schedule"), "--pidfile="]
    with process(
        [sys.executable, "-m", "celery", "-A", "tasks.celery", "beat", *options], env, folder / "beat.log"
    ) as it:
        yield it


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web(env: dict[str, str], folder: Path, port: int | None = None) -> Iterator[str]:
    """Run gunicorn on a port (a free one, if none is given) and give its URL."""
    port = port or free_port()
    log = folder / "web.log"
    command = [sys.executable, "-m", "gunicorn", "-c", "api/gunicorn.py", "api:create_app()"]
    with process(command, env | {"PORT": str(port)}, log) as running:

        def answers() -> bool:
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) == 0 or running.poll() is not None

        wait_for(answers, "the web server answers")
        assert running.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
