"""Cancelling, retrying, deleting: engine.md, lines 13 to 15."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from models.artifacts import Artifact
from models.batches import Batch, Item
from models.calls import Call
from models.errors import JobCancelled, WrongState
from models.jobs import Job, Step
from models.services import again, claims, jobs, moves, repair, stops
from models.services.claims import Claim
from models.states import Status
from tests.engine import jobs as work
from tests.engine.heard import heard


def cancel(owner: str, job_id: str) -> Job:
    from models import db

    with db.transaction() as session:
        return stops.cancel_job(session, owner, job_id)[0]


def ask(app: Flask, key: str, method: str, path: str) -> Any:
    """Ask from another thread than the test's."""
    return app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {key}"})


def steps_of(database: Any, job_id: str) -> list[str]:
    with database.transaction() as session:
        return [step.status for step in jobs.list_steps(session, job_id)]


def test_a_queued_job_is_cancelled_at_once_and_its_batch_goes_on(database: Any, owner: str) -> None:
    batch_id, (first,) = work.open_batch(owner, items=2, window=1)
    with database.transaction() as session:
        job, sent = stops.cancel_job(session, owner, first.job_id)
    assert (job.status, job.error["code"] if job.error else None) == ("cancelled", "CANCELLED")
    assert len(sent) == 1
    assert steps_of(database, first.job_id) == ["cancelled"] * 3
    assert work.claim(first.job_id) is None
    assert work.counts(batch_id)["cancelled"] == 1


def test_a_running_job_is_marked_and_its_worker_ends_it(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    claimed = work.claim(job.job_id, worker="w1")
    assert claimed is not None
    assert cancel(owner, job.job_id).status == "processing"
    with database.transaction() as session:
        assert stops.held_by(session, "w1") == {job.job_id: True}
        assert stops.held_by(session, "w2") == {}
        claims.end_cancelled(session, claimed)
    assert steps_of(database, job.job_id) == ["cancelled"] * 3


def test_a_step_that_ends_while_its_job_is_cancelled_is_the_last(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    claimed = work.claim(job.job_id)
    assert claimed is not None
    cancel(owner, job.job_id)
    with pytest.raises(JobCancelled):
        work.finish(claimed)


def test_between_two_steps_a_job_is_cancelled_at_once(owner: str) -> None:
    job = work.open_job(owner)
    claimed = work.claim(job.job_id)
    assert claimed is not None
    work.finish(claimed)
    assert cancel(owner, job.job_id).status == "cancelled"
    assert work.claim(job.job_id, "expand_lorebook") is None


def test_a_cancelled_job_whose_worker_was_lost_is_not_begun_again(
    database: Any, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "LEASE", timedelta(0))
    job = work.open_job(owner)
    assert work.claim(job.job_id) is not None
    cancel(owner, job.job_id)
    with database.transaction() as session:
        session.execute(update(Job).values(lease_expires_at=func.now() - timedelta(seconds=1)))
        assert repair.find_stranded(session, repair.Waiting()) == []
        assert session.get_one(Job, job.job_id).status == "cancelled"


def test_what_has_ended_cannot_be_cancelled(owner: str) -> None:
    job = work.open_job(owner)
    work.run(job.job_id)
    with pytest.raises(WrongState) as refused:
        cancel(owner, job.job_id)
    assert refused.value.code == "JOB_NOT_CANCELLABLE"


def test_a_batch_is_cancelled_whole(database: Any, client: FlaskClient, owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=10, window=3)
    running = work.claim(sent[0].job_id)
    work.run(sent[1].job_id)
    assert running is not None
    path = f"/api/v2/batch-generations/{batch_id}"
    for _ in range(2):
        answer = client.post(f"{path}/cancel")
        assert answer.status_code == 202
        assert answer.json["status"] == "processing"
    assert work.counts(batch_id) == {"queued": 0, "processing": 1, "completed": 1, "failed": 0, "cancelled": 8}
    with database.transaction() as session:
        claims.end_cancelled(session, running)
    assert client.get(path).json["status"] == "cancelled"
    refused = client.post(f"{path}/cancel")
    assert (refused.status_code, refused.json["error"]) == (409, "BATCH_NOT_CANCELLABLE")


def failed_job(owner: str, **changes: Any) -> tuple[str, str]:
    """A batch of two with its first item failed: (batch, job)."""
    batch_id, (first, second) = work.open_batch(owner, items=2, window=2, **changes)
    claimed = work.claim(first.job_id)
    assert claimed is not None
    work.fail(claimed)
    work.run(second.job_id)
    return batch_id, first.job_id


def test_a_retried_item_points_at_its_new_job_and_the_counters_follow(
    database: Any, client: FlaskClient, owner: str
) -> None:
    batch_id, job_id = failed_job(owner)
    assert work.status(batch_id) == "completed"
    answer = client.post(f"/api/v2/jobs/{job_id}/retry", json={"options": {"creator": "me"}})
    assert answer.status_code == 202
    new_id = answer.json["job_id"]
    assert work.counts(batch_id) == {"queued": 1, "processing": 0, "completed": 1, "failed": 0, "cancelled": 0}
    assert work.status(batch_id) == "processing"
    old, new = (client.get(f"/api/v2/jobs/{one}").json for one in (job_id, new_id))
    assert (old["retried_by"], new["retry_of"]) == (new_id, job_id)
    with database.transaction() as session:
        assert session.scalar(select(Item.job_id).where(Item.position == 1)) == new_id
        row = session.get_one(Job, new_id)
        assert row.request["options"] == {"passes": "one", "creator": "me"}, "what is not named stays"
        assert row.root_id == job_id
    work.run(new_id)
    assert work.counts(batch_id)["completed"] == 2
    assert work.status(batch_id) == "completed"
    again_ = client.post(f"/api/v2/jobs/{job_id}/retry")
    assert (again_.status_code, again_.json["error"]) == (409, "JOB_ALREADY_RETRIED")


def test_a_fresh_retry_shares_no_answers(database: Any, client: FlaskClient, owner: str) -> None:
    _, job_id = failed_job(owner)
    new_id = client.post(f"/api/v2/jobs/{job_id}/retry", json={"fresh": True}).json["job_id"]
    with database.transaction() as session:
        assert session.get_one(Job, new_id).root_id == new_id


def test_of_many_retries_at_once_one_opens_a_job(app: Flask, client: FlaskClient, key: str, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    cancel(owner, job_id)

    path = f"/api/v2/jobs/{job_id}/retry"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: ask(app, key, "POST", path), range(6)))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 5]
    assert client.get("/api/v2/jobs").json["total"] == 2


@pytest.mark.parametrize("item", [{"source_material": "Ondine.", "options": "many"}, {"source_material": 5}])
def test_what_was_refused_as_invalid_is_not_begun_by_a_retry(client: FlaskClient, item: dict[str, Any]) -> None:
    body = {"generations": [item], "batch_options": {"skip_invalid": True}}
    items = client.post("/api/v2/batch-generations", json=body).json["items_url"]
    (refused,) = client.get(items).json["items"]
    answer = client.post(f"/api/v2/jobs/{refused['job_id']}/retry", json={"options": {"creator": "me"}})
    assert (answer.status_code, answer.json["error"]) == (409, "JOB_INVALID")
    assert answer.json["details"]["error"] == refused["error"]


def test_other_options_have_to_agree_with_those_that_stay(client: FlaskClient, owner: str) -> None:
    asked = {"source_material": "Ondine keeps the lamp.", "options": {"context_tokens": 4000, "max_tokens": 1000}}
    path = client.post("/api/v2/generation/generate", json=asked).json["status_url"]
    assert client.post(f"{path}/cancel").status_code == 202
    answer = client.post(f"{path}/retry", json={"options": {"max_tokens": 8000}})
    assert (answer.status_code, list(answer.json["details"])) == (422, ["options.max_tokens"])
    assert client.post(f"{path}/retry", json={"options": {"max_tokens": 2000}}).status_code == 202


def test_a_stranger_does_not_wait_for_what_is_not_theirs(database: Any, owner: str, stranger: FlaskClient) -> None:
    batch_id, job_id = failed_job(owner)
    with database.transaction() as session:
        moves.lock_batch(session, batch_id)
        for method, path in (("POST", f"{job_id}/retry"), ("POST", f"{job_id}/cancel"), ("DELETE", job_id)):
            assert stranger.open(f"/api/v2/jobs/{path}", method=method).status_code == 404


def test_a_batch_that_is_opened_again_meanwhile_is_not_deleted(database: Any, app: Flask, key: str, owner: str) -> None:
    batch_id, job_id = failed_job(owner)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            again.retry_job(session, owner, job_id, request_id="r")
            deleting = pool.submit(ask, app, key, "DELETE", f"/api/v2/batch-generations/{batch_id}")
            work.wait_for_lock(session)
        answer = deleting.result()
    assert (answer.status_code, answer.json["error"]) == (409, "BATCH_NOT_TERMINAL")


def test_a_batch_retry_takes_failed_items_only(client: FlaskClient, owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=3, window=2, continue_on_error=False)
    claims = [work.claim(message.job_id) for message in sent]
    work.fail(claims[0])  # type: ignore[arg-type]
    work.fail(claims[1])  # type: ignore[arg-type]
    path = f"/api/v2/batch-generations/{batch_id}/retry"
    assert client.post(path).json["retried"] == 2
    assert work.counts(batch_id) == {"queued": 2, "processing": 0, "completed": 0, "failed": 0, "cancelled": 1}
    nothing = client.post(path)
    assert (nothing.status_code, nothing.json["error"]) == (409, "NOTHING_TO_RETRY")
    assert "say include_cancelled" in nothing.json["message"]
    assert client.post(path, json={"include_cancelled": True}).json["retried"] == 1
    assert client.post(path, json={"include": 1}).status_code == 422


def test_a_batch_is_cancelled_and_retried_with_as_many_statements_whatever_its_size(database: Any, owner: str) -> None:
    """Its row is locked meanwhile: at some statements for each of ten thousand items, for minutes."""
    asked: list[tuple[int, int]] = []
    for items in (2, 8):
        batch_id, _ = work.open_batch(owner, items=items, window=1)
        with heard() as cancelling, database.transaction() as session:
            stops.cancel_batch(session, owner, batch_id)
        with heard() as retrying, database.transaction() as session:
            again.retry_batch(session, owner, batch_id, include_cancelled=True, fresh=False, request_id="r")
        assert work.counts(batch_id)["queued"] == items
        asked.append((len(cancelling), len(retrying)))
    assert asked[0] == asked[1]


def test_only_what_has_ended_is_deleted_and_the_ledger_stays(database: Any, client: FlaskClient, owner: str) -> None:
    batch_id, job_id = failed_job(owner)
    open_job = work.open_job(owner).job_id
    refused = client.delete(f"/api/v2/jobs/{open_job}")
    assert (refused.status_code, refused.json["error"]) == (409, "JOB_NOT_TERMINAL")
    with database.transaction() as session:
        session.add(Artifact(job_id=job_id, format="v2", filename="f", media_type="m", content=b"", sha256="", size=0))
        call = {"owner_id": owner, "job_id": job_id, "root_id": job_id, "step": "s", "attempt": 1, "purpose": "p"}
        call |= {"key": "k", "provider": "x", "model": "m", "status": "failed", "started_at": func.now()}
        session.add(Call(id="call_1", **call))
    assert client.delete(f"/api/v2/jobs/{job_id}").status_code == 204
    assert client.get(f"/api/v2/batch-generations/{batch_id}").json["progress"]["total"] == 1
    assert client.delete(f"/api/v2/batch-generations/{batch_id}").status_code == 204
    with database.transaction() as session:
        left = {table: session.scalar(select(func.count()).select_from(table)) for table in (Batch, Job, Item, Call)}
        assert left == {Batch: 0, Job: 1, Item: 0, Call: 1}
        assert session.scalar(select(func.count()).select_from(Step)) == 3


def test_an_open_batch_is_not_deleted(client: FlaskClient, owner: str) -> None:
    batch_id, _ = work.open_batch(owner, items=1, window=1)
    refused = client.delete(f"/api/v2/batch-generations/{batch_id}")
    assert (refused.status_code, refused.json["error"]) == (409, "BATCH_NOT_TERMINAL")


def test_finished_work_is_deleted_after_its_days(database: Any, owner: str) -> None:
    failed_job(owner)
    lone = work.open_job(owner).job_id
    work.run(lone)
    with database.transaction() as session:
        assert repair.delete_old(session, days=1) == 0
        for table in (Batch, Job):
            session.execute(update(table).values(finished_at=func.now() - timedelta(days=2)))
        assert repair.delete_old(session, days=1) == 2
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_old_work_that_is_opened_again_meanwhile_is_not_deleted(database: Any, owner: str) -> None:
    batch_id, job_id = failed_job(owner)
    with database.transaction() as session:
        session.execute(update(Batch).values(finished_at=func.now() - timedelta(days=8)))

    def delete() -> int:
        with database.transaction() as session:
            return repair.delete_old(session, days=7)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            again.retry_job(session, owner, job_id, request_id="r")
            deleted = pool.submit(delete)
            work.wait_for_lock(session)
        assert deleted.result() == 0
    assert work.status(batch_id) == "processing"


def test_a_step_given_back_is_begun_again_by_anybody(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    claimed: Claim | None = work.claim(job.job_id, worker="w1")
    assert claimed is not None
    with database.transaction() as session:
        (sent,) = claims.let_go(session, claimed)
    assert (sent.job_id, sent.attempt) == (job.job_id, 1)
    second = work.claim(job.job_id, worker="w2")
    assert second is not None
    assert second.tries == 2


def test_a_parked_step_says_until_when_and_is_sent_then(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    claimed = work.claim(job.job_id)
    assert claimed is not None
    with database.transaction() as session:
        assert claims.let_go(session, claimed, seconds=20, detail="waiting: rate limited") == []
        row = session.get_one(Job, job.job_id, populate_existing=True)
        assert (row.status, row.lease_owner, row.detail) == (Status.PROCESSING, None, "waiting: rate limited")
        wait = session.scalar(select(Job.waiting_until - func.now()).where(Job.id == job.job_id))
        assert timedelta(seconds=19) < wait < timedelta(seconds=21)
        assert repair.find_stranded(session, repair.Waiting()) == []
        session.execute(update(Job).values(lease_expires_at=func.now() - timedelta(seconds=1)))
        assert [found.job_id for found in repair.find_stranded(session, repair.Waiting())] == [job.job_id]
    assert work.claim(job.job_id) is not None
