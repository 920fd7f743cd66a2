"""A channel to the broker keeps its client (tasks/broker_clients.py), and threads may share it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from kombu import Connection, Exchange, Queue

from cli.embedded import Server

QUEUE = Queue("kept", Exchange("kept"), routing_key="kept")


@pytest.fixture
def connection(redis_server: Server, environment: Any) -> Iterator[Connection]:
    import tasks.celery  # noqa: F401 - puts the client in place

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
    with Connection(redis_server.url, transport_options={"max_connections": 100}) as found:
        yield found


def test_a_channel_makes_one_client(connection: Connection) -> None:
    channel = connection.channel()
    with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
        assert first is second
        assert first.connection_pool is channel.pool
    assert channel.client is not first, "who reads has a connection of its own"
    assert channel.subclient is not channel.client
    other = connection.channel()
    with other.conn_or_acquire() as third:
        assert third is not first


def test_a_channel_that_reconnects_has_a_client_of_its_new_pool(connection: Connection) -> None:
    channel = connection.channel()
    with channel.conn_or_acquire() as before:
        assert before.ping()
    channel._disconnect_pools()
    with channel.conn_or_acquire() as after:
        assert after.ping()
    assert after.connection_pool is not before.connection_pool


def test_threads_that_publish_at_one_time_lose_nothing(connection: Connection) -> None:
    # Declared before: kombu takes a queue for declared while the first of several threads is still about it.
    QUEUE(connection.channel()).declare()
    producer = connection.Producer()

    def publish(number: int) -> None:
        producer.publish({"n": number}, exchange=QUEUE.exchange, routing_key="kept")

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(publish, range(500)))
    channel = connection.channel()
    found = [QUEUE(channel).get(no_ack=True) for _ in range(500)]
    assert sorted(message.payload["n"] for message in found) == list(range(500))
