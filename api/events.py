"""Server-sent events: what happens to a job or a batch, as it happens, each event once and in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response

import settings
from api.feed import Feed, is_over
from api.json import Blueprint
from models import db
from models.errors import Busy, Invalid
from models.services import batches, jobs
from models.services.events import Stream
from schemas.events import EventQuery

blueprint = Blueprint("events", __name__, url_prefix="/api/v2", description="What happens, as it happens.")

STREAM = {"type": "string", "description": "Server-sent events: `id`, `event` and `data` (JSON) each."}
PLACE = 1 << 62  # PostgreSQL's bigint is larger by one bit


class Watchers:
    """How many may watch on this process: each holds a thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = threading.Semaphore(most)

    def enter(self) -> None:
        """Take a place; raises `Busy` when all are taken."""
        if not self._free.acquire(blocking=False):
            raise Busy(
                f"{self.most} streams are open on this process already: try again, or poll instead.",
                code="TOO_MANY_STREAMS",
                details={"streams": self.most},
            )

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()


def register(app: Flask) -> None:
    """Give the app its feed."""
    app.extensions["feed"] = Feed()
    app.extensions["watchers"] = Watchers(settings.web_streams())


@blueprint.get("/jobs/<job_id>/events")
@blueprint.arguments(EventQuery, location="query")
@blueprint.response(200, STREAM, content_type="text/event-stream")
@blueprint.alt_response(204, description="Nothing more is to come: the job has ended and all was told.")
def of_job(query: dict[str, Any], job_id: str) -> Response:
    """Watch a job: `status`, `step`, `progress`, `log`, and `done` at its end.

    From the beginning, or behind the event that `Last-Event-ID` (or `after`) names. The stream ends after `done`; it
    also ends when the server restarts, or after fifteen minutes: come back with the id of the last event.
    """
    with db.transaction() as session:
        jobs.find_job(session, g.owner_id, job_id)
    return respond(Stream("job", job_id), query["after"])


@blueprint.get("/batch-generations/<batch_id>/events")
@blueprint.arguments(EventQuery, location="query")
@blueprint.response(200, STREAM, content_type="text/event-stream")
@blueprint.alt_response(204, description="Nothing more is to come: the batch has ended and all was told.")
def of_batch(query: dict[str, Any], batch_id: str) -> Response:
    """Watch a batch: a `status` whenever an item moves, with the batch's counters, and `done` at its end.

    From the beginning, or behind the event that `Last-Event-ID` (or `after`) names; ends as a job's stream does.
    A batch that is retried goes on after its `done`.
    """
    with db.transaction() as session:
        batches.find_batch(session, g.owner_id, batch_id)
    return respond(Stream("batch", batch_id), query["after"])


def respond(stream: Stream, after: int) -> Response:
    """Return a stream's events as a response that goes on for as long as there are any."""
    after = last_seen(after)
    if after and is_over(stream, after):
        return Response(status=204)
    watchers: Watchers = current_app.extensions["watchers"]
    watchers.enter()
    response = Response(Body(current_app.extensions["feed"], watchers, stream, after), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back until its buffer is full
    return response


def last_seen(after: int) -> int:
    """Return the event that the caller has seen last: what browsers send as a header, else ``after``."""
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return after
    if not given.isdecimal() or not given.isascii() or int(given) >= PLACE:
        raise Invalid(
            "The Last-Event-ID is none of ours.",
            details={"Last-Event-ID": ["Send back the id of the last event that you have seen, unchanged."]},
        )
    return int(given)


class Body(Iterator[bytes]):
    """The body of a stream. Its place is given back even when the body was never begun."""

    def __init__(self, feed: Feed, watchers: Watchers, stream: Stream, after: int) -> None:
        self._frames = feed.follow(stream, after)
        self._watchers: Watchers | None = watchers

    def __next__(self) -> bytes:
        return next(self._frames)

    def close(self) -> None:
        """Called by the server when the response is over, however it ended."""
        watchers, self._watchers = self._watchers, None
        if watchers is not None:
            self._frames.close()  # type: ignore[attr-defined]
            watchers.leave()
