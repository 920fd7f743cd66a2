"""Lists of jobs and batches: each order and filter, page by page, and what is no cursor."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, update

from models.batches import Batch
from models.characters import Character
from models.jobs import Job
from models.services import characters
from tests.engine import jobs as work

JOBS = "/api/v2/jobs"
BATCHES = "/api/v2/batch-generations"
BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def walk(client: FlaskClient, path: str, noun: str, **query: Any) -> list[str]:
    """Every row's id of a list, by following its cursors."""
    name = "job_id" if noun == "jobs" else "batch_id"
    body = client.get(path, query_string=query).json
    seen = [row[name] for row in body[noun]]
    while body["next_cursor"]:
        body = client.get(path, query_string={**query, "cursor": body["next_cursor"]}).json
        assert len(body[noun]) <= query["limit"]
        seen += [row[name] for row in body[noun]]
    return seen


@pytest.fixture
def made(database: Any, owner: str) -> list[str]:
    """Twelve jobs: pairs of one time, thirds of one cost, some not finished."""
    ids = [message.job_id for message in work.open_batch(owner, items=12, window=12)[1]]
    with database.transaction() as session:
        for place, job_id in enumerate(ids):
            finished = BEGAN + timedelta(hours=place % 3) if place % 4 else None
            values: dict[str, Any] = {"created_at": BEGAN + timedelta(minutes=place // 2), "finished_at": finished}
            values |= {"cost_usd": Decimal(place % 3) / 1000, "status": ("completed", "failed", "queued")[place % 3]}
            session.execute(update(Job).where(Job.id == job_id).values(values))
    return ids


@pytest.mark.parametrize("sort", ["created_at", "finished_at", "cost_usd", "status"])
def test_every_order_is_paged_without_loss_and_runs_both_ways(client: FlaskClient, made: list[str], sort: str) -> None:
    batch = {"batch_id": client.get(f"{JOBS}/{made[0]}").json["batch_id"], "sort": sort}
    up = walk(client, JOBS, "jobs", **batch, limit=5)
    assert sorted(up) == sorted(made)
    assert walk(client, JOBS, "jobs", **batch | {"sort": f"-{sort}"}, limit=5) == up[::-1]
    part = client.get(JOBS, query_string=batch | {"offset": 3, "limit": 4}).json["jobs"]
    assert [job["job_id"] for job in part] == up[3:7]
    jobs = client.get(JOBS, query_string=batch).json["jobs"]
    values = [job[sort] or "9999" if sort == "finished_at" else job[sort] for job in jobs]
    assert values == sorted(values)


def test_what_has_not_finished_counts_as_the_latest(client: FlaskClient, made: list[str]) -> None:
    jobs = client.get(f"{JOBS}?sort=-finished_at").json["jobs"]
    assert [job["finished_at"] is None for job in jobs] == [True] * 3 + [False] * 9


@pytest.mark.parametrize(
    "bad",
    [
        cursor("-created_at", "soon", "x"),
        cursor("-created_at", "2026-11-25T12:00:00", "x"),
        cursor("-created_at", "2026-11-25T12:00:00+00:00"),
        cursor("-created_at", "2026-11-25T12:00:00+00:00", "x\x00"),
        cursor("-created_at", "2026-11-25T12:00:00+00:00", "\ud800"),
        cursor("-created_at", "2026-11-25T12:00:00+00:00", 1),
        cursor("-cost_usd", "1", "x"),
        cursor(),
        base64.urlsafe_b64encode(b"[" * 100).decode(),
        base64.urlsafe_b64encode(b"job_1").decode(),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(client: FlaskClient, made: list[str], bad: str) -> None:
    answer = client.get(JOBS, query_string={"cursor": bad})
    assert (answer.status_code, list(answer.json["details"])) == (422, ["cursor"])


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999999", "x", ""])
def test_an_amount_that_no_column_holds_is_no_cursor(client: FlaskClient, made: list[str], amount: str) -> None:
    query = {"sort": "cost_usd", "batch_id": "x", "cursor": cursor("cost_usd", amount, "x")}
    answer = client.get(JOBS, query_string=query)
    assert (answer.status_code, list(answer.json["details"])) == (422, ["cursor"])


def test_filters_and_orders_go_together(client: FlaskClient, made: list[str]) -> None:
    body = client.get(f"{JOBS}?status=failed&sort=created_at&created_after=2026-11-25T12:02:00Z").json
    assert [job["job_id"] for job in body["jobs"]] == [made[4], made[7], made[10]]
    assert (body["total"], body["total_is_exact"]) == (3, True)
    assert client.get(f"{JOBS}?kind=character_card&profile_id=profile_none").json["total"] == 0
    for sort in ("colour", "cost_usd"):
        assert client.get(f"{JOBS}?sort={sort}").json["details"].keys() == {"sort"}


def call_character(database: Any, owner: str, job_id: str, name: str) -> None:
    from cards.card import Card

    with database.transaction() as session:
        characters.save_character(session, owner, job_id, Card(name=name))


def test_a_job_is_found_by_what_it_is_about(client: FlaskClient, database: Any, owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=2, window=2, name="The Gull Rock keepers")
    single = work.open_job(owner).job_id
    other = work.open_job(owner).job_id
    call_character(database, owner, single, "Ondine O'Marsh-Vey")
    claimed = work.claim(other)
    assert claimed is not None
    work.fail(claimed)

    def found(q: str) -> set[str]:
        return {job["job_id"] for job in client.get(JOBS, query_string={"q": q}).json["jobs"]}

    members = {message.job_id for message in sent}
    assert found("gull KEEP") == members
    assert found("marsh ond") == found("o'marsh") == {single}
    assert found("internal") == {other}
    assert found(single) == {single}
    assert found("arsh") == found("ondine gull") == found("?!") == found("& | !:*'") == set()
    with database.transaction() as session:
        assert session.get_one(Batch, batch_id).name
        assert session.query(Character).count() == 1


def test_anothers_characters_and_batches_find_nothing(client: FlaskClient, stranger: FlaskClient, owner: str) -> None:
    work.open_batch(owner, items=1, window=1, name="keepers")
    assert client.get(f"{JOBS}?q=keepers").json["total"] == 1
    for path in (f"{JOBS}?q=keepers", JOBS, BATCHES, f"{BATCHES}?name=keep"):
        assert stranger.get(path).json["total"] == 0


def test_batches_are_listed_filtered_and_sorted(client: FlaskClient, database: Any, owner: str) -> None:
    ids = [work.open_batch(owner, items=1, window=1, name=name)[0] for name in ("Keepers 10%", "Smiths", "keepers b")]
    with database.transaction() as session:
        for place, batch_id in enumerate(ids):
            session.execute(update(Batch).where(Batch.id == batch_id).values(created_at=BEGAN - timedelta(days=place)))
        session.execute(update(Batch).where(Batch.id == ids[1]).values(status="cancelled", finished_at=func.now()))

    def listed(**query: Any) -> list[str]:
        return walk(client, BATCHES, "batches", limit=1, **query)

    assert listed() == ids
    assert listed(sort="created_at") == ids[::-1]
    assert listed(sort="finished_at")[0] == listed(sort="status")[0] == ids[1]
    assert listed(name="KEEPERS") == [ids[0], ids[2]]
    assert listed(name="10%") == [ids[0]]
    assert listed(name="%") == [ids[0]]
    assert listed(status="cancelled") == [ids[1]]
    assert listed(created_after="2026-11-24T12:00:00Z", created_before="2026-11-25T12:00:00Z") == [ids[1]]
    shown = client.get(f"{BATCHES}?name=smiths").json["batches"][0]
    assert shown["progress"]["total"] == 1
    assert "items" not in shown
