"""One heartbeat a worker process: says that it lives and renews the leases of all the steps it runs.

The process that beats is the one that runs steps: with the threads pool the worker itself, with prefork each child,
so that a killed child's leases run out although its parent lives on.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Sequence
from typing import Any

from celery import signals

import logs
from models import db
from models.services import workers

INTERVAL_SECONDS = 10

log = logs.get(__name__)


class Heart:
    """The heartbeat of this process. ``id`` is what leases name: new with every start, never used again."""

    def __init__(self, queues: Sequence[str]) -> None:
        self.id = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._queues = list(queues)
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
            with db.transaction() as session:
                workers.leave(session, self.id)
        except db.Trouble:
            log.warning("heartbeat_left_behind", worker=self.id)

    def _run(self) -> None:
        while True:
            try:
                with db.transaction() as session:
                    workers.beat(session, self.id, socket.gethostname(), os.getpid(), self._queues)
            except db.Trouble as error:
                log.warning("heartbeat_missed", worker=self.id, reason=type(error).__name__)
            if self._stopped.wait(INTERVAL_SECONDS):
                return


_heart: Heart | None = None


def worker_id() -> str:
    """Return the id under which this process takes leases."""
    if _heart is None:
        raise RuntimeError("no heartbeat: leases would run out")
    return _heart.id


def begin(queues: Sequence[str]) -> None:
    """Give this process a heartbeat of its own: a forked child's inherited one does not beat."""
    global _heart  # noqa: PLW0603 - one per process is what it is
    _heart = Heart(queues)
    _heart.start()


def end() -> None:
    """Stop this process's heartbeat."""
    if _heart is not None:
        _heart.stop()


@signals.worker_ready.connect
def _begin_in_worker(sender: Any, **_: Any) -> None:
    begin([queue.name for queue in sender.task_consumer.queues])


@signals.worker_process_init.connect
def _begin_in_child(**_: Any) -> None:
    begin([])


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _end(**_: Any) -> None:
    end()
