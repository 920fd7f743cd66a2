"""What the engine's tests share: opening work and running steps by hand, with real transactions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text

from models import db
from models.batches import Batch
from models.events import Event, Kind
from models.services import batches, claims, jobs
from models.services.batches import NewBatch
from models.services.claims import Claim
from models.services.jobs import NewJob
from models.services.moves import Dispatch
from models.services.profiles import DEFAULT_PROFILE

STEPS = ("generate", "expand_lorebook", "export")


def new_job(**changes: Any) -> NewJob:
    values = {
        "kind": "character_card",
        "steps": STEPS,
        "profile_id": DEFAULT_PROFILE,
        "profile_version": 1,
        "request": {"source_material": "Ondine keeps the lamp.", "options": {"passes": "one"}},
    }
    return NewJob(**(values | changes))


def open_batch(owner: str, items: int, window: int, **changes: Any) -> tuple[str, list[Dispatch]]:
    new = NewBatch(max_concurrent=window, **({"continue_on_error": True, "priority": "standard"} | changes))
    with db.transaction() as session:
        batch, sent = batches.open_batch(session, owner, new, [new_job()] * items, request_id="r")
    return batch.id, sent


def open_job(owner: str, callback_url: str | None = None, **changes: Any) -> Dispatch:
    ways = {"priority": "standard", "request_id": "r", "callback_url": callback_url}
    with db.transaction() as session:
        return jobs.open_job(session, owner, new_job(**changes), **ways)[1]


def claim(job_id: str, step: str = "generate", attempt: int = 1, worker: str = "w1") -> Claim | None:
    with db.transaction() as session:
        return claims.claim_step(session, job_id, attempt, step, worker)


def finish(claimed: Claim, output: Mapping[str, Any] | None = None, progress: int = 50) -> list[Dispatch]:
    with db.transaction() as session:
        sent = claims.finish_step(session, claimed, progress=progress)
        claims.write_checkpoint(session, claimed, output or {})
    return sent


def fail(claimed: Claim) -> list[Dispatch]:
    with db.transaction() as session:
        return claims.fail_job(session, claimed, {"code": "INTERNAL", "message": "m", "details": {}})


def run(job_id: str, attempt: int = 1) -> list[Dispatch]:
    """Run a whole job by hand; returns what its end sends."""
    sent: list[Dispatch] = []
    for step in STEPS:
        claimed = claim(job_id, step, attempt)
        assert claimed is not None
        sent = finish(claimed)
    return sent


def counts(batch_id: str) -> dict[str, int]:
    with db.transaction() as session:
        batch = session.get_one(Batch, batch_id)
        return {name: getattr(batch, name) for name in ("queued", "processing", "completed", "failed", "cancelled")}


def status(batch_id: str) -> str:
    with db.transaction() as session:
        return session.get_one(Batch, batch_id).status


def log_lines(session: Any, job_id: str | None = None) -> list[str]:
    """Return what the job's log says (of all jobs, without one), oldest first."""
    lines = select(Event.data["message"].astext).where(Event.kind == Kind.LOG).order_by(Event.id)
    return list(session.scalars(lines if job_id is None else lines.where(Event.job_id == job_id)))


def wait_for_lock(session: Any) -> None:
    """Wait until somebody waits for a row that this transaction holds."""
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    until = time.monotonic() + 10
    while not session.scalar(waits):
        assert time.monotonic() < until
