"""Lorebooks and their entries."""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment, Strings
from models.db import Base


class Book(Base):
    """A lorebook, of a character or standing alone."""

    __tablename__ = "books"
    __table_args__ = (
        Index("ix_books_owner", "owner_id", "id"),
        Index("uq_books_character", "character_id", unique=True),
    )

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    character_id: Mapped[str | None] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    scan_depth: Mapped[int | None] = mapped_column(Integer)
    token_budget: Mapped[int | None] = mapped_column(Integer)
    recursive_scanning: Mapped[bool | None] = mapped_column(Boolean)
    extensions: Mapped[JsonObject]
    tags: Mapped[Strings]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Entry(Base):
    """One entry of a lorebook; ``index`` is its place in the book, ``tokens`` an estimate of its content's length."""

    __tablename__ = "entries"
    __table_args__ = (Index("ix_entries_book", "book_id", "index"),)

    id: Mapped[Id]
    book_id: Mapped[str] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    index: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    keys: Mapped[Strings]
    secondary_keys: Mapped[Strings]
    enabled: Mapped[bool] = mapped_column(Boolean)
    constant: Mapped[bool] = mapped_column(Boolean)
    selective: Mapped[bool] = mapped_column(Boolean)
    insertion_order: Mapped[int] = mapped_column(Integer)
    priority: Mapped[int | None] = mapped_column(Integer)
    position: Mapped[str] = mapped_column(Text)
    case_sensitive: Mapped[bool | None] = mapped_column(Boolean)
    use_regex: Mapped[bool] = mapped_column(Boolean)
    comment: Mapped[str] = mapped_column(Text, server_default="")
    category: Mapped[str] = mapped_column(Text, server_default="")
    extensions: Mapped[JsonObject]
    tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    last_accessed_at: Mapped[Moment | None]
