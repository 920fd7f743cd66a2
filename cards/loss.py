"""What a format cannot carry of a card, and what a front end leaves out or misreads of a file.

Source: the specifications; what SillyTavern, RisuAI, agnai and Chub do with files, as their code and users tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from cards import tavern, v1
from cards.card import Book, Card, Entry
from cards.containers import CHUNKED, PACKED, main_icon
from cards.entry import decorators
from cards.errors import CardError
from cards.v3 import DEFAULT_URI

What = Literal["lost", "misread"]


@dataclass(frozen=True)
class Loss:
    """One thing that does not arrive. ``misread``: it arrives as something else. ``field`` as "character_book"."""

    field: str
    what: What
    message: str


Losses = Iterator[Loss]

V3_FIELDS = {
    "nickname": "the nickname",
    "group_only_greetings": "the greetings for groups",
    "creator_notes_multilingual": "the creator's notes in other languages",
    "source": "the sources",
    "creation_date": "the date of creation",
    "modification_date": "the date of the last change",
}
CARD_FIELDS = frozenset(each.name for each in fields(Card))
KNOWN_DECORATORS = ("@@activate", "@@dont_activate")  # the two that SillyTavern knows


def losses(card: Card, format_name: str, frontend: str | None = None) -> list[Loss]:
    """What the format cannot carry of the card, and what the front end then makes of the file; [] for nothing.

    CardError for an unknown format or front end.
    """
    if format_name not in FORMAT_LOSSES:
        raise CardError(f"format {format_name!r:.40} is unknown: choose one of {', '.join(FORMAT_LOSSES)}")
    found = list(FORMAT_LOSSES[format_name](card))
    if frontend is None:
        return found
    if frontend not in FRONTENDS:
        raise CardError(f"front end {frontend!r:.40} is unknown: choose one of {', '.join(FRONTENDS)}")
    return list(dict.fromkeys([*found, *FRONTENDS[frontend](card, format_name)]))


# Formats --------------------------------------------------------------------------------------------------


def _of_v1(card: Card) -> Losses:
    for name in sorted(CARD_FIELDS - {*v1.FIELDS, "wrapper"}):
        if getattr(card, name) and (name, getattr(card, name)) != ("character_version", "1.0"):
            yield Loss("character_book" if name == "book" else name, "lost", "V1 has no such field")
    if card.wrapper:
        yield Loss("wrapper", "lost", f"V1 has no place for {_listed(card.wrapper)}")


def _of_v2(card: Card) -> Losses:
    yield from _v3_fields(card, "V2 has no such field")
    if others := [asset for asset in card.assets or () if asset["uri"] not in (DEFAULT_URI, main_icon(card))]:
        yield Loss("assets", "lost", f"{len(others)} assets: V2 has none")
    decorated = [entry for entry in _entries(card) if decorators(entry.content)]
    if decorated:
        yield Loss("character_book", "lost", f"decorators are left out: {_titles(decorated)}")
    named = [entry for entry in _entries(card) if isinstance(entry.id, str)]
    if named:
        yield Loss("character_book", "lost", f"ids that are texts become numbers: {_titles(named)}")


def _of_json(card: Card) -> Losses:
    yield from _asset_files(card, "the files of assets do not travel in text; CHARX takes them along")


def _of_png(card: Card) -> Losses:
    lost = [asset for asset in card.assets or () if str(asset["uri"]).startswith(PACKED) and asset["type"] != "icon"]
    if lost:
        yield Loss("assets", "lost", f"{len(lost)} files packed with the card do not travel in a PNG; CHARX takes them")


def _of_worldinfo(card: Card) -> Losses:
    yield Loss("card", "lost", "this is the lorebook alone: the character is not in it")
    for entry in _entries(card):
        if isinstance(entry.id, str):
            yield Loss("character_book", "lost", "ids that are texts become numbers")
            break


def _of_markdown(card: Card) -> Losses:
    yield Loss("card", "lost", "a page to read: no program reads a card back from it")


def _nothing(card: Card) -> Losses:
    yield from ()


FORMAT_LOSSES: Mapping[str, Callable[[Card], Losses]] = {
    "json": _of_json,
    "v1": _of_v1,
    "v2": _of_v2,
    "v3": _of_json,
    "tavernai": _of_png,
    "charx": _nothing,
    "worldinfo": _of_worldinfo,
    "yaml": _of_json,
    "markdown": _of_markdown,
}


# Front ends -----------------------------------------------------------------------------------------------


def _sillytavern(card: Card, format_name: str) -> Losses:
    if format_name == "markdown":
        yield _unread("SillyTavern")
        return
    if format_name == "yaml":
        yield Loss("card", "misread", "SillyTavern reads name, context and greeting of a YAML file, and nothing else")
        return
    if format_name in ("json", "v1"):
        yield from _flat_in_sillytavern(card, format_name)
    if re.search(r'[/\\:*?"<>|\x00-\x1f]', card.name):
        yield Loss(
            "name", "misread", "SillyTavern makes a file name of it: it holds a character that file names cannot"
        )
    if format_name in ("v2", "v3", "json", "v1"):
        yield Loss("portrait", "lost", "a JSON file has no picture: SillyTavern shows its default; PNG takes it along")
    if format_name in ("tavernai", "charx") and any(asset["type"] == "user_icon" for asset in card.assets or ()):
        yield Loss("assets", "lost", "SillyTavern ignores icons of the user")
    yield from _book_in_sillytavern(card, format_name)


def _flat_in_sillytavern(card: Card, format_name: str) -> Losses:
    """SillyTavern takes a file without ``spec`` for V1 and keeps little more than V1 has."""
    kept = {*v1.FIELDS, "creator_notes", "creator", "tags", "wrapper"}
    for name in sorted(CARD_FIELDS - kept):
        if format_name == "json" and getattr(card, name) and name != "assets":
            field = "character_book" if name == "book" else name
            yield Loss(field, "lost", "SillyTavern reads flat JSON as V1 and drops this; V2, V3 and PNG keep it")


def _book_in_sillytavern(card: Card, format_name: str) -> Losses:
    book = card.book
    if book is None or format_name in ("v1", "json"):
        return
    for field in ("scan_depth", "token_budget", "recursive_scanning"):
        if getattr(book, field) is not None:
            yield Loss(f"character_book.{field}", "lost", "SillyTavern uses its own setting instead of the book's")
    if "world" in card.extensions:
        yield Loss("extensions.world", "misread", "SillyTavern takes it for a world that is already there")
    if format_name in ("v3", "tavernai", "charx", "worldinfo"):
        unknown = [entry for entry in book.entries if _unknown_decorators(entry)]
        if unknown:
            yield Loss("character_book", "misread", f"SillyTavern sends decorators to the model: {_titles(unknown)}")
    if format_name in ("v3", "tavernai", "charx"):
        patterns = [entry for entry in book.entries if entry.use_regex and not _is_slashed(entry)]
        if patterns:
            message = f"SillyTavern takes keys for patterns between slashes only: {_titles(patterns)}"
            yield Loss("character_book", "misread", message)


def _risuai(card: Card, format_name: str) -> Losses:
    if format_name in ("yaml", "markdown"):
        yield _unread("RisuAI")
        return
    if format_name in ("v1", "json") and not (card.description and card.first_mes):
        yield Loss("card", "misread", "RisuAI refuses a flat file without description and first_mes")
    if "depth_prompt" in card.extensions:
        yield Loss("extensions.depth_prompt", "misread", "RisuAI removes it")
    if format_name == "charx" and any(str(a["uri"]).startswith("http") for a in card.assets or ()):
        yield Loss("assets", "lost", "RisuAI skips assets that are web addresses")
    if card.book is not None and format_name != "v1":
        yield from _book_in_risuai(card.book, format_name)


def _book_in_risuai(book: Book, format_name: str) -> Losses:
    disabled = [entry for entry in book.entries if not entry.enabled]
    if disabled:
        yield Loss("character_book", "misread", f"RisuAI switches disabled entries on: {_titles(disabled)}")
    commas = [entry for entry in book.entries if any("," in key for key in entry.keys)]
    if commas:
        yield Loss("character_book", "misread", f"RisuAI splits keys at commas: {_titles(commas)}")
    told = [value is not None for value in (book.scan_depth, book.token_budget, book.recursive_scanning)]
    if any(told) and not all(told):
        message = "RisuAI takes scan_depth, token_budget and recursive_scanning only when all three are given"
        yield Loss("character_book", "lost", message)
    if book.name or book.description:
        yield Loss("character_book.name", "lost", "RisuAI drops the book's name and description")
    if any(entry.priority is not None for entry in book.entries):
        yield Loss("character_book", "lost", "RisuAI drops the priority of entries")
    if any(entry.position != "before_char" for entry in book.entries):
        yield Loss("character_book", "lost", "RisuAI drops whether an entry stands before or after the character")
    if format_name == "worldinfo" and any(entry.secondary_keys for entry in book.entries):
        yield Loss("character_book", "lost", "RisuAI does not read the secondary keys of World Info")


def _agnai(card: Card, format_name: str) -> Losses:
    if format_name in ("v3", "charx", "yaml", "markdown", "worldinfo"):
        yield _unread("agnai")
        return
    if format_name == "tavernai":
        yield from _v3_fields(card, "agnai reads the V2 copy in the PNG, which has no such field")
    if card.personality.strip() and format_name != "v1":
        yield Loss("personality", "misread", "agnai joins description and personality to one text")
    if format_name == "json":
        yield Loss("card", "misread", "agnai reads flat JSON as V1: the six basic texts")
        return
    if any("\\n" in getattr(card, name) for name in v1.FIELDS):
        yield Loss("card", "misread", "agnai turns a written \\n into a line break")
    entries = _entries(card)
    if any(_own_settings(entry) for entry in entries) and format_name != "v1":
        yield Loss("character_book", "lost", "agnai drops the extensions of entries: chance, depth, logic and so on")
    if any(entry.case_sensitive is not None for entry in entries) and format_name != "v1":
        yield Loss("character_book", "lost", "agnai drops case_sensitive")


def _chub(card: Card, format_name: str) -> Losses:
    if format_name in ("charx", "yaml", "markdown", "worldinfo"):
        yield _unread("Chub")
        return
    if format_name in ("v3", "tavernai", "json"):
        yield from _v3_fields(card, "Chub stores cards as V2")
        if card.assets:
            yield Loss("assets", "lost", "Chub keeps the portrait and no other asset")
    if card.book is None or format_name == "v1":
        return
    patterns = [entry for entry in card.book.entries if entry.use_regex and not _is_slashed(entry)]
    if patterns and format_name != "v2":
        yield Loss("character_book", "misread", f"Chub takes patterns as they are written: {_titles(patterns)}")


FRONTENDS: Mapping[str, Callable[[Card, str], Losses]] = {
    "sillytavern": _sillytavern,
    "risuai": _risuai,
    "agnai": _agnai,
    "chub": _chub,
}


# Parts ----------------------------------------------------------------------------------------------------


def _unread(program: str) -> Loss:
    return Loss("card", "lost", f"{program} does not read this format")


def _v3_fields(card: Card, why: str) -> Losses:
    for name, said in V3_FIELDS.items():
        if getattr(card, name):
            yield Loss(name, "lost", f"without {said}: {why}")


def _asset_files(card: Card, why: str) -> Losses:
    files = [asset for asset in card.assets or () if str(asset["uri"]).startswith((PACKED, CHUNKED))]
    own = main_icon(card)
    others = [asset for asset in files if asset["uri"] != own]
    if others:
        yield Loss("assets", "lost", f"{len(others)} files: {why}")


def _entries(card: Card) -> tuple[Entry, ...]:
    return card.book.entries if card.book is not None else ()


def _own_settings(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in entry.extensions.items() if name in tavern.SETTINGS}


def _is_slashed(entry: Entry) -> bool:
    return all(key.startswith("/") and key.rfind("/") > 0 for key in entry.keys)


def _unknown_decorators(entry: Entry) -> bool:
    return any(not line.strip().startswith(KNOWN_DECORATORS) for line in decorators(entry.content).splitlines())


def _titles(entries: list[Entry]) -> str:
    """The first few entries by name, and how many more."""
    names = [entry.name or entry.comment or (entry.keys[0] if entry.keys else "an entry") for entry in entries]
    shown = ", ".join(f"{name:.40}" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f"{name:.40}" for name in list(names)[:5])
