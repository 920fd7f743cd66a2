"""The window and the counters: engine.md, lines 9, 11 and 12."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models.batches import Batch
from models.jobs import Job
from models.services import moves
from models.states import Status
from tests.engine import jobs as work


def test_the_first_window_is_as_wide_as_asked(owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=10, window=3)
    assert len(sent) == 3
    assert work.counts(batch_id)["queued"] == 10


def test_finishing_a_job_sends_the_next_in_order(owner: str) -> None:
    _, sent = work.open_batch(owner, items=5, window=2)
    following = work.run(sent[0].job_id)
    assert len(following) == 1
    assert following[0].job_id > sent[1].job_id


def test_sixteen_workers_never_widen_the_window(database: Any, owner: str) -> None:
    """120 jobs, a window of 5, sixteen threads that take whatever is sent: never more than 5 in work."""
    batch_id, sent = work.open_batch(owner, items=120, window=5)
    queue = deque(sent)
    widest, faults = [0], []

    def work_on() -> None:
        try:
            while work.status(batch_id) not in {"completed", "failed"}:
                try:
                    message = queue.popleft()
                except IndexError:
                    continue
                claimed = work.claim(message.job_id)
                assert claimed is not None
                now = work.counts(batch_id)
                assert sum(now.values()) == 120
                widest[0] = max(widest[0], now["processing"])
                work.finish(claimed)
                for step in ("expand_lorebook", "export"):
                    claimed = work.claim(message.job_id, step)
                    assert claimed is not None
                    queue.extend(work.finish(claimed))
        except Exception as error:
            faults.append(error)
            raise

    threads = [threading.Thread(target=work_on) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not faults
    assert widest[0] == 5
    assert work.counts(batch_id)["completed"] == 120
    with database.transaction() as session:
        assert session.scalar(select(func.count()).where(Job.status == Status.COMPLETED)) == 120


def test_concurrent_advances_of_one_batch_send_each_job_once(database: Any, owner: str) -> None:
    batch_id, _ = work.open_batch(owner, items=40, window=1)
    with database.transaction() as session:
        session.get_one(Batch, batch_id).max_concurrent = 20
    found: list[str] = []
    start = threading.Barrier(8)

    def advance() -> None:
        start.wait()
        with database.transaction() as session:
            batch = moves.lock_batch(session, batch_id)
            assert batch is not None
            found.extend(dispatch.job_id for dispatch in moves.advance_batch(session, batch))

    threads = [threading.Thread(target=advance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) == 19


def test_the_first_failure_cancels_the_rest_when_asked_to(owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=10, window=3, continue_on_error=False)
    claims = [work.claim(message.job_id) for message in sent[:2]]
    assert all(claims)
    assert work.fail(claims[0]) == []  # type: ignore[arg-type]
    assert work.counts(batch_id) == {"queued": 0, "processing": 1, "completed": 0, "failed": 1, "cancelled": 8}
    assert work.status(batch_id) == "processing"
    work.finish(claims[1])  # type: ignore[arg-type]
    for step in ("expand_lorebook", "export"):
        claimed = work.claim(sent[1].job_id, step)
        assert claimed is not None
        work.finish(claimed)
    assert work.counts(batch_id)["completed"] == 1
    assert work.status(batch_id) == "failed"


def test_with_continue_on_error_one_completed_item_completes_the_batch(owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=2, window=2)
    claimed = work.claim(sent[0].job_id)
    assert claimed is not None
    work.fail(claimed)
    work.run(sent[1].job_id)
    assert work.status(batch_id) == "completed"


def test_a_batch_whose_items_all_failed_has_failed(owner: str) -> None:
    batch_id, sent = work.open_batch(owner, items=1, window=1)
    claimed = work.claim(sent[0].job_id)
    assert claimed is not None
    work.fail(claimed)
    assert work.status(batch_id) == "failed"


def test_the_database_refuses_counters_that_do_not_add_up(database: Any, owner: str) -> None:
    batch_id, _ = work.open_batch(owner, items=2, window=1)
    with pytest.raises(IntegrityError, match="counters_add_up"), database.transaction() as session:
        session.get_one(Batch, batch_id).completed = 1
