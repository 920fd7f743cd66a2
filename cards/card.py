"""The card in memory: one shape that every format is written from and read into.

Field names are those of the V2/V3 card specifications where these have one. Fields that no specification knows are
kept at all four levels, and written back: ``wrapper`` (beside ``spec`` and ``data``), ``extra`` of card, book, entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Extensions = dict[str, Any]
Number = int | float


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One lorebook entry.

    ``keys`` fire it, ``constant`` keeps it always on, ``insertion_order`` says where it stands (lower is
    higher up in the prompt), ``priority`` which entries are dropped first (lower first; None: not said).
    ``category`` and ``extensions`` are kept under ``extensions`` in the formats that have no such field.
    ``extensions`` has SillyTavern's settings under its own names (``position``, ``selectiveLogic`` ...) where they
    are not its defaults. ``id`` None: its place in the book.
    """

    id: int | str | None = None

    name: str = ""
    content: str = ""
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    enabled: bool = True
    constant: bool = False
    selective: bool = False
    insertion_order: Number = 100
    priority: Number | None = None
    position: Literal["before_char", "after_char"] = "before_char"
    case_sensitive: bool | None = None
    use_regex: bool = False
    comment: str = ""
    category: str = ""
    extensions: Extensions = field(default_factory=dict)
    extra: Extensions = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Book:
    """A lorebook: entries in order, and how a front end is to scan for them (None: its own default)."""

    name: str = ""
    description: str = ""
    scan_depth: Number | None = None
    token_budget: Number | None = None
    recursive_scanning: bool | None = None
    extensions: Extensions = field(default_factory=dict)
    extra: Extensions = field(default_factory=dict)
    wrapper: Extensions = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Card:
    """A character card. All texts are UTF-8 with ``{{char}}`` and ``{{user}}`` left unexpanded.

    ``creation_date`` and ``modification_date`` are Unix seconds, UTC (None: unknown). ``assets`` are the objects
    {type, uri, name, ext} of V3 (None: the default, the picture that the card comes with as its icon).
    """

    name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    alternate_greetings: tuple[str, ...] = ()
    group_only_greetings: tuple[str, ...] = ()
    system_prompt: str = ""
    post_history_instructions: str = ""
    creator_notes: str = ""
    creator_notes_multilingual: dict[str, str] | None = None
    creator: str = ""
    character_version: str = "1.0"
    tags: tuple[str, ...] = ()
    nickname: str = ""
    source: tuple[str, ...] = ()
    creation_date: int | None = None
    modification_date: int | None = None
    assets: tuple[dict[str, Any], ...] | None = None
    extensions: Extensions = field(default_factory=dict)
    extra: Extensions = field(default_factory=dict)
    wrapper: Extensions = field(default_factory=dict)
    book: Book | None = None
