"""Waiting for a provider: engine.md, line 17."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from cli.embedded import Server
from models.errors import JobCancelled
from models.services.claims import Claim
from providers.base import Prompt, Sampling
from providers.openai import OpenAIProvider
from tasks import pause, retry
from tasks.ask import Asker
from tasks.errors import HandBack, Park, StepFailed
from tasks.heartbeat import Heart
from tests.engine import jobs as work
from tests.model_server import ModelServer, Say

PROMPT = Prompt("write_card", ({"role": "user", "content": "Write about the lamp."},), {"type": "object"})
SAMPLING = Sampling(model="test/model", max_tokens=500)


@pytest.fixture(autouse=True)
def _no_pause_is_on(redis_server: Server, environment: Any) -> Iterator[None]:
    pause._client.cache_clear()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
        yield
    pause._client().close()
    pause._client.cache_clear()


@pytest.fixture
def asker(owner: str, model_server: ModelServer) -> Asker:
    claim: Claim | None = work.claim(work.open_job(owner).job_id)
    assert claim is not None
    return Asker.of(claim, OpenAIProvider(model_server.base_url, "test/model"), Heart([]))


def too_many(seconds: float) -> Say:
    return Say(429, {"error": {"message": "later"}}, headers={"Retry-After": str(seconds)})


def test_a_short_wait_keeps_the_slot(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [too_many(0.2)]
    began = time.monotonic()
    asker.ask(PROMPT, SAMPLING)
    assert time.monotonic() - began >= 0.2
    assert len(model_server.ledger.requests) == 2


def test_a_long_wait_gives_the_slot_back(asker: Asker, model_server: ModelServer) -> None:
    model_server.script = [too_many(30)]
    with pytest.raises(Park) as parked:
        asker.ask(PROMPT, SAMPLING)
    assert 30 <= parked.value.seconds <= 33


def test_one_rate_limit_makes_everybody_wait(asker: Asker, model_server: ModelServer, owner: str) -> None:
    model_server.script = [too_many(30)]
    with pytest.raises(Park):
        asker.ask(PROMPT, SAMPLING)
    other = work.claim(work.open_job(owner).job_id)
    assert other is not None
    with pytest.raises(Park, match="asked everybody to wait"):
        Asker.of(other, asker.provider, Heart([])).ask(PROMPT, SAMPLING)
    assert len(model_server.ledger.requests) == 1, "the second did not even ask"


def test_a_pause_is_never_shortened() -> None:
    pause.begin("p", 30)
    pause.begin("p", 1)
    assert 29 < pause.remaining("p") <= 30
    assert pause.remaining("q") == 0


def test_without_redis_there_is_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = redis.Redis(port=1, socket_connect_timeout=0.2, retry=None)
    monkeypatch.setattr(pause, "_client", lambda: nobody)
    pause.begin("p", 30)
    assert pause.remaining("p") == 0
    nobody.close()


def test_a_server_that_keeps_failing_is_asked_so_often_and_no_more(
    asker: Asker, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over steps that were begun again: the ledger counts the tries."""
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.01)
    model_server.script = [Say(503, {"error": {"message": "busy"}})] * 40
    with pytest.raises(Exception, match="busy"):
        asker.ask(PROMPT, SAMPLING)
    with pytest.raises(Exception, match="busy"):
        asker.ask(PROMPT, SAMPLING)
    assert len(model_server.ledger.requests) == retry.TRIES + 1


def test_a_cancelled_job_asks_nothing_more(asker: Asker, model_server: ModelServer) -> None:
    asker.heart._cancelled = frozenset({asker.claim.job_id})
    with pytest.raises(JobCancelled):
        asker.ask(PROMPT, SAMPLING)
    assert model_server.ledger.requests == []


def test_a_cancelled_job_cuts_its_call_off(asker: Asker, model_server: ModelServer, database: Any) -> None:
    model_server.script = [Say(seconds=30)]
    mark = threading.Timer(0.3, lambda: setattr(asker.heart, "_cancelled", frozenset({asker.claim.job_id})))
    mark.start()
    began = time.monotonic()
    with pytest.raises(JobCancelled):
        asker.ask(PROMPT, SAMPLING)
    assert time.monotonic() - began < 2


def test_a_stopping_worker_begins_no_call(asker: Asker, model_server: ModelServer) -> None:
    asker.heart.drain()
    with pytest.raises(HandBack):
        asker.ask(PROMPT, SAMPLING)
    assert model_server.ledger.requests == []


def test_a_stored_answer_is_had_even_while_stopping(asker: Asker, model_server: ModelServer) -> None:
    first = asker.ask(PROMPT, SAMPLING)
    asker.heart.drain()
    assert asker.ask(PROMPT, SAMPLING).text == first.text


def test_a_step_has_an_end(asker: Asker, model_server: ModelServer) -> None:
    late = Asker(asker.claim, asker.provider, asker.heart, until=time.monotonic() - 1)
    with pytest.raises(StepFailed) as ended:
        late.ask(PROMPT, SAMPLING)
    assert ended.value.code == "STEP_TIMEOUT"
