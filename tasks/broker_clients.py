"""Keeps kombu 5.7.0 from making a client for every command that it sends to Redis.

A channel makes a new ``redis.Redis`` around its pool for each publish, acknowledgement and event, some twenty for a
job; and redis-py 8 copies a table of some 170 answer parsers into each one: a tenth of what a generation worker
computed. The client holds nothing else but the pool and is safe between threads, so one for each channel does.

Those that kombu reads messages with (``asynchronous``) stay as they are: they hold a connection each.
Seen in kombu 5.7.0 with redis-py 8.1.0; to be taken out when kombu keeps its client.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as transport

KEPT = "_cardforge_client"

_create_client = transport.Channel._create_client


def _client_of(self: Any, asynchronous: bool = False) -> Any:
    if asynchronous:
        return _create_client(self, asynchronous)
    kept = self.__dict__.get(KEPT)
    if kept is None or kept.connection_pool is not self.pool:  # a channel that reconnects has another pool
        kept = self.__dict__[KEPT] = _create_client(self)
    return kept


def install() -> None:
    """Put the kept client in place; before any connection is made."""
    setattr(transport.Channel, "_create_client", _client_of)  # noqa: B010 - a method, to the checker
