"""Many watch one batch on one web process that is restarted meanwhile: each sees each event once, in order.

By hand in full: `WATCHERS=200 WATCH_ITEMS=500 WATCH_LATENCY=1.5 pytest tests/test_watching.py -s` (five minutes).
"""

from __future__ import annotations

import http.client
import os
import statistics
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.services import events
from models.services.events import Stream
from tests.engine.processes import EXPORT, GENERATION, beat, free_port, wait_for, web, worker
from tests.model_server import ModelServer
from tests.test_end_to_end import User

WATCHERS = int(os.environ.get("WATCHERS", "40"))
ITEMS = int(os.environ.get("WATCH_ITEMS", "30"))
LATENCY = float(os.environ.get("WATCH_LATENCY", "0.1"))  # seconds that the model server takes for an answer
PAUSE = 0.2  # before a watcher comes back


@dataclass
class Watcher:
    """A client that comes back with the id of the last event it saw, as browsers do, until it has seen `done`."""

    port: int
    path: str
    key: str
    seen: list[tuple[int, str, str]] = field(default_factory=list)  # id, event, data
    delays: list[float] = field(default_factory=list)  # seconds from the commit's transaction to here
    connections: int = 0

    def run(self) -> None:
        while not self.seen or self.seen[-1][1] != "done":
            try:
                self.watch()
            except (OSError, http.client.HTTPException):
                time.sleep(PAUSE)

    def watch(self) -> None:
        last = {"Last-Event-ID": str(self.seen[-1][0])} if self.seen else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", self.path, headers={"Authorization": f"Bearer {self.key}", **last})
            with connection.getresponse() as answer:
                self.read(answer)

    def read(self, answer: http.client.HTTPResponse) -> None:
        if answer.status != 200:
            raise AssertionError(answer.status)
        self.connections += 1
        fields: dict[str, str] = {}
        for raw in answer:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "id" in fields:
                self.note(fields)
            fields = {}

    def note(self, fields: dict[str, str]) -> None:
        self.seen.append((int(fields["id"]), fields["event"], fields["data"]))
        at = datetime.fromisoformat(fields["data"][7:31])  # {"at":"2026-...Z"
        self.delays.append((datetime.now(UTC) - at).total_seconds())


def test_each_watcher_sees_each_event_once_and_in_order(
    database: Any, key: str, environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    with ModelServer(seconds=LATENCY) as model:
        env = environment | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "test/model", "LLM_API_KEY": "k"}
        env |= {"REDIS_URL": env["REDIS_URL"].removesuffix("/0") + "/4", "WEB_PROCESSES": "1"}
        sources = [
            {"source_material": f"Ondine Marsh keeps lamp {n}.", "options": {"passes": "one"}} for n in range(ITEMS)
        ]
        with (
            worker("generation", GENERATION, env, tmp_path),
            worker("export", EXPORT, env, tmp_path),
            beat(env, tmp_path),
        ):
            with web(env, tmp_path, port) as url:
                batch_id = User(url, key).submit(sources, max_concurrent=10)["batch_id"]
                path = f"/api/v2/batch-generations/{batch_id}/events"
                watchers = [Watcher(port, path, key) for _ in range(WATCHERS)]
                threads = [threading.Thread(target=watcher.run, daemon=True) for watcher in watchers]
                for thread in threads:
                    thread.start()
                wait_for(lambda: all(len(one.seen) > ITEMS // 2 for one in watchers), "all watch", 60 + ITEMS)
            with web(env, tmp_path, port):
                for thread in threads:
                    thread.join(60 + ITEMS)
    with database.transaction() as session:
        told = [(event.id, event.kind) for event in events.list_events(session, Stream("batch", batch_id), 0, 10**6)]
    assert told[-1][1] == "done"
    assert len(told) == 2 * ITEMS + 1
    for watcher in watchers:
        assert [(place, kind) for place, kind, _ in watcher.seen] == told
        assert watcher.connections == 2, "the restart cost one connection"
    assert len({tuple(watcher.seen) for watcher in watchers}) == 1
    report(watchers)


def report(watchers: list[Watcher]) -> None:
    delays = sorted(delay for watcher in watchers for delay in watcher.delays[len(watcher.delays) // 2 + 20 :])
    places = statistics.quantiles(delays, n=100)
    sys.stdout.write(
        f"\n{len(watchers)} watchers, {len(watchers[0].seen)} events each; "
        f"from transaction to client: p50 {places[49] * 1000:.0f} ms, p95 {places[94] * 1000:.0f} ms\n"
    )
