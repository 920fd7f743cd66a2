"""The registry of formats: what a card, or a book by itself, is delivered in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from cards.book import to_book, to_lorebook_v3
from cards.card import Book, Card
from cards.containers import to_charx, to_png
from cards.errors import CardError
from cards.fields import to_json
from cards.markdown import to_markdown
from cards.media import NONE, Media
from cards.parse import write_yaml
from cards.plain import to_plain
from cards.v1 import to_v1
from cards.v2 import to_v2
from cards.v3 import to_v3
from cards.worldinfo import to_worldinfo

Thing = TypeVar("Thing", Card, Book)
Render = Callable[[Card, Media], bytes]


@dataclass(frozen=True)
class Format(Generic[Thing]):
    """One format: how it is called, what its files are, and what makes the bytes. ``pictured``: has the portrait."""

    name: str
    extension: str
    media_type: str
    description: str
    render: Callable[[Thing, Media], bytes]
    pictured: bool = False


def _json(to_object: Callable[[Thing], dict[str, Any]]) -> Callable[[Thing, Media], bytes]:
    def render_json(thing: Thing, _media: Media) -> bytes:
        return to_json(to_object(thing), indent=2)

    return render_json


def _yaml(card: Card, _media: Media) -> bytes:
    return write_yaml(to_plain(card))


def _markdown(card: Card, _media: Media) -> bytes:
    return to_markdown(card).encode("utf-8", "replace")


def _worldinfo(card: Card, media: Media) -> bytes:
    """The card's book; an empty one when it has none, so that the file opens all the same."""
    book = card.book or Book(name=f"{card.name}'s Lorebook")
    return BOOK_FORMATS["worldinfo"].render(book, media)


def _table(*formats: Format[Thing]) -> Mapping[str, Format[Thing]]:
    return MappingProxyType({format_.name: format_ for format_ in formats})


JSON = ("json", "application/json")
FORMATS: Mapping[str, Format[Card]] = _table(
    Format("json", *JSON, "All fields, flat; readers of V1 can open it", _json(to_plain)),
    Format("v1", *JSON, "Character card V1: the six basic texts", _json(to_v1)),
    Format("v2", *JSON, "Character card V2 with its lorebook", _json(to_v2)),
    Format("v3", *JSON, "Character card V3 with its lorebook", _json(to_v3)),
    Format("tavernai", "png", "image/png", "Picture for SillyTavern and others, V2 and V3 inside", to_png, True),
    Format("charx", "charx", "application/zip", "CHARX: V3 card, portrait and assets in one file", to_charx, True),
    Format("worldinfo", *JSON, "The lorebook alone, as SillyTavern's World Info", _worldinfo),
    Format("yaml", "yaml", "application/yaml", "All fields, flat, easy to edit by hand", _yaml),
    Format("markdown", "md", "text/markdown; charset=utf-8", "A page to read; nothing reads it back", _markdown),
)
BOOK_FORMATS: Mapping[str, Format[Book]] = _table(
    Format("worldinfo", *JSON, "SillyTavern's World Info", _json(to_worldinfo)),
    Format("character_book", *JSON, "The book of a V2 card by itself", _json(lambda book: to_book(book, v3=False))),
    Format("lorebook_v3", *JSON, "A V3 lorebook in a file of its own", _json(to_lorebook_v3)),
)


def render(card: Card, format_name: str, media: Media = NONE) -> bytes:
    """The card as a file of the format; CardError when there is no such format."""
    return known(FORMATS, format_name).render(card, media)


def render_book(book: Book, format_name: str) -> bytes:
    """The book as a file of the format; CardError when there is no such format."""
    return known(BOOK_FORMATS, format_name).render(book, NONE)


def known(formats: Mapping[str, Format[Thing]], name: str) -> Format[Thing]:
    """The format of that name; CardError names those that there are."""
    if name not in formats:
        raise CardError(f"format {name!r:.40} is unknown: choose one of {', '.join(formats)}")
    return formats[name]


def suffix(format_: Format[Any]) -> str:
    """What a file of the format ends in, without the dot; formats that share an extension are told apart before it."""
    shared = format_.extension == "json" and format_.name != "json"
    return f"{format_.name}.{format_.extension}" if shared else format_.extension
