"""Promises of the engine that have no file of their own: engine.md, lines 3, 6, 10, 16 and 19."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

import settings
from cli.embedded import Server
from models.jobs import Job
from models.services import workers
from models.services.claims import LEASE
from models.services.moves import Dispatch
from models.states import Status
from models.workers import Worker
from providers.base import Prompt, Sampling
from providers.openai import OpenAIProvider
from tasks.ask import Asker
from tasks.heartbeat import Heart
from tests.engine import jobs as work
from tests.engine.processes import EXPORT, GENERATION, wait_for, worker
from tests.model_server import ModelServer

ROOT = Path(__file__).parents[2]
CODES = {
    "VALIDATION_ERROR",
    "PROVIDER_AUTH",
    "PROVIDER_CREDITS",
    "PROVIDER_RATE_LIMITED",
    "PROVIDER_UNAVAILABLE",
    "PROVIDER_TIMEOUT",
    "PROVIDER_BAD_OUTPUT",
    "OUTPUT_TRUNCATED",
    "CONTENT_FILTERED",
    "BUDGET_EXCEEDED",
    "QUOTA_EXCEEDED",
    "LINT_FAILED",
    "EXPORT_FAILED",
    "WORKER_LOST",
    "STEP_TIMEOUT",
    "CANCELLED",
    "INTERNAL",
}


def test_no_transaction_is_open_while_a_provider_is_asked(database: Any, owner: str) -> None:
    """Line 3."""
    claim = work.claim(work.open_job(owner).job_id)
    assert claim is not None
    with ModelServer(seconds=1.0) as model:
        asker = Asker.of(claim, OpenAIProvider(model.base_url, "m"), Heart([]))
        prompt = Prompt("write_card", ({"role": "user", "content": "x"},), {"type": "object"})
        call = threading.Thread(target=asker.ask, args=(prompt, Sampling("m", 500)))
        call.start()
        wait_for(lambda: model.ledger.now == 1, "the call is under way")
        with database.transaction() as session:
            idle = text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
            assert session.scalar(idle) == 0
        call.join()


def test_one_heartbeat_renews_every_lease_of_its_process(
    database: Any, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line 6."""
    monkeypatch.setattr(settings, "engine", lambda: settings.Engine(heartbeat=0.05))
    heart = Heart(["generation"])
    ids = [work.open_job(owner).job_id for _ in range(3)]
    for job_id in ids:
        assert work.claim(job_id, worker=heart.id) is not None
    with database.transaction() as session:
        session.execute(update(Job).values(lease_expires_at=func.now()))

    def renewed() -> set[str]:
        with database.transaction() as session:
            return set(session.scalars(select(Job.id).where(Job.lease_expires_at > func.now() + LEASE / 2)))

    with heart.holding(ids[0], 1, "generate"), heart.holding(ids[1], 1, "generate"):
        heart.start()
        try:
            wait_for(lambda: renewed() == set(ids[:2]), "the two leases that are held here are renewed")
            with database.transaction() as session:
                assert workers.served_queues(session) == {"generation"}
        finally:
            heart.stop()
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Worker)) == 0


@pytest.fixture
def broker(database: Any, environment: dict[str, str]) -> Iterator[Any]:
    """A channel to an empty broker."""
    from tasks.celery import app

    with app.connection_for_read() as connection, connection.channel() as channel:
        for queue in app.conf.task_queues:
            queue(channel).declare()
            queue(channel).purge()
        yield channel


def test_the_priority_decides_what_is_begun(broker: Any, owner: str) -> None:
    """Line 10."""
    from tasks import dispatch

    sent: list[Dispatch] = []
    for priority in ("low", "standard", "high"):
        sent += work.open_batch(owner, items=2, window=2, priority=priority)[1]
    assert dispatch.send(sent) == 6
    names = {message.job_id: message.priority for message in sent}
    order = []
    while message := broker.basic_get("generation", no_ack=True):
        order.append(names[message.payload[0][0]] if isinstance(message.payload, list) else names[_job(message)])
    assert order == ["high"] * 2 + ["standard"] * 2 + ["low"] * 2


def _job(message: Any) -> str:
    found = re.search(r"job_[0-9a-f]{32}", str(message.body))
    assert found
    return found[0]


def test_what_is_begun_is_finished_first_whatever_its_priority(environment: dict[str, str]) -> None:
    """Line 10."""
    from tasks import dispatch

    steps = dispatch.steps_of(Dispatch("job_x", "character_card", 1, "low"))
    assert [step.options["priority"] for step in steps] == [6, 0, 0]
    assert [step.options["queue"] for step in steps] == ["generation", "lorebook", "export"]
    resumed = dispatch.steps_of(Dispatch("job_x", "character_card", 1, "low", start=1))
    assert [step.task for step in resumed] == ["expand_lorebook", "export"]


def test_messages_carry_ids_and_numbers_only(broker: Any, owner: str) -> None:
    from tasks import dispatch

    dispatch.send([work.open_job(owner, request={"source_material": "A very secret source.", "options": {}})])
    message = broker.basic_get("generation", no_ack=True)
    assert "secret" not in str(message.body) + str(message.headers)


def test_every_code_that_a_job_can_fail_with_is_a_stable_one() -> None:
    """Line 16."""
    written: set[str] = set()
    for package in ("tasks", "providers", "models/services", "api/intake.py"):
        path = ROOT / package
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                written |= set(codes_in(node))
    assert {"PROVIDER_RATE_LIMITED", "STEP_TIMEOUT", "WORKER_LOST"} <= written <= CODES


def codes_in(node: ast.AST) -> Iterator[str]:
    """The codes that a piece of code gives to a job's error."""
    match node:
        case ast.Call(func=ast.Name(id="StepFailed"), args=[ast.Constant(value=str(code)), *_]):
            yield code
        case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
            yield code
        case ast.Dict(keys=keys, values=values):
            for name, value in zip(keys, values, strict=True):
                if isinstance(name, ast.Constant) and name.value == "code" and isinstance(value, ast.Constant):
                    yield str(value.value)


def test_one_worker_holds_as_many_calls_as_it_has_slots(
    database: Any, owner: str, environment: dict[str, str], redis_server: Server, tmp_path: Path
) -> None:
    """Line 19."""
    from tasks import dispatch

    with ModelServer(seconds=1.0) as model:
        env = environment | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "m"}
        env["REDIS_URL"] = redis_server.url
        with worker("generation", GENERATION, env, tmp_path), worker("export", EXPORT, env, tmp_path):
            batch_id, sent = work.open_batch(owner, items=30, window=30)
            dispatch.send(sent)
            wait_for(lambda: work.counts(batch_id)["completed"] == 30, "all are completed", 60)
    assert model.ledger.peak == 20
    with database.transaction() as session:
        assert session.scalar(select(func.count()).where(Job.status == Status.COMPLETED)) == 30
