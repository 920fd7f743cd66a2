"""PostgreSQL and Redis: whether they answer, and will go on doing so."""

from __future__ import annotations

from collections.abc import Callable

from cli.checks.patient import UP, Finding, Patient
from cli.probe import check_database, check_redis
from cli.processes import StartError


def check_postgres(patient: Patient) -> Finding:
    """PostgreSQL answers."""
    remedy = "Start PostgreSQL, or mend DATABASE_URL; nothing is lost while it is away."
    if (away := no_answer(patient, "database", "DATABASE_URL", check_database, remedy)) is not None:
        return away
    (version, connections, most) = patient.ask(
        "SELECT current_setting('server_version'), (SELECT count(*) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend'), current_setting('max_connections')::int"
    )[0]
    told = f"PostgreSQL {version.split()[0]}, {connections} of {most} connections"
    if connections > 0.9 * most:
        return Finding("database", "warning", told, "Raise max_connections, or run fewer processes.")
    return Finding("database", "ok", told)


def check_queue(patient: Patient) -> Finding:
    """Redis answers, can write, and throws nothing away."""
    remedy = "Start Redis, or mend REDIS_URL; work is accepted meanwhile and goes on by itself when it is back."
    if (away := no_answer(patient, "redis", "REDIS_URL", check_redis, remedy)) is not None:
        return away
    with patient.redis() as client:
        told = client.info()
    if "err" in {told.get("aof_last_write_status"), told.get("aof_last_bgrewrite_status")}:
        return Finding("redis", "fault", "Redis cannot write to its disk.", "Make room on the disk of Redis.")
    if told.get("maxmemory") and told.get("maxmemory_policy") != "noeviction":
        words = f"Redis may throw messages away (maxmemory-policy {told['maxmemory_policy']})."
        return Finding("redis", "warning", words, "Set maxmemory-policy noeviction.")
    return Finding("redis", "ok", f"Redis {told.get('redis_version', '')}, {told.get('used_memory_human', '?')}")


def no_answer(patient: Patient, part: str, setting: str, check: Callable[[str], None], remedy: str) -> Finding | None:
    """A finding where ``setting`` names no service, or one that ``check`` cannot reach; ``remedy`` is for that."""
    url = patient.env.get(setting)
    if not url:
        told = f"{setting} is not set, and no `cardforge up` runs on {patient.home}."
        return Finding(part, "fault", told, f"{UP}; or set {setting}.")
    try:
        check(url)
    except StartError as error:
        return Finding(part, "fault", str(error), remedy)
    return None
