"""The states of batches, jobs and steps, and which moves between them are legal. Pure."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """One enum for everything that runs.

    ``queued``: accepted, not yet begun. ``processing``: a worker has begun. The other three are the ends.
    """

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """How urgent a batch is: decides what is dispatched first, and the priority of its messages."""

    HIGH = "high"
    STANDARD = "standard"
    LOW = "low"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

OPEN = tuple(status for status in Status if status not in TERMINAL)

MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.PROCESSING, Status.FAILED, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


def may_move(before: Status, after: Status) -> bool:
    """Say whether ``before`` -> ``after`` is a legal move."""
    return after in MOVES[before]


def batch_end(*, completed: int, failed: int, cancelled: int, continue_on_error: bool) -> Status:
    """Return the end state of a batch whose jobs have all ended."""
    if failed and not continue_on_error:
        return Status.FAILED
    if completed:
        return Status.COMPLETED
    return Status.FAILED if failed else Status.CANCELLED
