"""Submitting batches, and seeing where they stand."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from kombu.pools import producers
from sqlalchemy import event, func, select

from cli.embedded import Server
from models.jobs import Job, Step
from tests.engine import jobs as work

PATH = "/api/v2/batch-generations"
SOURCE = {"source_material": "Ondine Marsh keeps the lamp on Gull Rock."}


def submit(client: FlaskClient, *generations: dict[str, Any], **options: Any) -> Any:
    return client.post(PATH, json={"generations": list(generations), "batch_options": options})


def test_a_batch_is_stored_before_it_is_accepted(client: FlaskClient, database: Any) -> None:
    answer = submit(client, SOURCE, SOURCE | {"metadata": {"row": 2}}, name="two keepers")
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json["status_url"]
    assert answer.json["total_items"] == 2
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 2
        assert session.scalar(select(func.count()).select_from(Step)) == 6
    batch = client.get(answer.json["status_url"]).json
    assert batch["name"] == "two keepers"
    assert batch["progress"] == {
        "total": 2,
        "queued": 2,
        "processing": 0,
        "completed": 0,
        "failed": 0,
        "cancelled": 0,
        "percent": 0.0,
    }
    assert [item["item_id"] for item in batch["items"]] == ["item_1", "item_2"]
    assert batch["items"][1]["metadata"] == {"row": 2}
    assert batch["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "generations"),
        ({"generations": []}, "generations"),
        ({"generations": [{}]}, "generations.0.source_material"),
        ({"generations": [SOURCE, {"source_material": " \n "}]}, "generations.1.source_material"),
        ({"generations": [SOURCE | {"sauce": 1}]}, "generations.0.sauce"),
        ({"generations": [SOURCE | {"options": {"temperature": 9}}]}, "generations.0.options.temperature"),
        ({"generations": [SOURCE | {"options": {"format": ["docx"]}}]}, "generations.0.options.format.0"),
        (
            {"generations": [SOURCE | {"options": {"filename_pattern": "{x}"}}]},
            "generations.0.options.filename_pattern",
        ),
        ({"generations": [SOURCE | {"options": {"include_book": "yes"}}]}, "generations.0.options.include_book"),
        ({"generations": [SOURCE | {"profile_id": "profile_none"}]}, "generations.0.profile_id"),
        ({"generations": [SOURCE | {"kind": "poem"}]}, "generations.0.kind"),
        ({"generations": [SOURCE | {"character_card": {"spec": "chara_card_v2"}}]}, "generations.0.character_card"),
        ({"generations": ["text"]}, "generations.0"),
        ({"generations": [SOURCE], "batch_options": {"max_concurrent": 0}}, "batch_options.max_concurrent"),
        ({"generations": [SOURCE], "batch_options": {"priority": "now"}}, "batch_options.priority"),
        ({"generations": [SOURCE], "extra": 1}, "extra"),
        ({"generations": [SOURCE | {"metadata": {"a": ["x\u0000y"]}}]}, "generations.0.metadata.a.0"),
        ({"generations": [{"source_material": "half \ud800 a pair"}]}, "generations.0.source_material"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(
    client: FlaskClient, database: Any, body: dict[str, Any], path: str
) -> None:
    answer = client.post(PATH, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert answer.json["error"] == "VALIDATION_ERROR"
    assert path in answer.json["details"], answer.json
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_all_that_is_wrong_is_said_at_one_go(client: FlaskClient) -> None:
    options = {"max_concurrent": 0, "skip_invalid": True, "max_cost_usd": "5"}
    for path in (PATH, f"{PATH}/estimate"):
        body = {"generations": [SOURCE, {"sauce": 1}, SOURCE | {"profile_id": "none"}], "batch_options": options}
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert set(answer.json["details"]) == {
            "batch_options.max_concurrent",
            "batch_options.max_cost_usd",
            "generations.1.source_material",
            "generations.1.sauce",
            "generations.2.profile_id",
        }


def test_the_bounds_of_a_budget_are_numbers(client: FlaskClient) -> None:
    described = client.get("/api/v2/openapi.json").json["components"]["schemas"]
    for name in ("BatchOptions", "BatchRetry"):
        budget = described[name]["properties"]["max_cost_usd"]
        assert (budget["exclusiveMinimum"], budget["maximum"]) == (0, 1_000_000)
    for bad in (0, -1, 1_000_001, True, "5"):
        assert submit(client, SOURCE, max_cost_usd=bad).status_code == 422
    answer = submit(client, SOURCE, max_cost_usd=0.001)
    assert client.get(answer.json["status_url"]).json["max_cost_usd"] == 0.001


def test_skip_invalid_makes_a_failed_item_of_a_bad_one(client: FlaskClient) -> None:
    answer = submit(client, SOURCE, {"source_material": "x", "options": {"seed": -1}}, skip_invalid=True)
    batch = client.get(answer.json["status_url"]).json
    assert [item["status"] for item in batch["items"]] == ["queued", "failed"]
    error = batch["items"][1]["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert list(error["details"]) == ["options.seed"]


def test_a_batch_of_nothing_but_bad_items_has_failed(client: FlaskClient) -> None:
    answer = submit(client, {"source_material": ""}, skip_invalid=True)
    assert answer.status_code == 202
    assert client.get(answer.json["status_url"]).json["status"] == "failed"


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_a_batch_is_accepted_while_redis_is_away(client: FlaskClient, redis_server: Server, how: str) -> None:
    assert (
        submit(client, SOURCE).status_code == 202
    )  # connections are open now, as in a server that has run for a while
    if how == "stopped":
        redis_server.kill()
    else:
        os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = submit(client, SOURCE)
        took = time.monotonic() - began
    finally:
        if how == "stopped":
            redis_server.restart()
        else:
            os.kill(redis_server.pid, signal.SIGCONT)
    assert answer.status_code == 202
    assert took < 2.0
    assert client.get(answer.json["status_url"]).json["progress"]["queued"] == 1


def test_a_large_batch_is_read_before_a_transaction_is_open(client: FlaskClient, database: Any) -> None:
    """PostgreSQL ends sessions that stand idle in a transaction, and ten thousand generations take seconds to read."""
    from api import intake

    body = {"generations": [SOURCE | {"options": {"temperature": 0.7}}] * 6000, "batch_options": {}}
    clock = time.thread_time  # what is computed between two statements, however busy the machine is
    began = clock()
    intake.read_batch(body)
    reading, gaps, ended = clock() - began, [0.0], [0.0]

    def before(*_: Any) -> None:
        gaps.append(clock() - ended[-1] if ended[-1] else 0.0)

    def after(connection: Any, *_: Any) -> None:
        ended.append(clock())

    def over(_: Any) -> None:
        ended.append(0.0)

    engine = database.engine()
    listeners = [("before_cursor_execute", before), ("after_cursor_execute", after), ("commit", over)]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        answer = client.post(PATH, json=body, headers={"Idempotency-Key": "large"})
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
    assert answer.status_code == 202
    assert max(gaps) < reading, "nothing takes as long between two statements"


def test_work_is_accepted_while_all_producers_wait_for_a_slow_broker(client: FlaskClient) -> None:
    from tasks import dispatch

    pool = producers[dispatch._connection(dispatch.QUICK)]
    held = [pool.acquire(block=True, timeout=1) for _ in range(pool.limit)]
    try:
        answer = client.post("/api/v2/generation/generate", json={"source_material": "Ondine keeps the lamp."})
    finally:
        for producer in held:
            producer.release()
    assert answer.status_code == 202, "upkeep sends what was not sent"


def test_items_are_paged_in_order(client: FlaskClient, owner: str) -> None:
    batch_id, _ = work.open_batch(owner, items=120, window=1)
    page = client.get(f"{PATH}/{batch_id}").json
    assert len(page["items"]) == 100
    seen: list[int] = []
    cursor: str | None = None
    while True:
        query = {"limit": 50} | ({"cursor": cursor} if cursor else {})
        body = client.get(page["items_url"], query_string=query).json
        assert body["total"] == 120
        seen += [item["position"] for item in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert seen == list(range(1, 121))
    offset = client.get(page["items_url"], query_string={"limit": 2, "offset": 118}).json
    assert [item["position"] for item in offset["items"]] == [119, 120]


def test_items_are_filtered_by_status(client: FlaskClient, owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=3, window=2)
    work.run(sent[0].job_id)
    body = client.get(f"{PATH}/{batch_id}/items?status=completed").json
    assert (body["total"], [item["position"] for item in body["items"]]) == (1, [1])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "offset=10001", "cursor=%21%21", "colour=red", "status=done"]
)
def test_a_bad_query_is_refused(client: FlaskClient, owner: str, query: str) -> None:
    batch_id, _ = work.open_batch(owner, items=1, window=1)
    answer = client.get(f"{PATH}/{batch_id}/items?{query}")
    assert answer.status_code == 422
    assert query.split("=", maxsplit=1)[0] in answer.json["details"]


def test_what_another_owner_has_is_not_there(client: FlaskClient, stranger: FlaskClient) -> None:
    url = submit(client, SOURCE).json["status_url"]
    for path in (url, f"{url}/items"):
        answer = stranger.get(path)
        assert answer.status_code == 404
        assert answer.json["error"] == "NOT_FOUND"


def test_one_card_by_itself(client: FlaskClient) -> None:
    answer = client.post("/api/v2/generation/generate", json=SOURCE | {"priority": "high"})
    assert answer.status_code == 202
    job = client.get(answer.json["status_url"]).json
    assert (job["status"], job["priority"], job["batch_id"]) == ("queued", "high", None)
    refused = client.post("/api/v2/generation/generate", json=SOURCE | {"profile_id": "none"})
    assert refused.status_code == 422
    assert list(refused.json["details"]) == ["profile_id"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"keep": ["tags"]}, "keep"),
        ({"format": ["json", "worldinfo"], "include_book": False}, "format"),
        ({"format": ["worldinfo"], "lorebook_entries": 0}, "format"),
        ({"context_tokens": 2000, "max_tokens": 64_000}, "max_tokens"),
        ({"alternate_greetings": 0, "greeting_ideas": ["rain", "fog"]}, "greeting_ideas"),
        ({"provider_order": ["Azure"], "provider_ignore": ["Azure"]}, "provider_ignore"),
    ],
)
def test_options_that_contradict_each_other_are_refused_with_a_remedy(
    client: FlaskClient, options: dict[str, Any], field: str
) -> None:
    body = {"generations": [{"source_material": "Ondine keeps the lamp.", "options": options}]}
    answer = client.post("/api/v2/batch-generations", json=body)
    assert answer.status_code == 422
    (message,) = answer.get_json()["details"][f"generations.0.options.{field}"]
    assert ":" in message, "what is wrong, and what to do"
    given = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Ondine"}}
    with_card = {"generations": [{**body["generations"][0], "character_card": given}]}
    if field in ("keep", "format"):
        assert client.post("/api/v2/batch-generations", json=with_card).status_code == 202
