"""The whole product as real processes, with a model server, after some work that ended in every way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests

from cli.embedded import Server
from cli.stack import commands
from tests.engine.processes import EXPORT, GENERATION, beat, free_port, process, wait_for, web, worker
from tests.model_server import ModelServer, Say

SOURCE = "Ondine Quillfeather keeps the lamp on Gull Rock. Her cat Bosun fears the herring barrel."
MODEL_KEY = "sk-model-key-of-the-tests"
WEBHOOK_SECRET = "webhook-secret-of-the-tests-0123456789"
LOGIN = ("operator", "flower-password-of-the-tests")
# What must be seen nowhere: the source's names, the card's (tests/model_writer.py tells of Ondine), and every secret.
PRIVATE = ("Quillfeather", "Ondine", "Bosun", "herring", MODEL_KEY, WEBHOOK_SECRET, LOGIN[1])


@dataclass
class Product:
    """Where everything is, and the key that the work was submitted with."""

    url: str
    flower: str
    key: str
    batch: dict[str, Any]

    def private(self) -> tuple[str, ...]:
        return (*PRIVATE, self.key)


@pytest.fixture(scope="package")
def product(
    postgres: Server, redis_server: Server, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    with ExitStack() as stack:
        model = stack.enter_context(ModelServer())
        env = (
            environment
            | own_servers(postgres, redis_server)
            | {
                "CARDFORGE_HOME": str(folder),
                "LLM_BASE_URL": model.base_url,
                "LLM_MODEL": "tests/model",
                "LLM_API_KEY": MODEL_KEY,
                "WEBHOOK_SECRET": WEBHOOK_SECRET,
                "UPKEEP_SECONDS": "1",
            }
        )
        subprocess.run([sys.executable, "-m", "migrations"], env=env, check=True, capture_output=True)
        stack.enter_context(worker("generation", GENERATION, env, folder))
        stack.enter_context(worker("export", EXPORT, env, folder))
        stack.enter_context(beat(env, folder))
        url = stack.enter_context(web(env, folder))
        flower = stack.enter_context(run_flower(env, folder))
        model.script = [Say(status=500), Say(status=429, headers={"Retry-After": "1"})]
        key = (folder / "api-key").read_text().strip()
        yield Product(url, flower, key, submit(url, key))


def own_servers(postgres: Server, redis_server: Server) -> dict[str, str]:
    """A database and a Redis database that no other test empties."""
    connection = psycopg2.connect(postgres.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS operations")
        cursor.execute("CREATE DATABASE operations")
    connection.close()
    return {
        "DATABASE_URL": postgres.url.replace("/cardforge?", "/operations?"),
        "REDIS_URL": redis_server.url.removesuffix("/0") + "/1",
    }


def submit(url: str, key: str) -> dict[str, Any]:
    """Submit three cards, and wait for the end."""
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {key}"
    generations = [{"source_material": SOURCE, "options": {"passes": "one", "include_book": False}}] * 3
    batch = http.post(f"{url}/api/v2/batch-generations", json={"generations": generations}, timeout=10).json()
    seen: dict[str, Any] = {}

    def ended() -> bool:
        seen.update(http.get(url + batch["status_url"], timeout=10).json())
        return seen["status"] in {"completed", "failed"}

    wait_for(ended, "the batch has ended", 60)
    return seen


@contextmanager
def run_flower(env: dict[str, str], folder: Path) -> Iterator[str]:
    """Flower by the very command and environment that `cardforge up` gives it."""
    port = free_port()
    login = {"FLOWER_BASIC_AUTH": ":".join(LOGIN)}
    with process(commands(folder, env, port)["flower"], env | login, folder / "flower.log"):
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            try:
                return requests.get(f"{url}/healthcheck", timeout=2).ok
            except requests.RequestException:
                return False

        wait_for(answers, "Flower answers", 30)
        yield url
