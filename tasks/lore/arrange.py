"""Arranging a lorebook: every setting of every entry decided by rule. Pure.

order     tiers ten apart (B09): world, event, faction, place, person, thing; lower stands higher in the prompt
position  background before the character, whom and what a scene is about behind it, nearer the chat
priority  constants first, then as often as source and card name the subject (lower is dropped first)
constant  the premise, and what nearly every message would bring up anyway; within a quarter of the budget (B04)
keys      see `keys`: none of two entries, none of the character, whole words, capitals where they tell
recursion see `recursion`
the rest  probability 100, depth 4, no group: SillyTavern's defaults, written into every file
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from cards.card import Book, Entry
from cards.entry import OWN
from cards.graph import analyse
from cards.rules import LIMITS
from cards.text import estimate_tokens
from tasks.lore.candidates import shown
from tasks.lore.draft import Draft
from tasks.lore.keys import Keys, World, choose_keys, plain_words
from tasks.lore.passages import evidence
from tasks.lore.recursion import with_flags
from tasks.lore.shapes import CATEGORIES
from tasks.lore.task import Task

TIERS = {category: 10 * (place + 1) for place, category in enumerate(CATEGORIES)}
BACKGROUND = frozenset({"world", "event", "faction", "place"})
FIRST, LAST = 90, 10  # priorities of the most and the least important entry that is not constant
SHARE = float(LIMITS["book"]["sample_share"])  # of the card's texts, from which an entry is as good as constant
SAMPLES = int(LIMITS["book"]["sample_least"])
EVIDENCE = ("source", "card")  # in our corner of an entry's extensions: spans of the source, or fields of the card
OF_BUDGET = float(LIMITS["book"]["constants_of_budget"])


def arrange(task: Task, drafts: Sequence[Draft], there: Book | None = None) -> tuple[Book | None, list[Draft]]:
    """Return the book of these drafts, most important first, behind the entries that are ``there``.

    The second value are drafts that nothing could bring up. None instead of a book when it would have no entry.
    """
    texts = shown(task.card)
    taken = {key for entry in (there.entries if there else ()) for key in entry.keys}
    world = World(task.own, frozenset(taken), plain_words([task.source, *texts.values()]), task.code)
    keys = choose_keys(drafts, world)
    always = _constants(task, drafts, there)
    rows = list(zip(drafts, keys, strict=True))
    lost = [draft for draft, own in rows if not own.primary and draft.name not in always]
    kept = [(draft, own) for draft, own in rows if draft not in lost]
    if not kept:
        return there, lost
    entries = [
        _entry(task, draft, own, draft.name in always, place, len(kept)) for place, (draft, own) in enumerate(kept)
    ]
    book = _book(task, there, entries)
    frequent = _frequent(task, book, list(texts.values()))
    always |= _more_constants(task, drafts, always, frequent, there)
    entries = [replace(entry, constant=True, priority=100) if entry.name in always else entry for entry in entries]
    entries = [_tightened(entry) if entry.name in frequent else entry for entry in entries]
    entries.sort(key=lambda entry: (not entry.constant, entry.insertion_order))
    return with_flags(_book(task, there, entries), {entry.name for entry in entries}, task.card.name), lost


def _book(task: Task, there: Book | None, entries: Sequence[Entry]) -> Book:
    """Return a book of these entries; one that is there keeps what it says of itself."""
    if there is not None:
        return replace(
            there,
            scan_depth=task.scan_depth if there.scan_depth is None else there.scan_depth,
            token_budget=task.token_budget if there.token_budget is None else there.token_budget,
            recursive_scanning=task.recursive if there.recursive_scanning is None else there.recursive_scanning,
            entries=(*there.entries, *entries),
        )
    name = task.card.name
    return Book(
        name=f"{name}'s Lorebook",
        description=f"What {name}'s story names: {len(entries)} {'entry' if len(entries) == 1 else 'entries'}.",
        scan_depth=task.scan_depth,
        token_budget=task.token_budget,
        recursive_scanning=task.recursive,
        entries=tuple(entries),
    )


def _constants(task: Task, drafts: Sequence[Draft], there: Book | None) -> set[str]:
    """Return the name of the draft that says what the world is, if one may be always on: there is one such entry."""
    kept = [entry for entry in (there.entries if there else ()) if entry.constant and entry.enabled]
    premise = next((draft for draft in drafts if draft.premise), None)
    if premise is None or len(kept) >= task.constants:
        return set()
    spent = sum(estimate_tokens(entry.content) for entry in kept)
    return {premise.name} if spent + premise.tokens <= OF_BUDGET * task.token_budget else set()


def _more_constants(
    task: Task, drafts: Sequence[Draft], always: set[str], frequent: set[str], there: Book | None
) -> set[str]:
    """Return further drafts to be always on, while the option and the budget allow it: those that nearly are."""
    kept = [entry for entry in (there.entries if there else ()) if entry.constant and entry.enabled]
    places = task.constants - len(kept) - len(always)
    spent = sum(estimate_tokens(entry.content) for entry in kept)
    spent += sum(draft.tokens for draft in drafts if draft.name in always)
    more: set[str] = set()
    for draft in drafts:
        if len(more) < places and draft.name in frequent and spent + draft.tokens <= OF_BUDGET * task.token_budget:
            more.add(draft.name)
            spent += draft.tokens
    return more


def _frequent(task: Task, book: Book, texts: Sequence[str]) -> set[str]:
    """Return the entries that fire on most texts of the card (B07)."""
    parts = [part for text in texts for part in text.split("<START>") if part.strip()]
    if len(parts) < SAMPLES:
        return set()
    shares = analyse(book, texts=parts, char=task.card.name).shares
    return {book.entries[place].name for place, share in shares if share > SHARE}


def _tightened(entry: Entry) -> Entry:
    """Return an entry that nearly every message brings up without its plain words for keys, if it has others."""
    telling = tuple(key for key in entry.keys if " " in key or not key.islower())
    return replace(entry, keys=telling) if telling and not entry.constant else entry


def _entry(task: Task, draft: Draft, keys: Keys, constant: bool, place: int, count: int) -> Entry:
    category = draft.category if draft.category in TIERS else "thing"
    position: Literal["before_char", "after_char"] = "before_char" if category in BACKGROUND else "after_char"
    return Entry(
        name=draft.name,
        comment=draft.name,
        content=draft.content,
        keys=tuple(keys.primary),
        secondary_keys=tuple(keys.secondary),
        selective=bool(keys.secondary),
        constant=constant,
        insertion_order=TIERS[category],
        priority=100 if constant else FIRST - round((FIRST - LAST) * place / max(1, count - 1)),
        position=position,
        case_sensitive=keys.case_sensitive,
        category=category,
        extensions=_extensions(task, draft, keys, constant),
    )


def without_evidence(book: Book) -> Book:
    """Return the book without what its entries say of where they come from."""
    return replace(book, entries=tuple(map(_without_evidence, book.entries)))


def _without_evidence(entry: Entry) -> Entry:
    own = entry.extensions.get(OWN)
    if not isinstance(own, Mapping):
        return entry
    rest = {name: value for name, value in own.items() if name not in EVIDENCE}
    extensions = {name: value for name, value in entry.extensions.items() if name != OWN}
    return replace(entry, extensions=extensions | ({OWN: rest} if rest else {}))


def _extensions(task: Task, draft: Draft, keys: Keys, constant: bool) -> dict[str, Any]:
    """Return SillyTavern's settings that are not its defaults, and where the entry comes from."""
    settings: dict[str, Any] = {"match_whole_words": not keys.is_wide}
    if keys.secondary and keys.logic:
        settings["selectiveLogic"] = keys.logic
    if constant and draft.premise:
        settings["ignore_budget"] = True  # SillyTavern cuts what stands first, whether it is constant or not
    if spans := evidence(task.source, draft.subject.spans, draft.content, task.code):
        settings[OWN] = {"source": [list(span) for span in spans]}
    elif draft.subject.fields:
        settings[OWN] = {"card": list(draft.subject.fields)}
    return settings
