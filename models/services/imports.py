"""What came from outside, stored: a card becomes a character, a bare book a book of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from cards.files import Reading
from models.books import Book
from models.characters import Character
from models.services import books, characters


@dataclass(frozen=True)
class Imported:
    """What a file became: the ids of its rows (None: it held no such thing) and its name.

    ``duplicate_of`` is the newest character or book that the same file was imported as before. With ``stored`` False
    nothing was stored, and the ids are those of that one.
    """

    name: str
    character_id: str | None
    book_id: str | None
    duplicate_of: str | None = None
    stored: bool = True


def hold_imports(session: Session, owner_id: str) -> None:
    """Let one import of an owner look for duplicates at a time, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{owner_id}\nimport", 0))))


def store(session: Session, owner_id: str, reading: Reading, content: bytes, *, twice: bool = True) -> Imported:
    """Store what was read from the file ``content``; ``twice``: also when it was imported before."""
    digest = hashlib.sha256(content).digest()
    before = find_before(session, owner_id, digest, is_book=reading.card is None)
    if before is not None and not twice:
        return before
    stored = _store(session, owner_id, reading, digest)
    return stored if before is None else replace(stored, duplicate_of=before.duplicate_of)


def _store(session: Session, owner_id: str, reading: Reading, digest: bytes) -> Imported:
    if reading.card is None:
        assert reading.book is not None, "a file holds a card or a book"  # noqa: S101 - what Reading promises
        book = books.save_book(session, owner_id, reading.book, digest=digest)
        return Imported(book.name, None, book.id)
    character = characters.add_character(session, owner_id, reading.card, reading.media, digest=digest)
    row = books.book_of_character(session, character.id)
    return Imported(character.name, character.id, row.id if row else None)


def find_before(session: Session, owner_id: str, digest: bytes, *, is_book: bool) -> Imported | None:
    """Return the newest thing that a file of this digest was imported as, archived or not, whatever it is now."""
    if is_book:
        book = session.scalar(_newest(Book, owner_id, digest))
        return book and Imported(book.name, None, book.id, duplicate_of=book.id, stored=False)
    character = session.scalar(_newest(Character, owner_id, digest))
    if character is None:
        return None
    row = books.book_of_character(session, character.id)
    return Imported(character.name, character.id, row.id if row else None, duplicate_of=character.id, stored=False)


def _newest(table: Any, owner_id: str, digest: bytes) -> Select[Any]:
    return (
        select(table).where(table.owner_id == owner_id, table.file_digest == digest).order_by(table.id.desc()).limit(1)
    )
