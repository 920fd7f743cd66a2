"""Characters, books, entries and chats between the words of the wire and those of the cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api import links
from cards.card import Book as CardBook
from cards.card import Card
from cards.card import Entry as CardEntry
from cards.formats import FORMATS
from cards.rules.whole import PERMANENT
from cards.simulate import Effect, Message, Settings
from cards.text import estimate_tokens
from cards.v3 import to_v3
from models.books import Book, Entry
from models.characters import Character
from models.errors import Invalid
from models.services.marks import Outcome
from schemas.bulk import OUTCOMES
from schemas.merge_patch import merge_patch

SAME = (
    "name",
    "content",
    "priority",
    "insertion_order",
    "category",
    "comment",
    "constant",
    "selective",
    "enabled",
    "position",
    "case_sensitive",
    "use_regex",
    "extensions",
)


LISTS = ("alternate_greetings", "group_only_greetings", "tags", "source")  # fields of a card that are tuples there
SUMMARY = ("id", "name", "tags", "favorite", "archived_at", "job_id", "version", "created_at", "updated_at")


def show_summary(character: Character) -> dict[str, Any]:
    """Return a character as lists show it."""
    shown = {name: getattr(character, name) for name in SUMMARY}
    return shown | {"portrait_url": f"{links.character(character.id)}/portrait"}


def show_character(character: Character, card: Card, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a character in full."""
    path = links.character(character.id)
    return {
        **show_summary(character),
        **counts,
        "portrait_style": character.portrait_style,
        "tokens": sum(estimate_tokens(getattr(card, name)) for name in PERMANENT),
        "card": to_v3(card),
        "links": {
            "self": path,
            "portrait": f"{path}/portrait",
            "lint": f"{path}/lint",
            "book": links.book(counts["book_id"]) if counts["book_id"] else None,
            "job": links.job(character.job_id) if character.job_id else None,
            "downloads": {name: f"{path}/download/{name}" for name in FORMATS},
        },
    }


def marks_of(character: Character) -> str:
    """Return what an ETag says beside the version: these are shown, and are no part of the card."""
    return "-favorite" * character.favorite + "-archived" * (character.archived_at is not None)


def edited(card: Card, body: Mapping[str, Any]) -> Card:
    """Return a card with an edit applied; raises `Invalid` where it would lose a source that it names."""
    changes: dict[str, Any] = {name: tuple(value) if name in LISTS else value for name, value in body.items()}
    lost = [source for source in card.source if source not in changes.get("source", card.source)]
    if lost:
        message = "Sources can be added and none taken out: send all that the card has, and the new ones."
        raise Invalid(f"source: {message}", details={"source": [message]})
    changes["extensions"] = merge_patch(card.extensions, body.get("extensions", {}))
    return replace(card, **changes)


def show_outcomes(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Return what became of each of many characters, and how many there are of each outcome."""
    counts = Counter(outcome.status for outcome in outcomes.values())
    results = [
        {
            "id": character_id,
            "status": outcome.status,
            "error": {"code": outcome.code, "message": outcome.message} if outcome.code else None,
        }
        for character_id, outcome in outcomes.items()
    ]
    return {"results": results, **{status: counts[status] for status in OUTCOMES}}


def show_book(book: Book, count: int, tokens: int = 0, *, entries: Sequence[Entry] | None = None) -> dict[str, Any]:
    """Return a book; with ``entries`` these too, and ``tokens`` is their sum."""
    shown = ("id", "character_id", "name", "description", "version", "scan_depth", "token_budget")
    listed = {} if entries is None else {"entries": [show_entry(entry) for entry in entries]}
    return {
        **{name: getattr(book, name) for name in (*shown, "recursive_scanning", "extensions")},
        **listed,
        "metadata": {
            "total_entries": count,
            "total_tokens": tokens if entries is None else sum(entry.tokens for entry in entries),
            "created_at": book.created_at,
            "updated_at": book.updated_at,
            "tags": book.tags,
        },
    }


def show_entry(entry: Entry) -> dict[str, Any]:
    """Return an entry in the words of the contract."""
    return {
        "id": entry.id,
        **{name: getattr(entry, name) for name in SAME},
        "keywords": entry.keys,
        "secondary_keywords": entry.secondary_keys,
        "metadata": {
            "tokens": entry.tokens,
            "created_at": entry.created_at,
            "updated_at": entry.updated_at,
            "last_accessed": entry.last_accessed_at,
        },
    }


def entry_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry that a body sets, in the words of cards."""
    values = {name: body[name] for name in SAME if name in body}
    return values | {"keys": tuple(body["keywords"]), "secondary_keys": tuple(body["secondary_keywords"])}


def entry_of_body(body: Mapping[str, Any]) -> CardEntry:
    """Return the entry that a body describes."""
    return CardEntry(**entry_values(body))


def message_of(body: Mapping[str, Any], settings: Settings, card: Card | None) -> Message:
    """Return a message of a chat, under the name that front ends put before it: a role is nobody's name."""
    speakers = {"user": settings.user, "assistant": settings.char or (card.name if card else "")}
    return Message(name=body["name"] or speakers.get(body["role"].lower(), ""), text=body["content"])


def settings_of(body: Mapping[str, Any]) -> Settings:
    """Return the settings of a simulation: those that were asked for, else the book's, else SillyTavern's."""
    effects = tuple(Effect(**effect) for effect in body.get("effects", ()))
    return Settings(**{**body, "effects": effects})


def book_of_body(body: Mapping[str, Any]) -> CardBook:
    """Return the lorebook that a body describes, without its tags."""
    entries = tuple(entry_of_body(entry) for entry in body["entries"])
    fields = {name: value for name, value in body.items() if name not in ("entries", "tags")}
    return CardBook(**fields, entries=entries)
