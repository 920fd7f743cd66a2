"""One heartbeat a worker process: it renews the leases of the steps that run here, and learns which are to stop.

The process that beats is the one that runs steps: with the threads pool the worker itself, with prefork each child,
so that a killed child's leases run out although its parent lives on.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import signals

import logs
import settings
from models import db
from models.services import stops, workers

Held = tuple[str, int, str]  # job, attempt, step
LOOK_SECONDS = 1.0  # how soon a cancelled job is noticed; also how soon a missed beat is tried again

log = logs.get(__name__)


class Heart:
    """The heartbeat of this process. ``id`` is what leases name: new with every start, never used again."""

    def __init__(self, queues: Sequence[str]) -> None:
        self.id = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._host = socket.gethostname()
        self._queues = list(queues)
        self._running: set[Held] = set()
        self._cancelled: frozenset[str] = frozenset()
        self._lost: frozenset[Held] = frozenset()
        self._draining_since: float | None = None
        self._due = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the worker off the list."""
        self._stopped.set()
        self._thread.join(timeout=5)
        try:
            with db.transaction(db.HEART) as session:
                workers.leave(session, self.id)
        except db.Trouble:
            log.warning("heartbeat_left_behind", worker=self.id)

    def drain(self) -> None:
        """Let steps be given back from now on: the worker is stopping."""
        self._draining_since = self._draining_since or time.monotonic()

    def is_draining(self, for_seconds: float = 0.0) -> bool:
        """Say whether the worker has been stopping for that long."""
        since = self._draining_since
        return since is not None and time.monotonic() - since >= for_seconds

    def is_cancelled(self, job_id: str) -> bool:
        """Say whether a job that runs here is to be cancelled, as of the last look (a second ago at most)."""
        return job_id in self._cancelled

    def is_lost(self, job_id: str, attempt: int, step: str) -> bool:
        """Say whether a step that runs here is somebody else's by now, as of the last look.

        It is when this process stood still for longer than its leases: nobody waits for what the step still asks.
        """
        return (job_id, attempt, step) in self._lost

    @contextmanager
    def holding(self, job_id: str, attempt: int, step: str) -> Iterator[None]:
        """Renew a job's lease and look for its cancelling while its step runs."""
        held = (job_id, attempt, step)
        self._running.add(held)
        try:
            yield
        finally:
            self._running.discard(held)

    def _run(self) -> None:
        while not self._stopped.wait(self._tick()):
            pass

    def _tick(self) -> float:
        """Beat if it is time, and look for what is to be cancelled; returns the seconds to the next tick."""
        try:
            if time.monotonic() >= self._due:
                running = [job_id for job_id, _, _ in self._running.copy()]
                with db.transaction(db.HEART) as session:
                    workers.beat(session, self.id, self._host, os.getpid(), self._queues, running)
                self._due = time.monotonic() + settings.engine().heartbeat
            if running_now := self._running.copy():
                with db.transaction(db.HEART) as session:
                    held = stops.held_by(session, self.id)
                self._cancelled = frozenset(job_id for job_id, wanted in held.items() if wanted)
                self._lost = frozenset(one for one in running_now if one[0] not in held)
        except db.Trouble as error:
            log.warning("heartbeat_missed", worker=self.id, reason=type(error).__name__)
        return min(LOOK_SECONDS, settings.engine().heartbeat)


_heart: Heart | None = None


def heart() -> Heart:
    """Return this process's heart; without one, leases would run out."""
    if _heart is None:
        raise RuntimeError("this process has no heartbeat")
    return _heart


def begin(queues: Sequence[str]) -> None:
    """Give this process a heartbeat of its own: a forked child's inherited one does not beat."""
    global _heart  # noqa: PLW0603 - one per process is what it is
    _heart = Heart(queues)
    _heart.start()


@signals.worker_ready.connect
def _begin_in_worker(sender: Any, **_: Any) -> None:
    begin([queue.name for queue in sender.task_consumer.queues])


@signals.worker_process_init.connect
def _begin_in_child(**_: Any) -> None:
    begin([])


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    if _heart is not None:
        _heart.drain()


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _end(**_: Any) -> None:
    if _heart is not None:
        _heart.stop()
