"""One job and many: all that is shown of them, exported, added up, and cleared away."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from cards.parse import parse_yaml
from models.batches import Batch, Item
from models.calls import Call
from models.characters import Character
from models.jobs import Job
from models.services import calls, clearing, workers
from models.services.clearing import Ended
from schemas.common import FaultSchema
from schemas.jobs import JobSchema, LinksSchema, ModelUsageSchema, StepSchema
from tests.api.made import BATCHES, make_batch
from tests.engine import jobs as work
from tests.model_server import ModelServer

JOBS = "/api/v2/jobs"
KEY = "sk-or-v1-a-very-secret-key"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def written(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, environment: Any) -> Iterator[str]:
    """The path of a job that a model server wrote, with a key."""
    from tasks import run

    with ModelServer() as server:
        monkeypatch.setenv("LLM_BASE_URL", server.base_url)
        monkeypatch.setenv("LLM_MODEL", "test/model")
        monkeypatch.setenv("LLM_API_KEY", KEY)
        yield f"{JOBS}/{make_batch(client, completed=1, format=['json', 'v2'])[1][0]}"
    run.provider.cache_clear()


def test_a_job_says_where_to_go_from_it(client: FlaskClient, written: str) -> None:
    job = client.get(written).json
    links = job["links"]
    assert links["character"] == f"/api/v2/characters/{job['character_id']}"
    listed = {one["job_id"]: one for one in client.get(JOBS).json["jobs"]}[job["job_id"]]
    (item,) = client.get(f"{links['batch']}/items?status=completed").json["items"]
    named = client.get(links["character"]).json
    for shown in (job, listed, item):
        assert (shown["character_id"], shown["character_name"]) == (named["id"], named["name"])
    for name in ("self", "result", "logs", "export", "batch", "character"):
        assert client.get(links[name]).status_code == 200, name
    assert links["events"] == f"{written}/events"
    assert list(job["tokens"]) == ["test/model"]
    assert job["cost_usd"] > 0
    accepted = client.post("/api/v2/generation/generate", json={"source_material": "Ondine keeps the lamp."}).json
    assert accepted["events_url"] == f"{accepted['status_url']}/events"


def test_a_job_is_written_out_as_its_schema_says(client: FlaskClient, written: str, database: Any, owner: str) -> None:
    job = client.get(written).json
    assert list(job) == list(JobSchema().fields)
    assert [list(step) for step in job["steps"]] == [list(StepSchema().fields)] * len(work.STEPS)
    assert list(job["links"]) == list(LinksSchema().fields)
    assert list(job["links"]["downloads"]) == ["json", "v2"]
    with database.transaction() as session:
        totals = calls.job_totals(session, job["job_id"])
    assert job["tokens"] == {"test/model": ModelUsageSchema().dump(totals.by_model["test/model"])}
    assert job["wasted_usd"] == float(totals.wasted_usd)
    claimed = work.claim(work.open_job(owner).job_id)
    assert claimed is not None
    work.fail(claimed)
    failed = client.get(f"{JOBS}/{claimed.job_id}").json
    assert list(failed["error"]) == list(FaultSchema().fields)
    assert (failed["character_id"], failed["links"]["result"]) == (None, None)


def test_an_export_has_everything_and_debug_more(client: FlaskClient, written: str) -> None:
    answer = client.get(f"{written}/export")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={written.rsplit('/', 1)[1]}.json"
    plain = answer.json
    assert plain["request"]["source_material"].startswith("Ondine")
    assert [step["name"] for step in plain["steps"]] == list(work.STEPS)
    assert plain["item"] == {"position": 1, "metadata": {"n": 0}}
    assert plain["logs"]
    assert plain["result"]["card"]["data"]["name"] == plain["result"]["name"]
    assert sum(call["cost_usd"] for call in plain["calls"]) == pytest.approx(plain["job"]["cost_usd"])
    assert "held" not in plain
    assert not any({"response", "key"} & call.keys() for call in plain["calls"])
    debug = client.get(f"{written}/export?debug=true").json
    assert all(call["response"] and call["key"] for call in debug["calls"])
    assert debug["held"]["sent"] >= 1
    assert debug["steps"][0]["output"]["character_id"] == plain["job"]["character_id"]
    assert parse_yaml(client.get(f"{written}/export?format=yaml&debug=true").data) == debug


def test_an_export_as_csv_is_a_timeline(client: FlaskClient, written: str) -> None:
    answer = client.get(f"{written}/export?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    shown = client.get(f"{written}/export").json
    found = {what: [row for row in rows if row["what"] == what] for what in ("job", "step", "call", "log", "file")}
    assert [len(found[what]) for what in found] == [1, 3, len(shown["calls"]), len(shown["logs"]), 2]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert found["call"][0]["model"] == "test/model"
    assert json.loads(found["job"][0]["details"])["request"] == shown["request"]


def test_no_secret_is_in_an_export(client: FlaskClient, written: str, key: str) -> None:
    for format_name in ("json", "yaml", "csv"):
        text = client.get(f"{written}/export?debug=true&format={format_name}").text
        assert KEY not in text
        assert key not in text


def test_an_export_names_none_of_our_machines(client: FlaskClient, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    assert work.claim(job_id, worker="machine-7.internal/4711/ab12") is not None
    answer = client.get(f"{JOBS}/{job_id}/export?debug=true")
    assert answer.json["held"]["lease_owner"] == workers.mark("machine-7.internal/4711/ab12")
    assert "machine-7" not in answer.text


def test_a_job_that_made_nothing_can_be_exported(client: FlaskClient, owner: str) -> None:
    waiting = work.open_job(owner).job_id
    for format_name in ("json", "yaml", "csv"):
        assert client.get(f"{JOBS}/{waiting}/export?format={format_name}").status_code == 200
    assert client.get(f"{JOBS}/{waiting}/export").json["result"] is None
    answer = client.get(f"{JOBS}/{waiting}/export?format=xml&debug=maybe")
    assert (answer.status_code, set(answer.json["details"])) == (422, {"format", "debug"})


def test_anothers_job_cannot_be_exported(client: FlaskClient, stranger: FlaskClient, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    answer = stranger.get(f"{JOBS}/{job_id}/export?debug=true")
    assert (answer.status_code, answer.json["error"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1"])
def test_no_cell_is_a_formula(app: Flask, text: str) -> None:
    from api.export import cell

    assert cell(text) == f"'{text}"
    assert cell(f"a{text}") == f"a{text}"
    assert cell(1.5) == 1.5


@pytest.fixture
def various(database: Any, owner: str) -> dict[str, list[str]]:
    """A batch that runs and one that has ended, of four jobs each with two completed, and two jobs in none."""
    running, sent = work.open_batch(owner, items=4, window=4)
    ended, others = work.open_batch(owner, items=4, window=4)
    singles = [work.open_job(owner).job_id for _ in range(2)]
    for message in (*sent[:2], *others[:2]):
        work.run(message.job_id)
    for message in others[2:]:
        claimed = work.claim(message.job_id)
        assert claimed is not None
        work.fail(claimed)
    work.run(singles[0])
    with database.transaction() as session:
        done = select(Job.id).where(Job.status == "completed").order_by(Job.id)
        for place, job_id in enumerate(session.scalars(done).all()):
            values = {"started_at": NOW, "finished_at": NOW + timedelta(seconds=10 * (place + 1)), "cost_usd": 0.5}
            session.execute(update(Job).where(Job.id == job_id).values(values))
    return {"running": [running], "ended": [ended], "singles": singles}


def test_statistics_add_up(client: FlaskClient, various: dict[str, list[str]], stranger: FlaskClient) -> None:
    found = client.get(f"{JOBS}/statistics").json
    assert found["total"] == 10
    assert found["by_status"] == {"queued": 3, "processing": 0, "completed": 5, "failed": 2, "cancelled": 0}
    assert found["duration"] == {"mean_seconds": 30.0, "p50_seconds": 30.0, "p95_seconds": 48.0}
    assert found["cost_usd"] == 2.5
    assert found["errors"] == {"INTERNAL": 2}
    assert found["by_kind"]["character_card"]["total"] == found["by_profile"]["profile_default"]["total"] == 10
    assert found["tokens"] == {"total": 0, "prompt": 0, "completion": 0}
    part = client.get(f"{JOBS}/statistics?batch_id={various['ended'][0]}").json
    assert (part["total"], part["duration"]["mean_seconds"]) == (4, 35.0)
    later = "created_after=2100-01-01T00:00:00Z"
    for nothing in (client.get(f"{JOBS}/statistics?{later}"), stranger.get(f"{JOBS}/statistics")):
        assert nothing.json["total"] == 0
        assert nothing.json["duration"] == dict.fromkeys(("mean_seconds", "p50_seconds", "p95_seconds"))


def test_statistics_know_the_calls(client: FlaskClient, written: str) -> None:
    found = client.get(f"{JOBS}/statistics").json
    job = client.get(written).json
    assert (
        found["by_model"]["test/model"]["tokens"] == job["tokens"]["test/model"]["tokens"] == found["tokens"]["total"]
    )
    assert found["by_model"]["test/model"]["cost"] == pytest.approx(found["cost_usd"])


def test_clearing_leaves_what_an_open_batch_needs(
    client: FlaskClient, database: Any, various: dict[str, list[str]]
) -> None:
    assert client.delete(f"{JOBS}/completed").json == {"deleted": 5, "more": False}
    assert client.get(f"{BATCHES}/{various['ended'][0]}").status_code == 404, "a batch goes with its last job"
    running = client.get(f"{BATCHES}/{various['running'][0]}").json
    assert (running["progress"]["total"], running["progress"]["completed"], len(running["items"])) == (4, 2, 4)
    assert client.get(f"{JOBS}/{various['singles'][0]}").status_code == 404
    assert client.get(f"{JOBS}/{various['singles'][1]}").status_code == 200
    assert client.delete(f"{JOBS}/completed").json == {"deleted": 0, "more": False}


def test_clearing_a_part_keeps_the_counters_exact(
    client: FlaskClient, database: Any, owner: str, various: dict[str, list[str]]
) -> None:
    assert client.delete(f"{JOBS}/completed?status=failed").json["deleted"] == 2
    with database.transaction() as session:
        assert clearing.ended_batches(session, owner, Ended("failed")) == [], "nothing is looked at twice for nothing"
        assert clearing.ended_batches(session, owner, Ended()) == various["ended"][:1]
    batch = client.get(f"{BATCHES}/{various['ended'][0]}").json
    assert (batch["progress"]["total"], batch["progress"]["failed"], len(batch["items"])) == (2, 0, 2)
    before = (NOW + timedelta(seconds=35)).isoformat()
    assert client.delete(f"{JOBS}/completed", query_string={"before": before}).json["deleted"] == 1
    with database.transaction() as session:
        batch = session.get_one(Batch, various["ended"][0])
        items = session.scalar(select(func.count()).select_from(Item).where(Item.batch_id == batch.id))
        assert (batch.total, batch.completed, items) == (1, 1, 1)
    assert client.delete(f"{JOBS}/completed?status=queued").status_code == 422


def test_clearing_is_the_callers_own(various: dict[str, list[str]], database: Any, stranger: FlaskClient) -> None:
    assert stranger.delete(f"{JOBS}/completed").json["deleted"] == 0
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 10


def test_what_is_cleared_stays_in_the_ledger_and_so_do_characters(
    client: FlaskClient, database: Any, written: str
) -> None:
    batch = client.get(written).json["batch_id"]
    client.post(f"{BATCHES}/{batch}/cancel")
    assert client.delete(f"{JOBS}/completed").json["deleted"] == 2
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Call))
        assert session.scalars(select(Character.job_id)).all() == [None]


def test_a_large_batch_is_cleared_in_parts(client: FlaskClient, database: Any, owner: str) -> None:
    batch_id, _ = work.open_batch(owner, items=clearing.AT_ONCE + 20, window=1)
    client.post(f"{BATCHES}/{batch_id}/cancel")
    with database.transaction() as session:
        assert clearing.clear_batch(session, batch_id, Ended()) == clearing.AT_ONCE
    assert client.get(f"{BATCHES}/{batch_id}").json["progress"]["cancelled"] == 20
    assert client.delete(f"{JOBS}/completed").json == {"deleted": 20, "more": False}


def test_a_batch_that_was_opened_again_is_left_alone(client: FlaskClient, database: Any, owner: str) -> None:
    sent = work.open_batch(owner, items=2, window=2)[1]
    for message in sent:
        claimed = work.claim(message.job_id)
        assert claimed is not None
        work.fail(claimed)
    with database.transaction() as session:
        (found,) = clearing.ended_batches(session, owner, Ended())
    client.post(f"{JOBS}/{sent[0].job_id}/retry")
    with database.transaction() as session:
        assert clearing.clear_batch(session, found, Ended()) == 0
