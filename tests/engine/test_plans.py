"""What a job asks PostgreSQL in its life, on tables that others have filled: no statement reads a whole table.

A look for an answer that was paid for already once read the whole ledger, because ``discarded IS false`` is no use to
an index of what is ``NOT discarded``. It is right on a small table, and ever slower on a large one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from models import db
from models.services import repair, stops, workers
from models.services.repair import Waiting
from tests.engine import jobs as work
from tests.engine.heard import heard
from tests.model_server import ModelServer

OTHERS = 4000
LARGE = ("jobs", "steps", "items", "calls", "events", "characters", "books", "entries", "artifacts", "batches")
FILL = """
    UPDATE jobs SET status = 'completed', finished_at = now(), dispatched_at = now() WHERE position <= :half;
    UPDATE steps SET status = 'completed' WHERE job_id IN (SELECT id FROM jobs WHERE status = 'completed');
    UPDATE batches SET queued = total - :half, completed = :half;
    INSERT INTO batches (id, owner_id, max_concurrent, continue_on_error, total, queued)
        SELECT 'batch_' || n, :owner, 1, true, 0, 0 FROM generate_series(1, :others) n;
    INSERT INTO calls (id, owner_id, job_id, root_id, batch_id, step, attempt, purpose, key, provider, model, status,
        started_at) SELECT 'call_' || j.id || n, :owner, j.id, j.id, j.batch_id, 'generate', 1, 'p', 'k' || n, 'x', 'm',
        CASE WHEN n = 1 THEN 'failed' ELSE 'completed' END, now() FROM jobs j, generate_series(1, 5) n;
    INSERT INTO events (job_id, batch_id, kind, data) SELECT id, batch_id, 'status', '{}' FROM jobs;
    INSERT INTO characters (id, owner_id, job_id, name, card, wrapper, tags)
        SELECT 'char_' || id, :owner, id, 'A', '{}', '{}', '{}' FROM jobs;
    INSERT INTO books (id, owner_id, character_id, name, extensions, extra, wrapper)
        SELECT 'book_' || id, :owner, id, 'B', '{}', '{}', '{}' FROM characters;
    INSERT INTO entries (id, book_id, index, name, content, enabled, constant, selective, insertion_order,
        position, use_regex) SELECT 'entry_' || b.id || n, b.id, n, 'E', '', true, false, false, n, 'before_char', false
        FROM books b, generate_series(1, 3) n;
    INSERT INTO artifacts (job_id, format, filename, media_type, content, sha256, size)
        SELECT id, 'json', 'a.json', 'application/json', '', '', 0 FROM jobs;
"""


@pytest.fixture
def filled(database: Any, owner: str) -> str:
    """Tables with some thousand rows of others in them; returns the batch that is half done."""
    batch_id, _ = work.open_batch(owner, items=OTHERS, window=5)
    with database.transaction() as session:
        session.execute(text(FILL), {"owner": owner, "others": OTHERS, "half": OTHERS // 2})
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return batch_id


def whole_tables(asked: Iterable[tuple[str, str]], least: int) -> list[str]:
    """Return the large tables that statements read from end to end; each, more than ``least``, is looked at once."""
    planned = {text: full for text, full in asked if text.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))}
    assert len(planned) > least
    return [table for full in planned.values() for table in scans(full)]


def scans(statement: str, mode: str = "auto") -> list[str]:
    """Return the large tables that the plan of a statement reads from end to end."""
    with db.transaction() as session:
        driver: Any = session.connection().connection.dbapi_connection
        with driver.cursor() as cursor:
            cursor.execute(f"SET LOCAL plan_cache_mode = {mode}")
            cursor.execute("EXPLAIN " + statement)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        session.rollback()
    return [f"{table}: {plan}" for table in LARGE if f"Seq Scan on {table} " in plan + " "]


@pytest.fixture
def one_job(filled: str, database: Any, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that runs all steps of a waiting job in this thread."""
    from tasks import run
    from tasks.heartbeat import Heart

    monkeypatch.setenv("LLM_BASE_URL", model_server.base_url)
    monkeypatch.setenv("LLM_MODEL", "test/model")
    run.provider.cache_clear()
    with database.transaction() as session:
        waiting = "SELECT id FROM jobs WHERE batch_id = :batch AND status = 'queued' ORDER BY position LIMIT 1"
        job_id = session.scalar(text(waiting), {"batch": filled})

    def run_all() -> None:
        for step in work.STEPS:
            assert run.run_step(step, job_id, 1, Heart([])), step

    yield run_all
    run.provider.cache_clear()


def test_no_statement_of_a_job_reads_a_whole_table(one_job: Any) -> None:
    with heard() as asked:
        one_job()
    assert whole_tables(asked, 25) == []


def test_no_plan_that_is_kept_for_all_values_reads_a_whole_table(one_job: Any, database: Any) -> None:
    """PostgreSQL may keep one for what is prepared, once it has been asked a few times."""
    database.engine().dispose()  # one connection from here on
    one_job()
    with database.transaction() as session:
        prepared = session.execute(text("SELECT name, cardinality(parameter_types) FROM pg_prepared_statements")).all()
    assert len(prepared) > 12
    asked = [f"EXECUTE {name} ({', '.join(['NULL'] * values)})" for name, values in prepared]
    assert [found for statement in asked for found in scans(statement, "force_generic_plan")] == []


def test_upkeep_and_heartbeats_read_no_whole_table(filled: str, database: Any, owner: str) -> None:
    running = work.claim(work.open_job(owner).job_id)
    assert running is not None
    with heard() as asked:
        for _ in range(2):
            with database.transaction() as session:
                workers.beat(session, "w1", "host", 1, ["generation"], [running.job_id])
                stops.held_by(session, "w1")
                repair.find_stranded(session, Waiting())
        with database.transaction() as session:
            stops.cancel_job(session, owner, running.job_id)
    assert whole_tables(asked, 10) == []
