"""P8: memory and the list of jobs, with a thousand jobs and with a hundred thousand."""

from __future__ import annotations

from benchmarks.figures import MOST, Line, Mark, percentile
from benchmarks.reading import read
from benchmarks.services import JOBS, TWO_CALLS, Bed

WAITING = 10  # one job in so many waits in a batch that runs; the others have ended
RUN = 60  # jobs that are run for real, beside the others
# Ended jobs with their steps, in batches of a hundred, each a copy of one that was run.
ENDED = """
WITH made AS (
  INSERT INTO jobs (id, root_id, owner_id, kind, position, profile_id, profile_version, priority, request, request_id,
    status, progress, cost_usd, created_at, dispatched_at, started_at, finished_at, updated_at)
  SELECT 'job_' || md5(n::text), 'job_' || md5(n::text), owner_id, kind, NULL, profile_id, profile_version, priority,
    request, request_id, status, progress, cost_usd, created_at - n * interval '1 s', dispatched_at, started_at,
    finished_at - n * interval '1 s', updated_at
  FROM (SELECT * FROM jobs WHERE status = 'completed' LIMIT 1) AS one, generate_series(%s, %s) AS n
  RETURNING id
)
INSERT INTO steps (job_id, index, name, status, attempts, output, started_at, finished_at)
SELECT made.id, steps.index, steps.name, steps.status, steps.attempts, steps.output, steps.started_at, steps.finished_at
FROM made, steps WHERE steps.job_id = (SELECT id FROM jobs WHERE status = 'completed' AND position = 1 LIMIT 1)
"""


def measure(bed: Bed) -> list[Line]:
    """P8: the same work and the same looks beside few jobs and beside many; all processes anew for each."""
    bed.fresh()
    bed.control(0.0)
    with bed.product(10):
        bed.wait(bed.submit(10, 10, TWO_CALLS))
    few = look(bed, 1, bed.sizes.few)
    many = look(bed, bed.sizes.few + 1, bed.sizes.many)
    mark = Mark("ratio", MOST, 1.2)
    return [
        Line(f"{what}, with {bed.sizes.many:,} jobs and with {bed.sizes.few:,}", unit, many[what], few[what], mark)
        for what, unit in UNITS.items()
    ]


KINDS = {"generation worker": "generation", "export process": "export", "web process": "web", "Redis": "redis"}
UNITS = {
    **dict.fromkeys(KINDS, "MB"),
    "list of jobs, p95": "ms",
}


def look(bed: Bed, first: int, jobs: int) -> dict[str, list[float]]:
    """Fill the tables up to so many jobs and return what is seen in each run."""
    bed.query(ENDED, first - first // WAITING, jobs - jobs // WAITING)
    seen: dict[str, list[float]] = {what: [] for what in UNITS}
    with bed.web():  # a process of its own: what accepting takes (P4) is not what growth takes
        waiting = (jobs - first + 1) // WAITING
        ids = bed.submit(waiting, 1, TWO_CALLS)
    with bed.web():
        # It waits all the while: its one message is dropped, and upkeep takes it for one that was sent just now.
        bed.broker().flushall()
        bed.query(
            "UPDATE jobs SET dispatched_at = now() + interval '1 day' WHERE batch_id = ANY(%s) AND position = 1", ids
        )
        bed.query("VACUUM ANALYZE")  # as autovacuum does after so many rows
        with bed.export(), bed.generation(20), bed.beat():
            for _ in range(bed.sizes.runs):
                bed.wait(bed.submit(RUN, 20, TWO_CALLS))
                (times,) = read(bed, [JOBS], bed.sizes.reads)
                seen["list of jobs, p95"].append(percentile(times, 95))
                for what, kind in KINDS.items():
                    seen[what].append(bed.held_by_redis() if kind == "redis" else bed.memory(kind))
                bed.say(", ".join(f"{what} {values[-1]:.1f}" for what, values in seen.items()))
    return seen
