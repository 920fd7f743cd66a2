"""Sending: turns dispatched jobs into chains of messages. Always after the commit that marked them dispatched.

A message that cannot be sent is not lost: its job says by when somebody should have taken it up, and upkeep sends it
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from kombu import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import producers

import logs
from models.services.messages import Dispatch, Notice
from models.states import Priority
from tasks.celery import app
from tasks.pipeline import KINDS

log = logs.get(__name__)

DELIVER, WEBHOOKS = "deliver", "webhooks"  # the task that sends a webhook, and its queue
FIRST = 0  # of Redis priorities, 0 is taken first
REDIS_PRIORITY = {Priority.HIGH: FIRST, Priority.STANDARD: 3, Priority.LOW: 6}


@dataclass(frozen=True)
class Patience:
    """How long to try: publish retries, and how long to wait for a connection and for an answer (seconds)."""

    retry_policy: tuple[tuple[str, float], ...]
    connect_seconds: float
    answer_seconds: float


# A client waits for the web: under a second in all. A worker has the time, and holds the tail of a chain.
QUICK = Patience((("max_retries", 1), ("interval_start", 0.1), ("interval_max", 0.1)), 0.3, 0.3)
PATIENT = Patience(tuple(app.conf.task_publish_retry_policy.items()), 5, 30)


@cache
def _connection(patience: Patience) -> Connection:
    timeouts = {"socket_connect_timeout": patience.connect_seconds, "socket_timeout": patience.answer_seconds}
    return app.connection_for_write(transport_options={**app.conf.broker_transport_options, **timeouts})


def send(dispatches: Iterable[Dispatch], patience: Patience = PATIENT) -> int:
    """Send the chain of each job; returns how many went out. A broker that does not answer ends it without an error."""
    sent = 0
    waiting = list(dispatches)
    if not waiting:
        return 0
    try:
        with producers[_connection(patience)].acquire(block=True, timeout=patience.connect_seconds) as producer:
            for dispatch in waiting:
                first, *rest = steps_of(dispatch)
                # What `chain(...).apply_async` does, but that it would publish with a producer of its own choosing.
                policy = dict(patience.retry_policy)
                first.apply_async(chain=[*reversed(rest)], producer=producer, retry=True, retry_policy=policy)
                sent += 1
    except (OperationalError, OSError, LimitExceeded) as error:  # the last: all producers wait for a slow broker
        log.warning("dispatch_failed", jobs=len(waiting) - sent, reason=type(error).__name__)
    return sent


def steps_of(dispatch: Dispatch) -> list[Any]:
    """Return the signatures of a job's chain, from its first undone step on: ids and numbers only.

    The priority decides what is begun. What is begun is finished first, whatever its priority: a job that stands
    between two steps holds a place in its batch's window.
    """
    if isinstance(dispatch, Notice):
        return [app.signature(DELIVER, args=(dispatch.delivery_id,), immutable=True, queue=WEBHOOKS)]
    steps = list(enumerate(KINDS[dispatch.kind].steps))[dispatch.start :]
    return [
        app.signature(
            step.name,
            args=(dispatch.job_id, dispatch.attempt),
            immutable=True,
            queue=step.queue,
            priority=FIRST if index else REDIS_PRIORITY[Priority(dispatch.priority)],
        )
        for index, step in steps
    ]
