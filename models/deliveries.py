"""Webhooks: what is to be sent to a `callback_url`, and how that went."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment
from models.db import Base

WAITING = "waiting"
DELIVERED = "delivered"
FAILED = "failed"


class Delivery(Base):
    """One message to one `callback_url`, written in the transaction that ends its batch or job.

    ``event`` such as ``batch.completed``. ``due_at`` is when it is to be tried next; whoever tries it moves that on
    first, so that of several one sends. ``tries`` is its log: ``{at, status, error, milliseconds}`` each.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "due_at", postgresql_where="status = 'waiting'"),
        Index("ix_deliveries_owner", "owner_id", "id"),
        Index("ix_deliveries_owner_status", "owner_id", "status", "id"),
        Index("ix_deliveries_batch", "batch_id", postgresql_where="batch_id IS NOT NULL"),
        Index("ix_deliveries_job", "job_id", postgresql_where="job_id IS NOT NULL"),
    )

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    body: Mapped[JsonObject]
    status: Mapped[str] = mapped_column(Text, server_default=WAITING)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    due_at: Mapped[Created]
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    created_at: Mapped[Created]
    delivered_at: Mapped[Moment | None]
