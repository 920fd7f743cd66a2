"""Usage, limits and prices as the API shows them; and the price table, read from a server over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, update

from models.ids import new_id
from models.jobs import Job
from models.prices import PriceSource
from models.services import calls, prices, usage
from models.services.calls import Asked, Bill
from models.services.claims import Claim
from models.usage import DailyUsage
from providers.prices import ListedModel
from tasks.prices import refresh
from tests.engine import jobs as work

LISTED = {
    "id": "some/model",
    "context_length": 131_072,
    "top_provider": {"context_length": 65_536, "max_completion_tokens": 8192},
    "pricing": {"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000075"},
    "supported_parameters": ["structured_outputs"],
}


class ListServer:
    """Answers ``GET /v1/models`` with ``reply``, counting who asks."""

    def __init__(self) -> None:
        self.reply: tuple[int, Any] = (200, {"data": [LISTED]})
        self.asked: list[dict[str, str]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append({"path": self.path, **dict(self.headers)})
                status, body = owner.reply
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Keep the tests' output clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    @contextmanager
    def running(self) -> Iterator[ListServer]:
        thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield self
        self.http.shutdown()
        self.http.server_close()
        thread.join()


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch, database: Any) -> Iterator[ListServer]:
    with ListServer().running() as server:
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        monkeypatch.setenv("LLM_MODEL", "some/model")
        monkeypatch.setenv("LLM_API_KEY", "sk-secret")
        yield server


@pytest.fixture
def used(database: Any, owner: str) -> Callable[..., Claim]:
    """Books calls of a new job."""

    def book(model: str, usd: str, tokens: tuple[int, int], *, failed: bool = False) -> Claim:
        claim = work.claim(work.open_job(owner).job_id)
        assert claim is not None
        asked = Asked(
            new_id("call"), new_id("k"), "write_card", "127.0.0.1", model, datetime.now(UTC), asked_model=model
        )
        bill = Bill(*tokens, cost_usd=Decimal(usd), cost_basis="provider")
        with database.transaction() as session:
            if failed:
                calls.record_fault(session, claim, asked, bill, {"code": "X"})
            else:
                calls.record_answer(session, claim, asked, bill, response="{}", finish_reason="stop", response_id="")
        return claim

    return book


def test_the_list_is_read_at_most_once_an_hour(lists: ListServer, database: Any) -> None:
    assert refresh()
    assert not refresh()
    assert [request["path"] for request in lists.asked] == ["/v1/models"]
    assert lists.asked[0]["Authorization"] == "Bearer sk-secret"
    with database.transaction() as session:
        facts = prices.known_model(session, "some/model")
        assert facts is not None
        assert (facts.context_tokens, facts.output_cap, facts.basis) == (65_536, 8192, "table")
        assert prices.known_model(session, "other/model") is None
        assert prices.known_model(session, "some/model", "openrouter") is None
        session.execute(update(PriceSource).values(next_at=PriceSource.next_at - timedelta(hours=1)))
    lists.reply = (200, {"data": [LISTED | {"id": "new/model"}]})
    assert refresh()
    with database.transaction() as session:
        assert prices.known_model(session, "some/model") is None
        assert prices.known_model(session, "new/model") is not None


def test_of_many_upkeeps_one_reads_the_list(lists: ListServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: refresh(), range(8))) == 1
    assert len(lists.asked) == 1


@pytest.mark.parametrize("reply", [(500, {}), (200, b"no JSON"), (200, {"data": "x"}), (302, {})])
def test_a_list_that_cannot_be_read_leaves_what_was_known(
    lists: ListServer, database: Any, client: FlaskClient, reply: tuple[int, Any]
) -> None:
    assert refresh()
    lists.reply = reply
    with database.transaction() as session:
        session.execute(update(PriceSource).values(next_at=PriceSource.next_at - timedelta(hours=1)))
    assert not refresh()
    body = client.get("/api/v2/models").json
    assert [model["id"] for model in body["models"]] == ["some/model"]
    assert body["refresh_error"]
    assert "sk-secret" not in json.dumps(body)


def test_models_are_listed_with_what_is_known_of_them(
    lists: ListServer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists.reply = (200, {"data": [LISTED, {"id": "plain"}]})
    refresh()
    monkeypatch.setenv("MODEL_PRICES", '{"plain": {"prompt": "1", "completion": 2.5}}')
    body = client.get("/api/v2/models").json
    assert (body["total"], body["server"], body["default_model"]) == (2, "127.0.0.1", "some/model")
    plain, some = body["models"]
    assert plain["pricing"] == {
        "prompt": "1",
        "completion": "2.5",
        "request": "0",
        "internal_reasoning": None,
        "input_cache_read": None,
        "input_cache_write": None,
        "basis": "operator",
    }
    assert (plain["context_tokens"], plain["output_cap"]) == (None, None)
    assert (some["pricing"]["prompt"], some["pricing"]["basis"]) == ("0.15", "table")
    assert some["supported_parameters"] == ["structured_outputs"]
    priced = client.get("/api/v2/models/pricing").json
    assert priced["pricing"]["some/model"]["completion"] == "0.6"
    assert (priced["currency"], priced["unit"]) == ("USD", "million tokens")


def test_models_come_in_pages_and_are_looked_for(database: Any, client: FlaskClient) -> None:
    with database.transaction() as session:
        prices.save_models(session, "offline", [ListedModel(f"a/m{n}") for n in range(5)] + [ListedModel("b/x")])
    seen, cursor = [], None
    while True:
        query = {"limit": 2, "q": "A/"} | ({"cursor": cursor} if cursor else {})
        body = client.get("/api/v2/models", query_string=query).json
        seen += [model["id"] for model in body["models"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"a/m{n}" for n in range(5)]
    assert body["total"] == 5


def test_usage_is_the_ledgers(client: FlaskClient, stranger: FlaskClient, used: Callable[..., Claim]) -> None:
    used("a/b", "0.1", (1000, 500))
    used("a/b", "0.2", (100, 50), failed=True)
    used("c/d", "0.05", (10, 5))
    body = client.get("/api/v2/user/usage/current-month").json
    month = body["usage"]["current_month"]
    assert (month["tokens_used"], month["requests_count"], month["total_cost"]) == (1665, 3, 0.35)
    assert month["wasted"] == 0.2
    assert month["by_model"]["a/b"]["tokens"] == 1650
    assert month["by_model"]["a/b"]["cost"] == 0.3
    assert body["usage"]["daily_limit"]["tokens"] is None
    assert set(body["pricing"]) == {"a/b", "c/d"}
    theirs = stranger.get("/api/v2/user/usage/current-month").json["usage"]["current_month"]
    assert (theirs["tokens_used"], theirs["by_model"]) == (0, {})


def test_all_usage_has_every_day(client: FlaskClient, database: Any, used: Callable[..., Claim]) -> None:
    used("a/b", "0.1", (1000, 500))
    with database.transaction() as session:
        session.execute(update(DailyUsage).values(day=DailyUsage.day - 40))
    used("a/b", "0.2", (1, 1))
    usage = client.get("/api/v2/user/usage").json["usage"]
    assert usage["all_time"] == {"tokens_used": 1502, "requests_count": 2, "total_cost": 0.3}
    assert [day["total_cost"] for day in usage["days"]] == [0.2, 0.1]
    assert usage["days"][0]["day"] == datetime.now(UTC).date().isoformat()


def test_a_used_up_day_refuses_new_work_and_says_until_when(
    client: FlaskClient, stranger: FlaskClient, used: Callable[..., Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = used("a/b", "0.1", (1000, 500))
    monkeypatch.setenv("DAILY_TOKENS", "1500")
    limit = client.get("/api/v2/user/usage").json["usage"]["daily_limit"]
    assert (limit["tokens"], limit["remaining"], limit["used"]) == (1500, 0, 1500)
    generation = {"source_material": "Ondine keeps the lamp."}
    work.fail(claim)
    for path, body in (
        ("batch-generations", {"generations": [generation]}),
        ("generation/generate", generation),
        (f"jobs/{claim.job_id}/retry", {}),
    ):
        answer = client.post(f"/api/v2/{path}", json=body)
        assert (answer.status_code, answer.json["error"]) == (429, "QUOTA_EXCEEDED"), path
        assert answer.json["details"]["resets_at"] == limit["resets_at"].replace(".000Z", "Z")
        assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    assert stranger.post("/api/v2/generation/generate", json=generation).status_code == 202


def test_what_failed_tries_cost_is_shown_with_the_batch(client: FlaskClient, database: Any, owner: str) -> None:
    batch_id, (message,) = work.open_batch(owner, items=1, window=1)
    claim = work.claim(message.job_id)
    assert claim is not None
    asked = Asked(new_id("call"), "k", "write_card", "p", "m", datetime.now(UTC))
    with database.transaction() as session:
        bill = Bill(cost_usd=Decimal("0.25"), cost_basis="provider")
        calls.record_fault(session, claim, asked, bill, {"code": "X"})
    body = client.get(f"/api/v2/batch-generations/{batch_id}").json
    assert (body["cost_usd"], body["wasted_usd"]) == (0.25, 0.25)


def test_a_batch_that_ran_out_of_budget_is_given_more_with_its_retry(
    client: FlaskClient, database: Any, owner: str
) -> None:
    batch_id, (message,) = work.open_batch(owner, items=1, window=1, max_cost_usd=Decimal("0.1"))
    claim = work.claim(message.job_id)
    assert claim is not None
    work.fail(claim)
    path = f"/api/v2/batch-generations/{batch_id}/retry"
    assert client.post(path, json={"max_cost_usd": -1}).status_code == 422
    answer = client.post(path, json={"max_cost_usd": 0.5})
    assert (answer.status_code, answer.json["max_cost_usd"], answer.json["retried"]) == (202, 0.5, 1)


def test_how_long_a_card_takes_is_learned_for_each_model(database: Any, owner: str, used: Callable[..., Claim]) -> None:
    """What one model does in a second says nothing of another."""
    ended = {"status": "completed", "started_at": func.now() - timedelta(seconds=4), "finished_at": func.now()}
    for _ in range(3):
        claim = used("a/b", "0.1", (10, 5))
        with database.transaction() as session:
            session.execute(update(Job).where(Job.id == claim.job_id).values(ended))
    with database.transaction() as session:
        ask = partial(usage.mean_seconds, session, owner, "profile_default")
        assert ask("127.0.0.1", "a/b") == pytest.approx(4)
        assert ask("127.0.0.1", "") == pytest.approx(4)
        assert ask("127.0.0.1", "c/d") is None
        assert ask("openrouter", "a/b") is None
