"""Owners and their API keys."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, Moment, Strings
from models.db import Base


class Owner(Base):
    """Whoever the rows belong to. One owner never sees another's."""

    __tablename__ = "owners"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[Created]


class ApiKey(Base):
    """One key. Only its SHA-256 is kept; ``prefix`` is what people recognise it by.

    After a rotation ``old_digest`` is good as well, until ``old_until``.
    """

    __tablename__ = "api_keys"

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[Strings]
    created_at: Mapped[Created]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    rotated_at: Mapped[Moment | None]
    old_digest: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    old_until: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]
