"""Pooled connections: those whose server has gone are noticed before use, and reading leaves nothing behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models import db
from models.owners import Owner
from tests.engine import jobs as work
from tests.engine.processes import wait_for
from tests.model_server import ModelServer


def backend(session: db.Session) -> int:
    return int(session.scalar(text("SELECT pg_backend_pid()")))


def end_backends(url: str) -> None:
    """End every session of the database but the one that asks, as a server that stops does."""
    ends = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"{ends} AND datname = current_database()")
    connection.close()


def test_a_connection_that_the_server_has_closed_is_not_used_again(database: Any, environment: dict[str, str]) -> None:
    with database.transaction() as session:
        before = backend(session)
    for _ in range(3):
        end_backends(environment["DATABASE_URL"])
        with database.transaction() as session:
            assert backend(session) != before
        with database.autocommit() as session:
            assert session.scalar(text("SELECT 1")) == 1


def test_a_connection_in_use_costs_no_question_and_one_long_idle_does(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    database.engine().dispose()  # so that it is one connection all the time
    dialect = database.engine().dialect
    ping = dialect.do_ping
    monkeypatch.setattr(dialect, "do_ping", lambda connection: asked.append(connection) or ping(connection))
    with database.transaction() as session:
        backend(session)
    with database.transaction() as session:
        backend(session)
    assert asked == []
    monkeypatch.setattr(db, "IDLE_SECONDS", -1.0)
    with database.transaction() as session:
        backend(session)
    assert len(asked) == 1


def test_autocommit_opens_no_transaction_and_the_next_one_is_one(database: Any, owner: str) -> None:
    state = "SELECT state FROM pg_stat_activity WHERE pid = :pid"
    with database.autocommit() as session:
        reader = backend(session)
        with database.transaction() as other:
            assert other.scalar(text(state), {"pid": reader}) == "idle", "not in a transaction"
    with database.transaction() as session:
        session.get_one(Owner, owner).name = "never"
        session.flush()
        session.rollback()
    with database.autocommit() as session:
        assert session.get_one(Owner, owner).name != "never"


def test_an_error_in_autocommit_gives_the_connection_back(database: Any) -> None:
    for _ in range(30):  # more than the pool has
        with pytest.raises(db.Trouble), database.autocommit() as session:
            session.execute(text("SELECT 1 / 0"))
    began = time.monotonic()
    with database.transaction() as session:
        backend(session)
    assert time.monotonic() - began < 5


def test_a_step_waits_for_a_connection_to_be_begun_with(
    database: Any, owner: str, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hundreds of threads on a machine that is too small, one may get none for longer than the pool waits."""
    from tasks import run
    from tasks.heartbeat import Heart

    refused: list[BaseException] = []
    is_away = db.is_away

    def noted(error: BaseException) -> bool:
        refused.append(error)
        return is_away(error)

    monkeypatch.setattr(db, "is_away", noted)
    monkeypatch.setattr(database.engine().pool, "_timeout", 0.05)
    monkeypatch.setenv("LLM_BASE_URL", model_server.base_url)
    monkeypatch.setenv("LLM_MODEL", "test/model")
    run.provider.cache_clear()
    job_id = work.open_job(owner).job_id
    with ThreadPoolExecutor(1) as pool, ExitStack() as lent:
        for _ in range(20):  # all that the pool has
            lent.enter_context(database.engine().connect())
        begun = pool.submit(run.run_step, "generate", job_id, 1, Heart([]))
        wait_for(lambda: len(refused) > 1, "it has been refused a connection, and has tried again")
        lent.close()
        assert begun.result(30)
    run.provider.cache_clear()
    assert all(isinstance(error, PoolTimeout) for error in refused)
