"""Requests: what is tried again and what is not, what a refusal becomes, where the key goes."""

from __future__ import annotations

from pathlib import Path

import pytest

import cardforge_client as client
from cardforge_client import Cardforge
from cardforge_client.transport import Ask, is_loopback, retry_after
from cli.embedded import free_port
from tests.client.server import HANG_UP, Answer, Script, say

BATCHES = "/api/v2/batch-generations"


def test_a_get_is_tried_again_when_the_connection_breaks(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/jobs/job_1"] = [HANG_UP, HANG_UP, say({"job_id": "job_1"})]
    assert forge.jobs.get("job_1") == {"job_id": "job_1"}


def test_a_get_that_never_comes_through_is_unreachable(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/jobs/job_1"] = HANG_UP
    with pytest.raises(client.Unreachable, match="the connection failed"):
        forge.jobs.get("job_1")
    assert len(script.requests) == 3


def test_work_is_started_once_over_all_tries(forge: Cardforge, script: Script) -> None:
    script[f"POST {BATCHES}"] = [
        HANG_UP,
        say({"error": "X", "message": "away"}, 503),
        say({"batch_id": "batch_1"}, 202),
    ]
    assert forge.batches.create([{"source_material": "x"}])["batch_id"] == "batch_1"
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert (len(script.requests), len(keys)) == (3, 1)


def test_two_calls_are_two_works(forge: Cardforge, script: Script) -> None:
    script[f"POST {BATCHES}"] = say({"batch_id": "batch_1"}, 202)
    for _ in range(2):
        forge.batches.create([{"source_material": "x"}])
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 2


def test_a_first_try_that_is_still_running_is_waited_for(forge: Cardforge, script: Script) -> None:
    busy = say({"error": "IDEMPOTENCY_KEY_IN_USE", "message": "running"}, 409)
    script[f"POST {BATCHES}"] = [HANG_UP, busy, say({"batch_id": "batch_1"}, 202)]
    assert forge.batches.create([{"source_material": "x"}])["batch_id"] == "batch_1"


def test_an_edit_is_sent_once(forge: Cardforge, script: Script) -> None:
    script["PATCH /api/v2/profiles/p"] = HANG_UP
    with pytest.raises(client.Unreachable):
        forge.profiles.update("p", {"name": "x"}, version=3)
    assert [request.headers["if-match"] for request in script.requests] == ['"v3"']


def test_a_lost_secret_is_made_anew(forge: Cardforge, script: Script) -> None:
    script["POST /api/v2/keys"] = [HANG_UP, say({"key_id": "key_1", "key": None}, 201)]
    script["POST /api/v2/keys/key_1/rotate"] = say({"key_id": "key_1", "key": "cf_new"})
    assert forge.keys.create("ci")["key"] == "cf_new"


def test_a_busy_server_is_given_the_time_it_asks_for(forge: Cardforge, script: Script) -> None:
    refusal = say({"error": "RATE_LIMITED", "message": "slow down"}, 429, Retry_After="0.05")
    script["PATCH /api/v2/profiles/p"] = [refusal, say({"id": "p"})]
    assert forge.profiles.update("p", {"name": "x"}, version=None) == {"id": "p"}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "BAD_REQUEST", client.BadRequest),
        (401, "UNAUTHENTICATED", client.Unauthenticated),
        (403, "FORBIDDEN", client.Forbidden),
        (404, "NOT_FOUND", client.NotFound),
        (409, "JOB_NOT_TERMINAL", client.Conflict),
        (412, "PROFILE_VERSION_CONFLICT", client.StaleVersion),
        (422, "VALIDATION_ERROR", client.Invalid),
        (428, "PRECONDITION_REQUIRED", client.Unconditional),
        (429, "RATE_LIMITED", client.RateLimited),
        (429, "QUOTA_EXCEEDED", client.QuotaExceeded),
        (500, "INTERNAL", client.ServerError),
        (503, "SERVICE_UNAVAILABLE", client.Unavailable),
    ],
)
def test_a_refusal_is_an_exception_of_its_kind(
    forge: Cardforge, script: Script, status: int, code: str, kind: type[client.ApiError]
) -> None:
    body = {"error": code, "message": "why", "details": {"a.b": ["wrong", "so"]}, "request_id": "r1"}
    script["DELETE /api/v2/jobs/job_1"] = say(body, status, Retry_After="9000")
    with pytest.raises(client.ApiError) as raised:
        forge.jobs.delete("job_1")
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.request_id) == (status, code, "why", "r1")
    assert (str(error), error.retry_after) == (f"{code}: why", 9000)
    assert error.problems() == [("a.b", "wrong so")]
    assert len(script.requests) == 1  # nobody waits for hours without being asked


def test_a_stale_version_says_which_is_current(forge: Cardforge, script: Script) -> None:
    body = {"error": "PROFILE_VERSION_CONFLICT", "message": "m", "current_version": 5, "your_version": 3}
    script["PUT /api/v2/profiles/p"] = say({**body, "updated_by": "key_1", "updated_at": "2026-11-25T10:00:00Z"}, 412)
    with pytest.raises(client.StaleVersion) as raised:
        forge.profiles.replace("p", {}, version=3)
    error = raised.value
    assert (error.current_version, error.your_version, error.updated_by) == (5, 3, "key_1")


def test_what_has_not_changed_is_not_sent_again(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/characters/c"] = [say({"name": "Mara"}, ETag='"v1"'), Answer(304), say({"name": "May"})]
    assert [forge.characters.get("c")["name"] for _ in range(3)] == ["Mara", "Mara", "May"]
    assert [request.headers.get("if-none-match") for request in script.requests] == [None, '"v1"', '"v1"']


def test_what_was_remembered_is_not_what_a_caller_changed(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/characters/c"] = [say({"tags": ["a"]}, ETag='"v1"'), Answer(304)]
    forge.characters.get("c")["tags"].append("mine")
    assert forge.characters.get("c")["tags"] == ["a"]


def test_another_program_is_told_apart(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/jobs/job_1"] = [Answer(200, {"Content-Type": "text/html"}, b"<h1>It works!</h1>"), Answer(404)]
    for _ in range(2):
        with pytest.raises(client.BadAnswer, match="another program"):
            forge.jobs.get("job_1")


def test_a_redirect_is_not_followed(forge: Cardforge, script: Script) -> None:
    script["GET /api/v2/jobs/job_1"] = say({}, 302, Location="http://elsewhere.invalid/")
    with pytest.raises(client.BadAnswer):
        forge.jobs.get("job_1")
    assert len(script.requests) == 1


def test_the_key_is_never_sent_to_another_server(forge: Cardforge, script: Script) -> None:
    script["GET /files/a"] = say({"b": 1})
    assert forge._transport.json(Ask("GET", "https://elsewhere.invalid/files/a?b=c")) == {"b": 1}
    assert script.requests[0].query == {"b": ["c"]}


def test_an_id_cannot_lead_elsewhere(forge: Cardforge, script: Script) -> None:
    with pytest.raises(client.NotFound):
        forge.jobs.get("../keys?x")
    assert script.asked() == ["GET /api/v2/jobs/..%2Fkeys%3Fx"]
    with pytest.raises(ValueError, match="is empty"):
        forge.jobs.get("..")


def test_a_login_of_netrc_does_not_take_the_keys_place(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    script["GET /api/v2/jobs/job_1"] = say({})
    with Cardforge(script.url, "cf_secret") as forge:
        forge._transport._session.trust_env = True
        forge.jobs.get("job_1")
    assert script.requests[0].headers["authorization"] == "Bearer cf_secret"


def test_a_proxy_is_not_for_this_machine(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    script["GET /api/v2/jobs/job_1"] = say({"job_id": "job_1"})
    with Cardforge(script.url, "cf_secret") as forge:
        assert forge.jobs.get("job_1") == {"job_id": "job_1"}


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:8000", True),
        ("http://127.0.0.1.example.com", False),
        ("https://cardforge.example.com", False),
    ],
)
def test_this_machine_is_known(url: str, here: bool) -> None:
    assert is_loopback(url) is here


def test_a_server_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(seconds: float) -> None:
        raise AssertionError("it waits")

    monkeypatch.setattr("cardforge_client.transport.time.sleep", never)
    url = f"http://127.0.0.1:{free_port()}"
    with Cardforge(url, "cf_secret") as forge, pytest.raises(client.Unreachable) as raised:
        forge.jobs.get("job_1")
    assert raised.value.message == f"No Cardforge at {url}: connection refused."


def test_server_and_key_come_from_the_environment(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDFORGE_URL", script.url)
    monkeypatch.setenv("CARDFORGE_API_KEY", "cf_from_there\n")
    script["GET /api/v2/jobs/job_1"] = say({})
    with Cardforge() as forge:
        forge.jobs.get("job_1")
    assert script.requests[0].headers["authorization"] == "Bearer cf_from_there"
    monkeypatch.delenv("CARDFORGE_API_KEY")
    with pytest.raises(client.NoApiKey):
        Cardforge()


@pytest.mark.parametrize(("said", "seconds"), [("3", 3), ("-1", 0), ("soon", None), ("", None)])
def test_retry_after_is_read(said: str, seconds: float | None) -> None:
    import requests

    answer = requests.Response()
    answer.headers["Retry-After"] = said
    assert retry_after(answer) == seconds


def test_health_that_is_bad_is_an_answer_too(forge: Cardforge, script: Script) -> None:
    script["GET /health/ready"] = say({"status": "failing", "failing": ["redis"]}, 503)
    assert forge.ready()["failing"] == ["redis"]
