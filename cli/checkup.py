"""What `cardforge doctor` looks at: each check is one function that says what it found and what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import redis

from cli import dump
from cli.backup import newest_schema
from cli.checks.machine import check_disk, check_python, check_settings
from cli.checks.model import check_model
from cli.checks.patient import UP, Finding, Patient
from cli.checks.services import check_postgres, check_queue
from cli.checks.web import check_web
from cli.stack import commands

SKEW_SECONDS = 2.0  # leases and retries go by PostgreSQL's clock; people and logs by the machines'
REPAIRS, RAN_AT, SENT_AT = "cardforge:repairs", "ran_at", "sent_at"  # as in tasks/queues.py
UPKEEP_QUEUE = "cardforge:upkeep"


# --- the engine: schema, workers, beat, clocks --------------------------------------------------------------------


def check_schema(patient: Patient) -> Finding:
    """The schema is the one that this version was written for."""
    found, head = dump.look(patient.env["DATABASE_URL"]).schema, newest_schema()
    if found is None or found < head:
        told = f"The schema is at {found or 'nothing'}, this version needs {head}: a migration is pending."
        return Finding("migrations", "fault", told, "Run `python -m migrations`, then restart web and workers.")
    if found > head:
        told = f"The schema is at {found}, newer than this version ({head})."
        return Finding("migrations", "fault", told, "Install the newer Cardforge.")
    return Finding("migrations", "ok", f"at {found}")


def check_workers(patient: Patient) -> Finding:
    """Every queue has a worker that was seen within the time of a lease."""
    lease = patient.engine().lease
    rows = patient.ask(
        f"SELECT DISTINCT unnest(queues) FROM workers WHERE seen_at > now() - interval '{lease:.3f} s'"  # noqa: S608
    )
    served = {queue for (queue,) in rows}
    missing = {name: sorted(set(wanted) - served) for name, wanted in queues_by_process().items()}
    missing = {name: queues for name, queues in missing.items() if queues}
    if missing:
        queues = ", ".join(queue for found in missing.values() for queue in found)
        lines = " and ".join(f"`{name}:`" for name in missing)
        remedy = f"Start the processes of the lines {lines} in the Procfile; {UP}. If they run, see their logs."
        return Finding("workers", "fault", f"No worker serves {queues} (none seen for {lease:g} s).", remedy)
    return Finding("workers", "ok", f"serve {', '.join(sorted(served))}")


def queues_by_process() -> dict[str, list[str]]:
    """The queues that each process serves, as in the Procfile."""
    found = commands(Path(), {}, None)
    return {name: words[words.index("-Q") + 1].split(",") for name, words in found.items() if "-Q" in words}


def check_beat(patient: Patient) -> Finding:
    """Upkeep ran lately; or else beat's messages wait, and it is the worker that is missing."""
    every = patient.engine().upkeep
    late = max(3 * every, every + 5)
    with patient.redis() as client:
        seconds, microseconds = client.time()
        ran_at, newest = client.hget(REPAIRS, RAN_AT), client.lindex(UPKEEP_QUEUE, 0)
        up_for = client.info("server")["uptime_in_seconds"]
    now = seconds + microseconds / 1e6
    if ran_at is not None and now - float(ran_at) <= late:
        return Finding("beat", "ok", f"upkeep ran {max(0.0, now - float(ran_at)):.0f} s ago")
    if newest is not None and now - sent_at(newest) <= late:
        return Finding("beat", "ok", "sends, but no worker takes up what it sends")
    if up_for <= late:
        told = f"upkeep has not run since Redis was started, {up_for:.0f} s ago"
        return Finding("beat", "warning", told, "Look again in a moment.")
    last = "has not run since Redis was empty" if ran_at is None else f"last ran {ago_of(now - float(ran_at))} ago"
    told = f"Beat does not run: upkeep {last}, and should every {every:g} s."
    return Finding("beat", "fault", told, f"Start the process of the line `beat:` in the Procfile, once only; {UP}.")


def sent_at(message: bytes) -> float:
    """When a message was sent (Unix seconds); 0 where it does not say."""
    try:
        return float(json.loads(message)["headers"][SENT_AT])
    except (ValueError, KeyError, TypeError):
        return 0.0


def ago_of(seconds: float) -> str:
    """A time span for people."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def check_clock(patient: Patient) -> Finding:
    """The clocks of this machine, PostgreSQL and Redis agree."""
    before = time.time()
    theirs = float(patient.ask("SELECT extract(epoch FROM clock_timestamp())")[0][0])
    skews = {"PostgreSQL": theirs - (before + time.time()) / 2}
    if "redis" not in patient.faulty:
        with patient.redis() as client:
            client.ping()
            before = time.time()
            seconds, microseconds = client.time()
        skews["Redis"] = seconds + microseconds / 1e6 - (before + time.time()) / 2
    name, worst = max(skews.items(), key=lambda item: abs(item[1]))
    if abs(worst) > SKEW_SECONDS:
        told = f"The clock of {name} is {abs(worst):.1f} s {'ahead of' if worst > 0 else 'behind'} this machine's."
        return Finding("clock", "warning", told, "Keep all clocks by NTP.")
    return Finding("clock", "ok", f"within {abs(worst):.1f} s of {' and '.join(skews)}")


# --- all of them --------------------------------------------------------------------------------------------------

# part -> (check, the parts without which it cannot be told)
CHECKS: dict[str, tuple[Callable[[Patient], Finding], tuple[str, ...]]] = {
    "python": (check_python, ()),
    "settings": (check_settings, ()),
    "disk": (check_disk, ()),
    "database": (check_postgres, ()),
    "migrations": (check_schema, ("database",)),
    "redis": (check_queue, ()),
    "workers": (check_workers, ("database", "migrations")),
    "beat": (check_beat, ("redis",)),
    "clock": (check_clock, ("database",)),
    "model": (check_model, ()),
    "web": (check_web, ()),
}


def examine(patient: Patient, only: tuple[str, ...] = ()) -> list[Finding]:
    """Run every check (or ``only`` these and what they need), in their order."""
    found = []
    wanted = set(only) | {need for part in only for need in CHECKS[part][1]} if only else set(CHECKS)
    for part, (check, needs) in CHECKS.items():
        if part in wanted:
            finding = run(part, check, patient, [need for need in needs if need in patient.faulty])
            found.append(finding)
            if finding.state in {"fault", "unknown"}:
                patient.faulty.add(part)
    return found


def run(part: str, check: Callable[[Patient], Finding], patient: Patient, missing: list[str]) -> Finding:
    """Run one check; what goes wrong in it is a finding too."""
    if missing:
        return Finding(part, "unknown", f"cannot be told without: {', '.join(missing)}")
    try:
        return check(patient)
    except (psycopg2.Error, redis.RedisError, OSError, dump.Refused) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Finding(part, "fault", f"The check failed: {reason}", "See the log of that part, and try again.")
