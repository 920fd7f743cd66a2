"""The figures themselves: exact, and without a look at every row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, text, update

from models import db
from models.calls import Call
from models.jobs import Job
from models.services import statistics, workers
from models.services.statistics import Calls
from models.states import Status
from tests.engine.jobs import claim, fail, finish, open_batch, run


def look(name: str) -> Any:
    with db.transaction() as session:
        return getattr(statistics, name)(session)


def book(owner: str, count: int, ago: timedelta, **more: Any) -> None:
    """Write calls of two seconds that ended so long ago."""
    moment = datetime.now(UTC) - ago
    row = {
        "owner_id": owner,
        "job_id": "job_1",
        "root_id": "job_1",
        "step": "generate",
        "attempt": 1,
        "purpose": "core",
        "provider": "openrouter",
        "model": "vendor/answered",
        "asked_model": "vendor/asked",
        "status": "completed",
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "cost_usd": "0.25",
        "started_at": moment - timedelta(seconds=2),
        "finished_at": moment,
    } | more
    with db.transaction() as session:
        first = session.scalar(text("SELECT count(*) FROM calls"))
        session.execute(
            insert(Call), [row | {"id": f"call_{first + n}", "key": f"key_{first + n}"} for n in range(count)]
        )


def test_work_is_counted_where_it_stands(database: Any, owner: str) -> None:
    _, sent = open_batch(owner, 6, window=4)
    first, second, third, fourth = (dispatch.job_id for dispatch in sent)
    run(first)
    failing, held = claim(second), claim(third)
    assert failing
    assert held
    fail(failing)
    lost = claim(fourth, worker="w2")
    assert lost
    with db.transaction() as session:
        past = func.now() - timedelta(minutes=1)
        session.execute(update(Job).where(Job.id == fourth).values(lease_expires_at=past))
        workers.beat(session, "w1", "host", 1, ["generation", "lorebook"], [])
    found = look("work")
    assert found.jobs == {"queued": 2, "processing": 2, "completed": 1, "failed": 1, "cancelled": 0}
    assert found.batches[Status.PROCESSING] == 1
    assert found.leases == {"held": 1, "expired": 1, "waiting": 0, "between_steps": 0}
    assert found.workers == {"generation": 1, "lorebook": 1}
    assert 0 < found.oldest["processing"] < 60
    assert look("ended").jobs == {("completed", ""): 1, ("failed", "INTERNAL"): 1}
    assert set(look("ended").steps) == {"generate", "expand_lorebook", "export"}
    assert finish(held) is not None


def test_the_days_calls_are_the_same_for_a_new_process_and_an_old_one(database: Any, owner: str) -> None:
    from api.figures import Ledger

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = datetime.now(UTC) - midnight
    book(owner, 3, today / 2)
    book(owner, 7, today + timedelta(hours=1))  # of yesterday
    old = Ledger()
    assert [row.calls for row in old.read()] == [3]
    book(owner, 2, timedelta(seconds=1))
    book(owner, 1, timedelta(seconds=1), status="failed", error={"code": "PROVIDER_UNAVAILABLE", "kind": "Unavailable"})
    for ledger in (old, Ledger(), old):
        found = {row.outcome: row for row in ledger.read()}
        assert {outcome: row.calls for outcome, row in found.items()} == {"answered": 5, "Unavailable": 1}
        answered = found["answered"]
        assert (answered.model, answered.prompt_tokens, str(answered.cost_usd)) == ("vendor/asked", 500, "1.2500000000")
        assert answered.seconds == pytest.approx(10)
        assert answered.within == tuple(5 * (bound >= 2.001) for bound in statistics.SECONDS)


def test_sums_begin_anew_at_midnight(database: Any, owner: str) -> None:
    from api.figures import Ledger

    ledger = Ledger()
    ledger.sums = {("openrouter", "m", "answered"): Calls("openrouter", "m", "answered", calls=9)}
    ledger.until = datetime.now(UTC) - timedelta(days=1)
    assert ledger.read() == []


def test_models_are_named_as_far_as_that_is_bounded(schema: None) -> None:
    from api.figures import MOST_MODELS, named

    rows = [Calls("p", f"model-{n}", "answered", calls=n + 1) for n in range(60)]
    rows.append(Calls("p", "Tell me of Ondine, who keeps the lamp", "answered", calls=1000))
    found = {row.model: row.calls for row in named(rows)}
    assert len(found) == MOST_MODELS + 1
    assert found["other"] == 1000 + sum(n + 1 for n in range(60 - MOST_MODELS))
    assert sum(found.values()) == sum(row.calls for row in rows)


@pytest.mark.parametrize("name", ["work", "ended", "usage"])
def test_a_look_reads_no_table_of_jobs_or_calls_from_end_to_end(database: Any, owner: str, name: str) -> None:
    fill(owner)
    plans: list[str] = []
    with db.transaction() as session:
        connection = session.connection()

        def explain(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _m: bool) -> None:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {statement}", parameters)
                plans.extend(line for (line,) in cursor.fetchall())

        event.listen(connection, "before_cursor_execute", explain)
        getattr(statistics, name)(session)
    assert plans
    scans = [line.strip() for line in plans if "Seq Scan on jobs" in line or "Seq Scan on calls" in line]
    assert not scans


def fill(owner: str) -> None:
    """Ten thousand jobs with sources of the usual length that have ended, nearly all of them long ago."""
    ended = "now() - n * interval '1 minute'"
    query = (
        "INSERT INTO jobs (id, root_id, owner_id, kind, profile_id, profile_version, request, status, "
        "started_at, finished_at, created_at) SELECT 'job_' || n, 'job_' || n, :owner, 'character_card', "
        "'profile_default', 1, jsonb_build_object('source_material', repeat('word ', 200)), 'completed', "
        f"{ended}, {ended}, {ended} FROM generate_series(1, 10000) AS n"
    )
    with db.transaction() as session:
        session.execute(text(query), {"owner": owner})
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE jobs"))
