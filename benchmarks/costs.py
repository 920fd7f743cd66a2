"""What one job costs: round trips to Redis, statements, transactions and WAL of PostgreSQL, CPU by kind of process.

The jobs are run twice. First PostgreSQL writes each statement to its log, which is counted; then it does not, and time
is taken: writing a log costs CPU of its own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil

from benchmarks.services import OWN, TWO_CALLS, Bed

WARM = 20  # jobs that are run before: connections, imports, plans
KINDS = ("web", "generation", "export", "postgres", "redis", "model server")
LINE = re.compile(r"@(\S+)@(\S*)@ LOG:  statement: (.*)")
# What a statement does that only names one: it is on the next line of its session.
NAMED = re.compile(r"@(\S+)@(\S*)@ DETAIL:  prepare: PREPARE \S+ \(.*?\) AS (.*)")
LOCKS = re.compile(r"\bFOR (NO KEY )?UPDATE\b")
BATCH = re.compile(r"\bUPDATE batches\b|\bFROM batches\b")
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> %s"
PING = re.compile(r"SELECT 1;?$|$")
BEGUN, ENDED = {"BEGIN"}, {"COMMIT", "ROLLBACK"}
WRITES = {"INSERT", "UPDATE", "DELETE", "COPY"}
# Which jobs are counted: as in P1, and with the options that nobody set.
LOADS: Mapping[str, dict[str, Any]] = {"P1": TWO_CALLS, "default": {}}


def measure(bed: Bed) -> dict[str, dict[str, Any]]:
    """Return what a job costs, for each kind of load."""
    return {name: cost_of(bed, name, options) for name, options in LOADS.items()}


def cost_of(bed: Bed, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what a job of these options costs."""
    bed.fresh()
    bed.control(0.0)
    jobs, slots = bed.sizes.counted, bed.sizes.slots

    def run(count: int) -> None:
        bed.wait(bed.submit(count, slots, options))

    with bed.product(slots):
        run(WARM)
        with statements(bed) as logged:
            run(jobs)
        bed.control(0.0)
        broker = bed.broker()
        broker.config_resetstat()
        wal, before = bed.one("SELECT pg_current_wal_lsn()"), cpu(bed)
        run(jobs)
        after = cpu(bed)
        written = float(bed.one("SELECT pg_current_wal_lsn() - %s::pg_lsn", wal)) / 1024
        commands = {
            key.removeprefix("cmdstat_"): told["calls"] / jobs for key, told in broker.info("commandstats").items()
        }
        reads = float(broker.info("stats").get("total_reads_processed", 0)) / jobs
        calls = bed.model_state()["calls"] / jobs
        connections = {"redis": broker.info("clients")["connected_clients"], "postgres": bed.one(OPEN, OWN)}
    found = {
        "jobs": jobs,
        "calls": calls,
        **count_statements(logged, jobs),
        "connections": connections,
        "wal_kib": written / jobs,
        "redis": {
            key: round(value, 2) for key, value in sorted(commands.items(), key=lambda one: -one[1]) if value >= 0.1
        },
        "redis_commands": sum(commands.values()),
        "redis_round_trips": reads,
        "cpu_ms": {kind: round((after[kind] - before[kind]) * 1000 / jobs, 2) for kind in KINDS},
    }
    told = f"{found['statements']:.0f} statements, {found['redis_commands']:.0f} commands"
    bed.say(f"{name}: {told}, {sum(found['cpu_ms'].values()):.0f} ms")
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}


def cpu(bed: Bed) -> dict[str, float]:
    """Return the CPU seconds that the processes of each kind have used, those that have ended since included."""
    used = dict.fromkeys(KINDS, 0.0)
    for kind in KINDS:
        for one in bed.family(kind):
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:  # a connection's process that has just ended: its parent has its times
                continue
            used[kind] += times.user + times.system + times.children_user + times.children_system
    return used


@contextmanager
def statements(bed: Bed) -> Iterator[list[str]]:
    """Have PostgreSQL log each statement while the block runs; gives the lines, once it is over."""
    log = bed.folder / "logs" / "postgres.log"
    lines: list[str] = []
    set_logging(bed, "all", "@%c@%a@ ")
    start = log.stat().st_size
    yield lines
    with log.open("rb") as file:
        file.seek(start)
        lines += file.read().decode(errors="replace").splitlines()
    set_logging(bed, "none", "%m [%p] ")


def set_logging(bed: Bed, what: str, prefix: str) -> None:
    """Say which statements are logged, and wait until it holds."""
    bed.query(f"ALTER SYSTEM SET log_statement = '{what}'")
    bed.query(f"ALTER SYSTEM SET log_line_prefix = '{prefix}'")
    bed.query("SELECT pg_reload_conf()")
    while (bed.one("SHOW log_statement"), bed.one("SHOW log_line_prefix")) != (what, prefix):
        pass


def count_statements(lines: Iterable[str], jobs: int) -> dict[str, Any]:
    """Return how many statements and transactions of each kind there were a job, from the lines of the log."""
    sessions: dict[str, list[str]] = defaultdict(list)
    last: list[str] | None = None
    for line in lines:
        if line.startswith("\t"):  # a statement of several lines goes on
            if last:
                last[-1] += line
            continue
        found, named = LINE.match(line), NAMED.match(line)
        told = found or named
        last = sessions[told[1]] if told and told[2] != OWN else None
        if named and last:
            last[-1] = named[3]
        elif found and last is not None:
            last.append(found[3])
    kinds: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    for said in sessions.values():
        kinds.update("ping" if PING.match(one) else first_word(one) for one in said)
        ways.update(transactions(said))
    return {
        "statements": sum(kinds.values()) / jobs,
        "sql": {kind: round(count / jobs, 2) for kind, count in kinds.most_common() if count / jobs >= 0.1},
        "writing_commits": ways["writing"] / jobs,
        "batch_locks": ways["batch"] / jobs,
        "read_only": ways["reading"] / jobs,
        "pings": kinds["ping"] / jobs,
    }


def first_word(statement: str) -> str:
    """Return what a statement does: its first word."""
    return (statement.split(None, 1) or [""])[0].upper().rstrip(";")


def transactions(said: Iterable[str]) -> Iterator[str]:
    """Yield "writing" or "reading" for each transaction of a session, and "batch" if it takes a batch's row.

    A ping by itself is neither.
    """
    inside: list[str] | None = None
    for one in said:
        word = first_word(one)
        if word in BEGUN:
            inside = []
        elif word in ENDED:
            if inside and not all(PING.match(one) for one in inside):
                yield from ways_of(inside)
            inside = None
        elif inside is not None:
            inside.append(one)
        elif not PING.match(one):
            yield from ways_of([one])


def ways_of(said: Iterable[str]) -> Iterator[str]:
    """Yield what a transaction does; taking a row's lock is writing too, since it is in the WAL."""
    writing = [one for one in said if is_write(one)]
    yield "writing" if writing else "reading"
    if any(BATCH.search(one) for one in writing):
        yield "batch"


def is_write(statement: str) -> bool:
    """Say whether a statement writes or locks."""
    word = first_word(statement)
    if word == "WITH":
        return re.search(r"\b(INSERT|UPDATE|DELETE)\b", statement) is not None
    return word in WRITES or LOCKS.search(statement) is not None
