"""Conditional reading: what a caller has already is not sent again."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.engine import jobs as work


@pytest.fixture
def paths(client: FlaskClient, owner: str) -> list[str]:
    batch_id, sent = work.open_batch(owner, items=1, window=1)
    batch = f"/api/v2/batch-generations/{batch_id}"
    job = f"/api/v2/jobs/{sent[0].job_id}"
    return [batch, f"{batch}/items", job, f"{job}/logs", "/api/v2/jobs", "/api/v2/batch-generations", "/api/v2/options"]


def test_every_json_answer_can_be_asked_for_again(client: FlaskClient, paths: list[str]) -> None:
    for path in paths:
        first = client.get(path)
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"
        for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = client.get(path, headers={"If-None-Match": sent})
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag), path
            assert again.headers["X-Request-ID"]
        assert client.get(path, headers={"If-None-Match": '"other"'}).json == first.json


def test_a_change_changes_the_tag(client: FlaskClient, paths: list[str], owner: str) -> None:
    job = next(path for path in paths if "/jobs/" in path)
    tag = client.get(job).headers["ETag"]
    assert work.claim(job.rsplit("/", 1)[1]) is not None
    answer = client.get(job, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json["status"]) == (200, "processing")
    assert answer.headers["ETag"] != tag


def test_an_error_has_no_tag(client: FlaskClient) -> None:
    answer = client.get("/api/v2/jobs/none", headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers.get("ETag"), answer.headers["Cache-Control"]) == (404, None, "no-store")


def test_a_condition_for_edits_does_not_stop_reading(client: FlaskClient, paths: list[str]) -> None:
    job = next(path for path in paths if "/jobs/" in path)
    for path in (*paths, f"{job}/export", "/api/v2/profiles/profile_default"):
        for tag in ('"v9"', "*"):
            assert client.get(path, headers={"If-Match": tag}).status_code == 200, (path, tag)
