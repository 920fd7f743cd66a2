"""Queues as Redis has them: every priority counted, ages by the messages' own time, and what upkeep has done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.engine.jobs import open_batch, open_job
from tests.engine.processes import wait_for


@pytest.fixture
def broker(schema: None, environment: dict[str, str]) -> Iterator[Any]:
    """An empty Redis; empty again afterwards."""
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        client.flushdb()
        yield client
        client.flushdb()


def test_messages_of_every_priority_are_counted_with_the_age_of_the_oldest(
    broker: Any, database: Any, owner: str
) -> None:
    from tasks import dispatch, queues

    assert queues.look()["generation"] == queues.Queue(0, 0.0)
    assert dispatch.send([open_job(owner)]) == 1
    wait_for(lambda: queues.look()["generation"].oldest_seconds > 0.2, "the message is older")
    first = queues.look()["generation"].oldest_seconds
    assert dispatch.send(open_batch(owner, 1, window=1, priority="high")[1]) == 1
    found = queues.look()["generation"]
    assert found.waiting == 2
    assert first <= found.oldest_seconds < 30
    assert queues.look()["export"] == queues.Queue(0, 0.0)


def test_a_message_that_does_not_say_when_it_was_sent_is_counted(broker: Any) -> None:
    from tasks import queues

    broker.lpush("cardforge:export", b"not even JSON")
    assert queues.look()["export"] == queues.Queue(1, 0.0)


def test_what_upkeep_mends_adds_up(broker: Any, database: Any, owner: str) -> None:
    from tasks import queues
    from tasks.upkeep import upkeep

    assert queues.upkeep() == queues.Upkeep({}, None)
    upkeep()
    queues.note_upkeep({"orphaned": 2})
    queues.note_upkeep({"orphaned": 1, "idle": 4})
    found = queues.upkeep()
    assert (found.repairs["orphaned"], found.repairs["idle"], found.repairs["webhook"]) == (3, 4, 0)
    assert found.seconds_ago is not None
    assert found.seconds_ago < 30


def test_doctor_reads_what_upkeep_writes(broker: Any, environment: dict[str, str]) -> None:
    from cli import checkup
    from tasks import queues

    assert (checkup.REPAIRS, checkup.RAN_AT, checkup.SENT_AT) == (queues.REPAIRS, queues.RAN_AT, queues.SENT_AT)
    assert set(queues.names()) == {name for found in checkup.queues_by_process().values() for name in found}
