"""P7: cards a second of the export worker, with one process and with two."""

from __future__ import annotations

import time

from benchmarks.figures import LEAST, Line, Mark
from benchmarks.services import TWO_CALLS, Bed

BEFORE = "SELECT count(*) FROM steps WHERE name = 'expand_lorebook' AND status = 'completed'"
TIMES = "SELECT extract(epoch FROM finished_at)::float8 FROM jobs WHERE batch_id = ANY(%s) ORDER BY 1"


def measure(bed: Bed) -> list[Line]:
    """P7: PNG cards. All else of the jobs is done before the export worker starts; its start does not count."""
    bed.fresh()
    bed.control(0.0)
    one, two = [], []
    with bed.web(), bed.generation(20):
        for _ in range(bed.sizes.runs):
            one.append(export(bed, 1))
            two.append(export(bed, 2))
            bed.say(f"{two[-1]:.1f} and {one[-1]:.1f} cards/s")
    return [Line("PNG cards: two processes, and one", "/s", two, one, Mark("ratio", LEAST, 1.8))]


def export(bed: Bed, processes: int) -> float:
    """Have a batch wait for its export, then export it; returns the cards a second between the first and the last."""
    before = bed.one(BEFORE)
    ids = bed.submit(bed.sizes.exports, bed.sizes.exports, TWO_CALLS | {"format": ["tavernai"]})
    until = time.monotonic() + 300
    while bed.one(BEFORE) < before + bed.sizes.exports:
        if time.monotonic() > until:
            raise AssertionError("the jobs do not come to their export")
        time.sleep(0.05)
    with bed.export(processes):
        bed.wait(ids, 300)
    ended = [row[0] for row in bed.query(TIMES, ids)]
    # The first ones of each process draw their fonts; so the first few are where the clock starts.
    first = len(ended) // 6
    return (len(ended) - 1 - first) / (ended[-1] - ended[first])
