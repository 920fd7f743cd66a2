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
