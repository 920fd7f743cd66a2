"""Batches and their items."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, Numeric, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment, Money
from models.db import Base
from models.states import Priority, Status


class Batch(Base):
    """Jobs submitted together.

    Its row is the lock of its window and of its counters, which are exact at every commit.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint("total = queued + processing + completed + failed + cancelled", name="counters_add_up"),
        CheckConstraint("least(queued, processing, completed, failed, cancelled) >= 0", name="counters_not_negative"),
        Index("ix_batches_owner_created", "owner_id", "created_at", "id"),
        Index("ix_batches_owner_status", "owner_id", "status", "created_at", "id"),
        Index("ix_batches_owner_finished", "owner_id", text("COALESCE(finished_at, 'infinity'::timestamptz)"), "id"),
        Index("ix_batches_words", text("to_tsvector('simple'::regconfig, name)"), postgresql_using="gin"),
        Index("ix_batches_open", "id", postgresql_where="status IN ('queued', 'processing')"),
    )

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text, server_default="")
    status: Mapped[str] = mapped_column(Text, server_default=Status.QUEUED)
    priority: Mapped[str] = mapped_column(Text, server_default=Priority.STANDARD)
    max_concurrent: Mapped[int] = mapped_column(Integer)
    continue_on_error: Mapped[bool] = mapped_column(Boolean)
    max_cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(18, 10))
    total: Mapped[int] = mapped_column(Integer)
    queued: Mapped[int] = mapped_column(Integer)
    processing: Mapped[int] = mapped_column(Integer, server_default="0")
    completed: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    cancelled: Mapped[int] = mapped_column(Integer, server_default="0")
    cost_usd: Mapped[Money]
    wasted_usd: Mapped[Money]
    callback_url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    cancel_requested_at: Mapped[Moment | None]


class Item(Base):
    """A batch's n-th place (from 1), pointing at the job that fills it now. ``info`` is the client's own metadata."""

    __tablename__ = "items"
    __table_args__ = (Index("ix_items_job", "job_id", unique=True),)

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    info: Mapped[JsonObject]
