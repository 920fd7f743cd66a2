"""Claims, fences and checkpoints: engine.md, lines 1, 2 and 7."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update

from models.batches import Batch
from models.errors import StaleAttempt
from models.events import Event
from models.jobs import Job, Step
from models.services import claims
from models.states import MOVES, TERMINAL, Status, may_move
from tests.engine import jobs as work


def test_terminal_states_have_no_way_out() -> None:
    assert all(MOVES[status] == frozenset() for status in TERMINAL)
    assert may_move(Status.QUEUED, Status.PROCESSING)
    assert not may_move(Status.COMPLETED, Status.PROCESSING)


def test_of_sixteen_deliveries_of_a_message_one_gets_the_claim(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda n: work.claim(job.job_id, worker=f"w{n}"), range(16)))
    (winner,) = [n for n, claim in enumerate(claims) if claim is not None]
    with database.transaction() as session:
        assert session.get_one(Job, job.job_id).lease_owner == f"w{winner}", "the others have not touched the lease"


def test_a_step_waits_for_the_one_before_it(owner: str) -> None:
    job = work.open_job(owner)
    assert work.claim(job.job_id, "expand_lorebook") is None
    first = work.claim(job.job_id)
    assert first is not None
    assert work.claim(job.job_id, "expand_lorebook") is None
    work.finish(first)
    assert work.claim(job.job_id, "expand_lorebook") is not None


def test_a_redelivered_step_that_is_done_passes_on(owner: str) -> None:
    job = work.open_job(owner)
    first = work.claim(job.job_id)
    assert first is not None
    work.finish(first, {"made": 1})
    again = work.claim(job.job_id)
    assert again is not None
    assert again.done


def test_a_stale_attempt_writes_nothing(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    old = work.claim(job.job_id)
    assert old is not None
    with database.transaction() as session:
        session.get_one(Job, job.job_id).attempt = 2
    with pytest.raises(StaleAttempt):
        work.finish(old, {"made": "too late"})
    with database.transaction() as session:
        step = session.get_one(Step, (job.job_id, 0))
        assert (step.status, step.output) == (Status.PROCESSING, {})
        with pytest.raises(StaleAttempt):
            claims.tell(session, old, claims.Said(90, "late"))
    work.fail(old)
    with database.transaction() as session:
        assert session.get_one(Job, job.job_id).status == Status.PROCESSING


def test_output_and_done_are_one_commit(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    claimed = work.claim(job.job_id)
    assert claimed is not None
    with database.transaction() as session:
        claims.finish_step(session, claimed, progress=50)
        claims.write_checkpoint(session, claimed, {"made": 1})
        session.rollback()
    with database.transaction() as session:
        assert session.get_one(Step, (job.job_id, 0)).status == Status.PROCESSING
        assert session.get_one(Job, job.job_id).progress == 0


def test_a_checkpoint_whose_commit_was_answered_too_late_is_not_written_again(owner: str) -> None:
    """The next step may have been claimed by then; its lease must not be touched."""
    job = work.open_job(owner)
    claimed = work.claim(job.job_id)
    assert claimed is not None
    work.finish(claimed)
    assert work.claim(job.job_id, "expand_lorebook", worker="w2") is not None
    with pytest.raises(StaleAttempt):
        work.finish(claimed)


def test_progress_never_goes_back(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    claimed = work.claim(job.job_id)
    assert claimed is not None
    for progress in (30, 10):
        with database.transaction() as session:
            claims.tell(session, claimed, claims.Said(progress, "on its way"))
    with database.transaction() as session:
        assert session.get_one(Job, job.job_id).progress == 30


def test_a_job_ends_with_its_last_step(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    work.run(job.job_id)
    with database.transaction() as session:
        row = session.get_one(Job, job.job_id)
        assert (row.status, row.progress, row.lease_owner) == (Status.COMPLETED, 100, None)
        assert row.finished_at >= row.started_at >= row.created_at
    assert work.claim(job.job_id, "export") is None


def test_who_has_waited_for_a_job_that_has_ended_does_not_wait_for_its_batch(database: Any, owner: str) -> None:
    """A duplicate of a job's first message: the job ends while it waits, and the batch is in other hands."""
    _, (sent,) = work.open_batch(owner, items=1, window=1)
    assert work.claim(sent.job_id) is not None
    with ThreadPoolExecutor(1) as pool, database.transaction() as batch_holder:
        batch_holder.execute(select(Batch.id).with_for_update())
        with database.transaction() as session:
            session.execute(select(Job.id).where(Job.id == sent.job_id).with_for_update())
            second = pool.submit(work.claim, sent.job_id, worker="w2")
            work.wait_for_lock(session)
            session.execute(update(Job).where(Job.id == sent.job_id).values(status="failed", lease_owner=None))
        assert second.result(5) is None


@pytest.mark.parametrize("worker", ["w2", "w1"])
def test_who_lets_go_twice_takes_nothing_from_who_came_after(database: Any, owner: str, worker: str) -> None:
    """The commit's answer was lost, and somebody has claimed the step again at the same attempt."""
    old = work.claim(work.open_job(owner).job_id)
    assert old is not None
    with database.transaction() as session:
        assert claims.let_go(session, old)
    new = work.claim(old.job_id, worker=worker)
    assert new is not None
    with database.transaction() as session:
        assert claims.let_go(session, old) == []
    work.fail(old)
    with pytest.raises(StaleAttempt):
        work.finish(old)
    with database.transaction() as session:
        assert session.get_one(Job, old.job_id).lease_owner == worker
        assert session.get_one(Step, (old.job_id, 0)).status == Status.PROCESSING
    work.finish(new)


def test_of_two_ends_of_one_step_at_one_time_one_is_written(database: Any, owner: str) -> None:
    """The first one's connection is lost before its commit is through, and it is tried again."""
    claimed = work.claim(work.open_job(owner).job_id)
    assert claimed is not None
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            claims.finish_step(session, claimed, progress=50)
            claims.write_checkpoint(session, claimed, {"made": 1})
            again = pool.submit(work.finish, claimed, {"made": 2})
            work.wait_for_lock(session)
        with pytest.raises(StaleAttempt):
            again.result(5)
    with database.transaction() as session:
        assert session.get_one(Step, (claimed.job_id, 0)).output == {"made": 1}
        ends = select(func.count()).where(Event.kind == "step", Event.data["status"].astext == "completed")
        assert session.scalar(ends) == 1
