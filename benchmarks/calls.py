"""P2 and P3: hundreds and thousands of model calls in flight, against an aiohttp script that makes as many."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.figures import LEAST, MOST, Line, Mark
from benchmarks.sampling import sampled
from benchmarks.services import Bed

FILES = {"format": ["json"]}  # drawing portraits is the work of other workers, and of row P7


def one_worker(bed: Bed) -> list[Line]:
    """P2: one generation worker."""
    return measure(bed, 1, 0.97)


def several_workers(bed: Bed) -> list[Line]:
    """P3: four of them."""
    return measure(bed, bed.sizes.workers, 0.95)


def measure(bed: Bed, workers: int, least: float) -> list[Line]:
    """Run jobs in windows that hold all of them, and then the script with as many calls."""
    flight = workers * bed.sizes.calls
    jobs = flight * bed.sizes.rounds
    ours, bare, peaks, memory = [], [], [], []
    with bed.product(bed.sizes.calls, workers):
        for _ in range(bed.sizes.runs):
            bed.control(bed.sizes.latency)
            with sampled(lambda: bed.memory("generation"), 0.25) as largest:
                bed.wait(bed.submit(jobs, jobs, FILES), 900)
            calls, seconds, peak = counted(bed)
            ours.append(calls / seconds)
            peaks.append(peak)
            memory.append(max(largest))
            command = [sys.executable, "-m", "benchmarks.script", bed.model, str(calls), str(flight)]
            subprocess.run(command, env=bed.env, check=True, capture_output=True)
            calls, seconds, _ = counted(bed)
            bare.append(calls / seconds)
            bed.say(f"{ours[-1]:.1f} and {bare[-1]:.1f} calls/s, {memory[-1]:.0f} MB, {peak} in flight")
    return [
        Line(f"calls of {bed.sizes.latency:g} s, {flight} in flight", "/s", ours, bare, Mark("ratio", LEAST, least)),
        Line("most in flight at one time", "calls", peaks),
        Line("memory of a generation worker, its peak", "MB", memory, mark=Mark("ours", MOST, 250)),
    ]


def counted(bed: Bed) -> tuple[int, float, int]:
    """Return calls, seconds from the first question to the last answer, and most in flight, as the server has them."""
    state = bed.model_state()
    return state["calls"], state["last"] - state["first"], state["peak"]
