"""Budgets: what is let through, what waits, what is stopped; on real rows with real locks."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update

from cards.text import estimate_tokens
from models.batches import Batch
from models.calls import Call
from models.errors import StaleAttempt
from models.ids import new_id
from models.jobs import Job
from models.services import budgets, calls, claims, prices, stops, usage
from models.services.budgets import Limit
from models.services.calls import Asked, Bill
from models.services.claims import Claim
from models.usage import DailyUsage
from providers.base import Prompt, Sampling
from providers.prices import ListedModel
from tasks import budget
from tasks.budget import Price, decide
from tasks.errors import StepFailed
from tests.engine import jobs as work

PROMPT = Prompt("write_card", ({"role": "user", "content": "x" * 270},), {})  # 101 tokens at most
SAMPLING = Sampling("a/b", max_tokens=1000)
CENT = Decimal("0.01")


def limit(most: str, spent: str = "0", held: str = "0") -> Limit:
    return Limit("the batch's max_cost_usd", "BUDGET_EXCEEDED", Decimal(most), Decimal(spent), Decimal(held))


def price(bound: str | None, expected: str = "0") -> Price:
    return Price(None if bound is None else Decimal(bound), Decimal(expected))


@pytest.mark.parametrize(
    ("limits", "call", "go"),
    [
        ([limit("1")], price("0.4", "0.1"), "0.4"),
        ([limit("1", "0.3", "0.3")], price("0.4"), "0.4"),  # to the cent
        ([limit("1", "0.3", "0.31")], price("0.4"), None),  # fits when others are done
        ([limit("1", "0.8", "0.1")], price("0.4", "0.1"), None),  # never fits, is expected to: not beside others
        ([limit("1", "0.8")], price("0.4", "0.1"), "0.4"),  # the last one
        ([limit("1", "0.8"), limit("9", "0", "8.9")], price("0.4", "0.1"), None),
        ([limit("1", "0.8"), limit("9", "0", "5")], price("0.4", "0.1"), "0.4"),  # the others are under a wider one
        ([limit("1", "0.2")], price(None), "0.8"),  # nobody knows: alone, with all there is
        ([limit("1", "0.2", "0.8")], price(None), None),
    ],
)
def test_a_call_goes_or_waits(limits: list[Limit], call: Price, go: str | None) -> None:
    assert decide(limits, call).go == (None if go is None else Decimal(go))


@pytest.mark.parametrize(
    ("spent", "call"),
    [("1", price("0.1")), ("1.2", price(None)), ("0.95", price("0.4", "0.1")), ("0.95", price(None, "0.06"))],
)
def test_a_call_that_is_not_expected_to_fit_is_stopped(spent: str, call: Price) -> None:
    with pytest.raises(StepFailed) as raised:
        decide([limit("1", spent, "0.02")], call)
    assert raised.value.code == "BUDGET_EXCEEDED"
    assert "batch's max_cost_usd is $1.00" in str(raised.value)
    assert raised.value.details["spent_usd"] == float(spent)


@pytest.mark.parametrize(
    "text",
    [
        "Ondine Marsh keeps the lighthouse on Gull Rock, a tall woman in oilskins with a burnt left hand.",
        "她在海边的灯塔里独自生活，每天晚上点亮那盏古老的灯，等待永远不会归来的船只。",
        "Она живёт одна на маяке у моря и каждую ночь зажигает старую лампу.",
        "彼女は海辺の灯台に一人で住み、毎晩古いランプを灯す。",
    ],
)
def test_the_bound_of_a_prompt_lies_above_the_estimate_of_its_tokens(text: str) -> None:
    tokens = budget.prompt_tokens(Prompt("p", ({"content": text},), {}))
    assert tokens - budget.TOKENS_A_MESSAGE >= estimate_tokens(text)


@pytest.fixture
def booking(database: Any) -> Callable[..., None]:
    """Books a call of a claim as `Asker` would."""

    def book(claim: Claim, usd: str = "0", tokens: tuple[int, int] = (100, 100), **changes: Any) -> None:
        values = {"provider": "server", "model": "a/b", "purpose": "write_card", "asked_model": "a/b"}
        asked = Asked(id=new_id("call"), key=new_id("k"), started_at=datetime.now(UTC), **(values | changes))
        basis = "provider" if Decimal(usd) else "unknown"
        bill = Bill(prompt_tokens=tokens[0], completion_tokens=tokens[1], cost_usd=Decimal(usd), cost_basis=basis)
        with database.transaction() as session:
            calls.record_answer(session, claim, asked, bill, response="{}", finish_reason="stop", response_id="")

    return book


def claims_of(owner: str, items: int, **changes: Any) -> list[Claim]:
    _, sent = work.open_batch(owner, items=items, window=items, **changes)
    found = [work.claim(message.job_id) for message in sent]
    return [claim for claim in found if claim is not None]


def reserve(claim: Claim, sampling: Sampling = SAMPLING) -> bool:
    return budget.reserve(claim, "server", PROMPT, sampling) is None


def list_price(database: Any, **pricing: str) -> None:
    with database.transaction() as session:
        prices.save_models(session, "server", [ListedModel("a/b", 32_000, 4000, pricing or None)])


def test_calls_that_begin_at_one_time_see_each_others_reservations(database: Any, owner: str) -> None:
    """A call may cost $0.30 by the table: of ten at one time, five fit into $1.60."""
    list_price(database, prompt="0", completion="0.0003")
    held = claims_of(owner, 10, max_cost_usd=Decimal("1.6"))
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(reserve, held)) == 5


def test_where_nothing_is_known_calls_go_one_at_a_time(database: Any, owner: str, booking: Callable[..., None]) -> None:
    held = claims_of(owner, 5, max_cost_usd=Decimal(1))
    with ThreadPoolExecutor(5) as pool:
        went = list(pool.map(reserve, held))
    assert sum(went) == 1
    booking(held[went.index(True)], "0.01")
    with ThreadPoolExecutor(5) as pool:
        assert all(pool.map(reserve, held))


def test_what_a_model_was_seen_to_cost_bounds_what_it_may(
    database: Any, owner: str, booking: Callable[..., None]
) -> None:
    """100 in and 100 out for $0.011: at most 0.0001 a token out, and half that in."""
    (claim,) = claims_of(owner, 1, max_cost_usd=Decimal(1))
    booking(claim, "0.011")
    with database.transaction() as session:
        found = budget.price_of(session, "server", PROMPT, SAMPLING)
    assert found.expected == Decimal("0.011")
    assert found.bound == pytest.approx(Decimal("0.000055") * 101 + Decimal("0.0001") * 1000, rel=Decimal("0.01"))


def test_a_price_table_that_says_too_little_is_not_trusted(
    database: Any, owner: str, booking: Callable[..., None]
) -> None:
    list_price(database, prompt="0.000001", completion="0.000001")
    (claim,) = claims_of(owner, 1, max_cost_usd=Decimal(1))
    booking(claim, "0.011")
    with database.transaction() as session:
        found = budget.price_of(session, "server", PROMPT, SAMPLING)
    assert found.bound is not None
    assert found.bound > Decimal("0.1")


def test_a_job_has_a_budget_of_its_own(database: Any, owner: str, booking: Callable[..., None]) -> None:
    list_price(database, prompt="0", completion="0.00001")
    sent = work.open_job(owner, request={"source_material": "x", "options": {"max_cost_usd": 0.03}})
    claim = work.claim(sent.job_id)
    assert claim is not None
    assert reserve(claim)
    booking(claim, "0.01")
    assert reserve(claim)
    booking(claim, "0.02")
    with pytest.raises(StepFailed, match=r"job's max_cost_usd is \$0.03, and \$0.03 is spent"):
        reserve(claim)


def refuse(database: Any, claim: Claim) -> None:
    """Book a call that was only told to come later: it does not count as one."""
    asked = Asked(new_id("call"), "k", "p", "server", "a/b", datetime.now(UTC))
    with database.transaction() as session:
        calls.record_fault(session, claim, asked, Bill(), {"code": "PROVIDER_RATE_LIMITED"})


def test_a_job_makes_no_more_calls_than_it_may(database: Any, owner: str, booking: Callable[..., None]) -> None:
    sent = work.open_job(owner, request={"source_material": "x", "options": {"max_calls": 2}})
    claim = work.claim(sent.job_id)
    assert claim is not None
    for _ in range(2):
        assert reserve(claim)
        booking(claim, "0.01")
        refuse(database, claim)
    with pytest.raises(StepFailed, match="made 2 calls, and max_calls is 2") as raised:
        reserve(claim)
    assert raised.value.code == "BUDGET_EXCEEDED"


def test_a_budget_that_cannot_be_kept_stops_after_one_call(
    database: Any, owner: str, booking: Callable[..., None]
) -> None:
    """A server that takes money and never says how much."""
    held = claims_of(owner, 2, max_cost_usd=Decimal(1))
    assert reserve(held[0])
    booking(held[0])
    with pytest.raises(StepFailed, match="Set MODEL_PRICES"):
        reserve(held[1])


def test_what_was_set_aside_is_free_when_the_call_is_booked_or_the_job_let_go(
    database: Any, owner: str, booking: Callable[..., None]
) -> None:
    list_price(database, prompt="0", completion="0.0006")
    first, second, third = claims_of(owner, 3, max_cost_usd=Decimal(1))
    assert reserve(first)
    assert not reserve(second)
    booking(first, "0.1")
    assert reserve(second)
    assert not reserve(third)
    work.fail(second)
    assert reserve(third)


def test_a_call_of_an_attempt_that_is_over_frees_nothing_of_the_next(
    database: Any, owner: str, booking: Callable[..., None]
) -> None:
    list_price(database, prompt="0", completion="0.0006")
    late, other = claims_of(owner, 2, max_cost_usd=Decimal(1))
    with database.transaction() as session:
        session.execute(update(Job).where(Job.id == late.job_id).values(attempt=2))
    assert reserve(replace(late, attempt=2))
    booking(late, "0.1")
    assert not reserve(other)


def test_who_has_let_a_step_go_pays_for_nothing_more_of_it(database: Any, owner: str) -> None:
    """The same worker has claimed it again, at the same attempt: two threads would ask, and one of them is wrong."""
    list_price(database, prompt="0", completion="0.0006")
    (old,) = claims_of(owner, 1, max_cost_usd=Decimal(1))
    with database.transaction() as session:
        assert claims.let_go(session, old)
    new = work.claim(old.job_id, worker=old.worker)
    assert new is not None
    with pytest.raises(StaleAttempt):
        reserve(old)
    with database.transaction() as session, pytest.raises(StaleAttempt):
        budgets.set_aside(session, old, Decimal(1))
    assert reserve(new)


@pytest.fixture
def daily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_TOKENS", "1000")
    monkeypatch.setenv("DAILY_COST_USD", "1")


def test_a_days_dollars_are_shared_by_all_of_an_owners_calls(database: Any, owner: str, daily: None) -> None:
    list_price(database, prompt="0", completion="0.0003")
    held = [claim for _ in range(5) for claim in claims_of(owner, 2)]
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(reserve, held)) == 3


def test_a_day_that_is_used_up_stops_the_next_call(
    database: Any, owner: str, daily: None, booking: Callable[..., None]
) -> None:
    first, second = claims_of(owner, 2)
    booking(first, "0.01", (600, 399))
    assert reserve(second)
    booking(first, "0.01", (1, 0))
    with pytest.raises(StepFailed, match="1000 of 1000 tokens a day") as raised:
        reserve(second)
    assert raised.value.code == "QUOTA_EXCEEDED"
    assert raised.value.details["resets_at"].endswith("T00:00:00Z")


def test_a_day_without_room_for_a_call_stops_it_and_says_until_when(
    database: Any, owner: str, daily: None, booking: Callable[..., None]
) -> None:
    (claim,) = claims_of(owner, 1)
    booking(claim, "0.6")
    with pytest.raises(StepFailed, match=r"daily limit in dollars is \$1.00, .* Retry after") as raised:
        reserve(claim)
    assert raised.value.code == "QUOTA_EXCEEDED"
    assert raised.value.details["resets_at"].endswith("T00:00:00Z")


def test_yesterday_does_not_count(database: Any, owner: str, daily: None, booking: Callable[..., None]) -> None:
    (claim,) = claims_of(owner, 1)
    booking(claim, "1", (5000, 5000))
    with database.transaction() as session:
        assert usage.read_day(session, owner).over() is not None
        session.execute(update(DailyUsage).values(day=DailyUsage.day - 1))
    assert reserve(claim)


def test_without_limits_nothing_is_locked_or_set_aside(database: Any, owner: str) -> None:
    list_price(database, prompt="0.001", completion="0.001")
    (claim,) = claims_of(owner, 1)
    with database.transaction() as session:
        session.execute(select(Batch.id).with_for_update())
        assert reserve(claim)
    with database.transaction() as session:
        assert session.scalar(select(Job.reserved_usd)) == 0


def test_tokens_are_priced_by_the_table_where_the_server_says_no_cost(
    database: Any, owner: str, booking: Callable[..., None]
) -> None:
    list_price(database, prompt="0.000001", completion="0.00001")
    (claim,) = claims_of(owner, 1, max_cost_usd=Decimal(1))
    booking(claim, "0", (300, 70))
    with database.transaction() as session:
        call = session.scalars(select(Call)).one()
        assert (call.cost_usd, call.cost_basis) == (Decimal("0.001"), "table")
        assert session.scalar(select(Batch.cost_usd)) == session.scalar(select(Job.cost_usd)) == Decimal("0.001")
        assert usage.read_day(session, owner).cost_usd == Decimal("0.001")


def test_the_operators_price_goes_before_the_servers_and_local_calls_are_free_without_one(
    database: Any, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_price(database, prompt="0.5", completion="0.5")
    asked = Asked("c", "k", "p", "server", "a/b", datetime.now(UTC))
    local, unknown = (Bill(prompt_tokens=100, completion_tokens=10, cost_basis=basis) for basis in ("local", "unknown"))
    with database.transaction() as session:
        assert calls.settle(session, asked, local) == local
        assert calls.settle(session, asked, unknown).cost_usd == 55
    monkeypatch.setenv("MODEL_PRICES", '{"a/b": {"prompt": "0.15", "completion": "0.60"}}')
    with database.transaction() as session:
        settled = [calls.settle(session, asked, bill) for bill in (local, unknown)]
    assert {bill.cost_usd for bill in settled} == {Decimal("0.000021")}
    assert {bill.cost_basis for bill in settled} == {"table"}


def test_a_call_whose_tokens_nobody_counted_stays_unknown(database: Any, owner: str) -> None:
    list_price(database, prompt="0.5", completion="0.5", request="0.1")
    with database.transaction() as session:
        asked = Asked("c", "k", "p", "server", "a/b", datetime.now(UTC))
        assert calls.settle(session, asked, Bill()) == Bill()


def test_failed_tries_are_counted_apart_for_the_batch(database: Any, owner: str, booking: Callable[..., None]) -> None:
    (claim,) = claims_of(owner, 1)
    booking(claim, "0.5")
    asked = Asked("c", "k", "p", "server", "a/b", datetime.now(UTC))
    for _ in range(2):  # the second time after a commit whose answer was lost
        with database.transaction() as session:
            bill = Bill(cost_usd=Decimal("0.25"), cost_basis="provider")
            calls.record_fault(session, claim, asked, bill, {"code": "X"})
    with database.transaction() as session:
        batch = session.scalars(select(Batch)).one()
        used = usage.add_up(session, owner, datetime(2026, 1, 1, tzinfo=UTC))
        count = session.scalar(select(func.count()).select_from(Call))
    assert (batch.cost_usd, batch.wasted_usd) == (Decimal("0.75"), Decimal("0.25"))
    assert (used.cost_usd, used.wasted_usd, used.requests) == (Decimal("0.75"), Decimal("0.25"), count)


@pytest.mark.parametrize("known", [True, False], ids=["prices known", "prices unknown"])
def test_no_limit_is_overrun_by_more_than_one_call_whatever_the_interleaving(
    database: Any, owner: str, booking: Callable[..., None], monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Three batches of one owner, each under its budget, all under one day; progress is noted, one is cancelled."""
    if known:
        list_price(database, prompt="0.00001", completion="0.0001")
    monkeypatch.setenv("DAILY_COST_USD", "5")
    batches = [claims_of(owner, 8, max_cost_usd=Decimal(2)) for _ in range(3)]

    def run(claim: Claim) -> str:
        dice = random.Random(claim.job_id)
        for look in range(400):
            try:
                seconds = budget.reserve(claim, "server", PROMPT, SAMPLING, min(look, 3))
            except (StepFailed, StaleAttempt) as error:
                return getattr(error, "code", "")
            if seconds is not None:
                threading.Event().wait(seconds / 20)
                continue
            with database.transaction() as session:
                claims.tell(session, claim, claims.Said(1, "on its way"))
            written = dice.randint(1, 1000)
            booking(claim, str(Decimal("0.00001") * 100 + Decimal("0.0001") * written), (100, written))
        return "never"

    def cancel() -> None:
        with database.transaction() as session:
            stops.cancel_batch(session, owner, str(batches[2][0].batch_id))

    with ThreadPoolExecutor(25) as pool:
        ends = pool.map(run, [claim for batch in batches for claim in batch])
        pool.submit(cancel).result()
        assert set(ends) <= {"BUDGET_EXCEEDED", "QUOTA_EXCEEDED"}
    with database.transaction() as session:
        spent = session.scalars(select(Batch.cost_usd)).all()
        dearest = session.scalar(select(func.max(Call.cost_usd)))
        assert usage.read_day(session, owner).cost_usd == sum(spent)
        assert session.scalar(select(func.sum(Job.reserved_usd))) == 0
    assert max(spent) <= 2 + dearest
    assert sum(spent) <= 5 + dearest
    assert sum(spent) > 4  # and what there was has been used
