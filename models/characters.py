"""Finished characters."""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment, Strings
from models.db import Base


class Character(Base):
    """A finished card, owned and editable.

    ``card`` is the V3 ``data`` object without its book, which has rows of its own; ``wrapper`` has the fields that an
    imported card had beside ``data``; ``file_digest`` is the SHA-256 of that file. ``portrait`` is a PNG; None: one is
    drawn in ``portrait_style``.
    """

    __tablename__ = "characters"
    __table_args__ = (
        Index("ix_characters_owner", "owner_id", "id"),
        Index("ix_characters_tags", "tags", postgresql_using="gin"),
        Index("uq_characters_job", "job_id", unique=True),
        Index("ix_characters_updated", "owner_id", "updated_at", "id"),
        Index("ix_characters_name", "owner_id", text('"left"(lower(name), 100)'), "id"),
        Index("ix_characters_favorite", "owner_id", "id", postgresql_where="favorite"),
        Index("ix_characters_archived", "owner_id", "id", postgresql_where="archived_at IS NOT NULL"),
        Index("ix_characters_words", text("to_tsvector('simple'::regconfig, name)"), postgresql_using="gin"),
        Index("ix_characters_file", "owner_id", "file_digest", postgresql_where="file_digest IS NOT NULL"),
    )

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(Text)
    card: Mapped[JsonObject] = mapped_column(deferred=True)
    wrapper: Mapped[JsonObject] = mapped_column(deferred=True)
    tags: Mapped[Strings]
    portrait: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    portrait_style: Mapped[str] = mapped_column(Text, server_default="tarot")
    file_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    favorite: Mapped[bool] = mapped_column(Boolean, server_default="false")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    archived_at: Mapped[Moment | None]


class Asset(Base):
    """One file that a character was imported with.

    ``kind`` asset: ``place`` is the URI by which the card names it; kind other: a path in the CHARX, written back.
    """

    __tablename__ = "assets"

    character_id: Mapped[str] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    place: Mapped[str] = mapped_column(Text, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
