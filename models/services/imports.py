"""What came from outside, stored: a card becomes a character, a bare book a book of its own."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cards.files import Reading
from models.services import books, characters


@dataclass(frozen=True)
class Imported:
    """What a file became: the ids of its rows (None: it held no such thing) and its name."""

    name: str
    character_id: str | None
    book_id: str | None


def store(session: Session, owner_id: str, reading: Reading) -> Imported:
    """Store what was read from a file."""
    if reading.card is None:
        assert reading.book is not None, "a file holds a card or a book"  # noqa: S101 - what Reading promises
        book = books.save_book(session, owner_id, reading.book)
        return Imported(book.name, None, book.id)
    character = characters.add_character(session, owner_id, reading.card, reading.media)
    row = books.book_of_character(session, character.id)
    return Imported(character.name, character.id, row.id if row else None)
