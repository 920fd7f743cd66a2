"""The registry of rows: what each measures, how (a sentence or two for the page), and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks import accepting, calls, exporting, growing, jobs, reading, starting, watching
from benchmarks.figures import Line
from benchmarks.services import Bed

JOBS = """
A batch is submitted over HTTP and runs to its end: three steps with their checkpoints, one model call for the card and
one for its lorebook (`passes: one`, `lorebook_entries: 1`, `repairs: 0`), one JSON file. Against it, as many bare
Celery chains of three tasks that do nothing, with the same settings and queues, in the same layout (a worker with
threads, a worker with two processes) on the same Redis; by turns.
"""
ONE_WORKER = """
A batch with default options (six calls a card) but for its files, which are JSON, for portraits are drawn by other
workers; one job for each of the worker's threads, all within the window. Then an aiohttp script that puts the same
questions, as many of them, to the same server, with as many in flight. Calls a second from the first question to the
last answer, by the model server's clock; exports, which come behind the answers, are not in it.
"""
SEVERAL_WORKERS = "As P2, with four generation workers and four times as many jobs; the script is one process."
ACCEPTING = """
`POST /api/v2/batch-generations` until its 202 has been read; then all of the batch's rows are taken out and put back by
psycopg2's COPY in one commit, into the same tables with all their indexes and foreign keys. Memory is that of the web
process, looked at every 5 ms, over what it was before the first large batch.
"""
STATUS = """
`GET /api/v2/batch-generations/{id}` on one kept connection, by turns for each batch, all queued. It shows up to a
hundred items, so the answer for a batch of ten is shorter; the last line holds it against a batch that shows as many.
"""
ONE_JOB = """
`GET /api/v2/jobs/{id}` of a finished job on one gunicorn process as it ships (key, rate limit, queries, schema, ETag),
asked all the time by sixteen kept connections; against a Flask view under the same gunicorn class that does one
psycopg2 SELECT by primary key and returns the row as JSON; by turns.
"""
EXPORTING = """
Jobs are brought to their last step with no export worker there; then one starts, with one process or with two. Cards a
second from the first few to the last, by the times in their rows.
"""
GROWING = """
The tables are filled up to so many jobs: one in ten waits in an open batch, nine have ended (by SQL, copies of a real
one with its steps). Beside them workers that were started anew run sixty real jobs, upkeep included. Memory is that of
the largest process of a kind afterwards, of Redis what it uses but for its clients' buffers; the list is
`GET /api/v2/jobs` on one kept connection.
"""
STARTING = """
A fresh interpreter that does `import api`, its start and end included; a generation worker from its start until it says
that it is ready.
"""
WATCHING = """
All subscribe to one batch on a web server as it ships (two processes), then a worker starts. The delay is from the
moment that an event names, the beginning of its transaction and so a little before its commit, until a client has read
it; the clients are one process on the same machine.
"""


@dataclass(frozen=True)
class Row:
    """One row of the table; it may have several lines."""

    title: str
    how: str
    measure: Callable[[Bed], list[Line]]


ROWS: Mapping[str, Row] = {
    "P1": Row("jobs with a model without latency", JOBS, jobs.measure),
    "P2": Row("calls in flight in one worker", ONE_WORKER, calls.one_worker),
    "P3": Row("calls in flight in four workers", SEVERAL_WORKERS, calls.several_workers),
    "P4": Row("accepting a large batch", ACCEPTING, accepting.measure),
    "P5": Row("status of a large batch", STATUS, reading.status),
    "P6": Row("GET of a job", ONE_JOB, reading.one_job),
    "P7": Row("export of PNG", EXPORTING, exporting.measure),
    "P8": Row("growth", GROWING, growing.measure),
    "P9": Row("start", STARTING, starting.measure),
    "P10": Row("subscribers", WATCHING, watching.measure),
}
