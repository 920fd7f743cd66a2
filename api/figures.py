"""What is asked of PostgreSQL and Redis when metrics are wanted: the same from every process, and only now and then."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

import logs
import settings
from models import db
from models.services import statistics
from models.services.statistics import SECONDS, Calls
from tasks import queues

log = logs.get(__name__)

KEPT_SECONDS = 5.0  # whoever asks more often is shown the same again
MOST_MODELS = 40  # that are named; the rest is "other"
MODEL = re.compile(r"[\w.:/@+~-]{1,80}")  # what a model's name looks like; people may ask for anything
SETTLED = timedelta(minutes=1)  # by then a call that ended is committed: its row is written in a short transaction
CHUNK, CATCHING_UP_SECONDS = timedelta(hours=1), 3.0

Label = tuple[str, str, str]  # provider, model, outcome


class Figures(Collector):
    """Asks, and keeps the answers for a few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._until = 0.0
        self._ledger = Ledger()

    def describe(self) -> Iterable[Metric]:
        """Nothing can be said without asking."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return every figure that can be had now; ``cardforge_part_up`` says which part is missing."""
        with self._lock:
            if time.monotonic() > self._until:
                self._kept = list(self._look())
                self._until = time.monotonic() + KEPT_SECONDS
            return self._kept

    def _look(self) -> Iterator[Metric]:
        parts: dict[str, Callable[[], list[Metric]]] = {
            "database": lambda: [*work(), *money(), *server()],
            "ledger": lambda: calls(self._ledger),
            "redis": lambda: [*waiting(), *mended()],
            "disk": disk,
        }
        up = GaugeMetricFamily("cardforge_part_up", "Whether this part has answered (1) or not (0).", labels=["part"])
        spent = GaugeMetricFamily("cardforge_look_seconds", "How long asking this part has taken.", labels=["part"])
        missing: set[str] = set()
        for part, ask in parts.items():
            began = time.monotonic()
            # The ledger is of the same database: waiting for that once is enough.
            found = None if part == "ledger" and "database" in missing else had(part, ask)
            if found is None:
                missing.add(part)
            yield from found or []
            up.add_metric([part], part not in missing)
            spent.add_metric([part], time.monotonic() - began)
        yield from (up, spent, about())


def had(part: str, ask: Callable[[], list[Metric]]) -> list[Metric] | None:
    """Return what a part says; None where it does not answer."""
    try:
        return ask()
    except (db.Trouble, OSError, CatchingUp) as error:
        log.warning("metrics_missing", part=part, reason=type(error).__name__)
        return None


class CatchingUp(Exception):
    """There are more of the day's calls than can be added up at one go; the next time goes on from there."""


class Ledger:
    """Adds up the calls of the day (UTC): those of earlier times once, the newest anew each time.

    At midnight the sums begin anew, which Prometheus takes for a restart. Until a new process has been through the day,
    it shows none: half of a sum would look like a fall.
    """

    def __init__(self) -> None:
        self.sums: dict[Label, Calls] = {}
        self.until = datetime.min.replace(tzinfo=UTC)

    def read(self) -> list[Calls]:
        """Return the sums; raises `CatchingUp`."""
        with db.transaction() as session:
            statistics.be_brief(session)
            now = statistics.server(session).now.astimezone(UTC)
            self._begin(now)
            deadline = time.monotonic() + CATCHING_UP_SECONDS
            while self.until < now - SETTLED:
                if time.monotonic() > deadline:
                    raise CatchingUp
                end = min(self.until + CHUNK, now - SETTLED)
                self.sums = add(self.sums, statistics.calls_between(session, self.until, end))
                self.until = end
            return list(add(self.sums, statistics.calls_between(session, self.until, now + SETTLED)).values())

    def _begin(self, now: datetime) -> None:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.until < midnight:
            self.sums, self.until = {}, midnight


def add(sums: dict[Label, Calls], more: Iterable[Calls]) -> dict[Label, Calls]:
    """Return the sums with more calls in them."""
    found = dict(sums)
    for row in more:
        label = (row.provider, row.model, row.outcome)
        found[label] = found[label].plus(row) if label in found else row
    return found


def named(rows: Iterable[Calls]) -> list[Calls]:
    """Put calls of models that are too many, or whose names are none, under ``other``."""
    counted: dict[str, int] = {}
    for row in rows:
        counted[row.model] = counted.get(row.model, 0) + row.calls
    sound = sorted((name for name in counted if MODEL.fullmatch(name)), key=lambda name: (-counted[name], name))
    shown = set(sound[:MOST_MODELS])
    return list(add({}, (row if row.model in shown else replace(row, model="other") for row in rows)).values())


# --- the metrics --------------------------------------------------------------------------------------------------


def gauge(name: str, told: str, label: str, values: dict[str, float]) -> Metric:
    """Return a gauge with one label."""
    made = GaugeMetricFamily(f"cardforge_{name}", told, labels=[label])
    for key, value in values.items():
        made.add_metric([key], value)
    return made


def single(name: str, told: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return GaugeMetricFamily(f"cardforge_{name}", told, value=value)


def total(name: str, told: str, value: float) -> Metric:
    """Return a counter without labels."""
    return CounterMetricFamily(f"cardforge_{name}", told, value=value)


def work() -> list[Metric]:
    """Jobs, batches, who works on them, and what ended lately."""
    with db.transaction() as session:
        statistics.be_brief(session)
        now, ended = statistics.work(session), statistics.ended(session)
    served = {name: float(now.workers.get(name, 0)) for name in queues.names()}
    lately = GaugeMetricFamily(
        "cardforge_jobs_ended_5m", "Jobs that ended in the last 5 minutes.", labels=["status", "code"]
    )
    for (status, code), count in ended.jobs.items():
        lately.add_metric([status, code], count)
    steps = GaugeMetricFamily(
        "cardforge_step_seconds_5m",
        "How long the steps took of jobs that ended in the last 5 minutes: median and 95th percentile.",
        labels=["step", "quantile"],
    )
    for step, seconds in ended.steps.items():
        for quantile, value in zip(("0.5", "0.95"), seconds, strict=True):
            steps.add_metric([step, quantile], value)
    return [
        gauge("jobs", "Jobs by status.", "status", dict(now.jobs)),
        gauge("batches", "Batches by status.", "status", dict(now.batches)),
        gauge("leases", "Running jobs by what becomes of their lease.", "state", dict(now.leases)),
        gauge("job_oldest_seconds", "How long the oldest such job has waited or run.", "status", dict(now.oldest)),
        gauge("workers", "Workers seen lately, by a queue they serve.", "queue", served),
        gauge("deliveries", "Webhooks to be sent, by whether a try has failed.", "state", dict(now.deliveries)),
        single("delivery_overdue_seconds", "For how long the oldest due delivery is overdue.", now.delivery_overdue),
        total("events", "Events written to the journal.", now.events),
        lately,
        steps,
    ]


def money() -> list[Metric]:
    """What was used since the beginning: exact, since it is counted in the transaction of each call."""
    with db.transaction() as session:
        used = statistics.usage(session)
    return [
        total("used_calls", "Calls to model servers since the beginning.", used.calls),
        total("used_tokens", "Tokens used since the beginning.", used.tokens),
        total("used_dollars", "Dollars spent since the beginning.", float(used.cost_usd)),
        gauge(
            "daily_limit_used_ratio",
            "How much of a daily limit the heaviest user has used (1: all); only where there is one.",
            "limit",
            dict(used.limits_used),
        ),
    ]


def server() -> list[Metric]:
    """The database itself."""
    with db.transaction() as session:
        found = statistics.server(session)
    return [
        single("database_bytes", "Size of the database.", found.size),
        single("database_connections", "Connections open at the database server.", found.connections),
        single("database_connections_allowed", "Connections that it allows.", found.most_connections),
    ]


def calls(ledger: Ledger) -> list[Metric]:
    """Calls to model servers since midnight (UTC), by model."""
    count = CounterMetricFamily(
        "cardforge_calls", "Calls to model servers, by outcome.", labels=["provider", "model", "outcome"]
    )
    tokens = CounterMetricFamily("cardforge_call_tokens", "Tokens.", labels=["provider", "model", "kind"])
    cost = CounterMetricFamily("cardforge_call_dollars", "Dollars, of failed calls too.", labels=["provider", "model"])
    took = HistogramMetricFamily("cardforge_call_seconds", "How long calls took.", labels=["provider", "model"])
    rows = named(ledger.read())
    for row in rows:
        count.add_metric([row.provider, row.model, row.outcome], row.calls)
    for row in add({}, (replace(row, outcome="") for row in rows)).values():
        where = [row.provider, row.model]
        tokens.add_metric([*where, "prompt"], row.prompt_tokens)
        tokens.add_metric([*where, "completion"], row.completion_tokens)
        cost.add_metric(where, float(row.cost_usd))
        bounds = [(str(float(bound)), float(n)) for bound, n in zip(SECONDS, row.within, strict=True)]
        took.add_metric(where, [*bounds, ("+Inf", row.calls)], row.seconds)
    return [count, tokens, cost, took]


def waiting() -> list[Metric]:
    """The queues."""
    found = queues.look()
    counts = {name: float(queue.waiting) for name, queue in found.items()}
    ages = {name: queue.oldest_seconds for name, queue in found.items()}
    return [
        gauge("queue_messages", "Messages that wait, by queue.", "queue", counts),
        gauge("queue_oldest_seconds", "How long the oldest of them has waited.", "queue", ages),
    ]


def mended() -> list[Metric]:
    """What upkeep has done."""
    found = queues.upkeep()
    repairs = CounterMetricFamily(
        "cardforge_upkeep_repairs", "What upkeep has sent again, by what had become of it.", labels=["kind"]
    )
    for kind, count in found.repairs.items():
        repairs.add_metric([kind], count)
    ago = (
        []
        if found.seconds_ago is None
        else [single("upkeep_age_seconds", "How long ago upkeep last ran.", found.seconds_ago)]
    )
    return [repairs, *ago]


def disk() -> list[Metric]:
    """The disk that the home folder is on."""
    home = settings.load().home
    usage = shutil.disk_usage(home if home.exists() else ".")
    return [
        single("disk_bytes", "Size of the disk that CARDFORGE_HOME is on.", usage.total),
        single("disk_free_bytes", "What is free of it.", usage.free),
    ]


def about() -> Metric:
    """Which version this is."""
    made = GaugeMetricFamily(
        "cardforge_info", "Version of Cardforge, and of the schema it needs.", labels=["version", "schema"]
    )
    made.add_metric([version("cardforge"), db.SCHEMA_HEAD], 1)
    return made
