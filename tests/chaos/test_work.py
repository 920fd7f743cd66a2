"""What people ask for while it runs: cancel, priorities, very large batches."""

from __future__ import annotations

import time
from typing import Any

import psutil
import requests

from tests.chaos.stack import Late, Stack, wait_for
from tests.chaos.test_processes import assert_all_completed


def test_cancelling_a_running_batch_ends_all_of_it_within_seconds(stack: Stack, scenario: Any) -> None:
    with scenario("a batch cancelled while everything runs") as (_, row):
        items, window = stack.size.pick((100, 15), (500, 50))
        stack.control(latency=30)
        batch = stack.submit(items, mark="cancelled", max_concurrent=window)
        wait_for(lambda: stack.model_state()["in_flight"] >= window, "the window is in flight", 60)
        began = time.monotonic()
        stack.cancel(batch)
        wait_for(lambda: stack.done(batch) == items, "everything is terminal", 5)
        ended = time.monotonic() - began
        wait_for(lambda: stack.model_state()["in_flight"] == 0, "the streams are closed", 5)
        closed = time.monotonic() - began
        row.notes.append(f"{items} items ended after {ended:.1f} s, {window} streams were closed after {closed:.1f} s")
        found = stack.counts(batch)
        assert found["cancelled"] == items, found
        lines = stack.charges()[stack.first :]
        assert sum(line["gone"] and line["stream"] for line in lines) >= window, "the server saw it"
        assert not any(line["delivered"] for line in lines)


def test_a_low_batch_finishes_after_a_high_one_and_finishes(stack: Stack, scenario: Any) -> None:
    """High work keeps coming for as long as the low batch runs, and more of it than there are slots."""
    with scenario("a low batch before a high one, high work arriving") as (watch, row):
        stack.drop("generation2")
        slots = stack.size.threads
        stack.control(latency=stack.size.pick(0.4, 2.0))
        options = {"include_book": False}
        low = stack.submit(slots, mark="low", options=options, priority="low", max_concurrent=slots)
        high = stack.submit(slots, mark="high", options=options, priority="high", max_concurrent=slots)
        more: list[str] = []

        def over() -> bool:
            rows = stack.query("SELECT priority, count(*) FROM batches WHERE finished_at IS NULL GROUP BY 1")
            running = dict(rows)
            if "low" not in running:
                return True
            # Not before the first high batch has begun to drain: then there is always one more than is being done.
            if running.get("high", 0) < 2:
                batch = stack.submit(
                    slots, mark=f"more{len(more)}", options=options, priority="high", max_concurrent=slots
                )
                more.append(batch)
            return False

        try:
            wait_for(over, "the low batch finishes while high work arrives", stack.size.pick(45, 400), every=0.1)
        except Late as late:
            raise Late(f"{late}; {where(stack)}; at most {watch.messages} messages in Redis") from None
        ended = dict(stack.query("SELECT id, finished_at FROM batches"))
        assert ended[low] > ended[high], ended
        running = [batch for batch in more if ended[batch] is None]
        assert running, "high work was there to the end"
        row.notes.append(f"{len(more)} more high batches of {slots} came while the low one ran")
        stack.cancel(*running)
        stack.wait_done(high, *more, seconds=60)
        assert_all_completed(stack, low, high)


def test_a_lost_message_is_found_behind_a_backlog(stack: Stack, scenario: Any) -> None:
    """The queue never empties while high work arrives; a job whose message was never sent must not wait for that."""
    with scenario("web killed before it published, behind a backlog") as (_, row):
        stack.drop("generation2")
        slots = stack.size.threads
        stack.control(latency=stack.size.pick(0.4, 2.0))
        options = {"include_book": False}
        more: list[str] = []

        def feed() -> None:
            if stack.one("SELECT count(*) FROM batches WHERE finished_at IS NULL AND total > 5") < 3:
                batch = stack.submit(
                    slots, mark=f"more{len(more)}", options=options, priority="high", max_concurrent=slots
                )
                more.append(batch)

        for _ in range(3):
            feed()
        with stack.flag("die"):
            try:
                stack.submit(3, mark="lost", options=options, priority="high", max_concurrent=3)
            except requests.RequestException:
                stack.note("web process killed -9 before it published", kill=True)
        began = time.monotonic()
        limit = stack.size.pick(30, 120)

        def found() -> bool:
            feed()
            return bool(stack.one("SELECT count(*) FROM batches WHERE total = 3 AND finished_at IS NOT NULL"))

        wait_for(found, "the batch whose messages were lost is done while others arrive", limit, every=0.1)
        row.notes.append(f"done {time.monotonic() - began:.0f} s after the loss")
        stack.cancel(*more)
        stack.wait_done(*more, seconds=60)


def test_ten_thousand_items_need_few_messages_and_no_more_memory(stack: Stack, scenario: Any) -> None:
    """Short: a few hundred, for the messages only; memory is measured at full size."""
    items = stack.size.pick(60, 10_000)
    with scenario(f"{items} items, window 10, no latency") as (watch, row):
        # One worker of each kind, so that its growth is not shared out.
        stack.drop("generation2")
        body = {"include_book": False}
        batch = stack.submit(items, mark="many", options=body, max_concurrent=10)
        memory: dict[int, list[tuple[int, int]]] = {}
        until = time.monotonic() + stack.size.pick(90, 2400)
        while (done := stack.done(batch)) < items:
            assert time.monotonic() < until, f"{done} of {items} are done"
            for pid in (stack.pid("generation1"), *stack.pool("export1")):
                memory.setdefault(pid, []).append((done, psutil.Process(pid).memory_info().rss))
            time.sleep(0.5)
        stack.wait_done(batch, seconds=30)
        assert_all_completed(stack, batch)
        row.notes.append(f"at most {watch.messages} messages in Redis")
        assert watch.messages <= 60
        if stack.size.full:
            for pid, points in memory.items():
                early = [rss for done, rss in points if 1000 <= done < 2000]
                late = [rss for done, rss in points if done >= items * 0.9]
                first, last = sum(early) / len(early), sum(late) / len(late)
                what = "generation worker" if pid == stack.pid("generation1") else "export process"
                row.notes.append(f"{what}: {first / 1e6:.1f} MB after 1,000 items, {last / 1e6:.1f} MB at the end")
                assert last < first * 1.1, (what, first, last)


def where(stack: Stack) -> list[tuple[Any, ...]]:
    """Where the open jobs stand: how many of each priority at which step, leased or waiting for a message."""
    return stack.query(
        "SELECT priority, status, current_step, lease_owner IS NOT NULL, count(*), max(sent) FROM jobs"
        " WHERE status IN ('queued', 'processing') GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
