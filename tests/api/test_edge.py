"""What holds for every endpoint: keys, error shape, request ids, headers, documentation, health."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from models.owners import ApiKey
from models.services import keys, workers
from tests.engine import jobs as work

BATCHES = "/api/v2/batch-generations"


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


def test_a_key_gives_no_more_than_it_has(app: Flask, database: Any, owner: str, client: FlaskClient) -> None:
    with database.transaction() as session:
        secret = keys.create_key(session, owner, "keeper", ["admin"])[1]
    keeper = {"Authorization": f"Bearer {secret}"}
    mine = client.get("/api/v2/keys").json["keys"][-1]["key_id"]
    for path, body in (("", {"name": "k", "scopes": ["read"]}), (f"/{mine}/rotate", {})):
        answer = app.test_client().post(f"/api/v2/keys{path}", json=body, headers=keeper)
        assert (answer.status_code, answer.json["error"]) == (403, "FORBIDDEN")
        assert answer.json["details"]["held"] == ["admin"]
    made = app.test_client().post("/api/v2/keys", json={"name": "k", "scopes": ["admin"]}, headers=keeper)
    assert made.status_code == 201


def test_a_rotated_key_changes_over_in_its_grace(app: Flask, client: FlaskClient, database: Any) -> None:
    made = client.post("/api/v2/keys", json={"name": "pipeline", "scopes": ["read"]}).json
    path = f"/api/v2/keys/{made['key_id']}"

    def status(secret: str) -> int:
        return app.test_client().get("/api/v2/jobs", headers={"X-API-Key": secret}).status_code

    second = client.post(f"{path}/rotate", json={"grace_seconds": 60}).json
    assert second["key_id"] == made["key_id"]
    assert [status(secret) for secret in (made["key"], second["key"])] == [200, 200]
    assert client.get(path).json["old_until"] > client.get(path).json["rotated_at"]
    with database.transaction() as session:
        session.execute(update(ApiKey).values(old_until=func.now() - timedelta(seconds=1)))
    assert [status(secret) for secret in (made["key"], second["key"])] == [401, 200]
    third = client.post(f"{path}/rotate").json["key"]
    assert [status(secret) for secret in (second["key"], third)] == [401, 200], "without a grace, at once"
    client.delete(path)
    assert status(third) == 401
    answer = client.post(f"{path}/rotate", json={"grace_seconds": 60})
    assert (answer.status_code, answer.json["error"]) == (409, "KEY_NOT_USABLE")


def test_a_repetition_makes_no_second_key_and_shows_no_secret(client: FlaskClient, database: Any) -> None:
    from models.idempotency import KeptAnswer

    once = {"Idempotency-Key": "one"}
    first = client.post("/api/v2/keys", json={"name": "k"}, headers=once)
    again = client.post("/api/v2/keys", json={"name": "k"}, headers=once)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json | {"key": None}
    assert first.headers["Location"] == f"/api/v2/keys/{first.json['key_id']}"
    with database.transaction() as session:
        assert first.json["key"] not in json.dumps(session.scalars(select(KeptAnswer)).one().body)


def test_keys_are_paged_as_everything_is(client: FlaskClient) -> None:
    names = ["first", "second", "third"]
    for name in names:
        client.post("/api/v2/keys", json={"name": name})
    page = client.get("/api/v2/keys?limit=2").json
    assert (page["total"], [key["name"] for key in page["keys"]]) == (4, ["third", "second"])
    following = client.get(f"/api/v2/keys?limit=2&cursor={page['next_cursor']}").json
    assert ([key["name"] for key in following["keys"]], following["next_cursor"]) == (["first", "tests"], None)


def test_the_last_admin_key_stays(client: FlaskClient) -> None:
    mine = client.get("/api/v2/keys").json["keys"][0]["key_id"]
    answer = client.delete(f"/api/v2/keys/{mine}")
    assert (answer.status_code, answer.json["error"]) == (409, "LAST_ADMIN_KEY")
    other = client.post("/api/v2/keys", json={"name": "other", "scopes": ["admin"]}).json["key_id"]
    assert client.delete(f"/api/v2/keys/{mine}").status_code == 204
    assert client.delete(f"/api/v2/keys/{other}").status_code == 401, "it was the one in use"


def test_of_two_last_admin_keys_that_go_at_once_one_stays(app: Flask, database: Any, owner: str) -> None:
    with database.transaction() as session:
        made = [keys.create_key(session, owner, name, ["admin"]) for name in ("one", "two")]
    pairs = [(made[0][0].id, made[1][1]), (made[1][0].id, made[0][1])]

    def revoke(pair: tuple[str, str]) -> int:
        return app.test_client().delete(f"/api/v2/keys/{pair[0]}", headers={"X-API-Key": pair[1]}).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(revoke, pairs))
    assert answers[0] == 204
    assert answers[1] in {401, 409}


def test_an_operator_makes_owners_and_shuts_them_out(
    app: Flask, database: Any, owner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from migrations import __main__ as command

    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["migrations", *words])
        command.main()
        return capsys.readouterr().out.strip()

    first, second = run("new-key", "--owner", "alice"), run("new-key", "--owner", "alice")
    asked = [app.test_client().get("/api/v2/keys", headers={"X-API-Key": secret}) for secret in (first, second)]
    assert [len(answer.json["keys"]) for answer in asked] == [2, 2], "of one owner, who is not the first"
    assert run("revoke-keys", "--owner", "alice") == "2 keys of alice are revoked"
    assert app.test_client().get("/api/v2/keys", headers={"X-API-Key": first}).status_code == 401
    with pytest.raises(SystemExit, match="owner 'bob'"):
        run("revoke-keys", "--owner", "bob")


def test_log_lines_say_which_key_and_never_its_secret(
    app: Flask, key: str, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    key_id = client.get("/api/v2/keys").json["keys"][0]["key_id"]
    app.test_client().get("/api/v2/jobs", headers={"X-API-Key": f"{key}x"})
    assert f"'key_id': '{key_id}'" in caplog.text
    assert key not in caplog.text


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
        ("GET", "/api/v2/jobs?created_after=0001-01-01T00:00:00%2B23:59"),
        ("GET", f"{BATCHES}?created_before=9999-12-31T23:59:59-23:59"),
        ("GET", "/api/v2/jobs?cursor=WyItY3JlYXRlZF9hdCIsIjAwMDEtMDEtMDFUMDA6MDA6MDArMjM6NTkiLCJ4Il0"),
        ("GET", "/api/v2/characters?tags=noir&tags=%00"),
        ("GET", "/api/v2/jobs?cursor=AA"),
        ("GET", f"{BATCHES}/x/items?cursor=%E1%B1%98"),
        ("GET", "/api/v2/models?cursor=%E1%B1%98"),
        ("GET", "/api/v2/options?colour=red"),
        ("DELETE", "/api/v2/keys/%00"),
        ("GET", "/api/v2/jobs/\u00e9/download/x%2F..%2Fy"),
    ],
)
def test_an_odd_address_is_the_callers_fault(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code in {404, 422}


def test_a_form_with_too_much_in_it_says_so(client: FlaskClient) -> None:
    form = f"--x\r\nContent-Disposition: form-data; name=card\r\n\r\n{'x' * 600_000}\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    answer = client.post("/api/v2/characters/import", data=form.encode(), content_type=kind)
    assert (answer.status_code, answer.json["error"]) == (413, "TOO_LARGE")
    assert "a part with a filename" in answer.json["message"], "it is far from 32 MiB"


def test_a_page_of_a_named_origin_may_resume_a_stream(app: Flask, client: FlaskClient) -> None:
    """Without the header in the list, a browser refuses to send it to another origin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(app.config, "CORS_ORIGINS", ("https://studio.example",))
        asked = {"Origin": "https://studio.example", "Access-Control-Request-Headers": "Last-Event-ID"}
        answer = client.options("/api/v2/jobs/x/events", headers=asked)
    assert "Last-Event-ID" in answer.headers["Access-Control-Allow-Headers"].split(", ")


def test_a_body_is_refused_where_nobody_reads_it(client: FlaskClient, owner: str) -> None:
    path = f"/api/v2/jobs/{work.open_job(owner).job_id}"
    for method, where in (("POST", f"{path}/cancel"), ("DELETE", path)):
        answer = client.open(where, method=method, json={"reason": "A slip."})
        assert (answer.status_code, list(answer.json["details"])) == (422, ["body"])
    assert client.post(f"{path}/cancel", json={}).status_code == 202
    assert client.delete(path).status_code == 204


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
    from api.openapi import methods, template

    document = client.get("/api/v2/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"key": []}, {"header": []}]
    unsaid = {"api-docs.openapi_json", "api-docs.openapi_swagger_ui", "docs.asset"}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/api/v2/", "/health/", "/metrics")) and rule.endpoint not in unsaid:
            for method in methods(rule):
                assert method.lower() in document["paths"].get(template(rule), {}), (method, rule.rule)


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


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("kind=poem", "kind", "Is none of: character_card."),
        ("status=queued&status=failed", "status", "Given more than once: this takes one value."),
        ("limit=1&limit=2", "limit", "Given more than once: this takes one value."),
        ("colour=red&colour=blue", "colour", "Unknown field"),
    ],
)
def test_a_filter_that_finds_nothing_for_sure_is_refused(
    client: FlaskClient, query: str, field: str, told: str
) -> None:
    answer = client.get(f"/api/v2/jobs?{query}")
    assert (answer.status_code, list(answer.json["details"])) == (422, [field])
    assert told in answer.json["details"][field][0]


def test_a_list_may_be_given_value_by_value(client: FlaskClient) -> None:
    assert client.get("/api/v2/characters?tags=noir&tags=sea").status_code == 200


def test_jobs_are_listed_newest_first_and_filtered(client: FlaskClient, owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=5, window=5)
    work.run(sent[0].job_id)
    body = client.get("/api/v2/jobs?limit=2").json
    assert body["total"] == 5
    assert [job["job_id"] for job in body["jobs"]] == [sent[4].job_id, sent[3].job_id]
    rest = client.get("/api/v2/jobs", query_string={"cursor": body["next_cursor"]}).json
    assert [job["job_id"] for job in rest["jobs"]] == [message.job_id for message in reversed(sent[:3])]
    assert rest["next_cursor"] is None
    assert client.get("/api/v2/jobs?status=completed&kind=character_card").json["total"] == 1
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
