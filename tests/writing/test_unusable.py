"""Answers that a job failed for: a retry asks anew, and the batch's other jobs are not stuck with them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from models import db
from models.batches import Batch
from models.calls import Call
from models.jobs import Job
from tests.writing.conftest import Studio
from tests.writing.test_roster import asked, plan_roster, request, run_all

SOURCE = (
    "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt. "
    "Bram Tolliver brings the mail to Gull Rock."
)


def broken(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    return {"nothing": 1}


def submit(client: FlaskClient, *options: Mapping[str, Any]) -> list[str]:
    generations = [request(SOURCE, **each) for each in options]
    answer = client.post("/api/v2/batch-generations", json={"generations": generations})
    with db.transaction() as session:
        batch = Job.batch_id == answer.get_json()["batch_id"]
        return list(session.scalars(select(Job.id).where(batch).order_by(Job.position)))


def retry(client: FlaskClient, job_id: str, **body: Any) -> str:
    answer = client.post(f"/api/v2/jobs/{job_id}/retry", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["job_id"])


def test_a_plain_retry_asks_what_could_not_be_read_anew(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["write_core"] = broken
    job = client.post("/api/v2/generation/generate", json={"source_material": SOURCE}).get_json()["job_id"]
    failed = studio.run(job)
    assert failed.error is not None
    assert failed.error["code"] == "PROVIDER_BAD_OUTPUT"
    assert "Retry the job" in failed.error["message"]
    studio.server.writers.clear()
    made = studio.run(retry(client, job))
    assert made.card is not None
    assert asked(studio, "plan_card") == 1  # what could be read is not paid for again


@pytest.mark.parametrize("fresh", [False, True])
def test_a_batch_is_not_stuck_with_a_roster_that_cannot_be_read(
    studio: Studio, client: FlaskClient, *, fresh: bool
) -> None:
    studio.server.writers["plan_roster"] = broken
    jobs = submit(client, {}, {})
    assert [studio.run(job).status for job in jobs] == ["failed", "failed"]
    spoilt = asked(studio, "plan_roster")
    studio.server.writers["plan_roster"] = plan_roster(("Ondine Marsh", "Bram Tolliver"))
    made = run_all(studio, [retry(client, job, fresh=fresh) for job in jobs])
    assert [each.card and each.card.name for each in made] == ["Ondine Marsh", "Bram Tolliver"]
    assert asked(studio, "plan_roster") == spoilt + 1
    with db.transaction() as session:
        wasted = session.scalars(select(Call.cost_usd).where(Call.discarded)).all()
        batch = session.scalars(select(Batch).join(Job, Job.batch_id == Batch.id).where(Job.id == jobs[0])).one()
        assert batch.wasted_usd == sum(wasted) > Decimal(0)


def test_only_the_answers_of_the_retried_job_are_discarded(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["write_core"] = broken
    body = {"source_material": SOURCE}
    jobs = [client.post("/api/v2/generation/generate", json=body).get_json()["job_id"] for _ in range(2)]
    assert [studio.run(job).status for job in jobs] == ["failed", "failed"]
    retry(client, jobs[0])
    with db.transaction() as session:
        assert set(session.scalars(select(Call.job_id).where(Call.discarded))) == {jobs[0]}


def test_a_retry_with_another_model_keeps_its_place_in_the_roster(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["plan_roster"] = plan_roster(("Ondine Marsh", "Bram Tolliver"))
    first, second = submit(client, {}, {"model": "test/third", "context_tokens": 8000})
    assert {each.card.name for each in run_all(studio, [first]) if each.card} == {"Ondine Marsh"}
    studio.server.writers["plan_roster"] = plan_roster(("Bram Tolliver", "Ondine Marsh"))
    studio.server.writers["write_core"] = broken
    assert studio.run(second).status == "failed"
    del studio.server.writers["write_core"]
    made = studio.run(retry(client, second, options={"model": "test/other"}))
    assert made.card is not None
    assert made.card.name == "Bram Tolliver"
    assert asked(studio, "plan_roster") == 1


def test_cards_that_have_a_seed_of_their_own_share_a_roster_all_the_same(studio: Studio, client: FlaskClient) -> None:
    studio.server.writers["plan_roster"] = plan_roster(("Ondine Marsh", "Bram Tolliver"))
    made = run_all(studio, submit(client, {"seed": 1}, {"seed": 2}))
    assert {each.card.name for each in made if each.card} == {"Ondine Marsh", "Bram Tolliver"}
    assert asked(studio, "plan_roster") == 1
