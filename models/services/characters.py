"""Characters and their books: cards go in and come out; the rows in between can be edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from cards.card import Book as CardBook
from cards.card import Card
from cards.card import Entry as CardEntry
from cards.text import estimate_tokens
from cards.v3 import from_v3, to_v3
from models.books import Book, Entry
from models.characters import Character
from models.errors import NotFound
from models.ids import new_id

BOOK_FIELDS = ("name", "description", "scan_depth", "token_budget", "recursive_scanning", "extensions")
ENTRY_FIELDS = (
    "name",
    "content",
    "enabled",
    "constant",
    "selective",
    "insertion_order",
    "priority",
    "position",
    "case_sensitive",
    "use_regex",
    "comment",
    "category",
    "extensions",
)


def save_character(session: Session, owner_id: str, job_id: str, card: Card) -> Character:
    """Write a card as the character of a job (without its book: see `save_book`); a re-run replaces it."""
    character = session.scalar(select(Character).where(Character.job_id == job_id))
    if character is None:
        character = Character(id=new_id("char"), owner_id=owner_id, job_id=job_id)
        session.add(character)
    character.name = card.name
    character.tags = list(card.tags)
    character.card = to_v3(replace(card, book=None))["data"]
    session.flush()
    return character


def save_book(session: Session, character: Character, book: CardBook) -> Book:
    """Write a character's lorebook; one that is there is replaced."""
    old = session.scalar(select(Book).where(Book.character_id == character.id))
    if old is not None:
        session.delete(old)
        session.flush()
    row = Book(
        id=new_id("book"),
        owner_id=character.owner_id,
        character_id=character.id,
        tags=character.tags,
        **{field: getattr(book, field) for field in BOOK_FIELDS},
    )
    session.add(row)
    session.flush()
    session.add_all(_entry_row(row.id, index, entry) for index, entry in enumerate(book.entries))
    session.flush()
    return row


def _entry_row(book_id: str, index: int, entry: CardEntry) -> Entry:
    return Entry(
        id=new_id("entry"),
        book_id=book_id,
        index=index,
        keys=list(entry.keys),
        secondary_keys=list(entry.secondary_keys),
        tokens=estimate_tokens(entry.content),
        **{field: getattr(entry, field) for field in ENTRY_FIELDS},
    )


def find_character(session: Session, owner_id: str, *, job_id: str) -> Character:
    """Return the character that a job made, card and portrait included; raises `NotFound`."""
    character = session.scalar(
        select(Character)
        .where(Character.job_id == job_id, Character.owner_id == owner_id)
        .options(undefer(Character.card), undefer(Character.portrait))
    )
    if character is None:
        raise NotFound("character", f"of {job_id}")
    return character


def find_book(session: Session, character_id: str) -> tuple[Book, list[Entry]] | None:
    """Return a character's book and its entries in order, or None."""
    book = session.scalar(select(Book).where(Book.character_id == character_id))
    if book is None:
        return None
    entries = session.scalars(select(Entry).where(Entry.book_id == book.id).order_by(Entry.index)).all()
    return book, list(entries)


def load_card(session: Session, character: Character) -> Card:
    """Return a character as a card, its book put back in."""
    card = from_v3({"spec": "chara_card_v3", "spec_version": "3.0", "data": character.card})
    found = find_book(session, character.id)
    return card if found is None else replace(card, book=book_of(*found))


def book_of(book: Book, entries: list[Entry]) -> CardBook:
    """Return the rows of a book as the book that cards carry."""
    fields: dict[str, Any] = {field: getattr(book, field) for field in BOOK_FIELDS}
    return CardBook(**fields, entries=tuple(_card_entry(entry) for entry in entries))


def _card_entry(entry: Entry) -> CardEntry:
    fields: dict[str, Any] = {field: getattr(entry, field) for field in ENTRY_FIELDS}
    return CardEntry(keys=tuple(entry.keys), secondary_keys=tuple(entry.secondary_keys), **fields)
