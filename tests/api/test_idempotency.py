"""Idempotency-Key: the same request, sent again, does its work once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from models.batches import Batch
from models.idempotency import KeptAnswer
from models.services import idempotency, repair

PATH = "/api/v2/batch-generations"
BODY = {"generations": [{"source_material": "Ondine keeps the lamp."}], "batch_options": {"name": "x"}}
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def batches(database: Any) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(Batch))


def test_the_same_request_is_answered_again_and_does_nothing(client: FlaskClient, database: Any) -> None:
    first = client.post(PATH, json=BODY, headers=KEY)
    again = client.post(
        PATH, json=dict(reversed(BODY.items())), headers={"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'}
    )
    assert (again.status_code, again.json) == (202, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert batches(database) == 1


def test_another_request_with_the_same_key_is_refused(client: FlaskClient, database: Any) -> None:
    client.post(PATH, json=BODY, headers=KEY)
    for path, body in ((PATH, BODY | {"batch_options": {}}), ("/api/v2/generation/generate", BODY["generations"][0])):
        answer = client.post(path, json=body, headers=KEY)
        assert (answer.status_code, answer.json["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert batches(database) == 1


def test_fifty_at_once_make_one_batch(app: Flask, key: str, database: Any) -> None:
    def post(_: int) -> int:
        headers = KEY | {"Authorization": f"Bearer {key}"}
        return app.test_client().post(PATH, json=BODY, headers=headers).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(post, range(50)))
    assert set(answers) <= {202, 409}
    assert 202 in answers
    assert batches(database) == 1


def test_while_the_first_still_runs_the_second_is_asked_to_wait(client: FlaskClient, database: Any, owner: str) -> None:
    with database.transaction() as session:
        idempotency.hold_key(session, owner, KEY["Idempotency-Key"])
        answer = client.post(PATH, json=BODY, headers=KEY)
    assert (answer.status_code, answer.json["error"]) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert client.post(PATH, json=BODY, headers=KEY).status_code == 202


def test_a_refused_request_keeps_nothing(client: FlaskClient, database: Any) -> None:
    assert client.post(PATH, json={"generations": []}, headers=KEY).status_code == 422
    bad = {"generations": [{"source_material": "x", "profile_id": "none"}]}
    assert client.post(PATH, json=bad, headers=KEY).status_code == 422
    assert client.post(PATH, json=BODY, headers=KEY).status_code == 202


def test_one_owners_key_is_not_anothers(client: FlaskClient, stranger: FlaskClient, database: Any) -> None:
    client.post(PATH, json=BODY, headers=KEY)
    assert stranger.post(PATH, json=BODY, headers=KEY).headers.get("Idempotency-Replayed") is None
    assert batches(database) == 2


@pytest.mark.parametrize("bad", ["", '""', "x" * 256, "a b", "ü"])
def test_what_is_no_key_is_refused(client: FlaskClient, bad: str) -> None:
    answer = client.post(PATH, json=BODY, headers={"Idempotency-Key": bad})
    assert (answer.status_code, list(answer.json["details"])) == (422, ["Idempotency-Key"])


def test_after_a_day_the_key_is_free_and_upkeep_forgets_it(client: FlaskClient, database: Any) -> None:
    client.post(PATH, json=BODY, headers=KEY)
    with database.transaction() as session:
        session.execute(update(KeptAnswer).values(created_at=func.now() - timedelta(hours=25)))
    assert client.post(PATH, json=BODY, headers=KEY).headers.get("Idempotency-Replayed") is None
    assert batches(database) == 2
    with database.transaction() as session:
        session.execute(update(KeptAnswer).values(created_at=func.now() - timedelta(hours=25)))
        repair.find_stranded(session, repair.Waiting(first=99))
        assert session.scalar(select(func.count()).select_from(KeptAnswer)) == 0
