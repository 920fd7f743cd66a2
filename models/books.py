"""Lorebooks and their entries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Computed, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.columns import Created, Id, JsonObject, Moment, Number, Strings
from models.db import Base


class Book(Base):
    """A lorebook, of a character or standing alone. ``file_digest``: the SHA-256 of the file that it came in."""

    __tablename__ = "books"
    __table_args__ = (
        Index("ix_books_owner", "owner_id", "id"),
        Index("uq_books_character", "character_id", unique=True),
        Index("ix_books_updated", "owner_id", "updated_at", "id"),
        Index("ix_books_name", "owner_id", text('"left"(lower(name), 100)'), "id"),
        Index("ix_books_file", "owner_id", "file_digest", postgresql_where="file_digest IS NOT NULL"),
    )

    id: Mapped[Id]
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id", ondelete="CASCADE"))
    character_id: Mapped[str | None] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    scan_depth: Mapped[Number | None]
    token_budget: Mapped[Number | None]
    recursive_scanning: Mapped[bool | None] = mapped_column(Boolean)
    extensions: Mapped[JsonObject]
    extra: Mapped[JsonObject]
    wrapper: Mapped[JsonObject]
    file_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    tags: Mapped[Strings]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


# Names and keys weigh most, then comment and secondary keys, then the text. English endings are folded; every word also
# stands as it is written, for all other languages. Cut, since PostgreSQL indexes at most a megabyte of words a row.
WORDS = " || ".join(
    f"setweight(to_tsvector('{language}', {text}), '{weight}')"
    for language in ("simple", "english")
    for text, weight in (
        ("left(name, 1000) || ' ' || left(cardforge_words(keys), 20000)", "A"),
        ("left(comment || ' ' || category || ' ' || cardforge_words(secondary_keys), 20000)", "B"),
        ("left(content, 100000)", "C"),
    )
)


class Entry(Base):
    """One entry of a lorebook; ``index`` is its place in the book, ``tokens`` an estimate of its content's length.

    ``uid`` is the id that it has in files (null: its place). ``words`` is what full-text search looks at.
    """

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_book", "book_id", "index"),
        Index("ix_entries_words", "words", postgresql_using="gin"),
    )

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
    insertion_order: Mapped[Number]
    priority: Mapped[Number | None]
    position: Mapped[str] = mapped_column(Text)
    case_sensitive: Mapped[bool | None] = mapped_column(Boolean)
    use_regex: Mapped[bool] = mapped_column(Boolean)
    comment: Mapped[str] = mapped_column(Text, server_default="")
    category: Mapped[str] = mapped_column(Text, server_default="")
    extensions: Mapped[JsonObject]
    extra: Mapped[JsonObject]
    uid: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)
    words: Mapped[str] = mapped_column(TSVECTOR, Computed(WORDS, persisted=True), deferred=True)
    tokens: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    last_accessed_at: Mapped[Moment | None]
