"""The rows: each returns our figure, the bare one, and what the ratio has to reach."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
import redis
from psycopg2.extras import execute_values
from sqlalchemy import select

from benchmarks import bare
from benchmarks.services import SLOTS, Services, workers
from models import db
from models.batches import Batch
from models.services import batches, keys
from models.services.batches import NewBatch
from models.services.jobs import NewJob
from models.services.profiles import DEFAULT_PROFILE
from tests.engine.processes import wait_for, worker

JOBS = 300
ITEMS = 10_000
RUNS = 5


@dataclass(frozen=True)
class Row:
    """One measurement: medians of ours and of the bare thing, in ``unit``; ``mark`` is what the ratio has to reach."""

    name: str
    unit: str
    ours: float
    bare: float
    ratio: float
    mark: str

    def cells(self) -> list[str]:
        """Return the row as texts."""
        return [
            self.name,
            f"{self.ours:.4g} {self.unit}",
            f"{self.bare:.4g} {self.unit}",
            f"{self.ratio:.2f}",
            self.mark,
        ]


def owner() -> str:
    """Return the owner that the benchmarks' rows belong to."""
    with db.transaction() as session:
        return keys.first_owner(session).id


def submit(items: int, window: int) -> tuple[str, float]:
    """Open a batch as the edge does; returns its id and how long that took (seconds)."""
    from tasks import dispatch  # noqa: PLC0415 - reads REDIS_URL, which `services` sets

    request = {"source_material": "Ondine Marsh keeps the lamp on Gull Rock.", "options": {"format": ["json"]}}
    steps = ("generate", "expand_lorebook", "export")
    jobs = [NewJob("character_card", steps, DEFAULT_PROFILE, 1, request)] * items
    new = NewBatch(max_concurrent=window, continue_on_error=True, priority="standard")
    by = owner()
    began = time.perf_counter()
    with db.transaction() as session:
        batch, sent = batches.open_batch(session, by, new, jobs, request_id="bench")
    took = time.perf_counter() - began
    dispatch.send(sent)
    return batch.id, took


def jobs_a_second(running: Services) -> Row:
    """P1: whole jobs (three steps, two model calls, one file, all checkpoints) against chains of three empty tasks."""
    with workers(running):
        ours = [run_jobs() for _ in range(RUNS)]
    pool = ("-P", "threads", "-c", SLOTS, "-Q", "generation,lorebook,export")
    with worker("bare", pool, running.env, running.folder, app="benchmarks.bare"):
        chains = [run_chains(running) for _ in range(RUNS)]
    mine, theirs = statistics.median(ours), statistics.median(chains)
    return Row("P1 jobs with a model without latency", "jobs/s", mine, theirs, mine / theirs, ">= 0.5")


def run_jobs() -> float:
    """Run a batch and return its jobs a second."""
    began = time.perf_counter()
    batch_id, _ = submit(JOBS, int(SLOTS))

    def done() -> bool:
        with db.transaction() as session:
            return session.scalar(select(Batch.completed).where(Batch.id == batch_id)) == JOBS

    wait_for(done, "the batch is completed", 300)
    return JOBS / (time.perf_counter() - began)


def run_chains(running: Services) -> float:
    """Run as many bare chains and return how many a second."""
    client = redis.Redis.from_url(running.env["REDIS_URL"])
    client.delete(bare.COUNTER)
    began = time.perf_counter()
    for number in range(JOBS):
        chain = bare.first.si(number).set(queue="generation")
        chain |= bare.second.si(number).set(queue="lorebook") | bare.third.si(number).set(queue="export")
        chain.apply_async()
    wait_for(lambda: int(client.get(bare.COUNTER) or 0) == JOBS, "all chains are done", 120)
    return JOBS / (time.perf_counter() - began)


def accepting(running: Services) -> Row:
    """P4: opening a batch of 10,000 items against inserting as many rows of the same size with psycopg2."""
    ours = [submit(ITEMS, 1)[1] for _ in range(3)]
    theirs = [insert_rows(running) for _ in range(3)]
    mine, bare_time = statistics.median(ours), statistics.median(theirs)
    return Row("P4 accepting 10,000 items", "s", mine, bare_time, mine / bare_time, "<= 4")


def insert_rows(running: Services) -> float:
    """Insert what a batch of 10,000 items is made of (job, item, three steps each) into tables of the same shape."""
    connection = psycopg2.connect(running.env["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        for table in ("jobs", "items", "steps"):
            cursor.execute(f"CREATE TEMP TABLE bare_{table} (LIKE {table} INCLUDING ALL) ON COMMIT DROP")
        began = time.perf_counter()
        ids = [f"job_{number:032d}" for number in range(ITEMS)]
        jobs = [
            (i, i, "owner", "character_card", "b", n, "p", 1, '{"source_material": "x"}') for n, i in enumerate(ids)
        ]
        columns = "id, root_id, owner_id, kind, batch_id, position, profile_id, profile_version, request"
        execute_values(cursor, f"INSERT INTO bare_jobs ({columns}) VALUES %s", jobs, page_size=1000)
        items = [("b", n, i) for n, i in enumerate(ids)]
        execute_values(cursor, "INSERT INTO bare_items (batch_id, position, job_id) VALUES %s", items, page_size=1000)
        steps = [(i, index, "step") for i in ids for index in range(3)]
        execute_values(cursor, "INSERT INTO bare_steps (job_id, index, name) VALUES %s", steps, page_size=1000)
    took = time.perf_counter() - began
    connection.close()
    return took


def status(_running: Services) -> Row:
    """P5: reading the status of a batch of 10,000 items against one of ten."""
    large, small = submit(ITEMS, 1)[0], submit(10, 1)[0]
    mine, theirs = (statistics.median(read_status(one) for _ in range(50)) for one in (large, small))
    return Row("P5 status of 10,000 items against 10", "ms", mine * 1000, theirs * 1000, mine / theirs, "<= 1.2")


def read_status(batch_id: str) -> float:
    """Read a batch with ten of its items; returns the seconds."""
    by = owner()
    began = time.perf_counter()
    with db.transaction() as session:
        batch = batches.find_batch(session, by, batch_id)
        batches.list_items(session, batch, limit=10)
    return time.perf_counter() - began


def imports(_running: Services) -> Row:
    """P9: importing the edge, in a fresh interpreter, against importing Flask alone."""

    def seconds(module: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        return time.perf_counter() - began

    mine, theirs = (statistics.median(seconds(module) for _ in range(RUNS)) for module in ("api", "flask"))
    return Row("P9 import of api (Flask alone)", "s", mine, theirs, mine / theirs, "ours < 1.5 s")


ROWS: tuple[Callable[[Services], Row], ...] = (jobs_a_second, accepting, status, imports)
