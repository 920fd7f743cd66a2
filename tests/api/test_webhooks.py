"""Webhooks over HTTP: which callback_url is taken, what was sent there, and with what it is signed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from standardwebhooks import Webhook

from models.services import keys
from tests.engine import jobs as work
from tests.receiver import Receiver, Reply

BATCHES, ONE = "/api/v2/batch-generations", "/api/v2/generation/generate"
DELIVERIES, SECRET = "/api/v2/webhook-deliveries", "/api/v2/user/webhook-secret"
SOURCE = {"source_material": "Ondine keeps the lamp."}
GOOD = "https://example.com/hooks?token=x"


@pytest.fixture(autouse=True)
def _signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", "s" * 40)
    monkeypatch.delenv("WEBHOOK_ALLOW_PRIVATE", raising=False)


def submit(client: FlaskClient, url: Any) -> Any:
    return client.post(BATCHES, json={"generations": [SOURCE], "batch_options": {"callback_url": url}})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://example.com/x", "https://"),
        ("example.com", "https://"),
        ("https:///x", "no host"),
        ("https://user:pw@example.com/", "login"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com:0/", "Port 0"),
        ("https://example.com:22/", "Port 22"),
        ("https://example.com:99999/", "Port out of range"),
        ("https://exa mple.com/", "blanks"),
        ("https://example.com\\@127.0.0.1/", "backslashes"),
        ("https://exämple.com/", "xn--"),
        ("https://[::1/", "can be read"),
        (f"https://{'a' * 64}.com/", "no host"),
        ("https://%31%32%37.0.0.1/", "no host"),
        ("https://[fe80::1%25eth0]/", "no host"),
        (f"https://example.com/{'x' * 2048}", "Longer than maximum|between 1 and 2048"),
        ("", "between 1 and 2048"),
        (7, "Not a valid string"),
        *(
            (f"http://{host}/x", "is private")
            for host in (
                *("localhost", "LOCALHOST.", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]"),
                *("[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "100.64.0.1", "[fc00::1]", "printer.local"),
            )
        ),
    ],
)
def test_a_callback_url_that_cannot_be_called_is_refused_at_once(client: FlaskClient, url: Any, told: str) -> None:
    answer = submit(client, url)
    assert answer.status_code == 422
    (message,) = answer.json["details"]["batch_options.callback_url"]
    assert any(part in message for part in told.split("|")), message
    single = client.post(ONE, json=SOURCE | {"callback_url": url})
    assert list(single.json["details"]) == ["callback_url"]


@pytest.mark.parametrize("url", [GOOD, "http://8.8.8.8:8080/x", "https://xn--exmple-cua.com./", None])
def test_a_callback_url_is_kept_with_the_batch(client: FlaskClient, url: str | None) -> None:
    answer = submit(client, url)
    assert answer.status_code == 202
    assert client.get(answer.json["status_url"]).json["callback_url"] == url
    job = client.post(ONE, json=SOURCE | {"callback_url": url})
    assert client.get(job.json["status_url"]).json["callback_url"] == url


def test_every_route_that_takes_a_callback_url_asks_whether_it_is_taken_here(app: Flask) -> None:
    taking = {
        endpoint: argument["schema"]
        for endpoint, view in app.view_functions.items()
        for argument in getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
        if "callback_url" in getattr(argument["schema"], "load_fields", ())
    }
    assert len(taking) == 6
    for endpoint, schema in taking.items():
        assert "is private" in schema.validate({"callback_url": "http://10.0.0.1/"})["callback_url"][0], endpoint
        assert "callback_url" not in type(schema)().validate({"callback_url": "http://10.0.0.1/"}), "a schema by itself"


def test_private_addresses_are_taken_where_the_installation_allows_them(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "true")
    assert submit(client, "http://localhost:9000/x").status_code == 202
    assert submit(client, "http://user@localhost/").status_code == 422


def test_without_a_secret_to_sign_with_none_is_taken(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBHOOK_SECRET")
    answer = submit(client, GOOD)
    assert answer.status_code == 422
    assert "WEBHOOK_SECRET" in answer.json["details"]["batch_options.callback_url"][0]
    assert submit(client, None).status_code == 202
    off = client.get(SECRET)
    assert (off.status_code, off.json["error"]) == (409, "WEBHOOKS_OFF")


@pytest.mark.parametrize("secret", ["short", "a" * 40 + ",short", ",".join("abc" * 20 for _ in range(3))])
def test_a_secret_that_is_none_is_named_without_being_quoted(secret: str) -> None:
    import settings

    with pytest.raises(settings.SettingError, match="WEBHOOK_SECRET must be") as raised:
        settings.webhooks({"WEBHOOK_SECRET": secret})
    assert secret not in str(raised.value)
    with pytest.raises(settings.SettingError, match="true or false"):
        settings.webhooks({"WEBHOOK_ALLOW_PRIVATE": "maybe"})


def test_a_retry_may_name_another_url_but_not_for_an_item(client: FlaskClient, owner: str) -> None:
    job = work.open_job(owner, callback_url=GOOD)
    work.run(job.job_id)
    refused = client.post(f"/api/v2/jobs/{job.job_id}/retry", json={"callback_url": "http://127.0.0.1/"})
    assert refused.status_code == 422
    answer = client.post(f"/api/v2/jobs/{job.job_id}/retry", json={"callback_url": "https://example.com/other"})
    assert client.get(answer.json["status_url"]).json["callback_url"] == "https://example.com/other"
    _, (item,) = work.open_batch(owner, items=1, window=1)
    work.run(item.job_id)
    answer = client.post(f"/api/v2/jobs/{item.job_id}/retry", json={"callback_url": GOOD})
    assert (answer.status_code, list(answer.json["details"])) == (422, ["callback_url"])


def test_the_secret_shown_verifies_what_is_sent(
    owner: str, stranger: FlaskClient, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import webhooks

    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "true")
    theirs = stranger.get(SECRET).json
    shown = client.get(SECRET).json
    assert shown["secret"].startswith("whsec_")
    assert shown["previous_secret"] is None
    assert theirs["secret"] != shown["secret"], "each owner has their own"
    with Receiver() as receiver:
        job = work.open_job(owner, callback_url=receiver.url)
        (notice,) = work.run(job.job_id)
        webhooks.deliver(notice.delivery_id)
    (got,) = receiver.got
    message = Webhook(shown["secret"]).verify(got.body, got.headers)
    assert message["data"]["job_id"] == job.job_id
    monkeypatch.setenv("WEBHOOK_SECRET", "t" * 40 + "," + "s" * 40)
    assert client.get(SECRET).json["previous_secret"] == shown["secret"]


def test_only_an_admin_key_sees_the_secret(app: Flask, database: Any, owner: str) -> None:
    with database.transaction() as session:
        _, secret = keys.create_key(session, owner, "k", ["read", "write"])
    with app.test_client() as client:
        assert client.get(SECRET, headers={"X-API-Key": secret}).status_code == 403


def test_deliveries_are_listed_by_what_they_tell_of(client: FlaskClient, owner: str) -> None:
    batch_id, (item,) = work.open_batch(owner, items=1, window=1, callback_url=GOOD)
    work.run(item.job_id)
    job = work.open_job(owner, callback_url=GOOD)
    work.run(job.job_id)
    body = client.get(DELIVERIES).json
    assert [row["event"] for row in body["deliveries"]] == ["job.completed", "batch.completed"]
    (row,) = client.get(f"{DELIVERIES}?batch_id={batch_id}").json["deliveries"]
    assert (row["url"], row["status"], row["attempts"], row["last_status"]) == (GOOD, "waiting", 0, None)
    assert row["next_try_at"].endswith("Z")
    (row,) = client.get(f"{DELIVERIES}?job_id={job.job_id}&status=waiting").json["deliveries"]
    assert row["job_id"] == job.job_id
    assert client.get(f"{DELIVERIES}?status=failed").json["total"] == 0
    assert client.get(f"{DELIVERIES}?status=lost").status_code == 422
    one = client.get(f"{DELIVERIES}/{row['delivery_id']}").json
    assert one["body"]["data"]["job_id"] == job.job_id
    assert one["tries"] == []
    first = client.get(f"{DELIVERIES}?limit=1").json
    second = client.get(f"{DELIVERIES}?limit=1&cursor={first['next_cursor']}").json
    assert [row["event"] for row in second["deliveries"]] == ["batch.completed"]


def test_another_owners_deliveries_are_not_there(owner: str, stranger: FlaskClient, client: FlaskClient) -> None:
    job = work.open_job(owner, callback_url=GOOD)
    (notice,) = work.run(job.job_id)
    assert stranger.get(DELIVERIES).json["total"] == 0
    assert stranger.get(f"{DELIVERIES}/{notice.delivery_id}").status_code == 404
    assert stranger.post(f"{DELIVERIES}/{notice.delivery_id}/redeliver").status_code == 404
    assert client.get(f"{DELIVERIES}/{notice.delivery_id}").status_code == 200


def test_what_has_failed_is_sent_again_on_demand(
    client: FlaskClient, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import webhooks

    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "true")
    with Receiver() as receiver:
        receiver.script = [Reply(410)]
        job = work.open_job(owner, callback_url=receiver.url)
        (notice,) = work.run(job.job_id)
        webhooks.deliver(notice.delivery_id)
        url = f"{DELIVERIES}/{notice.delivery_id}"
        assert client.get(url).json["status"] == "failed"
        answers = [client.post(f"{url}/redeliver", headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json["status"] == "waiting"
        assert answers[1].headers["Idempotency-Replayed"] == "true"
        webhooks.deliver(notice.delivery_id)
        assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    one = client.get(url).json
    assert (one["status"], [each["status"] for each in one["tries"]]) == ("delivered", [410, 204])


def test_lists_of_deliveries_use_indexes(client: FlaskClient, database: Any, owner: str) -> None:
    rows = text(
        "INSERT INTO deliveries (id, owner_id, event, url, body, status) SELECT 'delivery_' || lpad(n::text, 8, '0'), "
        ":owner, 'job.completed', 'https://example.com', :body, CASE WHEN n % 5000 = 0 THEN 'failed' ELSE 'delivered' "
        "END FROM generate_series(1, 20000) n"
    )
    with database.transaction() as session:
        session.execute(rows, {"owner": owner, "body": json.dumps({})})
        session.execute(text("ANALYZE deliveries"))
        plan = session.execute(
            text(
                "EXPLAIN SELECT id FROM deliveries WHERE owner_id = :owner AND status = 'failed' "
                "ORDER BY id DESC LIMIT 51"
            ),
            {"owner": owner},
        )
        assert "ix_deliveries_owner_status" in "\n".join(plan.scalars())
    assert client.get(f"{DELIVERIES}?status=failed").json["total"] == 4
