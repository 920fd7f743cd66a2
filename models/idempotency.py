"""Answers kept for clients that ask again with the same Idempotency-Key."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, JsonObject
from models.db import Base


class KeptAnswer(Base):
    """The answer to one request, written in the transaction that did its work. ``digest``: of method, path, body."""

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created", "created_at"),)

    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[JsonObject]
    location: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[Created]
