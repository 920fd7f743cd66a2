"""Migrations: up, down and up again, and true to the tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from cli.embedded import Server
from migrations import runner
from models import db
from models.services.profiles import read_builtins
from models.tables import Base


@pytest.fixture
def empty(environment: dict[str, str], postgres: Server) -> Iterator[tuple[Engine, str]]:
    """An engine on a new, empty database, and its URL."""
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS migrating WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE migrating"))
    url = postgres.url.replace("/cardforge?", "/migrating?")
    engine = db.connect(url)
    yield engine, url
    engine.dispose()


def test_migrations_go_up_and_down_and_up(empty: tuple[Engine, str]) -> None:
    engine, _ = empty
    runner.upgrade(engine)
    assert "jobs" in inspect(engine).get_table_names()
    runner.downgrade(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    runner.upgrade(engine)
    assert "jobs" in inspect(engine).get_table_names()


def test_the_migrated_schema_is_that_of_the_tables(empty: tuple[Engine, str]) -> None:
    engine, _ = empty
    runner.upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


OF_BEFORE = (
    "INSERT INTO owners (id, name) VALUES ('o', 'o')",
    "INSERT INTO profiles (id, name, version) VALUES ('p', 'p', 1)",
    "INSERT INTO profile_versions (profile_id, version) VALUES ('p', 1)",
    "INSERT INTO batches (id, owner_id, max_concurrent, continue_on_error, total, queued, completed) "
    "VALUES ('b', 'o', 1, true, 1, 0, 1)",
    "INSERT INTO jobs (id, root_id, owner_id, kind, profile_id, profile_version, batch_id, status) "
    "VALUES ('j', 'j', 'o', 'character_card', 'p', 1, 'b', 'completed')",
    "INSERT INTO characters (id, owner_id, job_id, name) VALUES ('c', 'o', 'j', 'Ondine')",
    *(
        "INSERT INTO calls (id, owner_id, job_id, root_id, batch_id, step, attempt, purpose, key, provider, model, "
        "status, started_at, finished_at, prompt_tokens, cost_usd) "
        f"VALUES ('{status}', 'o', 'j', 'j', 'b', 's', 1, 'p', '{status}', 'x', 'm', '{status}', now(), "
        f"'2026-11-2{day} 23:30+00', 7, 0.25)"
        for day, status in ((1, "completed"), (2, "failed"))
    ),
)


def test_money_of_before_is_counted(empty: tuple[Engine, str]) -> None:
    engine, _ = empty
    runner.upgrade(engine, "0002")
    with engine.begin() as connection:
        for statement in OF_BEFORE:
            connection.execute(text(statement))
    runner.upgrade(engine)
    with engine.begin() as connection:
        days = connection.execute(text("SELECT day::text, requests, tokens, cost_usd FROM daily_usage ORDER BY day"))
        assert [(row[0], row[1], row[2], float(row[3])) for row in days] == [
            ("2026-11-21", 1, 7, 0.25),
            ("2026-11-22", 1, 7, 0.25),
        ]
        assert float(connection.scalar(text("SELECT wasted_usd FROM batches")) or 0) == 0.25
        assert set(connection.scalars(text("SELECT asked_model FROM calls"))) == {"m"}
    runner.downgrade(engine, "0002")
    runner.upgrade(engine)


def test_the_code_names_the_newest_migration() -> None:
    assert runner.head() == db.SCHEMA_HEAD


def make_ready(url: str, home: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    ours = environment | {"DATABASE_URL": url, "CARDFORGE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "migrations"], env=ours, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_first_start_makes_one_key_that_only_its_owner_can_read(
    empty: tuple[Engine, str], environment: dict[str, str], tmp_path: Path
) -> None:
    _, url = empty
    first = make_ready(url, tmp_path, environment)
    assert first.returncode == 0, first.stderr
    path = tmp_path / "api-key"
    secret = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret not in first.stdout
    assert make_ready(url, tmp_path, environment).stdout == f"schema is at {db.SCHEMA_HEAD}\n"
    assert path.read_text().strip() == secret


def test_two_first_starts_at_once_are_as_good_as_one(
    empty: tuple[Engine, str], environment: dict[str, str], tmp_path: Path
) -> None:
    engine, url = empty
    ours = environment | {"DATABASE_URL": url, "CARDFORGE_HOME": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-m", "migrations"], env=ours) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM api_keys")) == 1
        assert connection.scalar(text("SELECT count(*) FROM profiles")) == len(list(read_builtins()))


def test_a_database_that_is_away_is_one_clear_line(environment: dict[str, str], tmp_path: Path) -> None:
    failed: Any = make_ready("postgresql://nobody:secret-word@127.0.0.1:1/none", tmp_path, environment)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "does not answer" in failed.stderr
    assert "secret-word" not in failed.stderr
