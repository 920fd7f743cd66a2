"""Processes die, freeze and are asked to leave."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.chaos.stack import Size, Stack, wait_for


def test_generation_workers_killed_at_random_lose_nothing(stack: Stack, scenario: Any) -> None:
    with scenario("generation workers killed -9 at random"):
        dice = random.Random(7)
        stack.control(latency=stack.size.pick(0.3, 1.0))
        batch = stack.submit(stack.size.pick(20, 300), mark="kills", max_concurrent=stack.size.pick(10, 20))
        every = stack.size.pick((0.7, 1.5), (4.0, 8.0))
        kills = stack.size.pick(2, 10)
        while kills and stack.done(batch) < stack.counts(batch)["total"]:
            time.sleep(dice.uniform(*every))  # the rhythm of the faults
            busy = [name for name in ("generation1", "generation2") if holds(stack, name)]
            stack.kill(dice.choice(busy or ["generation1", "generation2"]))
            kills -= 1
        stack.wait_done(batch, seconds=stack.size.pick(60, 300))
        assert_all_completed(stack, batch)


def test_export_workers_killed_main_and_child_lose_nothing(stack: Stack, scenario: Any) -> None:
    with scenario("export worker killed -9, main and child"):
        items = stack.size.pick(24, 200)
        batch = stack.submit(items, mark="export", max_concurrent=20)
        wait_for(lambda: exporting(stack), "the first exports run", every=0.01)
        assert stack.kill_child("export1")
        wait_for(lambda: stack.done(batch) > items // 4, "some are done")
        stack.kill("export1")
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)


def test_all_workers_killed_at_once_lose_nothing(stack: Stack, scenario: Any) -> None:
    with scenario("all workers killed -9 at once") as (watch, _):
        stack.control(latency=stack.size.pick(0.5, 2.0))
        batch = stack.submit(stack.size.pick(15, 100), mark="all", max_concurrent=20)
        wait_for(lambda: stack.done(batch) >= 1 or stack.model_state()["most"] >= 10, "work is on its way")
        stack.kill("generation1", "generation2", "export1")
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)
        assert watch.orphans, "somebody held something when they died"


def test_a_worker_frozen_past_its_lease_writes_nothing_when_it_wakes(stack: Stack, scenario: Any) -> None:
    with scenario("a worker frozen past its lease, then woken") as (watch, _):
        stack.control(latency=stack.size.pick(0.5, 2.0))
        batch = stack.submit(stack.size.pick(12, 60), mark="frozen", max_concurrent=20)
        wait_for(lambda: holds(stack, "generation1"), "generation1 holds jobs", every=0.02)
        stack.freeze("generation1")
        wait_for(
            lambda: not holds(stack, "generation1"),
            "another worker has taken over what it held",
            stack.size.recovery + 20,
        )
        stack.wake("generation1")
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)
        assert watch.orphans, "somebody else had to take over"


def test_beat_dead_for_a_minute_only_delays(stack: Stack, scenario: Any) -> None:
    with scenario("beat dead for a minute, with a worker killed"):
        stack.control(latency=stack.size.pick(0.3, 1.0))
        stack.kill("beat1", hold=True)
        batch = stack.submit(stack.size.pick(12, 100), mark="beat", max_concurrent=10)
        wait_for(lambda: holds(stack, "generation1"), "generation1 holds jobs", every=0.02)
        with stack.outage("beat"):  # what nobody looks for is not found: recovery is counted from beat's return
            stack.kill("generation1")
            time.sleep(stack.size.pick(2, 60))  # the length of the outage is the fault
        stack.release("beat1")
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)


def test_two_beats_do_no_harm(stack: Stack, scenario: Any) -> None:
    with scenario("two beats, with workers killed"):
        stack.add("beat2")
        stack.control(latency=stack.size.pick(0.3, 1.0))
        batch = stack.submit(stack.size.pick(12, 100), mark="beats", max_concurrent=10)
        wait_for(lambda: holds(stack, "generation1"), "generation1 holds jobs", every=0.02)
        stack.kill("generation1")
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)
        lost = stack.one("SELECT max(attempt) FROM jobs")
        assert lost <= 2, "two beats did not count one lost worker twice"


def test_sigterm_in_the_middle_hands_back_and_pays_nothing_twice(stack: Stack, scenario: Any) -> None:
    with scenario("SIGTERM to every worker in the middle") as (_, row):
        stack.control(latency=stack.size.pick(0.5, 3.0))
        batch = stack.submit(stack.size.pick(20, 200), mark="term", max_concurrent=20)
        wait_for(lambda: stack.model_state()["most"] >= 10, "ten calls are in flight", every=0.02)
        stack.terminate("generation1", "generation2", "export1")
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)
    assert (row.paid_twice, row.died) == (0, 0)


def test_the_web_killed_between_commit_and_message_loses_nothing(stack: Stack, scenario: Any) -> None:
    import requests

    with scenario("web killed between commit and message"):
        batches = set()
        for n in range(stack.size.pick(2, 10)):
            known = {row[0] for row in stack.query("SELECT id FROM batches")}
            with stack.flag("die"):
                try:
                    stack.submit(5, mark=f"web{n}", max_concurrent=5)
                except requests.RequestException:
                    stack.note("web process killed -9 before it published", kill=True)
                else:
                    raise AssertionError("the web process was to die")
            fresh = {row[0] for row in stack.query("SELECT id FROM batches")} - known
            assert len(fresh) == 1, "what was committed is there, once"
            batches |= fresh
        stack.wait_done(*batches, seconds=stack.size.recovery + 30)
        for batch in batches:
            assert_all_completed(stack, batch)


def test_a_job_that_kills_its_worker_fails_and_the_rest_go_on(size: Size, stack: Stack, scenario: Any) -> None:
    if not size.full:
        pytest.skip("full size only: three deaths and three leases take too long")
    with scenario("a job that kills its worker, among others") as (_, row), stack.flag("poison"):
        stack.control(latency=stack.size.pick(0.3, 2.0))
        body = stack.request(stack.size.pick(8, 40), mark="rest", options=None, max_concurrent=4)
        poison = body["generations"][1]
        poison["source_material"] = "POISON " + poison["source_material"]
        answer = stack.post("/api/v2/batch-generations", body)
        batch = answer.json()["batch_id"]
        until = time.monotonic() + stack.size.pick(60, 400)
        seen: set[int] = set()
        while stack.done(batch) < len(body["generations"]):
            assert time.monotonic() < until, stack.stuck()
            # The audit's bound needs to know of each death, which is not of our doing.
            with stack.lock:
                for name in ("generation1", "generation2"):
                    child = stack.children[name]
                    if child.exit_code() is not None and child.pid not in seen:
                        seen.add(child.pid)
                        stack.dead.add(child.pid)
                        stack.note(f"{name} killed by its job", pids=(child.pid,), costly=True, kill=True)
            time.sleep(0.01)
        stack.wait_done(batch, seconds=30)
        ends = stack.query(
            "SELECT position, status, error->>'code', attempt FROM jobs WHERE batch_id = %s ORDER BY position", batch
        )
        assert ends[1][1:3] == ("failed", "WORKER_LOST"), ends[1]
        others = [end for end in ends if end[0] != 2 and end[1] != "completed"]
        row.notes.append(f"it took {len(seen)} workers with it")
        assert not others, f"jobs that were only near it: {others}"


def exporting(stack: Stack) -> int:
    """How many exports run at this moment."""
    return int(stack.one("SELECT count(*) FROM steps WHERE name = 'export' AND status = 'processing'"))


def holds(stack: Stack, name: str) -> int:
    """How many leases a worker has."""
    return int(
        stack.one(
            "SELECT count(*) FROM jobs WHERE status = 'processing' AND lease_owner LIKE %s",
            f"%/{stack.pid(name)}/%",
        )
    )


def assert_all_completed(stack: Stack, *batches: str) -> None:
    for batch in batches:
        found = stack.counts(batch)
        errors = stack.query("SELECT error->>'code', count(*) FROM jobs WHERE batch_id = %s GROUP BY 1", batch)
        assert found["completed"] == found["total"], (found, errors)
