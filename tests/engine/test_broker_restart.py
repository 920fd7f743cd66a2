"""A busy worker outlives a restart of Redis (tasks/broker_restart.py), and the work is done all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from cli.embedded import Server
from models import db
from models.jobs import Job
from models.services import repair
from models.services.claims import GRACE
from models.states import Status
from tests.engine import jobs as work
from tests.engine.processes import EXPORT, GENERATION, wait_for, worker
from tests.model_server import ModelServer

ITEMS = 12


def count(status: Status) -> int:
    with db.transaction() as session:
        return session.scalar(select(func.count()).where(Job.status == status)) or 0


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_workers_outlive_a_restart_of_redis_with_calls_in_flight(
    kill: bool, database: Any, owner: str, environment: dict[str, str], redis_server: Server, tmp_path: Path
) -> None:
    from tasks import dispatch

    with ModelServer(seconds=1.0) as model:
        env = environment | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "test/model"}
        with (
            worker("generation", GENERATION, env, tmp_path) as first,
            worker("export", EXPORT, env, tmp_path) as second,
        ):
            batch_id, sent = work.open_batch(owner, items=ITEMS, window=6)
            dispatch.send(sent)
            wait_for(lambda: len(model.ledger.requests) >= 6, "six calls are in flight")
            redis_server.kill() if kill else redis_server.stop()
            redis_server.restart()
            with (
                db.transaction() as session
            ):  # what was lost with Redis is upkeep's to find; do not wait a minute for it
                session.execute(update(Job).values(dispatched_at=Job.dispatched_at - GRACE))

            def all_done() -> bool:
                assert first.poll() is None, (tmp_path / "generation.log").read_text()[-3000:]
                with db.transaction() as session:
                    session.execute(
                        update(Job)
                        .where(Job.lease_owner.is_(None), Job.status == "processing")
                        .values(lease_expires_at=func.now())
                    )
                    found = repair.find_stranded(session, repair.Waiting())
                dispatch.send(found)
                return count(Status.COMPLETED) == ITEMS

            wait_for(all_done, f"{ITEMS} jobs are completed", seconds=60)
            assert first.poll() is None, (tmp_path / "generation.log").read_text()[-3000:]
            assert second.poll() is None, (tmp_path / "export.log").read_text()[-3000:]
    assert work.counts(batch_id)["completed"] == ITEMS
    assert len(model.ledger.charges) == 3 * ITEMS, "nothing was paid for twice"
