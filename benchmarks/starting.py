"""P9: how long our processes take to start."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figures import MOST, Line, Mark
from benchmarks.services import GENERATION, Bed
from tests.engine.processes import process

PATIENCE = 60  # seconds


def measure(bed: Bed) -> list[Line]:
    """P9: an interpreter that imports `api`, and a generation worker from its start until it says that it is ready."""
    apis, flasks, ours, bare = [], [], [], []
    for _ in range(bed.sizes.runs):
        apis.append(imported("api", bed))
        flasks.append(imported("flask", bed))
        ours.append(ready("tasks.celery", bed))
        bare.append(ready("benchmarks.bare", bed))
        bed.say(f"import {apis[-1]:.2f} s, worker {ours[-1]:.2f} s")
    return [
        Line("import of api, and of Flask alone", "s", apis, flasks, Mark("ours", MOST, 1.5)),
        Line("generation worker to ready, and a bare one", "s", ours, bare, Mark("ours", MOST, 3)),
    ]


def imported(module: str, bed: Bed) -> float:
    """Import a module in a fresh interpreter; returns the seconds, the interpreter's start and end included."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], env=bed.env, check=True)
    return time.perf_counter() - began


def ready(app: str, bed: Bed) -> float:
    """Start a worker; returns the seconds until it is ready."""
    log = bed.folder / "starting.log"
    pool = ["-P", "threads", "-c", "200", "-Q", GENERATION, "-n", "starting@%h"]
    command = [sys.executable, "-m", "celery", "-A", app, "worker", *pool, "--without-gossip", "--without-mingle", "-E"]
    began = time.perf_counter()
    with process(command, bed.env, log) as running:
        while b" ready." not in log.read_bytes():
            if running.poll() is not None or time.perf_counter() > began + PATIENCE:
                raise AssertionError(log.read_text())
            time.sleep(0.005)
        return time.perf_counter() - began
