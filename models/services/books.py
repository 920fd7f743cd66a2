"""Lorebooks: stored from the books that cards carry, listed, edited entry by entry, put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from cards.book import MOST_ENTRIES
from cards.card import Book as CardBook
from cards.card import Entry as CardEntry
from cards.text import estimate_tokens
from models.books import Book, Entry
from models.characters import Character
from models.errors import Invalid, NotFound, StaleVersion
from models.ids import new_id
from models.services.order import NameKey
from models.services.pages import Ask, Key, Page, Sorts, fetch_page, read_moment

BOOK_FIELDS = (
    "name",
    "description",
    "scan_depth",
    "token_budget",
    "recursive_scanning",
    "extensions",
    "extra",
    "wrapper",
)
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
    "extra",
)

SORTS: Sorts = {
    "created_at": (Key(Book.id),),  # ids sort by time
    "updated_at": (Key(Book.updated_at, read_moment), Key(Book.id)),
    "name": (NameKey(Book.name), Key(Book.id)),
}


@dataclass(frozen=True)
class BookFilter:
    """Which books to list (None: whatever they are).

    ``q`` is part of the name or a tag; ``standalone``: of no character.
    """

    q: str | None = None
    tags: Sequence[str] = ()
    character_id: str | None = None
    standalone: bool | None = None


@dataclass(frozen=True)
class EntryFilter:
    """Which entries of a book to list (None: whatever they are)."""

    category: str | None = None
    enabled: bool | None = None
    constant: bool | None = None


def save_book(
    session: Session,
    owner_id: str,
    book: CardBook,
    *,
    character_id: str | None = None,
    tags: Sequence[str] = (),
    digest: bytes | None = None,
) -> Book:
    """Write a lorebook; the one that the character has is replaced. ``digest`` is that of the file it came in."""
    if character_id is not None:
        session.execute(delete(Book).where(Book.character_id == character_id))
    row = Book(
        id=new_id("book"),
        owner_id=owner_id,
        character_id=character_id,
        tags=list(tags),
        file_digest=digest,
        **{field: getattr(book, field) for field in BOOK_FIELDS},
    )
    session.add(row)
    session.flush()
    session.add_all(_row_of(row.id, index, entry) for index, entry in enumerate(book.entries))
    session.flush()
    return row


def _row_of(book_id: str, index: int, entry: CardEntry) -> Entry:
    return Entry(id=new_id("entry"), book_id=book_id, index=index, **_columns(entry))


def _columns(entry: CardEntry) -> dict[str, Any]:
    return {
        "uid": entry.id,
        "keys": list(entry.keys),
        "secondary_keys": list(entry.secondary_keys),
        "tokens": estimate_tokens(entry.content),
        **{field: getattr(entry, field) for field in ENTRY_FIELDS},
    }


# Finding --------------------------------------------------------------------------------------------------


def list_books(session: Session, owner_id: str, ask: Ask, wanted: BookFilter) -> Page:
    """Return one page of the owner's books, newest first unless it asks for another order."""
    query = select(Book).where(Book.owner_id == owner_id)
    if wanted.q:
        query = query.where(Book.name.icontains(wanted.q, autoescape=True) | Book.tags.contains([wanted.q]))
    if wanted.tags:
        query = query.where(Book.tags.contains(list(wanted.tags)))
    if wanted.character_id is not None:
        query = query.where(Book.character_id == wanted.character_id)
    if wanted.standalone is not None:
        query = query.where(Book.character_id.is_(None) if wanted.standalone else Book.character_id.is_not(None))
    return fetch_page(session, query, Book, ask, SORTS)


def count_entries(session: Session, book_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return how many entries each book has, and their tokens."""
    rows = session.execute(
        select(Entry.book_id, func.count(), func.coalesce(func.sum(Entry.tokens), 0))
        .where(Entry.book_id.in_(book_ids))
        .group_by(Entry.book_id)
    )
    return {book_id: (count, tokens) for book_id, count, tokens in rows}


def find_book(session: Session, owner_id: str, book_id: str, *, lock: bool = False) -> Book:
    """Return a book; ``lock`` keeps others from editing it in the meantime. Raises `NotFound`."""
    query = select(Book).where(Book.id == book_id, Book.owner_id == owner_id)
    book = session.scalar(query.with_for_update() if lock else query)
    if book is None:
        raise NotFound("book", book_id)
    return book


def book_of_character(session: Session, character_id: str) -> Book | None:
    """Return a character's book, or None."""
    return session.scalar(select(Book).where(Book.character_id == character_id))


def list_entries(session: Session, book_id: str) -> Sequence[Entry]:
    """Return a book's entries in their order."""
    return session.scalars(select(Entry).where(Entry.book_id == book_id).order_by(Entry.index)).all()


def page_entries(session: Session, book_id: str, ask: Ask, wanted: EntryFilter) -> Page:
    """Return one page of a book's entries in their order."""
    chosen = {Entry.category: wanted.category, Entry.enabled: wanted.enabled, Entry.constant: wanted.constant}
    filters = [column == value for column, value in chosen.items() if value is not None]
    query = select(Entry).where(Entry.book_id == book_id, *filters)
    return fetch_page(session, query, Entry, replace(ask, sort="index"), {"index": (Key(Entry.index, int),)})


def find_entry(session: Session, book_id: str, entry_id: str) -> Entry:
    """Return an entry of a book; raises `NotFound`."""
    entry = session.scalar(select(Entry).where(Entry.id == entry_id, Entry.book_id == book_id))
    if entry is None:
        raise NotFound("entry", entry_id)
    return entry


def see_entry(session: Session, book_id: str, entry_id: str) -> Entry:
    """Return an entry of a book, and note that somebody looked at it, unless it is just being edited."""
    entry = find_entry(session, book_id, entry_id)
    free = select(Entry.id).where(Entry.id == entry_id).with_for_update(skip_locked=True).scalar_subquery()
    session.execute(
        update(Entry).where(Entry.id == free).values(last_accessed_at=func.now()),
        execution_options={"synchronize_session": False},
    )
    return entry


def load_book(session: Session, book: Book) -> CardBook:
    """Return a book as cards carry it."""
    return book_of(book, list_entries(session, book.id))


def book_of(book: Book, entries: Sequence[Entry]) -> CardBook:
    """Return the rows of a book as cards carry it."""
    fields: dict[str, Any] = {field: getattr(book, field) for field in BOOK_FIELDS}
    return CardBook(**fields, entries=tuple(entry_of(entry) for entry in entries))


def entry_of(entry: Entry) -> CardEntry:
    """Return an entry as cards carry it."""
    fields: dict[str, Any] = {field: getattr(entry, field) for field in ENTRY_FIELDS}
    return CardEntry(id=entry.uid, keys=tuple(entry.keys), secondary_keys=tuple(entry.secondary_keys), **fields)


# Editing --------------------------------------------------------------------------------------------------


def touch(session: Session, owner_id: str, book_id: str, expected: int | None) -> Book:
    """Take the book for an edit: its version goes up, if it is the one ``expected`` (None: any).

    Check and write are one statement. Raises `NotFound` and `StaleVersion`.
    """
    # What reads the character sees its book. The character first, as whoever deletes it locks both in that order.
    session.execute(
        update(Character)
        .where(Book.id == book_id, Book.owner_id == owner_id, Character.id == Book.character_id)
        .values(version=Character.version + 1, updated_at=func.now()),
        execution_options={"synchronize_session": False},
    )
    matches = [Book.id == book_id, Book.owner_id == owner_id]
    if expected is not None:
        matches.append(Book.version == expected)
    hit = session.scalar(
        update(Book).where(*matches).values(version=Book.version + 1, updated_at=func.now()).returning(Book.id)
    )
    book = find_book(session, owner_id, book_id)
    if hit is None:
        raise StaleVersion("book", current=book.version, yours=expected or 0, updated_at=book.updated_at)
    session.refresh(book)
    return book


def edit_book(
    session: Session,
    owner_id: str,
    book_id: str,
    expected: int | None,
    values: Mapping[str, Any],
    entries: Sequence[tuple[str | None, Mapping[str, Any]]] | None,
) -> Book:
    """Set a book's fields, and its entries where they are given: all of them, in their new order.

    An entry is its id and its fields. One with the id of an entry that is there stays that entry, with what front
    ends keep in it. Raises `NotFound` for an id that is not there.
    """
    book = touch(session, owner_id, book_id, expected)
    for name, value in values.items():
        setattr(book, name, value)
    if entries is not None:
        replace_entries(session, book_id, entries)
    session.flush()
    return book


def replace_entries(session: Session, book_id: str, entries: Sequence[tuple[str | None, Mapping[str, Any]]]) -> None:
    """Put these entries in the place of those that a book has; see `edit_book`."""
    there = {row.id: row for row in list_entries(session, book_id)}
    wanted: set[str] = set()
    for index, (entry_id, values) in enumerate(entries):
        if entry_id is None:
            session.add(_row_of(book_id, index, CardEntry(**values)))
            continue
        if entry_id not in there or entry_id in wanted:
            raise NotFound("entry", entry_id)
        wanted.add(entry_id)
        row = there[entry_id]
        row.index = index
        for name, value in _columns(replace(entry_of(row), **values)).items():
            setattr(row, name, value)
    session.execute(delete(Entry).where(Entry.id.in_(set(there) - wanted)))


def delete_book(session: Session, owner_id: str, book_id: str, expected: int | None) -> None:
    """Delete a book with its entries."""
    session.delete(touch(session, owner_id, book_id, expected))
    session.flush()


def add_entry(session: Session, owner_id: str, book_id: str, expected: int | None, entry: CardEntry) -> Entry:
    """Add an entry at the book's end; raises `Invalid` when the book is full."""
    touch(session, owner_id, book_id, expected)
    last, count = session.execute(select(func.max(Entry.index), func.count()).where(Entry.book_id == book_id)).one()
    if count >= MOST_ENTRIES:
        raise Invalid(
            f"This book has {count} entries, and {MOST_ENTRIES} is the most.",
            details={"entries": ["Delete some, or put the new ones into another book."]},
        )
    row = _row_of(book_id, 0 if last is None else last + 1, entry)
    session.add(row)
    session.flush()
    return row


def edit_entry(
    session: Session, owner_id: str, book_id: str, entry_id: str, expected: int | None, values: Mapping[str, Any]
) -> Entry:
    """Set fields of an entry."""
    touch(session, owner_id, book_id, expected)
    row = find_entry(session, book_id, entry_id)
    for name, value in _columns(replace(entry_of(row), **values)).items():
        setattr(row, name, value)
    row.updated_at = func.now()
    session.flush()
    session.refresh(row)
    return row


def delete_entry(session: Session, owner_id: str, book_id: str, entry_id: str, expected: int | None) -> Book:
    """Delete an entry and return its book; the others keep their order."""
    book = touch(session, owner_id, book_id, expected)
    session.delete(find_entry(session, book_id, entry_id))
    session.flush()
    return book
