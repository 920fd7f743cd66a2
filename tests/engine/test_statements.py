"""Statements that go past SQLAlchemy: they give what it gives, fail as it fails, and are prepared once a connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import BigInteger, Integer, bindparam, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from models import db, statements
from models.batches import Batch
from models.events import Event
from models.jobs import Job
from models.services import claims, events, moves
from models.states import Status
from tests.engine import jobs as work
from tests.engine.heard import heard

JOBS, EVENTS = db.table_of(Job), db.table_of(Event)
WHOLE = select(JOBS).where(JOBS.c.id == bindparam("job"))
NAMES = text("SELECT name FROM pg_prepared_statements")


@pytest.fixture
def unpooled(database: Any) -> Iterator[None]:
    """Connections of their own, and nothing known of what lies between."""
    database.engine().dispose()
    statements.pooler.found = False
    yield
    statements.pooler.found = False
    database.engine().dispose()


def prepare_and_lose(session: db.Session, job_id: str) -> None:
    """Do as PgBouncer does, which gives a transaction to any session: what is prepared is in another one."""
    statements.first(session, WHOLE, {"job": job_id})
    session.execute(text("DEALLOCATE ALL"))


def test_a_row_has_what_sqlalchemy_reads(database: Any, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    with database.transaction() as session:
        session.get_one(Job, job_id).cost_usd = Decimal("0.0000000001")
        session.flush()
        ours = statements.first(session, WHOLE, {"job": job_id})
        theirs = session.execute(WHOLE, {"job": job_id}).one()
    assert ours == theirs
    assert ours._fields == tuple(theirs._fields)
    assert [type(value) for value in ours] == [type(value) for value in theirs]
    assert ours.cost_usd == Decimal("0.0000000001")


def test_what_the_session_has_still_to_write_is_written_first(database: Any, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    with database.transaction() as session:
        session.get_one(Job, job_id).detail = "said before"
        assert statements.first(session, WHOLE, {"job": job_id}).detail == "said before"


def test_a_statement_is_prepared_once_for_each_connection(database: Any, owner: str, unpooled: None) -> None:
    job_id = work.open_job(owner).job_id
    database.engine().dispose()
    with database.transaction() as first, database.transaction() as second:
        for session in (first, second):
            assert session.scalars(NAMES).all() == []
            for _ in range(3):
                assert statements.first(session, WHOLE, {"job": job_id}).id == job_id
            assert len(session.scalars(NAMES).all()) == 1
    assert not statements.pooler.found


def test_a_value_is_of_its_columns_type_and_none_is_null(database: Any, owner: str) -> None:
    claimed = work.claim(work.open_job(owner).job_id)
    assert claimed is not None
    with database.transaction() as session:
        values = {"job": claimed.job_id, "worker": "another", "name": None, "lease": timedelta(seconds=1.5)}
        statements.run(session, claims._take_job(), values)
        found = session.execute(
            select(JOBS.c.lease_owner, JOBS.c.current_step, JOBS.c.lease_expires_at - func.now()).where(
                JOBS.c.id == claimed.job_id
            )
        ).one()
        assert found[:2] == ("another", None)
        assert timedelta(seconds=1.4) < found[2] < timedelta(seconds=10)
        session.rollback()


def test_events_keep_their_order_and_what_they_say(database: Any, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    said = [
        events.line(job_id, level="info", message=f"100 % „{number}“ \\ '", details={"n": 1.5}) for number in range(50)
    ]
    with database.transaction() as session:
        events.tell(session, *said)
        found = session.execute(select(EVENTS).where(EVENTS.c.kind == "log").order_by(EVENTS.c.id)).all()
    assert [row.data for row in found] == [event["data"] for event in said]
    assert {(row.job_id, row.batch_id) for row in found} == {(job_id, None)}


def test_an_error_is_one_of_sqlalchemy(database: Any, owner: str) -> None:
    add = insert(EVENTS).values(job_id=bindparam("job"), kind="log", data={})
    with pytest.raises(IntegrityError) as refused, database.transaction() as session:
        statements.run(session, add, {"job": "job_that_is_not_there"})
    assert not db.is_away(refused.value)
    assert "fk_events_job_id" in str(refused.value)


def test_a_session_that_the_server_ends_is_away_and_the_next_one_is_not(database: Any, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    with database.transaction() as session:
        mine = session.scalar(text("SELECT pg_backend_pid()"))
        with database.transaction() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": mine})
        with pytest.raises(DBAPIError) as ended:
            statements.run(session, WHOLE, {"job": job_id})
        assert session.connection().invalidated
        session.rollback()
    assert db.is_away(ended.value)
    with database.transaction() as session:
        assert statements.first(session, WHOLE, {"job": job_id}).id == job_id


def test_behind_a_pooler_nothing_is_lost_and_nothing_prepared_any_more(
    database: Any, owner: str, unpooled: None
) -> None:
    job_id = work.open_job(owner).job_id
    with database.transaction() as session:
        prepare_and_lose(session, job_id)
    found = database.patiently(lambda session: statements.first(session, WHOLE, {"job": job_id}))
    assert found.id == job_id
    assert statements.pooler.found
    with database.transaction() as session:
        statements.first(session, WHOLE, {"job": job_id})
        assert session.scalars(NAMES).all() == []


def test_what_another_process_has_prepared_in_the_session_is_a_sign_of_a_pooler(
    database: Any, owner: str, unpooled: None
) -> None:
    job_id = work.open_job(owner).job_id
    database.engine().dispose()
    with database.transaction() as session:
        session.execute(text(statements._ready(WHOLE).prepare))
    found = database.patiently(lambda session: statements.first(session, WHOLE, {"job": job_id}))
    assert found.id == job_id
    assert statements.pooler.found


def test_a_question_of_a_request_is_a_transaction_by_itself_and_not_prepared(
    database: Any, owner: str, unpooled: None
) -> None:
    job_id = work.open_job(owner).job_id
    with database.transaction() as session:
        session.get_one(Job, job_id).detail = "not yet"
        session.flush()
        found = statements.ask(select(JOBS.c.detail).where(JOBS.c.id == bindparam("job")), job=job_id)
        assert found == (None,)
        session.rollback()
    with database.transaction() as session:
        assert session.scalars(NAMES).all() == []


def test_behind_a_pooler_a_statement_that_stands_alone_is_run_again_at_once(
    database: Any, owner: str, unpooled: None
) -> None:
    job_id = work.open_job(owner).job_id
    with database.autocommit() as session:
        prepare_and_lose(session, job_id)
        assert statements.first(session, WHOLE, {"job": job_id}).id == job_id
    assert statements.pooler.found


def test_a_pooler_is_taken_for_what_passes(database: Any, owner: str, unpooled: None) -> None:
    job_id = work.open_job(owner).job_id
    with database.transaction() as session:
        prepare_and_lose(session, job_id)
        with pytest.raises(DBAPIError) as elsewhere:
            statements.first(session, WHOLE, {"job": job_id})
        session.rollback()
    assert db.is_away(elsewhere.value)


def test_what_a_migration_alters_is_prepared_anew(database: Any, owner: str, unpooled: None) -> None:
    job_id = work.open_job(owner).job_id
    alter = "ALTER TABLE jobs ALTER COLUMN cost_usd TYPE numeric({}, 10)"
    with database.transaction() as session:
        assert statements.first(session, WHOLE, {"job": job_id}).id == job_id
    try:
        with database.transaction() as session:
            session.execute(text(alter.format(19)))
        found = database.patiently(lambda session: statements.first(session, WHOLE, {"job": job_id}), seconds=5)
        assert found.id == job_id
        assert not statements.pooler.found
    finally:
        with database.transaction() as session:
            session.execute(text(alter.format(18)))


def test_while_the_database_is_away_requests_are_to_come_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = db.connect("postgresql://cardforge@127.0.0.1:1/cardforge")
    monkeypatch.setattr(db, "engine", lambda *_: nowhere)
    answer = client.get("/api/v2/jobs/job_1")
    assert (answer.status_code, answer.json["error"]) == (503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0


def test_what_a_value_is_has_to_be_known(database: Any) -> None:
    with database.transaction() as session:
        with pytest.raises(ValueError, match="untyped"):
            statements.run(session, select(func.greatest(bindparam("untyped"))), {"untyped": 1})
        twice = JOBS.c.id == bindparam("both"), JOBS.c.attempt == bindparam("both")
        with pytest.raises(ValueError, match=r"'both': \['SMALLINT', 'TEXT'\]"):
            statements.run(session, select(JOBS.c.id).where(*twice), {"both": 1})
        with pytest.raises(ValueError, match="list"):
            statements.run(session, select(JOBS.c.id).where(JOBS.c.id.in_(bindparam("ids"))), {"ids": ["a"]})


def test_a_statement_is_known_by_all_that_it_says(database: Any) -> None:
    """A session that has prepared one must not be given the values of another."""
    ends = [select(JOBS.c.id).where(JOBS.c.status == status) for status in ("failed", "cancelled")]
    types = [select(func.abs(bindparam("n", type_=of))) for of in (Integer, BigInteger)]
    for pair in (ends, types):
        first, second = (statements._ready(statement) for statement in pair)
        assert first.text == second.text
        assert first.name != second.name


def test_a_statement_without_values_runs(database: Any, owner: str) -> None:
    work.open_job(owner)
    with database.transaction() as session:
        assert statements.first(session, select(func.count().label("jobs")).select_from(JOBS), {}).jobs == 1


def test_a_first_job_begins_its_batch_as_the_counters_say(database: Any, owner: str) -> None:
    """The statement of a claim and `moves.count`, which others use, say the same."""
    told = []
    for by_claim in (True, False):
        batch_id, (sent, *_) = work.open_batch(owner, items=2, window=2)
        with database.transaction() as session:
            if by_claim:
                work.claim(sent.job_id)
            else:
                batch = moves.lock_batch(session, batch_id)
                moves.count(batch, Status.QUEUED, Status.PROCESSING, 1)
        with database.transaction() as session:
            batch = session.get_one(Batch, batch_id)
            assert batch.started_at is not None
            told.append((work.counts(batch_id), batch.status))
    assert told[0] == told[1]


def test_all_that_is_asked_is_heard_in_the_tests(database: Any, owner: str) -> None:
    job_id = work.open_job(owner).job_id
    with heard() as asked, database.transaction() as session:
        statements.first(session, WHOLE, {"job": job_id})
        session.get_one(Job, job_id)
    assert [job_id in full for _, full in asked if "FROM jobs" in full] == [True, True]
