"""P5 and P6: what a look at a batch and at a job costs, over HTTP."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from contextlib import closing
from urllib.parse import urlsplit

from benchmarks.figures import LEAST, MOST, Line, Mark, percentile
from benchmarks.services import BATCHES, JOBS, TWO_CALLS, Bed

SMALL, SHOWN = 10, 100  # items of the small batch; items that the status of a batch shows at most
# The class and the numbers that api/gunicorn.py has.
BARE = ("-k", "api.worker.Worker", "--threads", "500", "--worker-connections", "1000", "--keep-alive", "15")


def status(bed: Bed) -> list[Line]:
    """P5: the status of a large batch, by turns with that of a small one, and of one that shows as many items."""
    bed.fresh()
    sizes = (bed.sizes.items, SMALL, SHOWN)
    with bed.web():
        ids = {size: bed.submit(size, 1)[0] for size in sizes}
        bed.query("ANALYZE")  # as autovacuum does after so many rows
        read(bed, [f"{BATCHES}/{one}" for one in ids.values()], 5)
        seen: dict[str, list[list[list[float]]]] = {"": [], "/items?limit=10": []}
        for _ in range(bed.sizes.runs):
            for path, runs in seen.items():
                runs.append(read(bed, [f"{BATCHES}/{one}{path}" for one in ids.values()], bed.sizes.reads))
            bed.say(" and ".join(f"{percentile(times, 50):.1f}" for times in seen[""][-1]) + " ms")
    return lines_of(seen, sizes)


def lines_of(seen: dict[str, list[list[list[float]]]], sizes: tuple[int, int, int]) -> list[Line]:
    """Return the lines of P5 from the times of each path, run and batch (ms)."""
    large, small, shown = sizes
    mark = Mark("ratio", MOST, 1.2)
    whats = {
        "": (f"status of {large:,} items, and of {small}", 1),
        "/items?limit=10": (f"ten items of {large:,}, and of {small}", 1),
    }
    lines = []
    for path, (what, other) in whats.items():
        for percent in (50, 95):
            mine, theirs = ([percentile(run[place], percent) for run in seen[path]] for place in (0, other))
            lines.append(Line(f"{what}: p{percent}", "ms", mine, theirs, mark))
    mine, theirs = ([percentile(run[place], 50) for run in seen[""]] for place in (0, 2))
    return [*lines, Line(f"status of {large:,} items, and of {shown}, which shows as many: p50", "ms", mine, theirs)]


def read(bed: Bed, paths: list[str], times: int) -> list[list[float]]:
    """Ask for the paths by turns on one connection; returns the milliseconds of each, path by path."""
    took: list[list[float]] = [[] for _ in paths]
    headers = {"Authorization": f"Bearer {bed.key}"}
    with closing(http.client.HTTPConnection(urlsplit(bed.url).netloc, timeout=60)) as connection:
        for _ in range(times):
            for path, mine in zip(paths, took, strict=True):
                began = time.perf_counter()
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                answer.read()
                mine.append((time.perf_counter() - began) * 1000)
                if answer.status != 200:
                    raise AssertionError(answer.status)
    return took


def one_job(bed: Bed) -> list[Line]:
    """P6: a finished job, asked for by several clients at a time, by turns with the bare view."""
    bed.fresh()
    bed.control(0.0)
    with bed.product(5):
        bed.wait(bed.submit(10, 5, TWO_CALLS))
    job = bed.one("SELECT id FROM jobs LIMIT 1")
    ours, bare = [], []
    with bed.web() as url, bed.web(command=(*BARE, "benchmarks.bare_web:app")) as bare_url:
        for _ in range(bed.sizes.runs):
            ours.append(load(bed, url, f"{JOBS}/{job}"))
            bare.append(load(bed, bare_url, f"/jobs/{job}"))
            bed.say(f"{ours[-1]:.0f} and {bare[-1]:.0f} requests/s")
    return [Line("GET of one job, and a bare view", "/s", ours, bare, Mark("ratio", LEAST, 0.6))]


def load(bed: Bed, url: str, path: str) -> float:
    """Let clients ask; returns answers a second."""
    told = [str(urlsplit(url).port), path, str(bed.sizes.clients), str(bed.sizes.seconds)]
    command = [sys.executable, "-m", "benchmarks.load", *told]
    done = subprocess.run(command, env=bed.env | {"BENCH_KEY": bed.key}, check=True, capture_output=True)
    return float(done.stdout)
