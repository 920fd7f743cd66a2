"""Counts of requests, shared by the processes of one web server.

Each process counts into files of its own (multiprocess mode of prometheus_client), and whichever is asked adds up those
of all. Files of processes that have ended are folded into one, or they would pile up with every replaced process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram, Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library reads it when it is imported
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

answered = Counter(
    "cardforge_http_requests",
    "Requests answered by this web server, by route (none: there is no such address), method and status.",
    ["route", "method", "status"],
    registry=None,
)
took = Histogram(
    "cardforge_http_request_seconds",
    "How long requests took; of streams, until they began.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=None,
)


def register(app: Flask) -> None:
    """Count every request."""
    app.after_request(count)


def count(response: Response) -> Response:
    """Count a request by its template: addresses hold ids, and anybody can make up new ones."""
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"
    answered.labels(route, method, str(response.status_code)).inc()
    if "began" in g:
        took.labels(route, method).observe(time.monotonic() - g.began)
    return response


class Counts(Collector):
    """The counts of all processes of this server; of this process alone where no folder is set."""

    def collect(self) -> Iterable[Metric]:
        """Return both metrics."""
        if FOLDER not in os.environ:
            return [*answered.collect(), *took.collect()]
        with locked(fcntl.LOCK_SH):
            return list(MultiProcessCollector(None).collect())


# --- what the web server's master does; see api/gunicorn.py -------------------------------------------------------


def empty_folder() -> None:
    """Forget what an earlier server at the same address counted."""
    for path in Path(os.environ[FOLDER]).glob("*.db"):
        path.unlink(missing_ok=True)


def remove_folder() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def fold(pid: int) -> None:
    """Add the counts of a process that has ended to those of all that ended before it."""
    folder = Path(os.environ[FOLDER])
    with locked(fcntl.LOCK_EX):
        for kind in ("counter", "histogram"):
            ended, kept = folder / f"{kind}_{pid}.db", folder / f"{kind}_ended.db"
            if ended.exists():
                fresh = add_up([path for path in (ended, kept) if path.exists()], folder / "fresh")
                ended.unlink()
                fresh.replace(kept)


def add_up(files: list[Path], into: Path) -> Path:
    """Write the sums of several files into a new one."""
    into.unlink(missing_ok=True)
    book = MmapedDict(str(into))
    for metric in MultiProcessCollector.merge([str(path) for path in files], accumulate=False):
        for sample in metric.samples:
            names, values = list(sample.labels), list(sample.labels.values())
            key = mmap_key(metric.name, sample.name, names, values, metric.documentation)
            book.write_value(key, sample.value, 0.0)
    book.close()
    return into


@contextmanager
def locked(how: int) -> Iterator[None]:
    """Let nobody read while files are folded: a count that falls and rises again looks like thousands of requests."""
    with open(Path(os.environ[FOLDER]) / "lock", "a") as file:
        fcntl.flock(file, how)
        yield
