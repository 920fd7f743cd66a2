"""What holds for every endpoint: keys, error shape, request ids, headers, documentation, health."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, update

from models.owners import ApiKey
from models.services import keys, workers
from tests.engine import jobs as work

BATCHES = "/api/v2/batch-generations"


def routes(app: Flask) -> list[tuple[str, str]]:
    """Every route that needs a key: (method, path)."""
    open_endpoints = {"api-docs.openapi_json", "api-docs.openapi_swagger_ui", "docs.asset"}
    return [
        (method, re.sub(r"<[^>]+>", "x", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v2/") and rule.endpoint not in open_endpoints
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_every_route_needs_a_key(app: Flask, database: Any) -> None:
    found = routes(app)
    assert len(found) >= 12
    for method, path in found:
        answer = app.test_client().open(path, method=method)
        assert (answer.status_code, answer.json["error"]) == (401, "UNAUTHENTICATED"), (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("change", ["expired", "revoked", "unknown"])
def test_a_key_that_is_no_good_is_refused(app: Flask, database: Any, owner: str, change: str) -> None:
    with database.transaction() as session:
        row, secret = keys.create_key(session, owner, "k", ["read", "write"])
        if change == "revoked":
            keys.revoke_key(session, owner, row.id)
        if change == "expired":
            session.execute(update(ApiKey).values(expires_at=func.now() - timedelta(seconds=1)))
    used = secret if change != "unknown" else secret[:-1] + "x"
    answer = app.test_client().get("/api/v2/jobs", headers={"X-API-Key": used})
    assert answer.status_code == 401
    assert used not in answer.text


def test_a_key_may_do_what_its_scopes_say(app: Flask, database: Any, owner: str) -> None:
    with database.transaction() as session:
        secret = keys.create_key(session, owner, "reader", ["read"])[1]
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = secret
    assert client.get("/api/v2/jobs").status_code == 200
    for method, path in (("POST", BATCHES), ("GET", "/api/v2/keys")):
        answer = client.open(path, method=method, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json["error"]) == (403, "FORBIDDEN")
    asked = {"source_material": "Ondine keeps a lamp."}
    for path in ("/api/v2/generation/estimate", "/api/v2/generation/preview"):
        assert client.post(path, json=asked).status_code == 200, "it changes nothing"
    assert client.post(f"{BATCHES}/estimate", json={"generations": [asked]}).status_code == 200


def test_keys_are_stored_hashed_and_shown_once(client: FlaskClient, database: Any) -> None:
    made = client.post("/api/v2/keys", json={"name": "pipeline", "scopes": ["read"]})
    assert made.status_code == 201
    secret = made.json["key"]
    listed = client.get("/api/v2/keys").json["keys"]
    assert [key["name"] for key in listed] == ["pipeline", "tests"]
    assert secret not in json.dumps(listed)
    with database.transaction() as session:
        row = session.get_one(ApiKey, made.json["key_id"])
        assert row.digest == keys.digest(secret) != secret.encode()
    assert client.delete(f"/api/v2/keys/{made.json['key_id']}").status_code == 204
    assert client.get("/api/v2/jobs", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    assert client.delete("/api/v2/keys/key_none").status_code == 404


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": "{", "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ({"data": '{"a": NaN}', "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ({"data": '{"a": 1e999}', "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ({"data": b"\xff\xfe", "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ({"data": "[" * 100_000, "content_type": "application/json"}, 400, "BAD_REQUEST"),
        (
            {"data": '{"generations": ' + "[" * 990 + "]" * 990 + "}", "content_type": "application/json"},
            400,
            "BAD_REQUEST",
        ),
        (
            {"data": '{"a": "\ud800"}'.encode("utf-8", "surrogatepass"), "content_type": "application/json"},
            400,
            "BAD_REQUEST",
        ),
        ({"data": '{"a": 1}'.encode("utf-16"), "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ({"data": "[1]", "content_type": "application/json"}, 422, "VALIDATION_ERROR"),
        ({"data": "{}", "content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"data": b"x" * (32 * 1024 * 1024 + 1), "content_type": "application/json"}, 413, "TOO_LARGE"),
    ],
)
def test_a_bad_body_is_a_clear_error(client: FlaskClient, sent: dict[str, Any], status: int, code: str) -> None:
    answer = client.post(BATCHES, **sent)
    assert (answer.status_code, answer.json["error"]) == (status, code)
    assert set(answer.json) == {"error", "message", "details", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v2/nothing", 404), ("DELETE", BATCHES, 405), ("GET", "/nothing", 404)]
)
def test_a_wrong_address_has_the_same_shape(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert set(answer.json) == {"error", "message", "details", "request_id"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/jobs/%00"),
        ("GET", f"{BATCHES}/a%00b"),
        ("GET", "/api/v2/jobs?batch_id=%00"),
        ("GET", "/api/v2/jobs?cursor=AA"),
        ("DELETE", "/api/v2/keys/%00"),
        ("GET", "/api/v2/jobs/\u00e9/download/x%2F..%2Fy"),
    ],
)
def test_an_odd_address_is_the_callers_fault(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code in {404, 422}


@pytest.mark.parametrize("expires", ["2000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "soon"])
def test_a_key_expires_at_a_time_that_can_be_lived_to_see(client: FlaskClient, expires: str) -> None:
    answer = client.post("/api/v2/keys", json={"name": "k", "expires_at": expires})
    assert (answer.status_code, list(answer.json["details"])) == (422, ["expires_at"])


def test_an_error_is_as_documented(client: FlaskClient) -> None:
    document = client.get("/api/v2/openapi.json").json
    described = document["components"]["schemas"]["Error"]["properties"]
    assert set(client.get("/api/v2/jobs/none").json) == set(described)


def test_a_request_id_is_taken_or_made_and_never_trusted(client: FlaskClient) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    made = client.get("/health/live", headers={"X-Request-ID": 'a b"c'}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_a_request_id_goes_with_the_work(client: FlaskClient, database: Any) -> None:
    from models.jobs import Job

    body = {"source_material": "Ondine keeps the lamp."}
    made = client.post("/api/v2/generation/generate", json=body, headers={"X-Request-ID": "mine-2"})
    with database.transaction() as session:
        assert session.get_one(Job, made.json["job_id"]).request_id == "mine-2"


def test_every_answer_has_the_security_headers(client: FlaskClient) -> None:
    for path in ("/health/live", "/api/v2/jobs", "/api/v2/docs", "/nothing"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


def test_a_bug_is_a_500_that_tells_nothing(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from api import jobs

    def broken(*_: Any) -> None:
        raise RuntimeError("cf_secret")

    monkeypatch.setattr(jobs, "list_jobs", broken)
    answer = client.get("/api/v2/jobs")
    assert (answer.status_code, answer.json["error"]) == (500, "INTERNAL")
    assert "cf_secret" not in answer.text


def test_the_documentation_is_served_from_here_alone(client: FlaskClient) -> None:
    page = client.get("/api/v2/docs")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert assets
    for asset in assets:
        assert asset.startswith("/api/v2/docs/assets/")
        with client.get(asset) as answer:
            assert answer.status_code == 200
    assert client.get("/api/v2/docs/assets/../../../../settings.py").status_code == 404


def test_the_openapi_document_names_every_route(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/v2/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"key": []}, {"header": []}]
    told = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    for method, path in routes(app):
        assert any(m == method and re.sub(r"\{[^}]+\}", "x", p) == path for m, p in told), (method, path)
    generation = document["components"]["schemas"]["CharacterCard"]["properties"]
    assert "source_material" in generation


def test_options_are_all_listed(client: FlaskClient) -> None:
    body = client.get("/api/v2/options").json
    assert body["total"] == len(body["options"]) >= 15
    assert all({"name", "group", "type", "default", "description"} <= set(option) for option in body["options"])


def test_ready_names_what_is_missing(client: FlaskClient, database: Any) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["failing"] == ["workers"]
    assert answer.json["parts"]["workers"]["detail"] == "no worker for export, generation, lorebook, upkeep, webhooks"
    with database.transaction() as session:
        workers.beat(session, "w", "host", 1, ["generation", "lorebook", "export", "upkeep", "webhooks"], [])
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json["provider"] == "offline"


def test_jobs_are_listed_newest_first_and_filtered(client: FlaskClient, owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=5, window=5)
    work.run(sent[0].job_id)
    body = client.get("/api/v2/jobs?limit=2").json
    assert body["total"] == 5
    assert [job["job_id"] for job in body["jobs"]] == [sent[4].job_id, sent[3].job_id]
    rest = client.get("/api/v2/jobs", query_string={"cursor": body["next_cursor"]}).json
    assert [job["job_id"] for job in rest["jobs"]] == [message.job_id for message in reversed(sent[:3])]
    assert rest["next_cursor"] is None
    assert client.get("/api/v2/jobs?status=completed").json["total"] == 1
    assert client.get(f"/api/v2/jobs?batch_id={batch_id}&status=queued").json["total"] == 4
    assert client.get("/api/v2/jobs?created_before=2020-01-01T00:00:00Z").json["total"] == 0
    assert client.get("/api/v2/jobs?created_after=2020-01-01T00:00:00").json["total"] == 5


def test_a_result_is_refused_until_it_is_there(client: FlaskClient, owner: str) -> None:
    job = work.open_job(owner)
    for path in ("result", "download/v2"):
        answer = client.get(f"/api/v2/jobs/{job.job_id}/{path}")
        assert (answer.status_code, answer.json["error"]) == (409, "JOB_NOT_COMPLETED")
        assert answer.json["details"]["status"] == "queued"


def test_a_running_job_shows_its_step(client: FlaskClient, owner: str) -> None:
    job = work.open_job(owner)
    assert work.claim(job.job_id) is not None
    shown = client.get(f"/api/v2/jobs/{job.job_id}").json
    assert shown["current_step"] == {"name": "generate", "index": 1, "total": 3, "detail": None}
    assert [step["status"] for step in shown["steps"]] == ["processing", "queued", "queued"]
