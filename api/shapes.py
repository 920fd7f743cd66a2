"""Books, entries and chats between the words of the wire and those of the cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cards.card import Card
from cards.card import Entry as CardEntry
from cards.simulate import Effect, Message, Settings
from models.books import Book, Entry

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
