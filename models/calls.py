"""The ledger: every request to a model server, what it answered and what it cost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Index, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, Moment, Money
from models.db import Base

ANSWERED = "completed"
FAULTED = "failed"


class Call(Base):
    """One request. Rows are never taken away, and outlive their job: no foreign key leads to it.

    All that ever changes: an answer that a job failed for as unusable is marked as discarded when the job is retried.

    ``key`` says which question of which step was asked; a completed, not discarded answer to it is used again
    by every later run along the same line of retries (``root_id``) instead of paying for another. ``model`` is the one
    that answered, ``asked_model`` the one that was asked for; a router answers with another.
    """

    __tablename__ = "calls"
    __table_args__ = (
        Index(
            "uq_calls_answer",
            "root_id",
            "key",
            unique=True,
            postgresql_where="status = 'completed' AND NOT discarded",
        ),
        Index("ix_calls_job", "job_id"),
        Index("ix_calls_shared", "batch_id", "key", postgresql_where="status = 'completed' AND NOT discarded"),
        Index("ix_calls_owner", "owner_id", "finished_at"),
        Index("ix_calls_asked", "provider", "asked_model", "finished_at"),
    )

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(Text)
    job_id: Mapped[str] = mapped_column(Text)
    root_id: Mapped[str] = mapped_column(Text)
    batch_id: Mapped[str | None] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(SmallInteger)
    purpose: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    asked_model: Mapped[str] = mapped_column(Text, server_default="")
    status: Mapped[str] = mapped_column(Text)
    discarded: Mapped[bool] = mapped_column(Boolean, server_default="false")
    finish_reason: Mapped[str | None] = mapped_column(Text)
    response: Mapped[str | None] = mapped_column(Text, deferred=True)
    response_id: Mapped[str] = mapped_column(Text, server_default="")
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    prompt_tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    completion_tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    reasoning_tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    cached_tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    cost_usd: Mapped[Money]
    cost_basis: Mapped[str] = mapped_column(Text, server_default="unknown")
    started_at: Mapped[Moment]
    finished_at: Mapped[Created]
