"""What one client can take: requests a minute, and the patience of the server with slow and odd ones."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

import settings
from cli.embedded import start_redis
from tests.engine import processes

GENERATE, JOBS = "/api/v2/generation/generate", "/api/v2/jobs"
BODY = {"source_material": "Ondine keeps the lamp."}
SLOW_SECONDS = 1


def test_creation_is_limited_and_the_answer_says_for_how_long(
    client: FlaskClient, stranger: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_CREATE", "2/minute")
    first = client.post(GENERATE, json=BODY)
    assert first.status_code == 202
    told = {name: first.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Policy")}
    assert told == {"Limit": "2", "Remaining": "1", "Policy": "2;w=60"}
    assert client.post(GENERATE, json=BODY).headers["RateLimit-Remaining"] == "0"
    answer = client.post(GENERATE, json=BODY)
    assert (answer.status_code, answer.json["error"]) == (429, "RATE_LIMITED")
    assert answer.json["details"] == {
        "kind": "create",
        "limit": "2 per 1 minute",
        "retry_after": int(answer.headers["Retry-After"]),
    }
    assert "batch" in answer.json["message"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert 1 <= int(answer.headers["RateLimit-Reset"]) <= 61
    assert client.get(JOBS).status_code == 200, "reading has a limit of its own"
    assert client.post(f"{JOBS}/none/cancel").status_code == 404, "so have edits"
    assert stranger.post(GENERATE, json=BODY).status_code == 202, "and so has every key"


def test_edits_and_reads_have_their_own_limits(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_EDIT", "1/minute")
    monkeypatch.setenv("RATE_LIMIT_READ", "3/minute")
    assert client.post("/api/v2/generation/estimate", json=BODY).status_code == 200, "a check counts as an edit"
    assert client.post(f"{JOBS}/none/cancel").status_code == 429
    answers = [client.get(path).status_code for path in (JOBS, "/api/v2/nothing", "/api/v2/options", JOBS)]
    assert answers == [200, 404, 200, 429], "all routes are counted together, those that are none included"
    assert client.get("/health/live").status_code == 200
    assert "RateLimit-Limit" not in client.get("/api/v2/openapi.json").headers


def test_off_is_off(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_READ", "off")
    assert "RateLimit-Limit" not in client.get(JOBS).headers


@pytest.mark.parametrize("text", ["many", "0/minute", "60", "60/fortnight", "-1/minute"])
def test_a_limit_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(settings.SettingError, match="RATE_LIMIT_EDIT"):
        settings.rate_limits({"RATE_LIMIT_EDIT": text})


def test_guessing_is_limited_by_address_and_locks_out_nobody_else(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_GUESS", "3/minute")
    here, there = {"REMOTE_ADDR": "192.0.2.7"}, {"REMOTE_ADDR": "192.0.2.8"}
    guess = app.test_client()
    guesses = [guess.get(JOBS, headers={"X-API-Key": f"cf_{n}"}, environ_overrides=here).status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert client.get(JOBS, environ_overrides=here).status_code == 200, "a good key behind the same address"
    assert guess.get(JOBS, headers={"X-API-Key": "cf_x"}, environ_overrides=there).status_code == 401


def test_without_redis_requests_go_on_quickly_and_limits_hold_in_each_process(
    key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from api import create_app

    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("RATE_LIMIT_READ", "3/minute")
    client = create_app().test_client()
    logging.getLogger("api.limits").addHandler(caplog.handler)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    began = time.monotonic()
    answers = [client.get(JOBS) for _ in range(4)]
    logging.getLogger("api.limits").removeHandler(caplog.handler)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert time.monotonic() - began < 2
    assert answers[0].headers["RateLimit-Remaining"] == "2"
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def test_a_window_is_counted_to_its_end_whatever_happens_to_redis(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.limits import Counts, limit_of

    limit = limit_of("2/minute")
    with TemporaryDirectory(prefix="cf-", dir="/tmp") as folder:
        server = start_redis(Path(folder))
        try:
            counts, again = (Counts(server.url) for _ in range(2))
            numbers = [one.count(limit, kind, "a").number for one, kind in ((counts, "x"), (again, "x"), (counts, "y"))]
            assert numbers == [1, 2, 1], "processes count together, and each kind for itself"
            assert 59 <= counts.count(limit, "x", "a").left <= 60
            with redis.Redis.from_url(server.url) as asked:
                asked.config_resetstat()
                assert counts.count(limit, "x", "a").number == 4
                trips = {name.removeprefix("cmdstat_") for name in asked.info("commandstats")}
                assert trips - {"config", "incrby"} == {"evalsha", "ttl"}, "a count is two trips"
                [key] = asked.keys("cardforge:limits:*x*")
                asked.script_flush()
                asked.pexpire(key, 30_300)
                assert counts.count(limit, "x", "a").left >= asked.pttl(key) / 1000, "nobody is told to come early"
            assert counts.count(limit, "x", "a").number == 6
            server.kill()
            assert [counts.count(limit, "x", "a").number for _ in range(2)] == [1, 2]
            assert 59 <= counts.count(limit, "x", "a").left <= 60
            server.restart()
            assert counts.count(limit, "x", "a").number == 4, "nobody asks again so soon"
            monkeypatch.setattr("api.limits.AWAY_SECONDS", 0.0)
            counts._away_until = 0.0
            assert counts.count(limit, "z", "a").number == 1
            assert again.count(limit, "z", "a").number == 2
        finally:
            server.stop()


# --- over a socket, with the real server ---


@pytest.fixture(scope="module")
def server(environment: dict[str, str], schema: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a web server whose patience is short."""
    env = environment | {"REQUEST_SECONDS": str(SLOW_SECONDS)}
    with processes.web(env, tmp_path_factory.mktemp("web")) as url:
        yield int(url.rsplit(":", 1)[1])


def ask(
    port: int, sent: bytes, *, then: Callable[[socket.socket], None] = lambda _: None
) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are; returns the status and the JSON of the answer, or 0 when the line was closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
        try:
            client.sendall(sent)
            then(client)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered before it had all
        return read_answer(client)


def read_answer(client: socket.socket) -> tuple[int, dict[str, Any]]:
    received = b""
    while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < length_of(received):
        try:
            part = client.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return (int(head.split()[1]), json.loads(body)) if head else (0, {})


def length_of(received: bytes) -> int:
    found = re.search(rb"(?i)content-length: (\d+)", received)
    return int(found[1]) if found else 0


def head(key: str, *more: str, path: str = GENERATE, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"X-API-Key: {key}", "Content-Type: application/json", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def drip(client: socket.socket) -> None:
    """Send a byte now and then, for longer than anybody waits."""
    client.settimeout(0.2)
    for _ in range(20 * SLOW_SECONDS):
        client.sendall(b"a")
        try:
            if client.recv(1, socket.MSG_PEEK) is not None:
                break
        except TimeoutError:
            continue
    client.settimeout(15)


def test_a_body_that_drips_is_answered_in_time(server: int, key: str) -> None:
    began = time.monotonic()
    status, body = ask(server, head(key, "Content-Length: 1000000"), then=drip)
    assert (status, body["error"]) == (408, "REQUEST_TIMEOUT")
    assert time.monotonic() - began < SLOW_SECONDS + 2


def test_headers_that_drip_are_hung_up_on(server: int, key: str) -> None:
    began = time.monotonic()
    assert ask(server, head(key)[:-2] + b"X-Slow: ", then=drip) == (0, {})
    assert time.monotonic() - began < SLOW_SECONDS + 2


def test_slow_senders_hold_up_nobody(server: int, key: str) -> None:
    slow = [socket.create_connection(("127.0.0.1", server)) for _ in range(60)]
    try:
        for client in slow:
            client.sendall(head(key, "Content-Length: 1000000") + b'{"source')
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(server, head(key, method="GET", path=JOBS)), range(8)))
        assert {status for status, _ in answers} == {200}
        assert time.monotonic() - began < SLOW_SECONDS
    finally:
        for client in slow:
            client.close()


def chunks(size: int) -> Callable[[socket.socket], None]:
    """A body in chunks, of which nobody was told the length."""

    def send(client: socket.socket) -> None:
        for _ in range(size // 65536):
            client.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        client.sendall(b"0\r\n\r\n")

    return send


def test_a_body_that_is_too_large_is_refused_however_it_comes(server: int, key: str) -> None:
    status, body = ask(server, head(key, f"Content-Length: {33 << 20}"))
    assert (status, body["error"]) == (413, "TOO_LARGE")
    status, body = ask(server, head(key, "Transfer-Encoding: chunked"), then=chunks(33 << 20))
    assert (status, body["error"]) == (413, "TOO_LARGE")
    status, body = ask(server, head(key, "Transfer-Encoding: chunked"), then=chunks(1 << 20))
    assert (status, body["error"]) == (400, "BAD_REQUEST"), "what is small enough is read: it is no JSON"


def test_a_body_shorter_than_its_length_is_told_so(server: int, key: str) -> None:
    sent = head(key, "Content-Length: 100") + b"{}"
    status, body = ask(server, sent, then=lambda client: client.shutdown(socket.SHUT_WR))
    assert (status, body["error"]) == (400, "BAD_REQUEST")
    assert "Content-Length" in body["message"]


def test_nobody_waits_for_the_body_of_an_unknown_key(server: int, database: Any) -> None:
    began = time.monotonic()
    status, body = ask(server, head("cf_unknown", "Content-Length: 30000000"))
    assert (status, body["error"]) == (401, "UNAUTHENTICATED")
    assert time.monotonic() - began < SLOW_SECONDS


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (head("k", path=f"/api/v2/jobs?q={'x' * 5000}", method="GET"), 414, "URI_TOO_LONG"),
        (head("k", *(f"X-{n}: y" for n in range(70))), 431, "HEADERS_TOO_LARGE"),
        (head("k", f"X-Long: {'y' * 9000}"), 431, "HEADERS_TOO_LARGE"),
        (b"NONSENSE\r\n\r\n", 400, "BAD_REQUEST"),
        (head("k", "Bad Header: y"), 400, "BAD_REQUEST"),
    ],
)
def test_what_is_no_request_is_refused_in_the_one_shape(server: int, sent: bytes, status: int, code: str) -> None:
    found, body = ask(server, sent)
    assert (found, body["error"]) == (status, code)
    assert set(body) == {"error", "message", "details", "request_id"}


def test_chunks_that_are_none_are_the_callers_fault(server: int, key: str) -> None:
    status, body = ask(server, head(key, "Transfer-Encoding: chunked") + b"zz\r\nabc\r\n0\r\n\r\n")
    assert (status, body["error"]) == (400, "BAD_REQUEST")
