"""A real Chromium, and the product with the offline writer behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import text

from tests.engine.processes import EXPORT, GENERATION, wait_for, web, worker
from tests.web.studio import User

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
QUIETER = ("--disable-component-update", "--disable-sync")
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None and os.environ.get("REQUIRE_CHROMIUM"):
        pytest.fail("There is no Chromium, and REQUIRE_CHROMIUM says that there has to be one: install it.")
    if path is None:
        pytest.skip("There is no Chromium to try the Studio in: install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=[*QUIET, *QUIETER])
        yield started
        started.close()


@pytest.fixture(scope="session")
def surroundings(environment: dict[str, str], schema: None) -> dict[str, str]:
    """The environment of the processes: a Redis database of their own, and one web process."""
    redis = environment["REDIS_URL"].removesuffix("/0") + "/6"  # the workers of other tests take what is in theirs
    return environment | {"REDIS_URL": redis, "WEB_PROCESSES": "1"}


@pytest.fixture(scope="session")
def workers(browser: Browser, surroundings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("studio")
    with worker("generation", GENERATION, surroundings, folder), worker("export", EXPORT, surroundings, folder):
        yield folder


@pytest.fixture(scope="session")
def url(workers: Path, surroundings: dict[str, str]) -> Iterator[str]:
    with web(surroundings, workers) as found:
        yield found


@pytest.fixture
def database(database: Any) -> Iterator[Any]:
    """The database; let go of once the processes are done with it, or the next test could not empty it."""
    yield database
    wait_for(lambda: is_idle(database), "the processes are done with the database")


def is_idle(database: Any) -> bool:
    """Say whether no job is left, and nobody else has a transaction open."""
    left = "SELECT count(*) FROM jobs WHERE status IN ('queued', 'processing')"
    others = "pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    busy = f"SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND {others}"
    with database.transaction() as session:
        return not session.scalar(text(f"SELECT ({left}) + ({busy})"))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", accept_downloads=True)
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, database: Any) -> Iterator[Page]:
    """A page; whatever it throws, and whatever its policy refuses, fails the test."""
    faults: list[str] = []
    found = context.new_page()
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield found
    found.close()
    assert not faults


@pytest.fixture
def user(url: str, key: str, page: Page) -> User:
    """Somebody who is signed in."""
    signed_in = User(url, key, page)
    signed_in.sign_in()
    return signed_in
