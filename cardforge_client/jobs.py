"""Jobs: what becomes of each card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict, Unpack, cast

from cardforge_client.events import Event, Events
from cardforge_client.files import Download
from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import AcceptedJob, Fault, Finding, Loss, ModelUsage, Priority, Status, given
from cardforge_client.waiting import Deadline, last_of, watch


class CurrentStep(TypedDict):
    """The step that a job is at; ``index`` from 1."""

    name: str
    index: int
    total: int
    detail: str | None


class Step(TypedDict):
    """One step of a job."""

    name: str
    status: Status
    attempts: int
    started_at: str | None
    finished_at: str | None


class Links(TypedDict):
    """Where to go from a job."""

    self: str
    result: str | None
    logs: str
    batch: str | None
    downloads: dict[str, str]


class JobSummary(TypedDict):
    """A job as lists show it. ``progress`` in percent, moved only by work done."""

    job_id: str
    kind: str
    status: Status
    progress: int
    batch_id: str | None
    profile_id: str
    profile_version: int
    priority: Priority
    attempt: int
    cost_usd: float
    error: Fault | None
    retry_of: str | None
    retried_by: str | None
    character_id: NotRequired[str | None]
    character_name: NotRequired[str | None]
    created_at: str
    started_at: str | None
    finished_at: str | None
    name: NotRequired[str | None]


class Job(JobSummary):
    """A job in full. ``waiting_until``: it waits for its provider; ``wasted_usd`` is part of ``cost_usd``."""

    waiting_until: str | None
    cancel_requested_at: str | None
    current_step: CurrentStep | None
    steps: list[Step]
    tokens: dict[str, ModelUsage]
    wasted_usd: float
    links: Links


class Artifact(TypedDict):
    """One file of a finished job."""

    format: str
    filename: str
    media_type: str
    size: int
    sha256: str
    download_url: str
    losses: list[Loss]
    front_ends: dict[str, list[Loss]]


class JobUsage(TypedDict):
    """What a job used, in US dollars."""

    calls: int
    cost_usd: float
    wasted_usd: float
    by_model: dict[str, ModelUsage]


class Result(TypedDict):
    """What a finished job made. ``card`` is a V3 card, its book included; ``book`` has the entries' ids."""

    job_id: str
    character_id: str
    name: str
    card: dict[str, Any]
    book: dict[str, Any] | None
    written: dict[str, Any]
    lint: list[Finding]
    score: dict[str, int]
    usage: JobUsage
    artifacts: list[Artifact]


class LogLine(TypedDict):
    """One line of a job's log."""

    id: int
    at: str
    level: Literal["info", "warning", "error"]
    step: str | None
    attempt: int | None
    message: str
    details: dict[str, Any]


class JobFilter(PageQuery, total=False):
    """Which jobs to list."""

    status: Status
    batch_id: str
    profile_id: str
    kind: str
    created_after: datetime | str
    created_before: datetime | str
    q: str
    sort: str


class Jobs(Noun):
    """What becomes of each card."""

    def list(self, **query: Unpack[JobFilter]) -> Rows[JobSummary]:
        """List jobs, newest first."""
        return Rows(self._transport, route("/jobs"), "jobs", query)

    def get(self, job_id: str) -> Job:
        """See where a job stands."""
        return cast("Job", self._get(route("/jobs/{}", job_id)))

    def events(self, job_id: str, *, last_event_id: str | None = None) -> Events:
        """Follow a job's events until it has ended: each once, in order, over broken connections too."""
        return Events(self._transport, route("/jobs/{}/events", job_id), last_event_id)

    def watch(self, job_id: str, *, timeout: float | None = None) -> Iterator[Job]:
        """Yield the job each time that it moves on, the last time when it has ended (see `Batches.watch`)."""
        deadline = Deadline(timeout, f"Job {job_id}")
        return watch(lambda: self.get(job_id), lambda: self.events(job_id), _news, deadline)

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Wait until a job has ended, and return it. Raises `WaitTimeout` after ``timeout`` seconds."""
        return last_of(self.watch(job_id, timeout=timeout))

    def result(self, job_id: str) -> Result:
        """Take what a finished job made. Raises `Conflict` (``JOB_NOT_COMPLETED``) before."""
        return cast("Result", self._get(route("/jobs/{}/result", job_id)))

    def logs(self, job_id: str, *, level: str | None = None, after: int = 0) -> Iterator[LogLine]:
        """Yield the lines of a job's log behind line ``after``, oldest first."""
        while True:
            page = self._get(route("/jobs/{}/logs", job_id), given(level=level, after=after, limit=1000))
            yield from page["logs"]
            if len(page["logs"]) < 1000:
                return
            after = page["next_after"]

    def download(self, job_id: str, format: str) -> Download:
        """One file of a finished job (``json``, ``v2``, ``tavernai``, ...): ``.save("out")`` or ``.read()``."""
        return Download(self._transport, route("/jobs/{}/download/{}", job_id, format))

    def export(self, job_id: str, format: str = "json", *, debug: bool | None = None) -> Download:
        """Everything about a job, as ``json``, ``yaml`` or ``csv``; with ``debug`` the models' answers too."""
        query = given(format=format, debug=None if debug is None else str(debug).lower())
        return Download(self._transport, route("/jobs/{}/export", job_id), query, name=f"{job_id}.{format}")

    def cancel(self, job_id: str) -> JobSummary:
        """Cancel a job. Raises `Conflict` (``JOB_NOT_CANCELLABLE``) when it has ended."""
        return cast("JobSummary", self._do("POST", route("/jobs/{}/cancel", job_id)))

    def retry(
        self,
        job_id: str,
        *,
        options: Mapping[str, Any] | None = None,
        fresh: bool = False,
        idempotency_key: str | None = None,
    ) -> AcceptedJob:
        """A new job with the request of an ended one, and other ``options``. Paid answers are used unless ``fresh``."""
        body = {"fresh": fresh, **given(options=options)}
        return cast("AcceptedJob", self._start(route("/jobs/{}/retry", job_id), body, idempotency_key))

    def delete(self, job_id: str) -> None:
        """Delete an ended job with its log and files; its character stays. Raises `Conflict` while it runs."""
        self._do("DELETE", route("/jobs/{}", job_id))

    def delete_completed(self) -> int:
        """Delete all jobs that have ended and are not part of a running batch; returns how many.

        The server does as many as it can in some seconds; this asks until none is left.
        """
        deleted, more = 0, True
        while more:
            body = self._do("DELETE", route("/jobs/completed"))
            deleted, more = deleted + int(body["deleted"]), bool(body["more"])
        return deleted

    def statistics(self, **query: Any) -> dict[str, Any]:
        """Counts by status, durations and cost of all jobs."""
        return self._get(route("/jobs/statistics"), query)


def _news(event: Event) -> Mapping[str, Any]:
    """What an event says of its job."""
    return event.data if event.kind in {"status", "progress", "done"} else {}
