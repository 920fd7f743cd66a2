"""Clearing ended jobs away over many short transactions, for as long as a caller can be expected to wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from models import db
from models.db import Session
from models.services import clearing
from models.services.clearing import Ended

SECONDS = 20


def clear(owner_id: str, ended: Ended) -> dict[str, int | bool]:
    """Delete the owner's jobs that have ended and that no open batch needs; says how many, and if there are more."""
    until = time.monotonic() + SECONDS
    deleted = 0
    for clear_some in places(owner_id, ended):
        count = 1
        while count:
            if time.monotonic() > until:
                return {"deleted": deleted, "more": True}
            count = in_transaction(clear_some)
            deleted += count
    return {"deleted": deleted, "more": False}


def places(owner_id: str, ended: Ended) -> Iterator[Callable[[Session], int]]:
    """Yield what clears some jobs of each batch that has ended, and what clears those in no batch."""
    with db.transaction() as session:
        batches = clearing.ended_batches(session, owner_id, ended)
    for batch_id in batches:
        yield partial(clearing.clear_batch, batch_id=batch_id, ended=ended)
    yield partial(clearing.clear_singles, owner_id=owner_id, ended=ended)


def in_transaction(clear_some: Callable[[Session], int]) -> int:
    """Clear some jobs."""
    with db.transaction() as session:
        return clear_some(session)
