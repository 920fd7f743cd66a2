"""Server-sent events: what happens to a job or a batch, as it happens, each event once and in order."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response

from api import streams
from api.feed import Feed, is_over
from api.json import Blueprint
from models import db
from models.errors import Invalid
from models.services import batches, jobs
from models.services.events import Stream
from schemas.events import EventQuery

blueprint = Blueprint("events", __name__, url_prefix="/api/v2", description="What happens, as it happens.")

STREAM = {"type": "string", "description": "Server-sent events: `id`, `event` and `data` (JSON) each."}
PLACE = 1 << 62  # PostgreSQL's bigint is larger by one bit


def register(app: Flask) -> None:
    """Give the app its feed."""
    app.extensions["feed"] = Feed()


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
    if is_over(stream, after):
        return Response(status=204)
    feed: Feed = current_app.extensions["feed"]
    response = streams.respond(feed.follow(stream, after), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
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
