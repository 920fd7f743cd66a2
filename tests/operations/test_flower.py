"""Flower as `cardforge up` runs it: closed without the password, and ids are all that it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.engine.processes import wait_for
from tests.operations.conftest import LOGIN, Product

ROOT = Path(__file__).parents[2]
TABLE = (
    "/tasks/datatable?draw=1&start=0&length=100&search[value]="
    "&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"
)
PAGES = ("/", "/workers", "/tasks", "/broker", TABLE, "/api/workers", "/api/tasks", "/api/task/types")
STEPS = {"generate", "expand_lorebook", "export"}


def fetch(product: Product, path: str) -> requests.Response:
    answer = requests.get(product.flower + path, auth=LOGIN, timeout=20)
    assert answer.status_code == 200, (path, answer.text[:300])
    return answer


@pytest.fixture(scope="module")
def tasks(product: Product) -> dict[str, Any]:
    """Flower's tasks of the batch by id: it hears of them by events, a moment later."""
    found: dict[str, Any] = {}

    def heard() -> bool:
        found.update(fetch(product, "/api/tasks?limit=1000").json())
        return sum(task["name"] in STEPS and task["state"] == "SUCCESS" for task in found.values()) >= 9

    wait_for(heard, "Flower knows of nine tasks", 20)
    return found


@pytest.mark.parametrize("path", [*PAGES, "/api/task/info/x", "/api/queues/length", "/api/workers?refresh=1"])
def test_nothing_is_shown_without_the_password(product: Product, path: str) -> None:
    assert requests.get(product.flower + path, timeout=10).status_code == 401
    assert requests.get(product.flower + path, auth=(LOGIN[0], "guess"), timeout=10).status_code == 401


def test_nothing_can_be_done_without_the_password(product: Product) -> None:
    for path in ("/api/worker/shutdown/generation@x", "/api/task/async-apply/upkeep", "/api/task/revoke/x"):
        assert requests.post(product.flower + path, timeout=10).status_code == 401


def test_tasks_have_telling_names_and_ids_for_arguments(product: Product, tasks: dict[str, Any]) -> None:
    steps = [task for task in tasks.values() if task["name"] in STEPS]
    assert {task["name"] for task in steps} == STEPS
    # What was under way when Flower began to listen has no name there: that comes with its first event.
    assert {task["name"] for task in tasks.values() if task["received"]} <= STEPS | {"upkeep", "deliver"}
    jobs = {item["job_id"] for item in product.batch["items"]}
    arguments = [re.fullmatch(r"[\[(]'(job_[0-9a-f]+)', 1[\])]", task["args"]) for task in steps]
    assert all(arguments), [task["args"] for task in steps]
    assert {found[1] for found in arguments if found} == jobs
    assert all(task["kwargs"] == "{}" and task["result"] in {"None", None} for task in steps)


def test_no_text_and_no_secret_is_on_any_page(
    product: Product, tasks: dict[str, Any], environment: dict[str, str]
) -> None:
    workers = fetch(product, "/api/workers?refresh=1").json()
    shown = [*PAGES, *(f"/worker/{name}" for name in workers), *(f"/task/{uuid}" for uuid in list(tasks)[:30])]
    shown += [f"/api/task/info/{uuid}" for uuid in list(tasks)[:30]] + ["/metrics"]
    secrets = [*product.private(), urlsplit(environment["REDIS_URL"]).password]
    for path in shown:
        text = fetch(product, path).text
        for word in secrets:
            assert word not in text, (path, word)
    assert workers
    assert json.dumps(workers).count("generation@") > 0


def test_the_procfiles_line_does_not_start_without_a_login_and_keeps_it_off_the_command_line() -> None:
    (line,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("flower: ")]
    command = line.removeprefix("flower: ")
    bare = {name: value for name, value in os.environ.items() if name != "FLOWER_BASIC_AUTH"}
    done = subprocess.run(["sh", "-c", command], env=bare, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "set it to user:password" in done.stderr
    assert "--basic-auth" not in command  # anybody on the machine can read command lines
