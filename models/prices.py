"""What the model servers say of their models: prices, windows, caps."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, Moment, Strings
from models.db import Base


class ModelPrice(Base):
    """One model of one server, as the server's list of models last had it.

    ``server`` is the provider's name in the ledger. ``pricing`` is the price list as it came (decimal strings, dollars
    a token); None where the server names no price. ``output_cap``: the most tokens of one answer.
    """

    __tablename__ = "model_prices"

    server: Mapped[Id]
    model: Mapped[Id]
    context_tokens: Mapped[int | None] = mapped_column(Integer)
    output_cap: Mapped[int | None] = mapped_column(Integer)
    pricing: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    supported: Mapped[Strings]
    updated_at: Mapped[Created]


class PriceSource(Base):
    """When a server's list is to be read next. Whoever sets ``next_at`` anew is the one that reads it."""

    __tablename__ = "price_sources"

    server: Mapped[Id]
    next_at: Mapped[Created]
    refreshed_at: Mapped[Moment | None]
    error: Mapped[str] = mapped_column(Text, server_default="")
