"""A budget stops a batch in time: real workers, a real web server, a model server that keeps its own books."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from models.calls import Call
from models.ids import new_id
from tests.engine.processes import EXPORT, GENERATION, beat, web, worker
from tests.model_server import PRICE, ModelServer
from tests.money.test_estimate import TEST_PRICE, Moody, options_of, source_of
from tests.test_end_to_end import User

BUDGET = Decimal("0.10")
WANTED = Decimal("1.00")  # what the whole batch would cost
OPTIONS = {
    "passes": "one",
    "repairs": 0,
    "include_book": False,
    "on_errors": "deliver",
    "format": ["json"],
    "max_tokens": 800,
}
ITEMS = 90
SCALE = 5  # how many tests' prices a token costs here: so many cards for about a dollar


class Dear(ModelServer):
    """Charges ``SCALE`` times the usual price."""

    def charge(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        usage = super().charge(body, text)
        with self.ledger.lock:
            cost = self.ledger.charges[-1] * SCALE
            self.ledger.charges[-1] = cost
        return usage | {"cost": float(cost)}


@contextmanager
def product(environment: dict[str, str], folder: Path, server: ModelServer, **changes: str) -> Iterator[str]:
    env = environment | {"LLM_BASE_URL": server.base_url, "LLM_MODEL": "test/model"} | changes
    env["REDIS_URL"] = env["REDIS_URL"].removesuffix("/0") + "/2"
    with (
        worker("generation", GENERATION, env, folder),
        worker("export", EXPORT, env, folder),
        beat(env, folder),  # what waits for more than some seconds gives its slot back, and is sent again by upkeep
        web(env, folder) as url,
    ):
        yield url


def price_setting() -> str:
    dollars = PRICE * SCALE * 1_000_000
    return f'{{"test/model": {{"prompt": "{dollars}", "completion": "{dollars}"}}}}'


@pytest.mark.parametrize("known", [True, False], ids=["prices known", "prices unknown"])
def test_a_budget_is_overrun_by_one_call_at_most(
    database: Any, key: str, environment: dict[str, str], tmp_path: Path, known: bool
) -> None:
    prices = {"MODEL_PRICES": price_setting()} if known else {}
    with Dear(seconds=0.2) as server, product(environment, tmp_path, server, **prices) as url:
        user = User(url, key)
        generations = [
            {"source_material": f"Ondine Marsh keeps lamp {n} on Gull Rock. {new_id('x')}", "options": OPTIONS}
            for n in range(ITEMS)
        ]
        batch = user.submit(generations, max_concurrent=10, max_cost_usd=float(BUDGET))
        ended = user.finish(batch, seconds=90)
    charged, dearest = server.ledger.total, max(server.ledger.charges)
    with database.transaction() as session:
        booked = session.scalar(select(func.sum(Call.cost_usd)))
    whole = sum(server.ledger.charges, Decimal(0)) / len(server.ledger.charges) * ITEMS
    assert whole == pytest.approx(WANTED, rel=Decimal("0.3"))  # what there was to stop
    assert booked == charged
    assert BUDGET - 2 * dearest < charged <= BUDGET + dearest
    assert ended["progress"]["completed"] >= 2
    stopped = [item for item in ended["items"] if item["status"] == "failed"]
    assert len(stopped) + ended["progress"]["completed"] == ITEMS
    assert {item["error"]["code"] for item in stopped} == {"BUDGET_EXCEEDED"}
    assert "batch's max_cost_usd is $0.10" in stopped[0]["error"]["message"]


def test_a_day_that_is_used_up_stops_running_work(
    database: Any, key: str, environment: dict[str, str], tmp_path: Path
) -> None:
    limits = {"MODEL_PRICES": price_setting(), "DAILY_COST_USD": "0.10"}
    with Dear(seconds=0.2) as server, product(environment, tmp_path, server, **limits) as url:
        user = User(url, key)
        generations = [
            {"source_material": f"Ondine Marsh keeps lamp {n} on Gull Rock.", "options": OPTIONS} for n in range(60)
        ]
        ended = user.finish(user.submit(generations, max_concurrent=10), seconds=90)
        limit = user.get("/api/v2/user/usage")["usage"]["daily_limit"]
    charged, dearest = server.ledger.total, max(server.ledger.charges)
    assert charged <= Decimal("0.10") + dearest
    stopped = [item for item in ended["items"] if item["status"] == "failed"]
    assert stopped
    assert {item["error"]["code"] for item in stopped} == {"QUOTA_EXCEEDED"}
    assert limit["used_usd"] == pytest.approx(float(charged))


def test_what_batches_cost_lies_in_what_they_were_said_to(
    database: Any, key: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Ten batches at one time, one call in five going wrong; see `test_estimate` for a hundred of them."""
    with Moody() as server, product(environment, tmp_path, server, MODEL_PRICES=TEST_PRICE) as url:
        server.faults = 0.2
        server.script = server.bad_luck()
        user, dice = User(url, key), random.Random(1)
        batches = [
            user.submit([{"source_material": source_of(dice, n), "options": options_of(dice)} for n in range(2)])
            for _ in range(10)
        ]
        ended = [user.finish(batch, seconds=240) for batch in batches]
    for batch, end in zip(batches, ended, strict=True):
        foretold = batch["estimated_cost_usd"]
        assert foretold["low"] <= end["cost_usd"] <= foretold["max"], end
    assert sum(end["cost_usd"] for end in ended) == pytest.approx(float(server.ledger.total))
    assert sum(end["progress"]["completed"] for end in ended) >= 18
