"""P10: how late the events of a batch come to its subscribers."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlsplit

from benchmarks.figures import MOST, Line, Mark
from benchmarks.services import BATCHES, TWO_CALLS, Bed

WINDOW = 10


def measure(bed: Bed) -> list[Line]:
    """P10: subscribers of one batch on a web server as it ships, two processes, while the batch runs."""
    bed.fresh()
    middle, late = [], []
    with bed.web(2), bed.export():
        for _ in range(bed.sizes.runs):
            told = watch(bed)
            middle.append(told["p50"])
            late.append(told["p95"])
            bed.say(f"p50 {middle[-1]:.0f} ms, p95 {late[-1]:.0f} ms of {told['events']:.0f} events")
    return [
        Line(f"from commit to {bed.sizes.watchers} subscribers: p95", "ms", late, mark=Mark("ours", MOST, 250)),
        Line(f"from commit to {bed.sizes.watchers} subscribers: p50", "ms", middle),
    ]


def watch(bed: Bed) -> dict[str, float]:
    """Have a batch watched from its first event to its last: nobody works on it until all are there."""
    bed.control(bed.sizes.watch_latency)
    (batch_id,) = bed.submit(bed.sizes.watched, WINDOW, TWO_CALLS)
    path = f"{BATCHES}/{batch_id}/events"
    told = [str(urlsplit(bed.url).port), path, str(bed.sizes.watchers)]
    command = [sys.executable, "-m", "benchmarks.subscribers", *told]
    env = bed.env | {"BENCH_KEY": bed.key}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as clients:
        try:
            assert clients.stdout is not None
            if clients.stdout.readline() != "all there\n":
                raise AssertionError(clients.communicate(timeout=10)[1])
            with bed.generation(20):
                return dict(json.loads(clients.communicate(timeout=300)[0]))
        finally:
            clients.kill()
