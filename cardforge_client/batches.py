"""Batches: submit, watch, take what they made, cancel, retry, delete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict, Unpack, cast

from cardforge_client.errors import BadAnswer
from cardforge_client.events import Event, Events, read_lines
from cardforge_client.files import Download
from cardforge_client.jobs import JobUsage
from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import Cost, Fault, Generation, Lint, Priority, Status, Takes, given
from cardforge_client.transport import Ask, pieces
from cardforge_client.waiting import Deadline, last_of, watch


class Progress(TypedDict):
    """Where a batch's items stand; the counts add up to ``total`` at every moment."""

    total: int
    queued: int
    processing: int
    completed: int
    failed: int
    cancelled: int
    percent: float


class Item(TypedDict):
    """One item of a batch. ``downloads`` maps formats to paths; ``metadata`` is what it was submitted with."""

    item_id: str
    position: int
    profile_id: str
    status: Status
    progress: int
    job_id: str
    character_id: str | None
    character_name: str | None
    status_url: str
    result_url: str | None
    downloads: dict[str, str]
    error: Fault | None
    metadata: dict[str, Any]


class Made(TypedDict):
    """What an item has made; ``card`` is a V3 card, its book included."""

    character_id: str
    name: str
    card: dict[str, Any]
    score: dict[str, int] | None
    usage: JobUsage


class ResultLine(Item):
    """An item with what it has made; None until it is completed."""

    result: Made | None


class BatchStatus(TypedDict):
    """Where a batch stands. Money in US dollars, times in RFC 3339."""

    batch_id: str
    name: str
    status: Status
    priority: Priority
    max_concurrent: int
    continue_on_error: bool
    max_cost_usd: float | None
    cost_usd: float
    wasted_usd: float
    progress: Progress
    items_url: str
    created_at: str
    started_at: str | None
    finished_at: str | None


class Batch(BatchStatus):
    """A batch with its first hundred items."""

    items: list[Item]


class RetriedBatch(BatchStatus):
    """A batch of which ``retried`` items have a new job."""

    retried: int


class AcceptedBatch(TypedDict):
    """The answer to a submitted batch."""

    batch_id: str
    status: Status
    total_items: int
    status_url: str
    items_url: str
    created_at: str
    estimated_cost_usd: Cost
    estimated_completion_time: str | None
    events_url: NotRequired[str]


class ItemEstimate(Takes):
    """What one item will take; ``error`` says why it would be refused."""

    item_id: str
    model: str | None
    error: Fault | None


class BatchEstimate(TypedDict):
    """What a batch would take."""

    total_items: int
    total: Takes
    items: list[ItemEstimate]
    estimated_seconds: float | None


class BatchLint(Lint):
    """The cards of a batch beside each other; ``compared`` says how many."""

    compared: int


class BatchOptions(TypedDict, total=False):
    """How a batch runs. What is left out is as the server has it."""

    max_concurrent: int
    continue_on_error: bool
    priority: Priority
    max_cost_usd: float | Decimal | None
    skip_invalid: bool
    callback_url: str
    name: str


class BatchFilter(PageQuery, total=False):
    """Which batches to list."""

    status: Status
    name: str
    created_after: datetime | str
    created_before: datetime | str
    sort: str


class ItemFilter(PageQuery, total=False):
    """Which items to list."""

    status: Status


class Batches(Noun):
    """Cards in bulk."""

    def create(
        self,
        generations: Iterable[Generation | Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[BatchOptions],
    ) -> AcceptedBatch:
        """Submit a batch of 1 to 10,000 generations.

        It is stored once this returns, and once only, however often the connection broke. Give an ``idempotency_key``
        of your own to have that hold over a restart of your program too.
        """
        body = _body(generations, options)
        return cast("AcceptedBatch", self._start(route("/batch-generations"), body, idempotency_key))

    def estimate(
        self, generations: Iterable[Generation | Mapping[str, Any]], **options: Unpack[BatchOptions]
    ) -> BatchEstimate:
        """See what a batch would take and cost. Nothing is stored and no model is asked."""
        return cast("BatchEstimate", self._ask(route("/batch-generations/estimate"), _body(generations, options)))

    def list(self, **query: Unpack[BatchFilter]) -> Rows[BatchStatus]:
        """List batches, newest first."""
        return Rows(self._transport, route("/batch-generations"), "batches", query)

    def get(self, batch_id: str) -> Batch:
        """See where a batch stands, with its first hundred items."""
        return cast("Batch", self._get(route("/batch-generations/{}", batch_id)))

    def items(self, batch_id: str, **query: Unpack[ItemFilter]) -> Rows[Item]:
        """List a batch's items, in the order in which they were submitted."""
        return Rows(self._transport, route("/batch-generations/{}/items", batch_id), "items", query)

    def events(self, batch_id: str, *, last_event_id: str | None = None) -> Events:
        """Follow a batch's events until it has ended: each once, in order, over broken connections too."""
        return Events(self._transport, route("/batch-generations/{}/events", batch_id), last_event_id)

    def watch(self, batch_id: str, *, timeout: float | None = None) -> Iterator[Batch]:
        """Yield the batch each time that its counters change, the last time when it has ended.

        By events; where there are none, by looking. ``items`` are current in the first and the last one. Raises
        `WaitTimeout` after ``timeout`` seconds.
        """
        deadline = Deadline(timeout, f"Batch {batch_id}")
        return watch(lambda: self.get(batch_id), lambda: self.events(batch_id), _news, deadline)

    def wait(self, batch_id: str, *, timeout: float | None = None) -> Batch:
        """Wait until a batch has ended, and return it. Raises `WaitTimeout` after ``timeout`` seconds."""
        return last_of(self.watch(batch_id, timeout=timeout))

    def results(self, batch_id: str) -> Iterator[ResultLine]:
        """Yield each item with what it has made, in order; streamed, so of any number of items."""
        ask = Ask("GET", route("/batch-generations/{}/results", batch_id), safe=True, stream=True)
        with self._transport.send(ask) as answer:
            chunks = pieces(answer, self._transport.base_url)
            for line in read_lines(_ended(chunks)):
                if line:
                    yield cast("ResultLine", _read(line, answer.url))

    def results_file(self, batch_id: str) -> Download:
        """The same as a file of JSON Lines."""
        return Download(self._transport, route("/batch-generations/{}/results", batch_id), name=f"{batch_id}.jsonl")

    def download(self, batch_id: str, format: str | Sequence[str] | None = None) -> Download:
        """One ZIP of the files of a batch, with a `manifest.json`: ``.save("out")``. Of all formats, of one or some."""
        path = route("/batch-generations/{}/download", batch_id)
        formats = format if format is None or isinstance(format, str) else ",".join(format)
        return Download(self._transport, path, given(format=formats), name=f"{batch_id}.zip")

    def lint(self, batch_id: str) -> BatchLint:
        """Compare the cards of a batch with each other."""
        return cast("BatchLint", self._get(route("/batch-generations/{}/lint", batch_id)))

    def cancel(self, batch_id: str) -> BatchStatus:
        """Cancel what has not ended. Raises `Conflict` when all of it has."""
        return cast("BatchStatus", self._do("POST", route("/batch-generations/{}/cancel", batch_id)))

    def retry(
        self,
        batch_id: str,
        *,
        include_cancelled: bool = False,
        fresh: bool = False,
        max_cost_usd: float | Decimal | None = None,
        idempotency_key: str | None = None,
    ) -> RetriedBatch:
        """Give failed items a new job each. Answers that were paid for are used again, unless ``fresh``."""
        body = {"include_cancelled": include_cancelled, "fresh": fresh, **given(max_cost_usd=max_cost_usd)}
        path = route("/batch-generations/{}/retry", batch_id)
        return cast("RetriedBatch", self._start(path, body, idempotency_key))

    def delete(self, batch_id: str) -> None:
        """Delete an ended batch with its jobs and files. Characters stay. Raises `Conflict` while it runs."""
        self._do("DELETE", route("/batch-generations/{}", batch_id))


def _body(generations: Iterable[Generation | Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    return {"generations": list(generations), "batch_options": dict(options)}


def _news(event: Event) -> Mapping[str, Any]:
    """What an event says of its batch: with a job's new status come the counters; `done` is the batch's own."""
    told = event.data.get("batch", event.data if event.kind == "done" else {})
    return told if isinstance(told, Mapping) else {}


def _ended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, and the end of the last line."""
    yield from chunks
    yield b"\n"


def _read(line: str, url: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        raise BadAnswer(f"A line of {url} is not JSON.") from None
