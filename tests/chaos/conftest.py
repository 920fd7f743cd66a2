"""One stack for all short scenarios; at full size a new one for each. The table is printed at the end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from tests.chaos import report
from tests.chaos.audit import Row, audit
from tests.chaos.stack import Size, Stack, size_of
from tests.chaos.watch import Watch

ROWS = pytest.StashKey[list[Row]]()
SERVERS = pytest.StashKey[dict[str, str]]()
SELECTED = pytest.StashKey[bool]()


def per_size(fixture_name: str, config: pytest.Config) -> str:
    return "function" if size_of(os.environ).full else "package"


@pytest.fixture(scope="session")
def size() -> Size:
    return size_of(os.environ)


@pytest.fixture(scope=per_size)
def running(size: Size, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The whole product, running. Ended also when somebody asks us to end: SIGTERM is turned into an exception."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    try:
        with Stack(size) as stack:
            request.config.stash.setdefault(SERVERS, servers(stack))
            yield stack
    finally:
        signal.signal(signal.SIGTERM, before)


def servers(stack: Stack) -> dict[str, str]:
    broker: redis.Redis = stack.broker()
    return {
        "PostgreSQL": str(stack.one("SHOW server_version")),
        "Redis": str(broker.info("server")["redis_version"]),
    }


Scenario = Callable[..., Any]


@pytest.fixture
def stack(running: Stack) -> Stack:
    running.reset()
    return running


@pytest.fixture
def scenario(stack: Stack, request: pytest.FixtureRequest) -> Scenario:
    """``with scenario("name") as (watch, row):`` runs the faults, then the audit, and adds the row to the table."""
    rows = request.config.stash.setdefault(ROWS, [])

    @contextmanager
    def run(name: str, check: Callable[..., None] = audit) -> Iterator[tuple[Watch, Row]]:
        row = Row(name)
        rows.append(row)
        began = time.monotonic()
        stack.dirty = True
        try:
            with Watch(stack) as watch:
                yield watch, row
                check(stack, watch, row)
            row.passed, stack.dirty = True, False
        finally:
            row.seconds = time.monotonic() - began
            if stack.size.full:  # an hour is long: say at once how it went
                sys.__stderr__.write(" | ".join(report.cells(row)) + "\n")

    return run


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[SELECTED] = bool(config.getoption("keyword") or config.getoption("markexpr"))


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("chaos")
    for line in [*report.table(rows), "", *report.notes(rows)]:
        terminalreporter.write_line(line)
    whole = size_of(os.environ).full and not config.stash.get(SELECTED, True)
    if whole and exitstatus == 0:
        report.write(rows, config.stash.get(SERVERS, {}))
        terminalreporter.write_line(f"written to {report.PAGE}")
