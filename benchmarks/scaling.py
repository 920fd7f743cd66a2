"""The scaling curve, and the page that reckons what saturates first, all of it from docs/benchmarks.json.

python -m benchmarks scaling --write     measures
python -m benchmarks.scaling             writes curve and page anew from what is kept
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks import store
from benchmarks.calls import counted
from benchmarks.figures import short
from benchmarks.markdown import heading, paragraph, table
from benchmarks.page import AFTER, BEFORE
from benchmarks.services import TWO_CALLS, Bed
from models.db import POOLS, WORK

COMMITTERS = (1, 16)  # connections that commit at one time
COMMIT_SECONDS = 2.0
WORKERS = (10, 100, 1000)
# What the page reckons with.
THREADS = 200  # of a generation worker, as the Procfile has it
CALL_SECONDS = 5.0
SIZES = {name: int(pool["pool_size"]) + int(pool["max_overflow"]) for name, pool in POOLS.items()}
POOL = sum(SIZES.values())  # connections that a generation worker opens at most, its heartbeat's among them
EXPORT_POOL = 2  # of an export process, in practice: it works on one job
WEB_CONNECTIONS = 2 * SIZES[WORK]  # one web server: two processes
MOST_CONNECTIONS = 200  # as the embedded server and docs/operations.md have it
MOST_CLIENTS = 10_000  # of Redis, as it is by default
LARGE_CORES = 32  # of a large database server
LARGE_DISK = 1000  # MB/s that a large database server's disk writes
BOUNCER = "PgBouncer, transaction pooling (docs/operations.md)"
LARGER = "a server of its own, with more cores"
ANOTHER = "another installation, for other owners: they share nothing"
DISK = "a disk that syncs quicker; the more commit at one time, the more share a sync"
ASIDE = ("model server", "web")  # not what workers ask of others
TITLES = ("what", "suffices for workers", "then")


def measure(bed: Bed) -> dict[str, Any]:
    """Return calls a second by worker processes, and how often this machine's PostgreSQL commits."""
    threads, latency = bed.sizes.scale_threads, bed.sizes.scale_latency
    points = []
    for workers in (1, 2, 4, 8):
        if workers > bed.sizes.scale_most:
            break
        bed.fresh()
        with bed.product(threads, workers):
            flight, rates = workers * threads, []
            bed.control(0.0)
            bed.wait(bed.submit(2 * flight, flight, TWO_CALLS))  # each process has connected
            for _ in range(min(3, bed.sizes.runs)):
                bed.control(latency)
                jobs = flight * bed.sizes.scale_rounds
                bed.wait(bed.submit(jobs, jobs, TWO_CALLS))  # no thread waits for a job that is being exported
                calls, seconds, _ = counted(bed)
                rates.append(calls / seconds)
        points.append({"workers": workers, "calls": rates})
        bed.say(f"{workers} workers: {statistics.median(rates):.2f} calls/s of {flight / latency:.2f}")
    commits = {str(count): commits_a_second(bed, count) for count in COMMITTERS}
    return {"threads": threads, "latency": latency, "points": points, "commits": commits}


def commits_a_second(bed: Bed, connections: int) -> float:
    """Return how many small transactions PostgreSQL commits a second from so many connections."""
    bed.query("CREATE TABLE IF NOT EXISTS bench_commits (id int, n int)")
    bed.query("INSERT INTO bench_commits SELECT id, 0 FROM generate_series(1, %s) AS id", connections)
    until = time.perf_counter() + COMMIT_SECONDS
    made = [0] * connections

    def commit(place: int) -> None:
        connection = psycopg2.connect(bed.postgres.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while time.perf_counter() < until:
                cursor.execute("UPDATE bench_commits SET n = n + 1 WHERE id = %s", (place + 1,))
                made[place] += 1
        connection.close()

    threads = [threading.Thread(target=commit, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bed.query("DROP TABLE bench_commits")
    return sum(made) / COMMIT_SECONDS


@dataclass(frozen=True)
class Load:
    """What one generation worker asks of everything else, from the costs of a job with default options."""

    cost: Mapping[str, Any]

    @property
    def by_model(self) -> float:
        """Jobs a second that the worker's threads can wait for."""
        return float(THREADS / (self.cost["calls"] * CALL_SECONDS))

    @property
    def by_cpu(self) -> float:
        """Jobs a second that one interpreter can compute."""
        return float(1000 / self.cost["cpu_ms"]["generation"])

    @property
    def jobs(self) -> float:
        """Jobs a second of one worker: whichever is less."""
        return min(self.by_model, self.by_cpu)

    def cores(self, kind: str, workers: int) -> float:
        """Cores that processes of a kind need for so many generation workers."""
        return float(self.jobs * workers * self.cost["cpu_ms"][kind] / 1000)

    def commits(self, workers: int) -> float:
        """Commits a second that write, the heartbeats' among them: they were counted with the jobs'."""
        return float(self.jobs * workers * self.cost["writing_commits"])

    def exporters(self, workers: int) -> int:
        """Export processes that are needed."""
        return int(self.cores("export", workers)) + 1

    def connections(self, workers: int) -> int:
        """Connections to PostgreSQL at the most, one web server's among them."""
        return workers * POOL + self.exporters(workers) * EXPORT_POOL + WEB_CONNECTIONS

    def suffice(self, capacity: float, each: float) -> float:
        """Workers that something suffices for: ``each`` is what one job takes of a second's ``capacity``."""
        return capacity / (each * self.jobs)


def limits(load: Load, here: int, scaling: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """Return what can saturate: what, the workers that it suffices for, and what helps; the first to saturate first.

    ``here``: the cores of the machine that was measured.
    """
    cpu, clients = load.cost["cpu_ms"], load.cost["connections"]["redis"]
    connections = (MOST_CONNECTIONS - WEB_CONNECTIONS) / (POOL + EXPORT_POOL * load.exporters(10) / 10)
    found = [
        (f"connections to PostgreSQL, {MOST_CONNECTIONS}, without PgBouncer", connections, BOUNCER),
        (f"CPU of PostgreSQL on {here} cores", load.suffice(1000 * here, cpu["postgres"]), LARGER),
        (f"CPU of PostgreSQL on {LARGE_CORES} cores", load.suffice(1000 * LARGE_CORES, cpu["postgres"]), ANOTHER),
        ("CPU of Redis, which uses one core", load.suffice(1000, cpu["redis"]), ANOTHER),
        (
            f"connections to Redis, {MOST_CLIENTS:,} ({clients} for a worker with its export worker and web server)",
            MOST_CLIENTS / clients,
            "`maxclients`",
        ),
        (
            f"write-ahead log on a disk that writes {LARGE_DISK:,} MB/s",
            load.suffice(LARGE_DISK * 1e6, load.cost["wal_kib"] * 1024),
            ANOTHER,
        ),
    ]
    if commits := scaling.get("commits", {}).get(str(COMMITTERS[-1])):
        told = f"commits of PostgreSQL, {commits:,.0f}/s here from {COMMITTERS[-1]} connections"
        found.append((told, load.suffice(commits, load.cost["writing_commits"]), DISK))
    return sorted(found, key=lambda one: one[1])


INTRODUCTION = """
Written by `benchmarks/scaling.py` from [benchmarks.json](benchmarks.json): no number of a measurement was typed in.
`python -m benchmarks scaling --write` measures the curve (four minutes), `make bench` what a job costs.
"""


def page(kept: Mapping[str, Any]) -> str:
    """Return docs/scaling.md."""
    label = AFTER if AFTER in kept["costs"] else BEFORE
    measured = kept["costs"][label]
    load = Load(measured["loads"]["default"])
    first = limits(load, measured["machine"]["cores"], kept["scaling"])
    return "\n".join(
        [
            *("# Scaling", ""),
            *paragraph(INTRODUCTION),
            *curve_of(kept["scaling"]),
            *heading("What one worker asks for"),
            *worker_of(load, label, measured["date"]),
            *heading("What saturates first"),
            *first_of(load, first),
            *table(TITLES, [(what, short(workers), then) for what, workers, then in first]),
            *heading("Ten, a hundred, a thousand workers"),
            *table(("", *(f"{count:,} workers" for count in WORKERS)), demands(load)),
            *told_of(first),
            *heading("One batch"),
            *one_batch(load, kept["scaling"]),
        ]
    )


def curve_of(scaling: Mapping[str, Any]) -> list[str]:
    """Return the part about the curve."""
    if not scaling:
        return []
    threads, latency, points = scaling["threads"], scaling["latency"], scaling["points"]
    rows = []
    for point in points:
        rate, ideal = statistics.median(point["calls"]), point["workers"] * threads / latency
        rows.append((str(point["workers"]), f"{rate:.2f}", f"{ideal:.2f}", f"{rate / ideal:.0%}"))
    return [
        "![Calls a second against worker processes, beside the ideal](scaling.svg)",
        "",
        *paragraph(
            f"""Generation workers of {threads} threads each against a model server that takes {latency:g} s for an
            answer, so that waiting for the model is what limits; on one machine with everything else, measured
            {scaling["date"]} on {scaling["machine"]["cores"]} cores. Ideal: every thread always waits for an answer."""
        ),
        *table(("workers", "calls/s", "ideal", "of it"), rows),
    ]


def worker_of(load: Load, label: str, date: str) -> list[str]:
    """Return what one worker does, as sentences."""
    cost = load.cost
    cpu = ", ".join(f"{kind} {ms:.1f} ms" for kind, ms in cost["cpu_ms"].items() if kind not in ASIDE)
    bound, means = (
        ("waiting for the model", "Slower answers ask for less of everything below, in proportion.")
        if load.by_model <= load.by_cpu
        else (
            "its interpreter, one core",
            "More threads are of no use; more workers are, each with its own core.",
        )
    )
    return [
        *paragraph(
            f"""Reckoned from what a job with default options costs ([benchmarks.md](benchmarks.md), the column
            "{label}", measured {date}): {cost["calls"]:.0f} model calls, {cost["writing_commits"]:.1f} commits that
            write, {cost["read_only"]:.1f} transactions that only read, {cost["redis_commands"]:.0f} Redis commands,
            {cost["wal_kib"]:.0f} KiB of write-ahead log, and CPU of {cpu}."""
        ),
        *paragraph(
            f"""A generation worker has {THREADS} threads (`GENERATION_CONCURRENCY`). With answers that take
            {CALL_SECONDS:g} s these could wait for {load.by_model:.1f} jobs/s; its interpreter can compute
            {load.by_cpu:.1f} jobs/s on a core like the ones here. What limits it is {bound}: **{load.jobs:.1f} jobs/s a
            worker**. {means}"""
        ),
    ]


def first_of(load: Load, first: Sequence[tuple[str, float, str]]) -> list[str]:
    """Return the sentence above the table."""
    what, workers, _ = first[0]
    return paragraph(
        f"""First: {what}, at about {short(workers)} workers or {short(workers * load.jobs)} jobs/s. A worker opens up
        to {POOL} connections but holds one for milliseconds only; PgBouncer shares few among many, since nothing
        has to be kept between two transactions."""
    )


def demands(load: Load) -> list[tuple[str, ...]]:
    """Return what so many workers ask for."""
    cost = load.cost
    rate = [load.jobs * count for count in WORKERS]
    rows: list[tuple[str, Sequence[float]]] = [
        ("jobs/s", rate),
        ("model calls in flight", [one * cost["calls"] * CALL_SECONDS for one in rate]),
        ("Redis commands/s", [one * cost["redis_commands"] for one in rate]),
        ("Redis, of its one core", [load.cores("redis", count) for count in WORKERS]),
        ("PostgreSQL commits/s that write", [load.commits(count) for count in WORKERS]),
        ("PostgreSQL statements/s", [one * cost["statements"] for one in rate]),
        ("PostgreSQL, cores", [load.cores("postgres", count) for count in WORKERS]),
        ("write-ahead log, MB/s", [one * cost["wal_kib"] * 1024 / 1e6 for one in rate]),
        ("connections, without PgBouncer", [load.connections(count) for count in WORKERS]),
        (
            "connections in use, which PgBouncer needs",
            [max(1.0, load.cores("postgres", count) * 2) for count in WORKERS],
        ),
        ("generation, cores", [load.cores("generation", count) for count in WORKERS]),
        ("export, cores", [load.cores("export", count) for count in WORKERS]),
    ]
    return [(what, *(short(value) for value in values)) for what, values in rows]


def told_of(first: Sequence[tuple[str, float, str]]) -> list[str]:
    """Return what saturates first at each number of workers."""
    lines = []
    for count in WORKERS:
        full = [what for what, workers, _ in first if workers < count]
        said = "nothing of it is full" if not full else f"full by then, in this order: {'; '.join(full)}"
        lines += paragraph(f"**{count:,} workers**: {said}.")
    return [*lines, *paragraph("Connections in use are reckoned as two for each core that PostgreSQL is busy on.")]


def one_batch(load: Load, scaling: Mapping[str, Any]) -> list[str]:
    """Return how quick one batch can be, however many work on it."""
    locks = load.cost["batch_locks"]
    told = f"""A batch's row is the lock of its window and its counters (docs/design.md). {locks:.1f} transactions of
        a job take it, one after the other."""
    if commits := scaling.get("commits", {}).get(str(COMMITTERS[0])):
        told += f""" This machine's PostgreSQL commits {commits:,.0f} small transactions a second on one connection, so
        one batch runs at less than {short(commits / locks)} jobs/s, however many workers there are (to begin and to end
        a job takes several statements under that lock); several batches do not wait for each other."""
    return paragraph(told)


def draw(scaling: Mapping[str, Any], path: Path) -> None:
    """Draw the curve beside the ideal line."""
    import matplotlib as mpl  # noqa: PLC0415 - slow, and needed here only

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams |= {"svg.hashsalt": "cardforge", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11}
    workers = [point["workers"] for point in scaling["points"]]
    rates = [statistics.median(point["calls"]) for point in scaling["points"]]
    ideal = [count * scaling["threads"] / scaling["latency"] for count in workers]
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axes.plot(workers, ideal, "--", color="0.6", label="ideal: every thread waits for an answer")
    spreads = [
        [rate - min(point["calls"]) for rate, point in zip(rates, scaling["points"], strict=True)],
        [max(point["calls"]) - rate for rate, point in zip(rates, scaling["points"], strict=True)],
    ]
    axes.errorbar(
        workers, rates, yerr=spreads, fmt="o-", color="tab:blue", capsize=3, label="measured: median, least and most"
    )
    axes.set_xlabel(f"generation workers ({scaling['threads']} threads each)")
    axes.set_ylabel(f"model calls a second (answers take {scaling['latency']:g} s)")
    axes.set_xticks(workers)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def write(kept: Mapping[str, Any], docs: Path) -> None:
    """Write the page and draw the curve, as far as there are figures."""
    if kept["scaling"]:
        draw(kept["scaling"], docs / "scaling.svg")
    if kept["costs"]:
        (docs / "scaling.md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    write(store.read(), store.DOCS)
