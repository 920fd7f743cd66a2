"""The ledger: engine.md, lines 4 and 5."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update

from models.batches import Batch
from models.calls import Call
from models.errors import StaleAttempt
from models.jobs import Job
from models.services import calls
from models.services.claims import Claim
from providers.base import BadOutput, Completion, Filtered, Prompt, Provider, Sampling, Unavailable
from providers.openai import OpenAIProvider
from tasks import retry
from tasks.ask import Asker, question_key
from tasks.errors import StepFailed
from tasks.heartbeat import Heart
from tests.engine import jobs as work
from tests.engine.processes import wait_for
from tests.model_server import PRICE, ModelServer, Say

PROMPT = Prompt("write_card", ({"role": "user", "content": "Write about the lamp."},), {"type": "object"})
SAMPLING = Sampling(model="test/model", max_tokens=500)


@pytest.fixture
def provider(model_server: ModelServer) -> OpenAIProvider:
    return OpenAIProvider(model_server.base_url, "test/model")


@pytest.fixture
def claim(owner: str) -> Claim:
    _, (first, *_) = work.open_batch(owner, items=2, window=1)
    claimed = work.claim(first.job_id)
    assert claimed is not None
    return claimed


def ask(claim: Claim, provider: Provider, prompt: Prompt, sampling: Sampling, index: int = 0) -> Completion:
    """Ask as a step does; the heart does not beat here."""
    return Asker.of(claim, provider, Heart([])).ask(prompt, sampling, index)


def booked(database: Any) -> Decimal:
    with database.transaction() as session:
        return session.scalar(select(func.coalesce(func.sum(Call.cost_usd), 0)))


def test_an_answer_is_booked_to_call_job_and_batch(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    ask(claim, provider, PROMPT, SAMPLING)
    with database.transaction() as session:
        costs = [session.scalar(select(table.cost_usd)) for table in (Call, Batch)]
        costs.append(session.get_one(Job, claim.job_id).cost_usd)
    assert costs == [model_server.ledger.total] * 3


def test_asking_again_asks_the_provider_nothing(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    first = ask(claim, provider, PROMPT, SAMPLING)
    again = ask(claim, provider, PROMPT, SAMPLING)
    assert again.text == first.text
    assert len(model_server.ledger.charges) == 1
    assert booked(database) == model_server.ledger.total


def test_a_key_is_that_of_the_question_and_of_nothing_else() -> None:
    key = question_key("generate", PROMPT, SAMPLING, 0)
    assert key == question_key("generate", PROMPT, SAMPLING, 0)
    assert key != question_key("generate", PROMPT, SAMPLING, 1)
    assert key != question_key("export", PROMPT, SAMPLING, 0)
    assert key != question_key("generate", PROMPT, Sampling("other/model", 500), 0)


def test_failed_tries_are_booked_too(
    database: Any,
    claim: Claim,
    provider: OpenAIProvider,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.01)
    model_server.script = [Say(503, {"error": {"message": "busy"}}), Say(text="", finish="stop")]
    ask(claim, provider, PROMPT, SAMPLING)
    with database.transaction() as session:
        totals = calls.job_totals(session, claim.job_id)
    assert totals.calls == 3
    assert totals.cost_usd == model_server.ledger.total
    assert totals.wasted_usd == model_server.ledger.charges[0] > 0


def test_a_call_that_is_given_up_is_booked_before_the_job_fails(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    model_server.script = [Say(text="half", finish="content_filter")]
    with pytest.raises(Filtered):
        ask(claim, provider, PROMPT, SAMPLING)
    assert booked(database) == model_server.ledger.total > 0


def test_a_provider_that_stays_away_is_given_up_after_the_last_try(
    claim: Claim, provider: OpenAIProvider, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.01)
    model_server.script = [Say(503, {"error": {"message": "busy"}})] * (retry.TRIES + 1)
    with pytest.raises(Unavailable, match="busy"):
        ask(claim, provider, PROMPT, SAMPLING)
    assert len(model_server.ledger.requests) == retry.TRIES


def test_a_worker_that_lost_its_job_asks_nothing(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    """It stood still past its lease and wakes up between two calls."""
    with database.transaction() as session:
        session.execute(update(Job).where(Job.id == claim.job_id).values(attempt=2))
    with pytest.raises(StaleAttempt):
        ask(claim, provider, PROMPT, SAMPLING)
    assert model_server.ledger.requests == []


def test_the_call_of_a_worker_that_lost_its_job_is_cut_off(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    """It stood still in the middle of a call: another one asks by now, and nobody waits for this answer."""
    model_server.seconds = 20.0
    heart = Heart([])
    asker = Asker.of(replace(claim, worker=heart.id), provider, heart)
    with database.transaction() as session:
        session.execute(update(Job).where(Job.id == claim.job_id).values(lease_owner=heart.id))
    heart.start()
    try:
        with heart.holding(claim.job_id, claim.attempt, claim.step), ThreadPoolExecutor(1) as pool:
            asked = pool.submit(asker.ask, PROMPT, SAMPLING)
            wait_for(lambda: model_server.ledger.now == 1, "the call is under way")
            with database.transaction() as session:
                session.execute(update(Job).where(Job.id == claim.job_id).values(lease_owner="another", attempt=2))
            with pytest.raises(StaleAttempt):
                asked.result(10)
    finally:
        heart.stop()


def test_two_answers_to_one_question_are_both_booked_and_one_is_discarded(
    database: Any, claim: Claim, model_server: ModelServer
) -> None:
    """As after a lease that ran out in the middle of a call: both were paid for, one is used."""
    both = threading.Barrier(2)

    class Slow(OpenAIProvider):
        def complete(
            self, prompt: Prompt, sampling: Sampling, *, cancelled: Any = None, deadline: float | None = None
        ) -> Completion:
            both.wait()
            return super().complete(prompt, sampling)

    provider = Slow(model_server.base_url, "m")
    threads = [threading.Thread(target=ask, args=(claim, provider, PROMPT, SAMPLING)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as session:
        discarded = session.scalars(select(Call.discarded).order_by(Call.discarded)).all()
        totals = calls.job_totals(session, claim.job_id)
    assert list(discarded) == [False, True]
    assert totals.cost_usd == model_server.ledger.total
    assert totals.wasted_usd > 0


def test_a_commit_whose_answer_was_lost_is_booked_once(database: Any, claim: Claim) -> None:
    """The write is tried again with the same id, and finds its row there."""
    from datetime import UTC, datetime

    asked = calls.Asked("call_x", "key", "write_card", "p", "m", datetime.now(UTC))
    bill = calls.Bill(cost_usd=Decimal("0.5"))
    for _ in range(2):
        with database.transaction() as session:
            calls.record_answer(session, claim, asked, bill, response="{}", finish_reason="stop", response_id="")
    fault = calls.Asked("call_y", "key", "write_card", "p", "m", datetime.now(UTC))
    for _ in range(2):
        with database.transaction() as session:
            calls.record_fault(session, claim, fault, bill, {"code": "X"})
    assert booked(database) == Decimal(1)
    with database.transaction() as session:
        assert session.get_one(Job, claim.job_id).cost_usd == Decimal(1)


def test_a_spent_budget_stops_the_next_call(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    with database.transaction() as session:
        session.execute(update(Batch).values(max_cost_usd=PRICE))
    ask(claim, provider, PROMPT, SAMPLING)
    with pytest.raises(StepFailed) as raised:
        ask(claim, provider, PROMPT, SAMPLING, index=1)
    assert raised.value.code == "BUDGET_EXCEEDED"
    assert len(model_server.ledger.requests) == 1


def test_ledger_rows_outlive_their_job(
    database: Any, claim: Claim, provider: OpenAIProvider, model_server: ModelServer
) -> None:
    ask(claim, provider, PROMPT, SAMPLING)
    with database.transaction() as session:
        session.delete(session.get_one(Job, claim.job_id))
    assert booked(database) == model_server.ledger.total


@pytest.mark.parametrize(
    ("tried", "dice", "asked", "seconds"),
    [(1, 0, None, 0.5), (3, 1, None, 4), (9, 1, None, 20), (1, 0, 30, 30), (1, 1, 30, 33)],
)
def test_waits_grow_jitter_and_honour_the_server(tried: int, dice: float, asked: float | None, seconds: float) -> None:
    assert retry.delay(tried, dice, asked) == seconds


def test_a_reply_of_the_wrong_shape_is_no_reply() -> None:
    from tasks.lore.shapes import ENTRIES
    from tasks.replies import read_reply

    with pytest.raises(BadOutput, match=r"entries\[0\]\.keys is missing"):
        read_reply('{"entries": [{"name": "x", "content": "y", "category": "place", "constant": true}]}', ENTRIES)
