"""Server-sent events: each event once and in order, over reconnects, from whoever wrote it."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete

from models.events import Event
from models.services import again, claims, events, stops
from models.services.events import Stream
from tests.engine import jobs as work

BATCHES = "/api/v2/batch-generations"
Read = tuple[int, str, dict[str, Any]]  # id, event, data


def path_of(stream: Stream) -> str:
    return f"/api/v2/{'jobs' if stream.noun == 'job' else 'batch-generations'}/{stream.id}/events"


def parse(blocks: Iterator[bytes]) -> Iterator[Read]:
    """Yield the events of a stream; comments and `retry` are left out."""
    for chunk in blocks:
        for block in chunk.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
            if "id" in fields:
                yield int(fields["id"]), fields["event"], json.loads(fields["data"])


def watch(client: FlaskClient, stream: Stream, after: int = 0) -> Generator[Read]:
    answer = client.get(path_of(stream), headers={"Last-Event-ID": str(after)} if after else {})
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/event-stream"
    try:
        yield from parse(answer.iter_encoded())
    finally:
        answer.close()


def run_job(database: Any, job_id: str, *, fails: bool = False) -> None:
    """Run all of a job's steps by hand."""
    for name in work.STEPS:
        claimed = work.claim(job_id, name)
        assert claimed is not None
        if fails:
            with database.transaction() as session:
                claims.fail_job(session, claimed, {"code": "LINT_FAILED", "message": "No.", "details": {}})
            return
        with database.transaction() as session:
            line = claims.Line("info", f"{name} goes well")
            claims.tell(session, claimed, claims.Said(10, "halfway", [line]))
        work.finish(claimed)


@pytest.fixture
def batch(database: Any, owner: str) -> tuple[Stream, list[str]]:
    """A batch of three with a window of ten, and its jobs."""
    batch_id, sent = work.open_batch(owner, items=3, window=10)
    return Stream("batch", batch_id), [dispatch.job_id for dispatch in sent]


def test_a_job_tells_all_that_happens_in_order(client: FlaskClient, database: Any, batch: Any) -> None:
    job_id = batch[1][0]
    run_job(database, job_id)
    told = list(watch(client, Stream("job", job_id)))
    kinds = [kind for _, kind, _ in told]
    a_step = ["step", "progress", "log", "step"]
    assert kinds == ["status", *a_step * 3, "status", "done"]
    assert [data["name"] for _, kind, data in told if kind == "step"] == [name for name in work.STEPS for _ in (0, 1)]
    assert told[-1][2]["status"] == "completed"
    assert told[-1][2]["progress"] == 100
    assert [place for place, _, _ in told] == sorted({place for place, _, _ in told})


def test_a_batch_tells_each_move_with_exact_counters(client: FlaskClient, database: Any, batch: Any) -> None:
    stream, job_ids = batch
    run_job(database, job_ids[0])
    run_job(database, job_ids[1], fails=True)
    run_job(database, job_ids[2])
    told = list(watch(client, stream))
    assert [kind for _, kind, _ in told] == ["status"] * 6 + ["done"]
    for _, kind, data in told:
        counts = data["batch"]["progress"] if kind == "status" else data["progress"]
        assert counts["total"] == sum(
            counts[name] for name in ("queued", "processing", "completed", "failed", "cancelled")
        )
    assert [(data["item_id"], data["status"]) for _, kind, data in told if kind == "status"] == [
        (f"item_{place}", status)
        for place, end in ((1, "completed"), (2, "failed"), (3, "completed"))
        for status in ("processing", end)
    ]
    assert told[3][2]["error"]["code"] == "LINT_FAILED"
    assert (told[-1][2]["status"], told[-1][2]["progress"]["percent"]) == ("completed", 100.0)


def test_whoever_comes_back_goes_on_where_they_were(client: FlaskClient, database: Any, batch: Any) -> None:
    stream, job_ids = batch
    for job_id in job_ids:
        run_job(database, job_id)
    whole = list(watch(client, stream))
    for seen, (place, _, _) in enumerate(whole[:-1], start=1):
        assert list(watch(client, stream, place)) == whole[seen:]
    assert client.get(path_of(stream), headers={"Last-Event-ID": str(whole[-1][0])}).status_code == 204
    assert client.get(f"{path_of(stream)}?after={whole[-1][0]}").status_code == 204


def test_events_come_while_they_happen(client: FlaskClient, database: Any, batch: Any) -> None:
    stream, job_ids = batch
    told = watch(client, stream)
    for job_id in job_ids:
        runner = threading.Thread(target=run_job, args=(database, job_id))
        runner.start()
        moves = [next(told), next(told)]
        assert [(data["job_id"], data["status"]) for _, _, data in moves] == [
            (job_id, "processing"),
            (job_id, "completed"),
        ]
        runner.join()
    assert next(told)[1] == "done"
    assert next(told, None) is None, "the stream ends by itself"


def test_watchers_that_came_at_different_times_see_the_same(client: FlaskClient, database: Any, batch: Any) -> None:
    stream, job_ids = batch
    early = watch(client, stream)
    run_job(database, job_ids[0])
    first = [next(early)]
    late = watch(client, stream)
    run_job(database, job_ids[1])
    run_job(database, job_ids[2])
    assert [*first, *early] == list(late)


def test_a_retried_batch_goes_on_after_its_end(client: FlaskClient, database: Any, owner: str, batch: Any) -> None:
    stream, job_ids = batch
    run_job(database, job_ids[0])
    run_job(database, job_ids[1], fails=True)
    run_job(database, job_ids[2])
    first = list(watch(client, stream))
    with database.transaction() as session:
        new, _ = again.retry_job(session, owner, job_ids[1], request_id="")
    _, kind, data = next(watch(client, stream, first[-1][0]))
    assert (kind, data["item_id"], data["job_id"], data["status"]) == ("status", "item_2", new.id, "queued")
    assert (data["batch"]["status"], data["batch"]["progress"]["queued"]) == ("processing", 1)


def test_cancelling_tells_of_every_item(client: FlaskClient, database: Any, owner: str, batch: Any) -> None:
    stream, job_ids = batch
    run_job(database, job_ids[0])
    with database.transaction() as session:
        stops.cancel_batch(session, owner, stream.id)
    told = list(watch(client, stream))
    assert [data.get("item_id") for _, _, data in told[2:]] == ["item_2", "item_3", None]
    assert told[-1][2]["status"] == "cancelled"
    for job_id in job_ids[1:]:
        assert [kind for _, kind, _ in watch(client, Stream("job", job_id))] == ["status", "done"]


def test_items_that_were_refused_are_told(client: FlaskClient) -> None:
    body = {
        "generations": [{"source_material": "Ondine keeps the lamp."}, {"source_material": ""}],
        "batch_options": {"skip_invalid": True},
    }
    batch_id = client.post("/api/v2/batch-generations", json=body).json["batch_id"]
    with closing(watch(client, Stream("batch", batch_id))) as told:  # not left to the garbage collector
        assert next(told)[2]["error"]["code"] == "VALIDATION_ERROR"


def test_another_owners_events_are_not_there(batch: Any, stranger: FlaskClient) -> None:
    for stream in (batch[0], Stream("job", batch[1][0])):
        answer = stranger.get(path_of(stream))
        assert (answer.status_code, answer.json["error"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 30, "٣"])
def test_a_place_that_is_none_is_refused(client: FlaskClient, batch: Any, given: str) -> None:
    answer = client.get(path_of(batch[0]), headers={"Last-Event-ID": given.encode().decode("latin-1")})
    assert answer.status_code == 422
    assert "Last-Event-ID" in answer.json["details"]


def test_streams_are_limited_and_places_come_free(app: Flask, client: FlaskClient, batch: Any) -> None:
    places, paths = app.extensions["streams"], (path_of(batch[0]), f"{BATCHES}/{batch[0].id}/results")
    taken = 0
    while places._free.acquire(blocking=False):
        taken += 1
    try:
        for path in paths:
            answer = client.get(path)
            assert (answer.status_code, answer.json["error"]) == (503, "TOO_MANY_STREAMS")
            assert answer.headers["Retry-After"]
    finally:
        for _ in range(taken):
            places.leave()
    assert taken == places.most, "every stream of the tests before has given its place back"
    for path in paths:
        client.get(path).close()
    assert places._free._value == places.most


def test_of_what_has_ended_without_a_word_nothing_is_awaited(client: FlaskClient, database: Any, batch: Any) -> None:
    """As of jobs that ended before there was a journal: a browser would come back for ever."""
    job_id = batch[1][0]
    run_job(database, job_id)
    with database.transaction() as session:
        session.execute(delete(Event))
    assert client.get(path_of(Stream("job", job_id))).status_code == 204


def test_events_of_two_writers_are_read_in_the_order_of_their_commits(database: Any, owner: str, batch: Any) -> None:
    """Sixteen threads run jobs of one batch while a reader polls: what it sees is never completed backwards."""
    batch_id, sent = work.open_batch(owner, items=32, window=32)
    stream, seen = Stream("batch", batch_id), []
    runners = [threading.Thread(target=run_job, args=(database, dispatch.job_id)) for dispatch in sent]
    for runner in runners:
        runner.start()
    while not seen or seen[-1].kind != "done":
        with database.transaction() as session:
            seen += events.list_events(session, stream, seen[-1].id if seen else 0, 1000)
    for runner in runners:
        runner.join()
    with database.transaction() as session:
        assert seen == events.list_events(session, stream, 0, 1000)
    assert len(seen) == 65
