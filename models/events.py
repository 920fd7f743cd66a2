"""The journal: what happened to jobs and batches, in order, for whoever watches."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, JsonObject
from models.db import Base


class Kind(StrEnum):
    """What an event says.

    ``status``: a job has another status (and the counters of its batch). ``step``: a step began, ended, or waits.
    ``progress``: percent, and what is done now. ``log``: a line for people. ``done``: a job or a batch has ended.
    """

    STATUS = "status"
    STEP = "step"
    PROGRESS = "progress"
    LOG = "log"
    DONE = "done"


class Event(Base):
    """One event. Within a job, and within a batch, ``id`` is the order of the commits.

    That is because it is taken while the row is locked: the job's for every event with a ``job_id``, the batch's for
    every one with a ``batch_id``. So whoever has read up to an id never finds an earlier one later.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_job", "job_id", "id", postgresql_where="job_id IS NOT NULL"),
        Index("ix_events_batch", "batch_id", "id", postgresql_where="batch_id IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    at: Mapped[Created]
    data: Mapped[JsonObject]
