"""Watches a run from outside: how long orphaned jobs wait, how many messages Redis holds, whether windows hold."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from typing import Any

import psycopg2
import redis

from tests.chaos.stack import Stack

OPEN = (
    "SELECT j.id, j.lease_owner FROM jobs j WHERE j.status IN ('queued', 'processing') AND j.dispatched_at IS NOT NULL"
)
WINDOWS = (
    "SELECT b.id, count(*), b.max_concurrent FROM jobs j JOIN batches b ON b.id = j.batch_id"
    " WHERE j.status = 'processing' GROUP BY b.id HAVING count(*) > b.max_concurrent"
)


class Watch:
    """``with Watch(stack) as watch``: ``orphans`` (job -> seconds without a living worker), ``messages`` at most."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.orphans: dict[str, float] = {}
        self.messages = 0
        self.overflows: list[str] = []
        self.looks = 0
        self._since: dict[str, float] = {}
        self._owner: dict[str, str] = {}
        self._looked = threading.Event()
        self._over = threading.Event()
        self._outages = 0
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        """Return when it has looked once: short work would else be over before."""
        self._thread.start()
        self._looked.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    @property
    def slowest(self) -> float:
        """Seconds that the last of the orphaned jobs waited for another worker; of those still waiting, until now."""
        waiting = [time.time() - since for since in self._since.values()]
        return max([*self.orphans.values(), *waiting, 0.0])

    def _run(self) -> None:
        connection: Any = None
        pause = 0.0
        while not self._over.wait(pause):
            pause = 0.5 if self.stack.size.full else 0.15
            if self.stack.down():
                continue
            try:
                if connection is None:
                    connection = psycopg2.connect(self.stack.postgres.url, connect_timeout=5)
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    self._look(cursor)
                self._looked.set()
            except psycopg2.Error:
                connection = None
            try:
                self.messages = max(self.messages, sum(map(len, messages(self.stack).values())))
            except redis.RedisError:
                continue
        if connection is not None:
            connection.close()

    def _look(self, cursor: Any) -> None:
        self.looks += 1
        cursor.execute(OPEN)
        rows = dict(cursor.fetchall())
        cursor.execute(WINDOWS)
        self.overflows += [f"{batch}: {found} of {most} in processing" for batch, found, most in cursor.fetchall()]
        now = time.time()
        gone = self.stack.dead | self.stack.frozen
        # What Redis held is lost with it: who waits for a message just then waits for somebody to notice.
        lost = [end for what, _, end in self.stack.outages[self._outages :] if what == "redis"]
        self._outages = len(self.stack.outages)
        for job, owner in rows.items():
            if owner is None and lost:
                self._since.setdefault(job, lost[-1])
            elif owner is not None and pid_of(owner) in gone:
                if self._owner.get(job, owner) != owner:  # it was taken up, and that worker is dead as well
                    self._recovered(job, now)
                self._owner[job] = owner
                self._since.setdefault(job, self._killed_at(pid_of(owner), now))
        for job in list(self._since):
            if job not in rows or (rows[job] is not None and pid_of(rows[job]) not in gone):
                self._recovered(job, now)

    def _recovered(self, job: str, now: float) -> None:
        self._owner.pop(job, None)
        began = max([self._since.pop(job), *(end for _, _, end in self.stack.outages)])
        self.orphans[job] = max(self.orphans.get(job, 0.0), now - began)

    def _killed_at(self, pid: int, now: float) -> float:
        return max((event.at for event in self.stack.events if pid in event.pids), default=now)


def pid_of(owner: str) -> int:
    """The process id in the name of a worker: host/pid/random."""
    return int(owner.split("/")[1])


def messages(stack: Stack) -> dict[str, list[tuple[str, str]]]:
    """Every message that Redis holds, by key: (task, job id). ``unacked``: taken by somebody, not acknowledged."""
    found: dict[str, list[tuple[str, str]]] = {}
    broker = stack.broker()
    try:
        for key in broker.keys("cardforge:*"):
            name = key.decode().removeprefix("cardforge:")
            kind = broker.type(key)
            if kind == b"list":
                found[name] = [read(json.loads(raw)) for raw in broker.lrange(key, 0, -1)]
            elif name == "unacked" and kind == b"hash":
                found[name] = [read(json.loads(raw)[0]) for raw in broker.hvals(key)]
    finally:
        broker.close()
    return found


def read(message: dict[str, Any]) -> tuple[str, str]:
    """The task and the job of a message."""
    body = message["body"]
    if message["properties"].get("body_encoding") == "base64":
        body = b64decode(body)
    arguments = json.loads(body)[0]
    return message["headers"]["task"], str(arguments[0]) if arguments else ""
