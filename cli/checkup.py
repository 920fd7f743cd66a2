"""What `cardforge doctor` looks at: each check is one function that says what it found and what to do."""

from __future__ import annotations

import difflib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg2
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

import settings
from cli import dump
from cli.backup import newest_schema
from cli.probe import check_database, check_redis, masked
from cli.processes import StartError
from cli.stack import commands

OLDEST_PYTHON = (3, 11)
SECONDS = 5.0  # how long a check waits for an answer
MODEL_SECONDS = 30.0
SKEW_SECONDS = 2.0  # leases and retries go by PostgreSQL's clock; people and logs by the machines'
REPAIRS, RAN_AT, SENT_AT = "cardforge:repairs", "ran_at", "sent_at"  # as in tasks/queues.py
UPKEEP_QUEUE = "cardforge:upkeep"
UP = "`cardforge up` starts everything"


@dataclass(frozen=True)
class Finding:
    """What one check found. ``state``: ok, warning, fault, or unknown where another fault is in the way."""

    part: str
    state: str
    detail: str
    remedy: str = ""


@dataclass
class Patient:
    """What is looked at: ``env`` as the processes have it; ``least_free`` in MB; ``call``: ask the model something."""

    env: Mapping[str, str]
    home: Path
    least_free: float = 1000
    call: bool = True
    faulty: set[str] = field(default_factory=set)

    def engine(self) -> settings.Engine:
        """The engine's timings, or the defaults where they cannot be read."""
        try:
            return settings.engine(self.env)
        except settings.SettingError:
            return settings.Engine()

    def ask(self, query: str) -> list[Any]:
        """The rows of a query."""
        with dump.connected(self.env["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def redis(self) -> Any:
        """A client of Redis that does not wait for long."""
        waits = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
        return redis.Redis.from_url(self.env["REDIS_URL"], retry=Retry(NoBackoff(), 0), **waits)


# --- this machine -------------------------------------------------------------------------------------------------


def check_python(_: Patient) -> Finding:
    """The version of Python."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("python", "fault", f"This is Python {found}.", "Install Python 3.11 or newer, and make again.")
    return Finding("python", "ok", found)


def check_settings(patient: Patient) -> Finding:
    """Every setting, each by its own reader."""
    readers: tuple[Callable[[Mapping[str, str]], object], ...] = (
        settings.llm,
        settings.engine,
        settings.daily,
        settings.rate_limits,
        settings.web_streams,
        settings.metrics_token,
        settings.webhooks,
        settings.model_prices,
    )
    wrong = []
    for read in readers:
        try:
            read(patient.env)
        except settings.SettingError as error:
            wrong.append(str(error))
    if wrong:
        return Finding("settings", "fault", " ".join(wrong), "Mend it in the environment; .env.example says more.")
    return Finding("settings", "ok", "can be used")


def check_disk(patient: Patient) -> Finding:
    """What is free where we, and a PostgreSQL of this machine, write."""
    places = {"CARDFORGE_HOME": patient.home if patient.home.exists() else patient.home.parent}
    if (folder := data_folder(patient)) is not None:
        places["PostgreSQL"] = folder
    remedy = "Make room: older logs, RETENTION_DAYS for finished work; or a larger disk."
    told = []
    for name, path in places.items():
        usage = shutil.disk_usage(path)
        told.append(f"{usage.free / 1e9:,.1f} GB free for {name}")
        if usage.free < patient.least_free * 1e6:
            return Finding("disk", "fault", f"The disk of {name} is full: {usage.free / 1e6:,.0f} MB left.", remedy)
    try:
        with tempfile.TemporaryFile(dir=places["CARDFORGE_HOME"]) as file:
            file.write(b"x" * 65536)
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("disk", "fault", f"{places['CARDFORGE_HOME']} cannot be written: {reason}.", remedy)
    return Finding("disk", "ok", ", ".join(told))


def data_folder(patient: Patient) -> Path | None:
    """Where PostgreSQL keeps its data, if that is on this machine and can be seen."""
    url = urlsplit(patient.env.get("DATABASE_URL", ""))
    socket = parse_qs(url.query).get("host", [""])[0]
    if url.hostname not in {None, "127.0.0.1", "localhost", "::1"} or (not url.hostname and not socket):
        return None
    try:
        folder = Path(patient.ask("SHOW data_directory")[0][0])
        return folder if folder.exists() else None
    except (psycopg2.Error, dump.Refused, KeyError):  # it may be away, or not tell us: that is for the other checks
        return None


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


def check_postgres(patient: Patient) -> Finding:
    """PostgreSQL answers."""
    url = patient.env.get("DATABASE_URL")
    if not url:
        told = f"DATABASE_URL is not set, and no `cardforge up` runs on {patient.home}."
        return Finding("database", "fault", told, f"{UP}; or set DATABASE_URL.")
    try:
        check_database(url)
    except StartError as error:
        remedy = "Start PostgreSQL, or mend DATABASE_URL; nothing is lost while it is away."
        return Finding("database", "fault", str(error), remedy)
    (version, connections, most) = patient.ask(
        "SELECT current_setting('server_version'), (SELECT count(*) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend'), current_setting('max_connections')::int"
    )[0]
    told = f"PostgreSQL {version.split()[0]}, {connections} of {most} connections"
    if connections > 0.9 * most:
        return Finding("database", "warning", told, "Raise max_connections, or run fewer processes.")
    return Finding("database", "ok", told)


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


# --- Redis --------------------------------------------------------------------------------------------------------


def check_queue(patient: Patient) -> Finding:
    """Redis answers, can write, and throws nothing away."""
    url = patient.env.get("REDIS_URL")
    if not url:
        told = f"REDIS_URL is not set, and no `cardforge up` runs on {patient.home}."
        return Finding("redis", "fault", told, f"{UP}; or set REDIS_URL.")
    try:
        check_redis(url)
    except StartError as error:
        remedy = "Start Redis, or mend REDIS_URL; work is accepted meanwhile and goes on by itself when it is back."
        return Finding("redis", "fault", str(error), remedy)
    with patient.redis() as client:
        told = client.info()
    if "err" in {told.get("aof_last_write_status"), told.get("aof_last_bgrewrite_status")}:
        return Finding("redis", "fault", "Redis cannot write to its disk.", "Make room on the disk of Redis.")
    if told.get("maxmemory") and told.get("maxmemory_policy") != "noeviction":
        words = f"Redis may throw messages away (maxmemory-policy {told['maxmemory_policy']})."
        return Finding("redis", "warning", words, "Set maxmemory-policy noeviction.")
    return Finding("redis", "ok", f"Redis {told.get('redis_version', '')}, {told.get('used_memory_human', '?')}")


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


# --- the model server ---------------------------------------------------------------------------------------------


def check_model(patient: Patient) -> Finding:
    """The model server answers, takes the key and has the model. Asks the smallest question there is."""
    try:
        llm = settings.llm(patient.env)
    except settings.SettingError as error:
        return Finding("model", "fault", str(error), "Mend it in the environment.")
    if llm.base_url is None:
        return Finding("model", "ok", "none is set: the offline writer writes")
    where = masked(llm.base_url)
    try:
        found = look_at_list(llm, where) or (ask_model(llm, where) if patient.call else None)
    except requests.RequestException as error:
        told = f"The model server {where} does not answer ({type(error).__name__})."
        return Finding("model", "fault", told, "Start it, or mend LLM_BASE_URL; jobs wait some minutes, then fail.")
    return found or Finding("model", "ok", f"{llm.model} at {where} answers")


def look_at_list(llm: settings.Llm, where: str) -> Finding | None:
    """Read the server's list of models, where it has one; returns what is wrong."""
    listed = requests.get(f"{llm.base_url}/models", headers=authorization(llm), timeout=MODEL_SECONDS)
    return refusal(listed.status_code, where, llm) or missing_model(listed, where, llm.model)


def ask_model(llm: settings.Llm, where: str) -> Finding | None:
    """Ask for a word; returns what is wrong. Some servers look at the key, and at the model, only then."""
    question = {"model": llm.model, "messages": [{"role": "user", "content": "Say OK."}], "max_tokens": 16}
    url = f"{llm.base_url}/chat/completions"
    asked = requests.post(url, headers=authorization(llm), json=question, timeout=MODEL_SECONDS)
    if (found := refusal(asked.status_code, where, llm)) is not None:
        return found
    if asked.status_code in {400, 404} and "model" in asked.text.lower():
        return unknown_model(where, llm.model, [])
    if asked.status_code >= 400:
        told = f"{where} refused the smallest of questions ({asked.status_code})."
        return Finding("model", "warning", told, "Try a job, and see its log.")
    return None


def authorization(llm: settings.Llm) -> dict[str, str]:
    """The header that carries the key."""
    return {"Authorization": f"Bearer {llm.api_key}"} if llm.api_key else {}


def refusal(status: int, where: str, llm: settings.Llm) -> Finding | None:
    """What a status says of the account or the server, if it does."""
    setting = "OPENROUTER_API_KEY" if llm.base_url == settings.OPENROUTER_URL else "LLM_API_KEY"
    if status in {401, 403}:
        told = f"{where} does not take the key ({status})." if llm.api_key else f"{where} wants a key ({status})."
        return Finding("model", "fault", told, f"Set {setting} to a good key, and restart web and workers.")
    if status == 402:
        return Finding("model", "fault", f"{where} wants to be paid (402).", "Add credit to the account.")
    if status == 429:
        return Finding("model", "warning", f"{where} is asked too often (429).", "Wait; workers do so by themselves.")
    if status >= 500:
        told = f"The model server {where} is in trouble ({status})."
        return Finding("model", "fault", told, "See its own status or log; jobs try again for some minutes.")
    return None


def missing_model(listed: requests.Response, where: str, model: str) -> Finding | None:
    """A finding when the server has a list of models, and ours is not in it."""
    try:
        names = [str(one["id"]) for one in listed.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return None
    if not names or model in names or model == settings.OPENROUTER_MODEL or ":" in model:
        return None
    return unknown_model(where, model, names)


def unknown_model(where: str, model: str, names: list[str]) -> Finding:
    """The model is not there; with the names that come closest."""
    close = difflib.get_close_matches(model, names, 3, 0.4) or names[:3]
    such = f", such as {', '.join(close)}" if close else ""
    return Finding("model", "fault", f"{where} has no model {model}.", f"Set LLM_MODEL to one that it has{such}.")


# --- the API ------------------------------------------------------------------------------------------------------


def check_web(patient: Patient) -> Finding:
    """The API answers and takes the key."""
    url = address(patient)
    try:
        live = requests.get(f"{url}/health/live", timeout=SECONDS)
        ours = live.ok and live.json().get("status") == "ok"
    except requests.ConnectionError:
        return Finding("web", "fault", f"No API answers at {url}.", f"Start the web process; {UP}.")
    except (requests.RequestException, ValueError):
        ours = False
    if not ours:
        told = f"Another program answers at {url}."
        return Finding("web", "fault", told, "Choose another PORT for Cardforge, or set CARDFORGE_URL.")
    key = patient.env.get("CARDFORGE_API_KEY", "").strip() or read_key(patient.home)
    if not key:
        told = f"answers at {url}, but there is no API key to try"
        return Finding("web", "warning", told, "Set CARDFORGE_API_KEY; `python -m migrations new-key` makes one.")
    asked = requests.get(f"{url}/api/v2/jobs?limit=1", headers={"Authorization": f"Bearer {key}"}, timeout=SECONDS)
    if asked.status_code == 401:
        remedy = "Set CARDFORGE_API_KEY to a good key; `python -m migrations new-key` makes one."
        return Finding("web", "fault", f"The API at {url} does not take the API key.", remedy)
    return Finding("web", "ok", f"answers at {url}")


def address(patient: Patient) -> str:
    """Where the API should be."""
    return (patient.env.get("CARDFORGE_URL") or f"http://127.0.0.1:{patient.env.get('PORT') or 8000}").rstrip("/")


def read_key(home: Path) -> str:
    """The home's first key, or nothing."""
    try:
        return (home / "api-key").read_text().strip()
    except OSError:
        return ""


def check_remote(patient: Patient) -> list[Finding]:
    """What a server elsewhere says of its own parts."""
    try:
        parts = requests.get(f"{address(patient)}/health/ready", timeout=4 * SECONDS).json()["parts"]
    except (requests.RequestException, ValueError, KeyError):
        return []
    remedy = "Run `cardforge doctor` where the server runs."
    return [
        Finding(name, "ok", part["detail"]) if part["state"] == "ok" else Finding(name, "fault", part["detail"], remedy)
        for name, part in parts.items()
    ]


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
