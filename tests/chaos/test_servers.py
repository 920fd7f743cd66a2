"""Redis, PostgreSQL and the model server fail."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.chaos.stack import Size, Stack, wait_for
from tests.chaos.test_processes import assert_all_completed


def test_redis_killed_with_everything_it_held_loses_nothing(stack: Stack, scenario: Any) -> None:
    with scenario("Redis killed with everything it held, started empty"):
        stack.control(latency=stack.size.pick(0.5, 2.0))
        batch = stack.submit(stack.size.pick(16, 200), mark="flushed", max_concurrent=20)
        wait_for(lambda: stack.done(batch) >= 1, "the first is done")
        for _ in range(stack.size.pick(1, 3)):
            stack.lose_redis()
            time.sleep(stack.size.pick(0, 10))  # the rhythm of the faults
        stack.wait_done(batch, seconds=stack.size.pick(60, 300))
        assert_all_completed(stack, batch)


def test_redis_away_for_a_minute_only_delays(stack: Stack, scenario: Any) -> None:
    with scenario(f"Redis away for {stack.size.pick(5, 60)} s"):
        stack.control(latency=stack.size.pick(0.5, 2.0))
        batch = stack.submit(stack.size.pick(12, 200), mark="away", max_concurrent=20)
        wait_for(lambda: stack.model_state()["most"] >= 10, "ten calls are in flight", every=0.02)
        stack.redis_away(stack.size.pick(5, 60))
        stack.wait_done(batch, seconds=stack.size.pick(60, 300))
        assert_all_completed(stack, batch)


def test_work_is_accepted_while_redis_is_away(stack: Stack, scenario: Any) -> None:
    with scenario("work submitted while Redis is away"):
        with stack.outage("redis"):
            stack.note("Redis stopped", kill=True)
            stack.redis.stop()
            began = time.monotonic()
            batch = stack.submit(stack.size.pick(10, 50), mark="early", max_concurrent=10)
            took = time.monotonic() - began
            stack.redis.restart()
        assert took < 5, f"the client waited {took:.1f} s"
        stack.wait_done(batch, seconds=stack.size.recovery + 60)
        assert_all_completed(stack, batch)


def test_postgres_crashed_and_back_loses_nothing_and_pays_nothing_twice(stack: Stack, scenario: Any) -> None:
    with scenario("PostgreSQL killed -9 and back") as (_, row):
        stack.control(latency=stack.size.pick(0.5, 2.0))
        batch = stack.submit(stack.size.pick(16, 200), mark="crash", max_concurrent=20)
        wait_for(lambda: stack.model_state()["most"] >= 10, "ten calls are in flight", every=0.02)
        for _ in range(stack.size.pick(1, 3)):
            stack.crash_postgres(stack.size.pick(1, 5))
            time.sleep(stack.size.pick(0, 10))  # the rhythm of the faults
        stack.wait_done(batch, seconds=stack.size.pick(60, 300))
        assert_all_completed(stack, batch)
    assert (row.paid_twice, row.died) == (0, 0)


def test_postgres_away_for_a_minute_only_delays(size: Size, stack: Stack, scenario: Any) -> None:
    """Longer than a lease: nobody could renew, so upkeep may take what runs for orphaned; nothing is lost by that."""
    if not size.full:
        pytest.skip("full size only: the crash above is its short form")
    seconds = 60
    with scenario(f"PostgreSQL away for {seconds} s"):
        stack.control(latency=2.0)
        batch = stack.submit(200, mark="pgaway", max_concurrent=20)
        wait_for(lambda: stack.model_state()["most"] >= 10, "ten calls are in flight", every=0.02)
        stack.crash_postgres(seconds)
        # Calls that were in flight when the database went away may be repeated, and no others.
        stack.events[-1] = stack.events[-1].__class__(**{**vars(stack.events[-1]), "costly": True})
        stack.wait_done(batch, seconds=300)
        assert_all_completed(stack, batch)


def test_every_message_delivered_twice_changes_nothing(stack: Stack, scenario: Any) -> None:
    with scenario("every message delivered twice") as (_, row), stack.flag("twice"):
        stack.control(latency=stack.size.pick(0.2, 1.0))
        batch = stack.submit(stack.size.pick(12, 200), mark="twice", max_concurrent=10)
        stack.wait_done(batch, seconds=stack.size.pick(60, 240))
        assert_all_completed(stack, batch)
        doubled = (stack.flags / "twice").stat().st_size
        row.notes.append(f"{doubled} messages were sent a second time")
        assert doubled >= 3 * stack.done(batch)
    assert (row.paid_twice, row.died) == (0, 0)


def test_a_third_of_calls_failing_loses_nothing_and_pays_nothing_twice(stack: Stack, scenario: Any) -> None:
    with scenario("30% provider faults") as (_, row):
        stack.control(latency=stack.size.pick(0.1, 1.0), faults=0.3, seed=11)
        batch = stack.submit(stack.size.pick(24, 200), mark="faults", max_concurrent=20)
        stack.wait_done(batch, seconds=stack.size.pick(90, 400))
        assert_all_completed(stack, batch)
        faults = [line["fault"] for line in stack.charges()[stack.first :] if line["fault"]]
        row.notes.append(f"{len(faults)} calls failed or were slow, of {len(set(faults))} kinds")
        assert len(set(faults)) >= stack.size.pick(5, 9)
    assert (row.paid_twice, row.died) == (0, 0)
