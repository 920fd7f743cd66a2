"""The same request, sent twice, does its work once: its answer is kept for a day with the client's own key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.errors import Invalid, WrongState
from models.idempotency import KeptAnswer

KEPT = timedelta(hours=24)


def hold_key(session: Session, owner_id: str, key: str) -> None:
    """Hold the key until the transaction ends; raises `WrongState` while another request with it is still running."""
    lock = func.hashtextextended(f"{owner_id}\n{key}", 0)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(lock))):
        raise WrongState(
            "A request with this Idempotency-Key is still running: ask again when it has answered.",
            code="IDEMPOTENCY_KEY_IN_USE",
        )


def find_answer(session: Session, owner_id: str, key: str, digest: bytes) -> KeptAnswer | None:
    """Return what was answered to this key; raises `Invalid` when that was another request."""
    kept = session.scalar(
        select(KeptAnswer).where(
            KeptAnswer.owner_id == owner_id, KeptAnswer.key == key, KeptAnswer.created_at > func.now() - KEPT
        )
    )
    if kept is not None and kept.digest != digest:
        raise Invalid(
            "This Idempotency-Key was used for another request: take a new one.",
            code="IDEMPOTENCY_KEY_REUSED",
            details={"Idempotency-Key": ["Belongs to a request with another path or body."]},
        )
    return kept


def keep_answer(
    session: Session, owner_id: str, key: str, digest: bytes, status: int, body: Mapping[str, Any], location: str
) -> None:
    """Keep an answer, in the place of one that is a day old."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.owner_id == owner_id, KeptAnswer.key == key))
    session.add(
        KeptAnswer(owner_id=owner_id, key=key, digest=digest, status=status, body=dict(body), location=location)
    )


def delete_stale(session: Session) -> None:
    """Drop the answers that are a day old."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.created_at < func.now() - KEPT))
