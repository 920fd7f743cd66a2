"""Servers of a module's own: its tests stop, break and migrate them, which those of the whole suite must not meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.embedded import Server, start_postgres, start_redis


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def postgres(home: Path) -> Iterator[Server]:
    server = start_postgres(home)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def redis_server(home: Path) -> Iterator[Server]:
    server = start_redis(home)
    yield server
    server.stop()
