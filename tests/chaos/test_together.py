"""Everything at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.stack import Size, Stack
from tests.chaos.test_processes import assert_all_completed, holds


def test_all_of_it_together_completes_every_item(stack: Stack, scenario: Any) -> None:
    """200 items, window 20, 0.4 s latency, a kill every 6 s, Redis lost once, PostgreSQL crashed once, 13% faults."""
    items, every = stack.size.pick((30, 2.5), (200, 6.0))
    with scenario(f"all together: {items} items, window 20, a kill every {every:.0f} s, 13% faults"):
        dice = random.Random(5)
        stack.control(latency=0.4, faults=0.13, seed=5)
        batch = stack.submit(items, mark="together", max_concurrent=20)
        faults = [stack.lose_redis, lambda: stack.crash_postgres(1.0)]
        began, limit = time.monotonic(), stack.size.pick(120, 600)
        while stack.done(batch) < items:
            assert time.monotonic() - began < limit, stack.stuck()
            pause(stack, batch, items, every)
            if stack.done(batch) >= items:
                break
            if faults:
                faults.pop(0)()
            kill_somebody(stack, dice)
        stack.wait_done(batch, seconds=60)
        assert_all_completed(stack, batch)


def test_all_of_it_together_for_five_minutes(stack: Stack, size: Size, scenario: Any) -> None:
    if not size.full:
        pytest.skip("full size only: CHAOS=full")
    with scenario("all together for five minutes, without a break"):
        dice = random.Random(6)
        stack.control(latency=0.4, faults=0.13, seed=6)
        stack.add("beat2")
        batches: list[str] = []
        harm: list[Callable[[], None]] = []
        began = time.monotonic()
        while time.monotonic() - began < 300:
            if not batches or stack.done(batches[-1]) > 60:
                batches.append(stack.submit(100, mark=f"five{len(batches)}", max_concurrent=20))
            if not harm:
                harm = [
                    stack.lose_redis,
                    lambda: stack.crash_postgres(3.0),
                    lambda: stack.redis_away(10),
                    lambda: stack.terminate("generation1"),
                    lambda: stack.kill("beat1"),
                    lambda: stack.kill("generation1", "generation2", "export1"),
                ]
                dice.shuffle(harm)
            time.sleep(6)  # the rhythm of the faults
            kill_somebody(stack, dice)
            time.sleep(6)  # the rhythm of the faults
            harm.pop()()
        stack.wait_done(*batches, seconds=300)
        assert_all_completed(stack, *batches)


def pause(stack: Stack, batch: str, items: int, seconds: float) -> None:
    """Let ``seconds`` pass, or less when everything is done."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and stack.done(batch) < items:
        time.sleep(0.1)


def kill_somebody(stack: Stack, dice: random.Random) -> None:
    """kill -9 a worker's main process or one of its pool."""
    busy = [name for name in ("generation1", "generation2") if holds(stack, name)]
    victim = dice.choice([*busy, *busy, "export1", "export1's child"])
    if victim == "export1's child":
        stack.kill_child("export1")
    else:
        stack.kill(victim)
