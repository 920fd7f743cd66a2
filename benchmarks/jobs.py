"""P1: whole jobs against bare Celery chains."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.figures import LEAST, Line, Mark
from benchmarks.services import EXPORT, GENERATION, TWO_CALLS, Bed
from tests.engine.processes import worker


def measure(bed: Bed) -> list[Line]:
    """P1: jobs (three steps, two model calls without latency, a file, all checkpoints) and chains, by turns."""
    bed.control(0.0)
    ours, bare = [], []
    with bed.product(bed.sizes.slots), bare_workers(bed) as env:
        run_jobs(bed, bed.sizes.slots)  # each process has connected, and has imported what it needs
        for _ in range(bed.sizes.runs):
            ours.append(run_jobs(bed, bed.sizes.jobs))
            bare.append(run_chains(env, bed.sizes.jobs))
            bed.say(f"{ours[-1]:.1f} jobs/s, {bare[-1]:.1f} chains/s")
    return [Line("jobs, and bare chains of as many tasks", "/s", ours, bare, Mark("ratio", LEAST, 0.5))]


@contextmanager
def bare_workers(bed: Bed) -> Iterator[dict[str, str]]:
    """Run the bare app in the layout of ours, on a database of its own of the same Redis; gives its environment."""
    env = bed.env | {"REDIS_URL": bed.redis_server.url.removesuffix("/0") + "/1"}
    threads = ("-P", "threads", "-c", str(bed.sizes.slots), "-Q", GENERATION)
    processes = ("-P", "prefork", "-c", "2", "-Q", EXPORT)
    with ExitStack() as stack:
        for name, pool in (("bare-generation", threads), ("bare-export", processes)):
            stack.enter_context(worker(name, pool, env, bed.folder, app="benchmarks.bare"))
        yield env


def run_jobs(bed: Bed, count: int) -> float:
    """Run a batch, from its submission to its end; returns jobs a second."""
    began = time.perf_counter()
    bed.wait(bed.submit(count, bed.sizes.slots, TWO_CALLS))
    return count / (time.perf_counter() - began)


def run_chains(env: dict[str, str], count: int) -> float:
    """Run as many bare chains and return how many a second."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare", str(count)], env=env, check=True, capture_output=True
    )
    return float(done.stdout)
