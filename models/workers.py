"""Worker processes, as far as their heartbeats tell."""

from __future__ import annotations

from sqlalchemy import Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, Moment, Strings
from models.db import Base


class Worker(Base):
    """One process that runs steps. ``seen_at`` is its last heartbeat; the leases it holds live by the same beat."""

    __tablename__ = "workers"

    id: Mapped[Id]
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int] = mapped_column(Integer)
    queues: Mapped[Strings]
    started_at: Mapped[Created]
    seen_at: Mapped[Moment]
