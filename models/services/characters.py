"""Characters: cards go in and come out; the rows in between can be edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session, undefer

from cards.card import Book as CardBook
from cards.card import Card
from cards.containers import main_icon, without_icon
from cards.fields import to_json
from cards.files import MAX_FILE
from cards.media import Media
from cards.v3 import from_v3, to_v3
from models.books import Book
from models.characters import Asset, Character
from models.errors import Invalid, NotFound, StaleVersion
from models.ids import new_id
from models.jobs import Step
from models.services import books
from models.services.order import NameKey
from models.services.pages import Ask, Key, Page, Sorts, fetch_page, read_moment

ASSET, OTHER = "asset", "other"
MOST_TAGS, LONGEST_TAG = 200, 200  # PostgreSQL refuses to index words of over 2,700 bytes


SORTS: Sorts = {
    "created_at": (Key(Character.id),),  # ids sort by time
    "updated_at": (Key(Character.updated_at, read_moment), Key(Character.id)),
    "name": (NameKey(Character.name), Key(Character.id)),
}


@dataclass(frozen=True)
class CharacterFilter:
    """Which characters to list (None: whatever they are). ``q`` is part of the name; they have all of ``tags``."""

    q: str | None = None
    tags: Sequence[str] = ()
    favorite: bool | None = None
    archived: bool | None = False


def save_character(session: Session, owner_id: str, job_id: str, card: Card) -> Character:
    """Write a card as the character of a job (without its book: see `save_book`); a re-run replaces it."""
    character = session.scalar(select(Character).where(Character.job_id == job_id))
    if character is None:
        character = Character(id=new_id("char"), owner_id=owner_id, job_id=job_id)
        session.add(character)
        write_card(character, card)
    else:
        write_card(character, card)
        character.version = Character.version + 1
    session.flush()
    return character


def rewrite_character(
    session: Session, owner_id: str, character_id: str, card: Card, fields: Sequence[str]
) -> Character:
    """Put some fields of ``card`` into a character that is there; what was edited meanwhile beside them stays.

    Raises `NotFound`.
    """
    character = touch(session, owner_id, character_id, None)
    made = {"cardforge": card.extensions.get("cardforge", {})}
    current = bare_card(character)
    values = {name: getattr(card, name) for name in fields}
    write_card(character, replace(current, **values, extensions={**current.extensions, **made}))
    session.flush()
    return character


def add_character(
    session: Session, owner_id: str, card: Card, media: Media, *, digest: bytes | None = None
) -> Character:
    """Write a card that came from outside as a new character, with its book and its files.

    ``digest`` is that of the file that it came in.
    """
    character = Character(
        id=new_id("char"),
        owner_id=owner_id,
        portrait=media.portrait,
        portrait_style=media.style,
        file_digest=digest,
    )
    write_card(character, card)
    session.add(character)
    session.flush()
    files = {ASSET: media.assets, OTHER: media.others}
    session.add_all(
        Asset(character_id=character.id, kind=kind, place=place, content=content)
        for kind, contents in files.items()
        for place, content in contents.items()
    )
    if card.book is not None:
        books.save_book(session, owner_id, card.book, character_id=character.id, tags=character.tags)
    session.flush()
    return character


def write_card(character: Character, card: Card) -> None:
    """Put a card's fields into its row, all but the book. The column of tags is for finding: long ones are cut."""
    character.name = card.name
    character.tags = found_by(card.tags)
    character.card = to_v3(replace(card, book=None, wrapper={}))["data"]
    character.wrapper = card.wrapper


def found_by(tags: Sequence[str]) -> list[str]:
    """Return a card's tags as the column holds them."""
    return [tag[:LONGEST_TAG] for tag in tags[:MOST_TAGS]]


def save_book(session: Session, character: Character, book: CardBook) -> Book:
    """Write a character's lorebook; one that is there is replaced."""
    newer = {"version": Character.version + 1, "updated_at": func.now()}
    session.execute(update(Character).where(Character.id == character.id).values(newer))
    return books.save_book(session, character.owner_id, book, character_id=character.id, tags=character.tags)


def find_character(
    session: Session, owner_id: str, *, character_id: str | None = None, job_id: str | None = None
) -> Character:
    """Return a character by its id or by the job that made it, with its card; raises `NotFound`."""
    query = _of_job() if character_id is None else _by_id()
    character = session.scalar(query, {"character": character_id, "job": job_id, "owner": owner_id})
    if character is None:
        gone = None if character_id else "The character that this job made is not here any more."
        raise NotFound("character", character_id or f"of {job_id}", gone)
    return character


@cache
def _by_id() -> Select[Character]:
    return _anew().where(Character.id == bindparam("character"))


@cache
def _of_job() -> Select[Character]:
    # The first step's checkpoint names it: several jobs may have written one character.
    job: BindParameter[str] = bindparam("job")
    written = select(Step.output["character_id"].astext).where(Step.job_id == job, Step.index == 0).scalar_subquery()
    return _anew().where(or_(Character.id == written, Character.job_id == job))


def _anew() -> Select[Character]:
    """Whoever has just locked a row by touching it wants it as it is now."""
    query = select(Character).options(undefer(Character.card), undefer(Character.wrapper))
    return query.where(Character.owner_id == bindparam("owner")).execution_options(populate_existing=True)


def require_character(session: Session, owner_id: str, character_id: str) -> None:
    """Raise `NotFound` when there is no such character, without reading it."""
    mine = select(Character.id).where(Character.id == character_id, Character.owner_id == owner_id)
    if session.scalar(mine) is None:
        raise NotFound("character", character_id)


def list_characters(session: Session, owner_id: str, ask: Ask, wanted: CharacterFilter) -> Page:
    """Return one page of the owner's characters, newest first unless it asks for another order."""
    query = select(Character).where(Character.owner_id == owner_id)
    if wanted.q:
        query = query.where(Character.name.icontains(wanted.q, autoescape=True))
    if wanted.tags:
        query = query.where(Character.tags.contains(found_by(wanted.tags)))
    if wanted.favorite is not None:
        query = query.where(Character.favorite.is_(wanted.favorite))
    if wanted.archived is not None:
        query = query.where(Character.archived_at.is_not(None) if wanted.archived else Character.archived_at.is_(None))
    return fetch_page(session, query, Character, ask, SORTS)


def bare_card(character: Character) -> Card:
    """Return a character as a card, without its book."""
    return from_v3({**character.wrapper, "data": character.card})


def load_card(session: Session, character: Character) -> Card:
    """Return a character as a card, its book put back in."""
    card = bare_card(character)
    book = books.book_of_character(session, character.id)
    return card if book is None else replace(card, book=books.load_book(session, book))


def card_of_book(session: Session, book: Book) -> Card | None:
    """Return the card whose book it is, without the book; None for a book by itself."""
    if book.character_id is None:
        return None
    return bare_card(find_character(session, book.owner_id, character_id=book.character_id))


def load_media(session: Session, character: Character, *, files: bool = True) -> Media:
    """Return a character's portrait and, unless they are not asked for, the files that it was imported with."""
    found: dict[str, dict[str, bytes]] = {ASSET: {}, OTHER: {}}
    query = select(Asset).where(Asset.character_id == character.id).options(undefer(Asset.content))
    for row in session.scalars(query.order_by(Asset.place)) if files else ():
        found[row.kind][row.place] = row.content
    return Media(portrait=character.portrait, style=character.portrait_style, assets=found[ASSET], others=found[OTHER])


def show_counts(session: Session, character: Character) -> dict[str, Any]:
    """Return what a character has beside its card: book, entries, files."""
    book = books.book_of_character(session, character.id)
    assets = session.scalar(select(func.count()).select_from(Asset).where(Asset.character_id == character.id))
    return {"book_id": book.id if book else None, "assets": assets or 0}


# Editing --------------------------------------------------------------------------------------------------


def edit_character(
    session: Session, owner_id: str, character_id: str, expected: int | None, change: Callable[[Card], Card]
) -> Character:
    """Put what ``change`` makes of a character's card (without its book, which stays) in the place of the card.

    Raises `NotFound`, `StaleVersion`, what ``change`` raises, and `Invalid` for what could not be imported again.
    """
    character = touch(session, owner_id, character_id, expected)
    card = change(bare_card(character))
    write_card(character, replace(card, modification_date=int(character.updated_at.timestamp())))
    if len(to_json(character.card)) > MAX_FILE:
        raise Invalid(
            f"The card would have over {MAX_FILE:,} bytes, and could not be imported again.",
            code="CARD_TOO_LARGE",
            details={"body": ["Shorten its texts, or move lore into its book."]},
        )
    session.flush()
    return character


def matching(owner_id: str, character_id: str, expected: int | None) -> list[ColumnElement[bool]]:
    """The one character, if it is at the version ``expected`` (None: any)."""
    matches = [Character.id == character_id, Character.owner_id == owner_id]
    return matches if expected is None else [*matches, Character.version == expected]


def missed(session: Session, owner_id: str, character_id: str, expected: int | None) -> NotFound | StaleVersion | None:
    """Return why a write found nothing at the version ``expected``; None when it is there at that version."""
    try:
        character = find_character(session, owner_id, character_id=character_id)
    except NotFound as error:
        return error
    if expected is None or character.version == expected:
        return None
    return StaleVersion("character", current=character.version, yours=expected, updated_at=character.updated_at)


def touch(session: Session, owner_id: str, character_id: str, expected: int | None) -> Character:
    """Take the character for an edit: its version goes up, if it is the one ``expected`` (None: any).

    Check and write are one statement. Raises `NotFound` and `StaleVersion`.
    """
    hit = session.scalar(
        update(Character)
        .where(*matching(owner_id, character_id, expected))
        .values(version=Character.version + 1, updated_at=func.now())
        .returning(Character.id)
    )
    if hit is None:
        raise missed(session, owner_id, character_id, expected) or NotFound("character", character_id)
    return find_character(session, owner_id, character_id=character_id)


def set_portrait(
    session: Session, owner_id: str, character_id: str, expected: int | None, portrait: bytes | None, style: str | None
) -> Character:
    """Give a character another picture: ``portrait`` (a PNG), or one drawn in ``style``.

    The file of an imported card that was its picture until now goes, and the card names the new one. Raises
    `NotFound` and `StaleVersion`.
    """
    character = touch(session, owner_id, character_id, expected)
    card = bare_card(character)
    icon = main_icon(card)
    if icon is not None:
        card = without_icon(card)
        write_card(character, card)
        if icon not in {asset["uri"] for asset in card.assets or ()}:
            session.execute(
                delete(Asset).where(Asset.character_id == character.id, Asset.kind == ASSET, Asset.place == icon)
            )
    character.portrait = portrait
    character.portrait_style = style or character.portrait_style
    session.flush()
    return character
