"""Keeps kombu 5.7.0 workers alive when Redis restarts.

After a lost connection the worker closes its channels; closing one puts its unacknowledged messages back, for which
kombu makes a new connection from parameters that it reads off the transport, whose client is gone by then:
``AttributeError: 'NoneType' object has no attribute 'hostname'``, and the worker exits. An AttributeError is none of
the errors that Celery reconnects on; a connection error is. So this raises one in that case, and lets the worker's
own reconnect do the rest. The messages are not lost: they stay in ``unacked`` until the visibility timeout.

Seen in kombu 5.7.0 with celery 5.7.0 (the newest of both on 2026-11-20), not in kombu 5.6.2. Held by
``tests/engine/test_broker_restart.py``; to be taken out when that passes without it.
"""

from __future__ import annotations

from typing import Any

import redis.exceptions
from kombu.transport import redis as transport

_connparams = transport.Channel._connparams


def _connparams_of_open_transport(self: Any, asynchronous: bool = False) -> dict[str, Any]:
    if self.connection is None or getattr(self.connection, "client", None) is None:
        raise redis.exceptions.ConnectionError("the transport to the broker is closed already")
    return _connparams(self, asynchronous)


def install() -> None:
    """Put the fix in place; before any connection is made."""
    setattr(transport.Channel, "_connparams", _connparams_of_open_transport)  # noqa: B010 - a method, to the checker
