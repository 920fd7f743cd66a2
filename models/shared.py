"""Questions that several jobs of a batch have in common, and which of them asks."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created
from models.db import Base


class SharedQuestion(Base):
    """One question of a batch. ``asked_by`` is the job that asks it; the others wait for the answer in the ledger."""

    __tablename__ = "shared_questions"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    asked_by: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[Created]
