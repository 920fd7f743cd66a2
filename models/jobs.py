"""Jobs and the steps of their chains."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment, Money
from models.db import Base
from models.states import Priority, Status

FAILED = "error IS NOT NULL"
IS_OPEN = "status IN ('queued', 'processing')"


class Job(Base):
    """One card to make.

    ``attempt`` is part of the fence: every write of a step names the attempt, the worker and the turn of the step that
    it belongs to, and hits nothing once that is over (`services/claims.py`). ``dispatched_at`` says when a message was
    last sent for it (None: it still waits for its window), ``sent`` how often. A running job has a lease: with an owner
    while a step runs; without one between two steps and while it waits (``waiting_until``), when it expires at the time
    by which somebody should have taken it up. ``root_id`` is the first job of a line of retries; paid answers are
    shared along that line.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        # Lists, one index for each order and filter. None by cost: it changes with every call, and each change of an
        # indexed column writes into all indexes of the row.
        Index("ix_jobs_owner_created", "owner_id", "created_at", "id"),
        Index("ix_jobs_owner_status", "owner_id", "status", "created_at", "id"),
        Index("ix_jobs_owner_profile", "owner_id", "profile_id", "created_at", "id"),
        Index("ix_jobs_owner_finished", "owner_id", text("COALESCE(finished_at, 'infinity'::timestamptz)"), "id"),
        Index("ix_jobs_owner_error", "owner_id", text("(error ->> 'code'::text)"), "id", postgresql_where=FAILED),
        Index(
            "ix_jobs_waiting",
            "batch_id",
            "position",
            postgresql_where="status = 'queued' AND dispatched_at IS NULL",
        ),
        Index("ix_jobs_in_flight", "batch_id", postgresql_where=f"{IS_OPEN} AND dispatched_at IS NOT NULL"),
        Index("ix_jobs_unclaimed", "dispatched_at", postgresql_where="status = 'queued'"),
        Index("ix_jobs_leased", "lease_expires_at", postgresql_where="status = 'processing'"),
        Index("ix_jobs_lease_owner", "lease_owner", postgresql_where="status = 'processing'"),
        Index("ix_jobs_batch", "batch_id", "position"),
        Index("ix_jobs_root", "root_id"),
    )

    id: Mapped[Id]
    root_id: Mapped[str] = mapped_column(Text)
    retry_of: Mapped[str | None] = mapped_column(Text)
    retried_by: Mapped[str | None] = mapped_column(Text)
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    position: Mapped[int | None] = mapped_column(Integer)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"))
    profile_version: Mapped[int] = mapped_column(Integer)
    priority: Mapped[str] = mapped_column(Text, server_default=Priority.STANDARD)
    request: Mapped[JsonObject] = mapped_column(deferred=True)
    request_id: Mapped[str] = mapped_column(Text, server_default="")

    status: Mapped[str] = mapped_column(Text, server_default=Status.QUEUED)
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    progress: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    current_step: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    cost_usd: Mapped[Money]
    reserved_usd: Mapped[Money]
    callback_url: Mapped[str | None] = mapped_column(Text)

    lease_owner: Mapped[str | None] = mapped_column(Text)
    lease_expires_at: Mapped[Moment | None]
    waiting_until: Mapped[Moment | None]
    cancel_requested_at: Mapped[Moment | None]
    sent: Mapped[int] = mapped_column(SmallInteger, server_default="0")

    created_at: Mapped[Created]
    dispatched_at: Mapped[Moment | None]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    updated_at: Mapped[Created]


class Step(Base):
    """One step of a job's chain. ``output`` is its checkpoint, written in the transaction that completes it."""

    __tablename__ = "steps"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    index: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=Status.QUEUED)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    output: Mapped[JsonObject]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
