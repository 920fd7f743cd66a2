"""Events: each once and in order over broken connections; waiting by them, or by looking."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardforge_client import BadAnswer, Cardforge, NotFound, Unreachable, WaitTimeout
from cardforge_client.events import read_lines, read_stream
from tests.client.server import HANG_UP, Answer, Script, events, say

EVENTS = "GET /api/v2/jobs/job_1/events"
BATCH = "/api/v2/batch-generations/batch_1"


def status(done: int, total: int = 2) -> dict[str, object]:
    """A batch of which so many are completed."""
    counts = {"total": total, "completed": done, "failed": 0, "cancelled": 0, "queued": total - done, "processing": 0}
    state = "completed" if done == total else "processing"
    return {"batch_id": "batch_1", "status": state, "progress": counts, "cost_usd": 0.0}


def test_events_come_in_order_until_done(forge: Cardforge, script: Script) -> None:
    script[EVENTS] = events((3, "status", {"a": 1}), (5, "log", {"message": "é"}), (9, "done", {}))
    found = [(event.id, event.kind, event.data) for event in forge.jobs.events("job_1")]
    assert found == [("3", "status", {"a": 1}), ("5", "log", {"message": "é"}), ("9", "done", {})]
    assert len(script.requests) == 1


def test_a_broken_stream_goes_on_behind_the_last_event(forge: Cardforge, script: Script) -> None:
    script[EVENTS] = [
        events((1, "log", {}), (2, "log", {}), cut=True),
        HANG_UP,
        events((2, "log", {}), (3, "log", {})),  # a server that repeats itself, and ends without `done`
        Answer(503, {}, b'{"error": "TOO_MANY_STREAMS", "message": "busy"}'),
        events((4, "done", {})),
    ]
    assert [event.id for event in forge.jobs.events("job_1")] == ["1", "2", "3", "4"]
    assert [request.headers.get("last-event-id") for request in script.requests] == [None, "2", "2", "3", "3"]


def test_an_event_that_is_cut_in_two_is_not_half_an_event(forge: Cardforge, script: Script) -> None:
    half = Answer(200, {"Content-Type": "text/event-stream"}, b'id: 1\nevent: log\ndata: {"a"', cut=9)
    script[EVENTS] = [half, events((1, "log", {"a": 1}), (2, "done", {}))]
    assert [event.data for event in forge.jobs.events("job_1")] == [{"a": 1}, {}]


def test_nothing_more_to_come_ends_at_once(forge: Cardforge, script: Script) -> None:
    script[EVENTS] = Answer(204)
    assert list(forge.jobs.events("job_1", last_event_id="7")) == []
    assert script.requests[0].headers["last-event-id"] == "7"


def test_a_job_that_is_not_there_is_told(forge: Cardforge, script: Script) -> None:
    with pytest.raises(NotFound):
        list(forge.jobs.events("job_1"))


def test_a_stream_that_never_comes_is_given_up(forge: Cardforge, script: Script) -> None:
    script[EVENTS] = HANG_UP
    with pytest.raises(Unreachable):
        list(forge.jobs.events("job_1"))


def test_what_is_no_stream_is_told(forge: Cardforge, script: Script) -> None:
    script[EVENTS] = say({})
    with pytest.raises(BadAnswer, match="does not answer with events"):
        list(forge.jobs.events("job_1"))


def test_waiting_follows_the_events(forge: Cardforge, script: Script) -> None:
    script[f"GET {BATCH}"] = [say(status(0)), say(status(2) | {"items": [1, 2]})]
    script[f"GET {BATCH}/events"] = events(
        (1, "status", {"job_id": "job_1", "batch": status(1)}),
        (2, "status", {"batch": status(2)}),
        (3, "done", status(2)),
    )
    assert forge.batches.wait("batch_1")["items"] == [1, 2]
    assert script.asked().count(f"GET {BATCH}") == 2


def test_watching_shows_each_change_once(forge: Cardforge, script: Script) -> None:
    script[f"GET {BATCH}"] = [say(status(1, 3)), say(status(3, 3))]
    told = [(n, "status", {"batch": status(done, 3)}) for n, done in enumerate((0, 0, 1, 1, 2, 3), start=1)]
    script[f"GET {BATCH}/events"] = events(*told, (7, "done", status(3, 3)))
    seen = [batch["progress"]["completed"] for batch in forge.batches.watch("batch_1")]
    assert seen == [1, 2, 3]  # what was before the first look does not come again


def test_waiting_looks_where_there_are_no_events(forge: Cardforge, script: Script) -> None:
    script[f"GET {BATCH}"] = [say(status(0)), say(status(1)), say(status(1)), say(status(2))]
    assert forge.batches.wait("batch_1")["status"] == "completed"
    assert script.asked().count(f"GET {BATCH}") == 4


def test_what_has_ended_is_not_waited_for(forge: Cardforge, script: Script) -> None:
    script[f"GET {BATCH}"] = say(status(2))
    forge.batches.wait("batch_1")
    assert script.asked() == [f"GET {BATCH}"]


def test_waiting_ends_in_time(forge: Cardforge, script: Script) -> None:
    script[f"GET {BATCH}"] = say(status(0))
    with pytest.raises(WaitTimeout, match="it goes on"):
        forge.batches.wait("batch_1", timeout=0.4)


def test_waiting_for_what_is_not_there_is_an_error(forge: Cardforge) -> None:
    with pytest.raises(NotFound):
        forge.batches.wait("batch_1")


def test_a_job_is_watched_by_its_progress(forge: Cardforge, script: Script) -> None:
    job = {"job_id": "job_1", "status": "processing", "progress": 0}
    script["GET /api/v2/jobs/job_1"] = [say(job), say(job | {"status": "completed", "progress": 100})]
    script[EVENTS] = events((1, "progress", {"progress": 40}), (2, "done", {"status": "completed", "progress": 100}))
    assert [each["progress"] for each in forge.jobs.watch("job_1")] == [0, 40, 100]


STREAM = b": hi\r\n\r\nid: 1\r\nevent: log\r\ndata: \xc3\xa9\ndata:  b\n\nretry: 5\r\rdata\n\nid: 9\ndata: never ended"


def test_a_stream_is_read_by_the_standard() -> None:
    assert [fields for fields in read_stream([STREAM]) if fields] == [
        {"id": "1", "event": "log", "data": "é\n b"},
        {"retry": "5"},
        {"data": ""},
    ]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_is_read_alike_however_it_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in pairwise(places)]
    assert list(read_stream(chunks)) == list(read_stream([STREAM]))


def test_results_are_read_line_by_line(forge: Cardforge, script: Script) -> None:
    lines = b'{"item_id": "item_1", "name": "\xe2\x80\xa8"}\n{"item_id": "item_2"}\n'
    script[f"GET {BATCH}/results"] = Answer(200, {"Content-Type": "application/x-ndjson"}, lines)
    assert [each["item_id"] for each in forge.batches.results("batch_1")] == ["item_1", "item_2"]


def test_lines_may_come_in_any_pieces() -> None:
    assert list(read_lines([b"a", b"b\r", b"\nc\n", b"", b"d"])) == ["ab", "c"]
