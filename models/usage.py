"""What each owner has used, day by day: the counter that daily limits are held to."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Date, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Id, Money
from models.db import Base


class DailyUsage(Base):
    """One owner's day (UTC), counted up in the transaction of each call: exact at every commit, cheap to look at.

    No foreign key, as for calls: what was paid is booked whoever is gone.
    """

    __tablename__ = "daily_usage"

    owner_id: Mapped[Id]
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    requests: Mapped[int] = mapped_column(Integer, server_default="0")
    tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost_usd: Mapped[Money]
