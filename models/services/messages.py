"""What is to be sent once a transaction is committed: ids and numbers only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dispatch:
    """What a message has to say: which job, of which kind, attempt and priority, and from which step on."""

    job_id: str
    kind: str
    attempt: int
    priority: str
    start: int = 0


@dataclass(frozen=True)
class Notice(Dispatch):
    """That a webhook's delivery is due. It goes the way of the others: returned by what ends work, sent after that."""

    delivery_id: str = ""


def notice(delivery_id: str) -> Notice:
    """Return the message for a delivery."""
    return Notice(job_id="", kind="", attempt=0, priority="", delivery_id=delivery_id)
