"""A list costs the same, be there ten jobs or a hundred thousand, and each of its queries goes by an index."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

JOBS = "/api/v2/jobs"
BATCHES = "/api/v2/batch-generations"
FEW, SOME, MANY, A_BATCH = 10, 100, 100_000, 100
ROUNDS = 21

# Jobs of one owner, in batches: nine of ten have ended, one of a hundred has failed. The first batch has its items.
FILL = """
WITH made_batches AS (
  INSERT INTO batches (id, owner_id, name, status, max_concurrent, continue_on_error, total, queued, completed,
    created_at)
  SELECT :owner || '_' || n, :owner, 'batch ' || n, CASE WHEN n % 10 = 0 THEN 'processing' ELSE 'completed' END,
    10, true, :size, 0, :size, now() - make_interval(mins => n::int)
  FROM generate_series(1, :jobs / :size) AS n RETURNING id, created_at
), made_jobs AS (
  INSERT INTO jobs (id, root_id, owner_id, kind, batch_id, position, profile_id, profile_version, request, status,
    cost_usd, error, created_at, started_at, finished_at)
  SELECT made_batches.id || '_' || lpad(n::text, 6, '0'), '', :owner, 'character_card', made_batches.id, n,
    'profile_default', 1, '{"source_material": "Ondine keeps the lamp."}',
    CASE WHEN n % 10 = 0 THEN 'queued' WHEN n % 100 = 1 THEN 'failed' ELSE 'completed' END, n / 1000.0,
    CASE WHEN n % 100 = 1 THEN '{"code": "PROVIDER_TIMEOUT", "message": "m", "details": {}}'::jsonb END, created_at,
    created_at, CASE WHEN n % 10 > 0 THEN created_at + make_interval(secs => n::int) END
  FROM made_batches, generate_series(1, :size) AS n RETURNING id, batch_id, position
)
INSERT INTO items (batch_id, position, job_id)
SELECT batch_id, position, id FROM made_jobs WHERE batch_id = :owner || '_1'
"""


@dataclass(frozen=True)
class Owner:
    """Somebody with jobs, and the key to see them with."""

    id: str
    key: str

    def get(self, app: Flask, path: str) -> float:
        """Return how long an answer takes, in seconds."""
        client = app.test_client()
        began = time.perf_counter()
        answer = client.get(path.format(batch=f"{self.id}_1"), headers={"X-API-Key": self.key})
        took = time.perf_counter() - began
        assert answer.status_code == 200, answer.text
        return took


@pytest.fixture(scope="module")
def owners(schema: None) -> dict[int, Owner]:
    """Owners with few jobs, with a hundred and with many."""
    from models import db
    from models.owners import Owner as Row
    from models.services import keys, profiles
    from models.tables import Base

    found = {}
    with db.transaction() as session:
        tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        profiles.seed_builtins(session)
        session.execute(text("SET LOCAL session_replication_role = replica"))  # no look at each foreign key
        for jobs, size in ((FEW, FEW), (SOME, SOME), (MANY, A_BATCH)):
            row = Row(id=f"o{jobs}", name=f"{jobs} jobs")
            session.add(row)
            session.flush()
            found[jobs] = Owner(row.id, keys.create_key(session, row.id, "k", keys.SCOPES)[1])
            session.execute(text(FILL), {"owner": row.id, "jobs": jobs, "size": size})
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))  # as autovacuum does after so many rows
    return found


@pytest.mark.parametrize(
    ("path", "base"),
    [
        (f"{BATCHES}/{{batch}}", SOME),  # shows a hundred items
        (f"{BATCHES}/{{batch}}/items?limit=10", FEW),
        (f"{BATCHES}?limit=1", FEW),
        (f"{JOBS}?limit=10", FEW),
        (f"{JOBS}?limit=10&status=completed&sort=created_at", FEW),
        (f"{JOBS}?limit=10&sort=-finished_at", FEW),
        (f"{JOBS}?limit=10&batch_id={{batch}}", FEW),
    ],
)
def test_a_look_costs_the_same_for_ten_jobs_and_for_a_hundred_thousand(
    app: Flask, owners: dict[int, Owner], path: str, base: int
) -> None:
    took: dict[int, list[float]] = {base: [], MANY: []}
    for _ in range(ROUNDS):  # by turns, so that whatever else the machine does slows both
        for jobs, times in took.items():
            times.append(owners[jobs].get(app, path))
    few, many = (sorted(times)[ROUNDS // 4] for times in took.values())  # the quicker ones, which noise spares
    assert many <= 1.5 * few


@contextmanager
def asked() -> Iterator[list[str]]:
    """The queries of a block that read jobs, or a page of batches: these are few enough to be counted one by one."""
    from models import db

    found: list[str] = []

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM jobs" in statement or ("FROM batches" in statement and "count(*)" not in statement):
            found.append(cursor.query.decode())

    event.listen(db.engine(), "after_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine(), "after_cursor_execute", note)


def cursor_of(app: Flask, owner: Owner, path: str) -> str:
    client = app.test_client()
    return f"&cursor={client.get(path, headers={'X-API-Key': owner.key}).json['next_cursor']}"


JOB_FILTERS = (
    "status=failed",
    "profile_id=profile_default",
    "profile_id=none",
    "created_after=2100-01-01T00:00:00Z",
    "created_before=2100-01-01T00:00:00Z",
    "q=PROVIDER_TIMEOUT",
    "q=batch+77",
    "q=nothing",
    "kind=character_card",
)
PATHS = [
    *(f"{JOBS}?{one}" for one in JOB_FILTERS),
    *(f"{JOBS}?sort={sign}{name}" for name in ("created_at", "finished_at", "status") for sign in ("", "-")),
    *(f"{JOBS}?status=failed&sort={name}" for name in ("-finished_at", "status")),
    f"{JOBS}?batch_id={{batch}}&sort=-cost_usd",
    f"{JOBS}?batch_id={{batch}}&status=failed",
    *(f"{BATCHES}?{one}" for one in ("status=processing", "created_after=2100-01-01T00:00:00Z")),
    *(f"{BATCHES}?sort={sign}{name}" for name in ("created_at", "finished_at", "status") for sign in ("", "-")),
    f"{BATCHES}/{{batch}}",
    f"{BATCHES}/{{batch}}/items?status=failed",
]


@pytest.mark.parametrize("path", PATHS)
def test_each_query_of_a_list_goes_by_an_index(app: Flask, owners: dict[int, Owner], path: str) -> None:
    from models import db

    owner = owners[MANY]
    path = path.format(batch=f"{owner.id}_1")
    with asked() as queries:
        owner.get(app, path)
        if "sort=" in path:
            owner.get(app, path + cursor_of(app, owner, path))
    assert queries
    for query in queries:
        with db.transaction() as session:
            plan = "\n".join(session.scalars(text("EXPLAIN " + query.replace(":", "\\:"))))
        assert "Seq Scan on jobs" not in plan, plan
        assert "Seq Scan on batches" not in plan, plan


def test_statistics_of_a_hundred_thousand_jobs_take_a_moment(app: Flask, owners: dict[int, Owner]) -> None:
    took = min(owners[MANY].get(app, f"{JOBS}/statistics") for _ in range(3))
    assert took < 3.0
