"""Pooled connections: those whose server has gone are noticed before use, and reading leaves nothing behind."""

from __future__ import annotations

import time
from typing import Any

import psycopg2
import pytest
from sqlalchemy import text

from models import db
from models.owners import Owner


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
