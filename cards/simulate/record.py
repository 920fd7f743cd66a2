"""A lorebook entry as SillyTavern sees it: its settings, decorators and keys, ready for a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cards import tavern
from cards.card import Book, Entry
from cards.entry import slashed_keys
from cards.keys import Key, compile_key
from cards.simulate.settings import Settings, expand
from cards.text_scripts import WIDE

POSITIONS: Final = (
    "before_char",
    "after_char",
    "top_of_note",
    "bottom_of_note",
    "at_depth",
    "before_examples",
    "after_examples",
    "outlet",
)  # by SillyTavern's figures
ROLES: Final = ("system", "user", "assistant")
LOGICS: Final = ("AND_ANY", "NOT_ALL", "NOT_ANY", "AND_ALL")

# Texts beside the chat that an entry may ask to be matched with, in the order in which they are scanned
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "match_persona_description": "persona",
        "match_character_description": "description",
        "match_character_personality": "personality",
        "match_character_depth_prompt": "depth_prompt",
        "match_scenario": "scenario",
        "match_creator_notes": "creator_notes",
    }
)
_HUGE = 1e15  # no setting means such a number; not a number at all is not below it either
_DECORATORS = ("@@activate", "@@dont_activate")  # all that SillyTavern knows


@dataclass(frozen=True)
class KeyUse:
    """A key as it is written, and as it is searched: with macros replaced; for scores as it stands, blanks too."""

    written: str
    key: Key | None  # None: empty, never fires
    bare: Key


@dataclass(frozen=True)
class Record:
    """One entry; ``index`` is its place in the book. Settings that are None are taken from the front end's."""

    index: int
    entry: Entry
    content: str
    wide: int  # characters of the content that are a token each
    primary: tuple[KeyUse, ...]
    secondary: tuple[KeyUse, ...]
    logic: int
    scan_depth: int | None
    whole_words: bool
    group: str
    groups: tuple[str, ...]
    group_override: bool
    group_weight: float
    use_group_scoring: bool | None
    exclude_recursion: bool
    prevent_recursion: bool
    delay_level: float  # 0: no delay until recursion
    probability: float  # percent
    sticky: int
    cooldown: int
    delay: int
    sources: tuple[str, ...]
    triggers: tuple[str, ...]
    ignore_budget: bool
    position: int
    depth: int
    role: int
    outlet: str
    activate: bool
    dont_activate: bool
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What people call it."""
        return self.entry.name or self.entry.comment or (self.entry.keys[0] if self.entry.keys else "")


def record_of(entry: Entry, index: int, settings: Settings, char: str) -> Record:
    """The entry at a place in the book, with its texts filled in."""
    known = tavern.settings_of(entry, index)
    decorators, content = split_decorators(entry.content)
    content = expand(content, char, settings.user)
    case = _flag(known.get("case_sensitive"), settings.case_sensitive)
    whole = _flag(known.get("match_whole_words"), settings.match_whole_words)
    primary = tuple(_key_use(key, case, whole, char, settings.user) for key in slashed_keys(entry))
    secondary = tuple(_key_use(key, case, whole, char, settings.user) for key in entry.secondary_keys)
    group = known["group"] if isinstance(known["group"], str) else ""
    delayed = known["delay_until_recursion"]
    triggers = known.get("triggers")
    scoring = known.get("use_group_scoring")
    scan_depth = known.get("scan_depth")
    return Record(
        index=index,
        entry=entry,
        content=content,
        wide=0 if content.isascii() else len(WIDE.findall(content)),
        primary=primary,
        secondary=secondary,
        logic=int(_number(known["selectiveLogic"], 0)),
        scan_depth=None if scan_depth is None else int(_number(scan_depth, 0)),
        whole_words=whole,
        group=group,
        groups=tuple(name.lstrip() for name in group.split(",") if name.strip()),
        group_override=bool(known["group_override"]),
        group_weight=_number(known["group_weight"], 100),
        use_group_scoring=None if scoring is None else bool(scoring),
        exclude_recursion=bool(known["exclude_recursion"]),
        prevent_recursion=bool(known["prevent_recursion"]),
        delay_level=1 if delayed is True else _number(delayed, 0),
        probability=_number(known["probability"], 100) if known["useProbability"] else 100,
        sticky=int(_number(known.get("sticky"), 0)),
        cooldown=int(_number(known.get("cooldown"), 0)),
        delay=int(_number(known.get("delay"), 0)),
        sources=tuple(name for setting, name in SOURCES.items() if known.get(setting)),
        triggers=tuple(map(str, triggers)) if isinstance(triggers, list | tuple) else (),
        ignore_budget=bool(known.get("ignore_budget")),
        position=int(_number(known["position"], 0)),
        depth=int(_number(known["depth"], 4)),
        role=int(_number(known["role"], 0)),
        outlet=str(known.get("outlet_name") or ""),
        activate="@@activate" in decorators,
        dont_activate="@@dont_activate" in decorators,
        notes=tuple(_notes(entry, decorators, (*primary, *secondary), known)),
    )


def in_scan_order(records: list[Record]) -> list[Record]:
    """The order in which SillyTavern looks at them: highest insertion order first, then by id."""

    def by_id(record: Record) -> tuple[bool, int]:
        own = record.entry.id
        number = own if isinstance(own, int) and own >= 0 else record.index
        return isinstance(own, str), number

    return sorted(sorted(records, key=by_id), key=lambda record: -record.entry.insertion_order)


def split_decorators(content: str) -> tuple[list[str], str]:
    """The leading ``@@`` lines that count, and the content without them.

    A line ``@@@name`` counts only where the line above was not known. A content of nothing but such lines stays.
    """
    if not content.startswith("@@"):
        return [], content
    found: list[str] = []
    lines, unknown = content.split("\n"), False
    for place, line in enumerate(lines):
        if not line.startswith("@@"):
            return found, "\n".join(lines[place:])
        if line.startswith("@@@") and not unknown:
            continue
        name = line[1:] if line.startswith("@@@") else line
        # SillyTavern compares the beginning: it takes @@activate_only_after for known, and does nothing with it.
        unknown = not name.startswith(_DECORATORS)
        found.append(name)
    return found, content


def records_of(book: Book, settings: Settings, char: str) -> list[Record]:
    """All entries of a book in its order."""
    return [record_of(entry, index, settings, char) for index, entry in enumerate(book.entries)]


def _key_use(written: str, case: bool, whole: bool, char: str, user: str) -> KeyUse:
    key = bare = compile_key(written, case_sensitive=case, whole_words=whole, trimmed=False)
    filled = expand(written, char, user)
    if filled != written or written != written.strip():
        key = compile_key(filled, case_sensitive=case, whole_words=whole)
    return KeyUse(written, key if filled else None, bare)


def _notes(entry: Entry, decorators: list[str], uses: tuple[KeyUse, ...], known: Mapping[str, Any]) -> list[str]:
    """What the simulation leaves out of account in this entry."""
    strange = dict.fromkeys(line.split()[0] for line in decorators if line.split()[0] not in _DECORATORS)
    notes = [f"{name} is not understood by SillyTavern and is not applied" for name in strange]
    for use in uses:
        if use.key and (pattern := use.key.pattern) and pattern.fault:
            how = "may hang a front end" if pattern.compiled else "is not looked for"
            notes.append(f"the key {use.written!r:.60} {how}: {pattern.fault}")
    if known.get("vectorized"):
        notes.append("it may also fire by similarity, which is not simulated")
    if entry.extra.get("characterFilter"):
        notes.append("its character filter is not looked at")
    return notes


def _flag(value: Any, default: bool) -> bool:
    return default if value is None else bool(value)


def _number(value: Any, default: float) -> float:
    right = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE
    return value if right else default
