"""What upkeep finds again: engine.md, line 8."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update

from models.jobs import Job, Step
from models.services import claims, moves, repair, workers
from models.services.moves import Dispatch
from models.states import Status
from models.workers import Worker
from tests.engine import jobs as work


@pytest.fixture(autouse=True)
def _database_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after the database has started, no lease is taken for lost; the tests' own has only just started."""
    monkeypatch.setattr(repair, "LEASE", timedelta(0))


def find(database: Any, waiting: int = 0, later: int = 0) -> list[Dispatch]:
    with database.transaction() as session:
        return repair.find_stranded(session, repair.Waiting(waiting, later))


def age(database: Any, job_id: str, **moments: timedelta) -> None:
    """Make a job's moments lie in the past."""
    with database.transaction() as session:
        values = {name: func.now() - past for name, past in moments.items()}
        session.execute(update(Job).where(Job.id == job_id).values(values))


@pytest.fixture
def claimed(owner: str) -> str:
    job = work.open_job(owner)
    assert work.claim(job.job_id) is not None
    return job.job_id


def test_nothing_is_found_where_all_is_well(database: Any, claimed: str) -> None:
    assert find(database) == []


def test_a_message_that_nobody_took_is_sent_again(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    age(database, job.job_id, dispatched_at=timedelta(seconds=61))
    assert [found.job_id for found in find(database)] == [job.job_id]
    assert find(database) == []


def test_a_message_that_still_waits_is_not_sent_again(database: Any, owner: str) -> None:
    """Workers that are busy, or away for an hour, must not find the queue full of copies."""
    jobs = [work.open_job(owner).job_id for _ in range(3)]
    for job_id in jobs:
        age(database, job_id, dispatched_at=timedelta(seconds=31))
        with database.transaction() as session:
            session.get_one(Job, job_id).sent = 2
    assert find(database, waiting=3) == []
    assert {found.job_id for found in find(database, waiting=2)} == set(jobs)


def test_behind_a_backlog_a_job_is_sent_again_after_ever_longer_waits(database: Any, owner: str) -> None:
    """Other messages wait all the time; nobody can tell whether this job's is among them."""
    job = work.open_job(owner)
    with database.transaction() as session:
        session.execute(update(Job).values(priority="high"))
    for sent, seconds in ((1, 46), (2, 91), (3, 181)):
        age(database, job.job_id, dispatched_at=timedelta(seconds=seconds - 5))
        assert find(database, waiting=1000) == [], sent
        age(database, job.job_id, dispatched_at=timedelta(seconds=seconds))
        assert [found.job_id for found in find(database, waiting=1000)] == [job.job_id], sent


def test_between_two_steps_a_message_that_still_waits_is_not_sent_again(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    first = work.claim(job.job_id)
    assert first is not None
    work.finish(first)
    age(database, job.job_id, lease_expires_at=timedelta(seconds=1))
    assert find(database, later=1) == []
    age(database, job.job_id, lease_expires_at=timedelta(seconds=16))
    assert [found.start for found in find(database, later=1)] == [1], "behind a backlog, after a longer wait"
    age(database, job.job_id, lease_expires_at=timedelta(seconds=1))
    assert [found.start for found in find(database)] == [1]


def test_a_lease_counts_from_its_claim_and_not_from_the_wait_for_it(database: Any, owner: str) -> None:
    """`now()` is the start of a transaction, which may have waited for its batch's row for longer than a lease."""
    job = work.open_job(owner)
    with database.transaction() as session:
        session.execute(text("SELECT now()"))
        session.execute(text("SELECT pg_sleep(0.3)"))
        assert claims.claim_step(session, job.job_id, 1, "generate", "w1") is not None
        left = select(Job.lease_expires_at - func.clock_timestamp()).where(Job.id == job.job_id)
        assert session.scalar(left) > claims.LEASE - timedelta(seconds=0.2)


def test_low_work_that_waits_is_sent_once_more_at_the_highest_priority(database: Any, owner: str) -> None:
    _, sent = work.open_batch(owner, items=8, window=8, priority="low")
    for message in sent:
        age(database, message.job_id, dispatched_at=timedelta(seconds=31))
    found = find(database, waiting=100)
    assert [(message.job_id, message.priority) for message in found] == [
        (message.job_id, "high") for message in sent[: repair.STARVING_AT_ONCE]
    ]
    assert len(find(database, waiting=100)) == 8 - repair.STARVING_AT_ONCE
    assert find(database, waiting=100) == []


def test_right_after_the_database_came_back_no_lease_is_taken(
    database: Any, claimed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(database, claimed, lease_expires_at=timedelta(seconds=1))
    monkeypatch.setattr(repair, "LEASE", timedelta(days=1))
    assert find(database) == []
    monkeypatch.setattr(repair, "LEASE", timedelta(0))
    assert [found.job_id for found in find(database)] == [claimed]


def test_a_job_whose_lease_ran_out_begins_a_new_attempt(database: Any, claimed: str) -> None:
    age(database, claimed, lease_expires_at=timedelta(seconds=1))
    (again,) = find(database)
    assert (again.job_id, again.attempt) == (claimed, 2)
    assert work.claim(claimed, attempt=1) is None
    assert work.claim(claimed, attempt=2) is not None
    with database.transaction() as session:
        assert session.get_one(Step, (claimed, 0)).attempts == 2


def test_a_new_attempt_goes_on_from_the_first_undone_step(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    first = work.claim(job.job_id)
    assert first is not None
    work.finish(first)
    assert work.claim(job.job_id, "expand_lorebook") is not None
    age(database, job.job_id, lease_expires_at=timedelta(seconds=1))
    (again,) = find(database)
    done = work.claim(job.job_id, "generate", again.attempt)
    assert done is not None
    assert done.done
    open_step = work.claim(job.job_id, "expand_lorebook", again.attempt)
    assert open_step is not None
    assert not open_step.done


def test_a_lost_message_between_two_steps_costs_no_attempt(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    first = work.claim(job.job_id)
    assert first is not None
    work.finish(first)
    age(database, job.job_id, lease_expires_at=timedelta(seconds=1))
    (again,) = find(database)
    assert (again.job_id, again.attempt, again.start) == (job.job_id, 1, 1)


def test_a_job_that_takes_its_workers_with_it_is_given_up(database: Any, owner: str) -> None:
    batch_id, (poison,) = work.open_batch(owner, items=2, window=1)
    for attempt in (1, 2):
        assert work.claim(poison.job_id, attempt=attempt) is not None
        age(database, poison.job_id, lease_expires_at=timedelta(seconds=1))
        assert [found.attempt for found in find(database)] == [attempt + 1]
    assert work.claim(poison.job_id, attempt=3) is not None
    age(database, poison.job_id, lease_expires_at=timedelta(seconds=1))
    (following,) = find(database)
    assert following.job_id != poison.job_id, "its batch goes on with the next item"
    with database.transaction() as session:
        error = session.get_one(Job, poison.job_id).error
        assert error is not None
        assert error["code"] == "WORKER_LOST"
    assert work.counts(batch_id)["failed"] == 1


def test_a_job_is_not_given_up_while_workers_die_of_something_else(database: Any, owner: str) -> None:
    """Line 18, the other way round: somebody kills processes, and one job is hit time and again."""
    job_id = work.open_job(owner).job_id
    for attempt in range(1, 7):
        worker = f"w{attempt}"
        with database.transaction() as session:
            workers.beat(session, worker, "h", attempt, [], [])
        assert work.claim(job_id, attempt=attempt, worker=worker) is not None
        age(database, job_id, lease_expires_at=timedelta(seconds=1))
        with database.transaction() as session:  # it died, and so did one that held nothing
            workers.beat(session, "idle", "h", 0, [], [])
            session.execute(update(Worker).values(seen_at=func.now() - timedelta(seconds=60)))
        assert [found.attempt for found in find(database)] == [attempt + 1], attempt
    with database.transaction() as session:
        session.execute(delete(Worker).where(Worker.id == "idle"))
    assert work.claim(job_id, attempt=7, worker="w7") is not None
    age(database, job_id, lease_expires_at=timedelta(seconds=1))
    assert find(database) == []
    with database.transaction() as session:
        error = session.get_one(Job, job_id).error
        assert error is not None
        assert error["code"] == "WORKER_LOST"
        assert "lost" in error["message"]
        assert len(work.log_lines(session, job_id)) == 6, "each loss is told"


def test_jobs_that_were_only_near_a_poison_go_on(database: Any, owner: str) -> None:
    """Line 18. One of eight jobs of a worker kills it every time; in the end it has failed, and only it."""
    batch_id, sent = work.open_batch(owner, items=8, window=8)
    poison = sent[5].job_id
    waiting = {message.job_id: message.attempt for message in sent}
    rounds = 0
    while work.counts(batch_id)["processing"] or work.counts(batch_id)["queued"]:
        rounds += 1
        assert rounds < 20
        claimed = {job: c for job, attempt in waiting.items() if (c := work.claim(job, attempt=attempt))}
        if poison in claimed:  # the worker dies with all that it holds
            for job_id in claimed:
                age(database, job_id, lease_expires_at=timedelta(seconds=1))
        else:
            for job_id, claim in claimed.items():
                work.finish(claim)
                for step in ("expand_lorebook", "export"):
                    following = work.claim(job_id, step, claim.attempt)
                    assert following is not None
                    work.finish(following)
        waiting = {found.job_id: found.attempt for found in find(database)}
    assert work.counts(batch_id) == {"queued": 0, "processing": 0, "completed": 7, "failed": 1, "cancelled": 0}
    with database.transaction() as session:
        assert session.get_one(Job, poison).status == "failed"


def test_the_next_suspects_go_on_as_soon_as_those_before_are_through_the_step(database: Any, owner: str) -> None:
    """Jobs of minutes are not waited for to their end: who came through the step that its worker died in is cleared."""
    _, sent = work.open_batch(owner, items=4, window=4)
    waiting = {message.job_id: message.attempt for message in sent}
    for _ in range(2):  # two workers die with all four
        for job_id, attempt in waiting.items():
            assert work.claim(job_id, attempt=attempt) is not None
            age(database, job_id, lease_expires_at=timedelta(seconds=1))
        waiting = {found.job_id: found.attempt for found in find(database)}
    assert len(waiting) == 2, "the first half"
    running = [work.claim(job_id, attempt=attempt) for job_id, attempt in waiting.items()]
    assert find(database) == [], "while they run, nobody else does"
    for claim in running:
        assert claim is not None
        work.finish(claim)
    with database.transaction() as session:
        following = repair.find_suspects(session)
    assert len(following) == 1
    assert {found.job_id for found in following}.isdisjoint(waiting)


def test_a_batch_that_stands_still_is_moved_on(database: Any, owner: str) -> None:
    _, sent = work.open_batch(owner, items=5, window=2)
    with database.transaction() as session:  # as a web process leaves it that died before it committed the window
        session.execute(update(Job).values(dispatched_at=None))
    assert find(database) == sent


def test_of_two_upkeeps_at_once_one_finds_everything(database: Any, owner: str) -> None:
    job = work.open_job(owner)
    age(database, job.job_id, dispatched_at=timedelta(seconds=61))
    with database.transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": repair.LOCK})
        found: list[Any] = []
        other = threading.Thread(target=lambda: found.append(find(database)))
        other.start()
        other.join()
        assert found == [[]]
    assert [found.job_id for found in find(database)] == [job.job_id]


@pytest.mark.parametrize("left_behind", ["by its worker", "in Redis"])
def test_upkeep_locks_batches_before_jobs_as_everybody_does(database: Any, owner: str, left_behind: str) -> None:
    """Else it and whoever has locked the batch, and then wants its jobs, wait for each other."""
    batch_id, sent = work.open_batch(owner, items=3, window=2)
    first, second = (message.job_id for message in sent)
    if left_behind == "by its worker":
        for job_id in (first, second):
            assert work.claim(job_id) is not None
            age(database, job_id, lease_expires_at=timedelta(seconds=1))
        age(database, second, cancel_requested_at=timedelta(0))
    else:
        age(database, first, dispatched_at=timedelta(seconds=61))
        with database.transaction() as session:
            session.execute(update(Job).where(Job.id == second).values(dispatched_at=None))
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            moves.lock_batch(session, batch_id)
            found = pool.submit(find, database)
            work.wait_for_lock(session)
            session.execute(select(Job.id).where(Job.batch_id == batch_id).with_for_update())
        assert first in {message.job_id for message in found.result()}


def test_a_heartbeat_keeps_the_leases_of_its_own_worker_only(database: Any, owner: str) -> None:
    mine, other = work.open_job(owner).job_id, work.open_job(owner).job_id
    assert work.claim(mine, worker="w1") is not None
    assert work.claim(other, worker="w2") is not None
    for job_id in (mine, other):
        age(database, job_id, lease_expires_at=timedelta(seconds=1))
    with database.transaction() as session:
        assert workers.beat(session, "w1", "host", 1, ["generation"], [mine, other]) == 1
    assert [found.job_id for found in find(database)] == [other]


def test_a_job_that_its_worker_has_lost_track_of_is_not_kept_alive(database: Any, claimed: str) -> None:
    age(database, claimed, lease_expires_at=timedelta(seconds=1))
    with database.transaction() as session:
        assert workers.beat(session, "w1", "host", 1, ["generation"], []) == 0
    assert [found.job_id for found in find(database)] == [claimed]


def test_served_queues_are_those_of_workers_seen_lately(database: Any) -> None:
    with database.transaction() as session:
        workers.beat(session, "w1", "host", 1, ["generation", "lorebook"], [])
        workers.beat(session, "w2", "host", 2, ["export"], [])
        session.execute(update(Worker).where(Worker.id == "w2").values(seen_at=func.now() - timedelta(seconds=31)))
        assert workers.served_queues(session) == {"generation", "lorebook"}
        session.execute(update(Worker).values(seen_at=func.now() - timedelta(minutes=6)))
        workers.forget_silent(session)
        assert session.scalar(select(func.count()).select_from(Worker)) == 0


def test_open_states_are_those_the_indexes_know() -> None:
    from models.jobs import IS_OPEN
    from models.states import OPEN

    assert {status.value for status in OPEN} == {word for word in Status if f"'{word}'" in IS_OPEN}
