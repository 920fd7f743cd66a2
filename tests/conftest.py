"""Real PostgreSQL and Redis for the whole suite, started once; each test finds the tables empty."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cli.embedded import Server, start_postgres, start_redis
from tests.model_server import ModelServer

# What has the machine for itself: it measures time, or is timed by the product's own clocks. All else runs by twos.
ALONE = (
    "chaos",
    "api/test_flat.py",
    "api/test_limits.py",
    "cards/test_hostile.py",
    "cards/test_lint_speed.py",
    "cards/test_speed.py",
    "engine/test_promises.py",
    "test_watching.py",
    "web",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is to run alone."""
    folder = Path(__file__).parent
    alone = [folder / name for name in ALONE]
    for item in items:
        if any(item.path.is_relative_to(path) for path in alone):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    # A short path: sockets live in it.
    with tempfile.TemporaryDirectory(prefix="cf-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(home: Path) -> Iterator[Server]:
    server = start_postgres(home)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(home: Path) -> Iterator[Server]:
    server = start_redis(home)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def environment(home: Path, postgres: Server, redis_server: Server) -> Iterator[dict[str, str]]:
    """The environment of every process of the product, this one included; no model server is set."""
    from models import db

    ours = {"DATABASE_URL": postgres.url, "REDIS_URL": redis_server.url, "CARDFORGE_HOME": str(home)}
    ours |= {f"RATE_LIMIT_{kind}": "1000000/minute" for kind in ("CREATE", "EDIT", "READ", "GUESS")}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENROUTER_API_KEY", "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "CORS_ORIGINS"):
            patch.delenv(name, raising=False)
        for name, value in ours.items():
            patch.setenv(name, value)
        yield dict(os.environ)
        db.engine().dispose()


@pytest.fixture(scope="session")
def schema(environment: dict[str, str]) -> None:
    from migrations import runner
    from models import db

    runner.upgrade(db.engine())


@pytest.fixture
def database(schema: None) -> Iterator[Any]:
    """`models.db` on empty tables, with the built-in profiles in place."""
    from sqlalchemy import text

    from models import db, statements
    from models.services import profiles
    from models.tables import Base

    with db.transaction() as session:
        tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        profiles.seed_builtins(session)
    yield db
    assert not statements.pooler.found, "there is no pooler: what was prepared was not there, or was there already"


@pytest.fixture
def owner(database: Any) -> str:
    from models.services import keys

    with database.transaction() as session:
        return keys.first_owner(session).id


@pytest.fixture
def key(database: Any, owner: str) -> str:
    """The secret of a key that may do everything."""
    from models.services import keys

    with database.transaction() as session:
        return keys.create_key(session, owner, "tests", keys.SCOPES)[1]


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    from providers import learned

    learned.forget()  # a port comes again
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="session")
def app(schema: None) -> Flask:
    from api import create_app

    return create_app()


@pytest.fixture
def client(app: Flask, key: str) -> Iterator[FlaskClient]:
    """A client whose requests carry a key that may do everything."""
    with app.test_client() as client:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        yield client


@pytest.fixture
def stranger(app: Flask, database: Any) -> Iterator[FlaskClient]:
    """A client with the key of another owner."""
    from models.ids import new_id
    from models.owners import Owner
    from models.services import keys

    with database.transaction() as session:
        other = Owner(id=new_id("owner"), name="somebody else")
        session.add(other)
        session.flush()
        secret = keys.create_key(session, other.id, "theirs", keys.SCOPES)[1]
    with app.test_client() as client:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        yield client
