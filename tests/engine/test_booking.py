"""Booking a call is one statement that takes its locks in the order of everywhere: batch, owner's day, job."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import db
from models.calls import Call
from models.ids import new_id
from models.services import calls
from models.services.calls import Asked, Bill
from models.services.claims import Claim
from providers.reply import MOST_TOKENS
from tests.engine import jobs as work

ROWS = {"batch": "batches", "day": "daily_usage", "job": "jobs"}
ORDER = list(ROWS)


@pytest.fixture
def claim(owner: str) -> Claim:
    """The claim of a batch's only job, in which a call has been booked, so that all rows are there."""
    _, (sent,) = work.open_batch(owner, items=1, window=1)
    claimed = work.claim(sent.job_id)
    assert claimed is not None
    book(claimed, "first")
    return claimed


def book(claim: Claim, key: str, tokens: int = 10) -> None:
    asked = Asked(new_id("call"), key, "write_card", "server", "m", datetime.now(UTC))
    bill = Bill(prompt_tokens=tokens, completion_tokens=tokens, cost_usd=Decimal("0.25"), cost_basis="provider")
    answer = {"response": "{}", "finish_reason": "stop", "response_id": ""}
    db.patiently(lambda session: calls.record_answer(session, claim, asked, bill, **answer), alone=True)


def is_free(table: str) -> bool:
    """Say whether nobody holds the row of a table that has one row."""
    try:
        with db.transaction() as session:
            session.execute(text(f"SELECT FROM {table} FOR UPDATE NOWAIT"))
    except OperationalError:
        return False
    return True


@pytest.mark.parametrize("held", ORDER)
def test_who_waits_for_a_row_holds_those_before_it_and_none_behind(claim: Claim, held: str, database: Any) -> None:
    with database.transaction() as session:
        session.execute(text(f"SELECT FROM {ROWS[held]} FOR UPDATE"))
        waiting = threading.Thread(target=book, args=(claim, "second"))
        waiting.start()
        work.wait_for_lock(session)
        free = {name: is_free(table) for name, table in ROWS.items() if name != held}
        assert free == {name: ORDER.index(name) > ORDER.index(held) for name in free}
    waiting.join(10)
    with database.transaction() as session:
        assert session.query(Call).count() == 2
        spent = {session.scalar(text(f"SELECT cost_usd FROM {table}")) for table in ROWS.values()}
    assert spent == {Decimal("0.5")}


def test_hundreds_of_bookings_at_one_time_add_up(claim: Claim, database: Any) -> None:
    threads = [threading.Thread(target=lambda n=n: [book(claim, f"{n}.{m}") for m in range(10)]) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.transaction() as session:
        spent = {session.scalar(text(f"SELECT cost_usd FROM {table}")) for table in ROWS.values()}
        assert session.scalar(text("SELECT requests FROM daily_usage")) == 201
    assert spent == {Decimal("0.25") * 201}


def test_as_many_tokens_as_a_server_is_believed_are_booked_and_added_up(
    claim: Claim, database: Any, client: FlaskClient
) -> None:
    for number in range(3):
        book(claim, f"n{number}", tokens=MOST_TOKENS)
    with database.transaction() as session:
        assert session.scalar(text("SELECT tokens FROM daily_usage")) == 20 + 6 * MOST_TOKENS
        assert calls.job_totals(session, claim.job_id).by_model["m"]["tokens"] == 20 + 6 * MOST_TOKENS
    assert client.get(f"/api/v2/jobs/{claim.job_id}").json["tokens"]["m"]["tokens"] == 20 + 6 * MOST_TOKENS


def test_an_answer_that_comes_second_is_booked_as_wasted(claim: Claim, database: Any) -> None:
    book(claim, "first")
    with database.transaction() as session:
        assert sorted(session.scalars(text("SELECT discarded FROM calls"))) == [False, True]
        row = session.execute(text("SELECT cost_usd, wasted_usd FROM batches")).one()
    assert tuple(row) == (Decimal("0.5"), Decimal("0.25"))
