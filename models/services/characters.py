"""Characters: cards go in and come out; the rows in between can be edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session, undefer

from cards.card import Book as CardBook
from cards.card import Card
from cards.containers import main_icon, without_icon
from cards.media import Media
from cards.v3 import from_v3, to_v3
from models.books import Book
from models.characters import Asset, Character
from models.errors import NotFound
from models.ids import new_id
from models.services import books
from models.services.pages import Ask, Page, fetch_page

ASSET, OTHER = "asset", "other"


def save_character(session: Session, owner_id: str, job_id: str, card: Card) -> Character:
    """Write a card as the character of a job (without its book: see `save_book`); a re-run replaces it."""
    character = session.scalar(select(Character).where(Character.job_id == job_id))
    if character is None:
        character = Character(id=new_id("char"), owner_id=owner_id, job_id=job_id)
        session.add(character)
    write_card(character, card)
    session.flush()
    return character


def add_character(session: Session, owner_id: str, card: Card, media: Media) -> Character:
    """Write a card that came from outside as a new character, with its book and its files."""
    character = Character(id=new_id("char"), owner_id=owner_id, portrait=media.portrait, portrait_style=media.style)
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
        save_book(session, character, card.book)
    session.flush()
    return character


def write_card(character: Character, card: Card) -> None:
    """Put a card's fields into its row, all but the book."""
    character.name = card.name
    character.tags = list(card.tags)
    character.card = to_v3(replace(card, book=None, wrapper={}))["data"]
    character.wrapper = card.wrapper


def save_book(session: Session, character: Character, book: CardBook) -> Book:
    """Write a character's lorebook; one that is there is replaced."""
    return books.save_book(session, character.owner_id, book, character_id=character.id, tags=character.tags)


def find_character(
    session: Session, owner_id: str, *, character_id: str | None = None, job_id: str | None = None
) -> Character:
    """Return a character by its id or by the job that made it, card and portrait included; raises `NotFound`."""
    matches = Character.id == character_id if character_id is not None else Character.job_id == job_id
    character = session.scalar(_whole().where(matches, Character.owner_id == owner_id))
    if character is None:
        raise NotFound("character", character_id or f"of {job_id}")
    return character


def _whole() -> Select[Character]:
    return select(Character).options(undefer(Character.card), undefer(Character.wrapper), undefer(Character.portrait))


def list_characters(
    session: Session, owner_id: str, ask: Ask, *, text: str | None = None, tag: str | None = None
) -> Page:
    """Return one page of the owner's characters that are not archived, newest first."""
    query = select(Character).where(Character.owner_id == owner_id, Character.archived_at.is_(None))
    if text:
        query = query.where(Character.name.icontains(text, autoescape=True))
    if tag:
        query = query.where(Character.tags.contains([tag]))
    return fetch_page(session, query, Character, ask)


def load_card(session: Session, character: Character) -> Card:
    """Return a character as a card, its book put back in."""
    card = from_v3({**character.wrapper, "data": character.card})
    book = books.book_of_character(session, character.id)
    return card if book is None else replace(card, book=books.load_book(session, book))


def card_of_book(session: Session, book: Book) -> Card | None:
    """Return the card whose book it is, or None for a book by itself."""
    if book.character_id is None:
        return None
    return load_card(session, find_character(session, book.owner_id, character_id=book.character_id))


def load_media(session: Session, character: Character) -> Media:
    """Return a character's portrait and the files that it was imported with."""
    rows = session.scalars(
        select(Asset).where(Asset.character_id == character.id).options(undefer(Asset.content)).order_by(Asset.place)
    )
    files: dict[str, dict[str, bytes]] = {ASSET: {}, OTHER: {}}
    for row in rows:
        files[row.kind][row.place] = row.content
    return Media(portrait=character.portrait, style=character.portrait_style, assets=files[ASSET], others=files[OTHER])


def set_portrait(session: Session, character: Character, portrait: bytes | None, style: str | None) -> None:
    """Give a character another picture: ``portrait`` (a PNG), or one drawn in ``style``.

    The file of an imported card that was its picture until now goes, and the card names the new one.
    """
    card = load_card(session, character)
    icon = main_icon(card)
    if icon is not None:
        write_card(character, without_icon(card))
        session.execute(
            delete(Asset).where(Asset.character_id == character.id, Asset.kind == ASSET, Asset.place == icon)
        )
    character.portrait = portrait
    character.portrait_style = style or character.portrait_style
    touch(session, character)


def touch(session: Session, character: Character) -> None:
    """Note that a character has been edited."""
    character.version = Character.version + 1
    character.updated_at = func.now()
    session.flush()
    session.refresh(character)


def show_counts(session: Session, character: Character) -> dict[str, Any]:
    """Return what a character has beside its card: book, entries, files."""
    book = books.book_of_character(session, character.id)
    assets = session.scalar(select(func.count()).select_from(Asset).where(Asset.character_id == character.id))
    return {"book_id": book.id if book else None, "assets": assets or 0}
