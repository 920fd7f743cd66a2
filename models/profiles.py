"""Profiles and their versions, which are never changed once written."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment
from models.db import Base


class Profile(Base):
    """A named way of writing. ``version`` points at its newest `ProfileVersion`; built-ins have no owner."""

    __tablename__ = "profiles"
    __table_args__ = (
        Index(
            "uq_profiles_name",
            "owner_id",
            text("lower(name)"),
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where="archived_at IS NULL",
        ),
    )

    id: Mapped[Id]
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    created_by: Mapped[str | None] = mapped_column(Text)
    updated_by: Mapped[str | None] = mapped_column(Text)
    archived_at: Mapped[Moment | None]


class ProfileVersion(Base):
    """What a profile said at one version: ``config`` (models, sampling, limits) and ``prompts`` (templates)."""

    __tablename__ = "profile_versions"

    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    config: Mapped[JsonObject]
    prompts: Mapped[JsonObject]
    created_at: Mapped[Created]
    created_by: Mapped[str | None] = mapped_column(Text)
