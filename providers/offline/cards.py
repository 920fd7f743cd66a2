"""A whole card from a source, single fields of it anew, or a card brought up to date with a source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.offline.dialogue import write_examples
from providers.offline.fields import (
    SPARE_TAGS,
    write_description,
    write_notes,
    write_orders,
    write_personality,
    write_scenario,
    write_tags,
)
from providers.offline.greetings import stock_of, write_bare, write_greetings
from providers.offline.guard import errors_in, mended
from providers.offline.reading import Source
from providers.offline.sorting import Sorted, sort_lines

CARD = (
    *("name", "description", "personality", "scenario", "first_mes", "alternate_greetings", "mes_example", "tags"),
    "creator_notes",
)
TEXTS = ("description", "personality", "scenario")
VOICES = ("first_mes", "mes_example", "creator_notes")
MAX_TAGS = 10
TURNS = 6  # tries at a text that is another one and a better one
INDEXED = re.compile(r"(\w+?)(?:\[(\d+)\]|_(\d+))$")

CardTable = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What is asked of a card: how many greetings, tags and examples (None: as many as there are), and which turn.

    Another ``turn`` gives other texts. ``size`` scales the lengths of description, personality and scenario.
    ``problems`` name fields that must not be kept from ``card``; ``keep`` those that must.
    """

    greetings: int = 1
    group_greetings: int = 0
    tags: int | None = None
    blocks: int | None = None
    turn: int = 0
    size: float = 1.0
    card: Mapping[str, Any] | None = field(default=None, repr=False)
    problems: tuple[str, ...] = ()
    keep: frozenset[str] = frozenset()


def write_card(source: Source, asked: Iterable[str], wish: Wish) -> CardTable:
    """The fields ``asked`` of a card on ``source``; with a card in the wish, that card brought up to date."""
    written = _written(source, tuple(asked), wish)
    return _updated(wish.card, written, sort_lines(source), wish) if wish.card else written


def _written(source: Source, asked: Sequence[str], wish: Wish) -> CardTable:
    parts = sort_lines(source, wish.turn, wish.size)
    stock = stock_of(parts, source)
    count = 1 + max(0, wish.greetings) + max(0, wish.group_greetings)
    openings = write_greetings(parts, source, count, wish.turn)
    others = openings[1:]
    # Where the templates give fewer than are asked for, one alternate is left before the group gets its share.
    grouped = min(max(0, wish.group_greetings), max(0, len(others) - min(1, wish.greetings)))
    texts: CardTable = {
        "name": source.name,
        "description": write_description(parts, source, wish.turn),
        "personality": write_personality(parts, source, wish.turn),
        "scenario": write_scenario(parts, source, stock.wheres, wish.turn),
        "first_mes": openings[0],
        "alternate_greetings": others[: len(others) - grouped],
        "group_only_greetings": others[len(others) - grouped :],
        "tags": write_tags(source, wish.tags, wish.turn),
        "creator_notes": write_notes(source, wish.turn),
        "system_prompt": write_orders(source, "system_prompt"),
        "post_history_instructions": write_orders(source, "post_history_instructions"),
    }
    texts["mes_example"] = write_examples(parts, source, stock, texts, wish.blocks, wish.turn)
    found = mended(texts, lambda path: bare_text(source, path))
    return {name: found[name] if name in found else _unknown(source) for name in asked}


def bare_text(source: Source, path: str, but: str = "") -> str:
    """A text of the writer's own for a field, with no word of the source's; one that ``but`` lacks if there is one."""
    texts = [write_bare(source, path, turn) for turn in range(TURNS)]
    return next((text for text in texts if text not in but), texts[0])


def _unknown(source: Source) -> str:
    """For a field that this writer does not know."""
    return source.name


# --- anew -------------------------------------------------------------------------------------------------------


def write_anew(source: Source, fields: Sequence[str], wish: Wish) -> CardTable:
    """The fields once more, each different from what ``wish.card`` has in it as far as the source gives it."""
    card = wish.card or {}
    result: CardTable = {}
    for turn in range(1, TURNS + 1):
        left = [name for name in fields if name not in result]
        if not left:
            break
        others = {**vars(wish), "card": None, "turn": turn}
        written = _written(source, left, Wish(**others))
        result.update((name, written[name]) for name in left if _differs(written[name], card.get(name)))
        if turn == TURNS:
            result.update((name, _reworded(source, name, written[name])) for name in left if name not in result)
    return result


def _reworded(source: Source, name: str, value: Any) -> Any:
    """What the source gives only one text for, with a sentence or a tag of the writer's own."""
    if name == "tags":
        return [*value[:-1], *(tag for tag in reversed(SPARE_TAGS) if tag not in value)][: max(4, len(value))]
    added = bare_text(source, name, str(value))
    if name in ("name", "creator_notes", "system_prompt", "post_history_instructions") or added in value:
        return value
    return f"{value} {added}" if name in TEXTS else added


def _differs(new: Any, old: Any) -> bool:
    if isinstance(new, str):
        return bool(new.strip()) and " ".join(new.split()) != " ".join(str(old or "").split())
    return set(new) != set(old or ())


def repair_field(source: Source, path: str, wish: Wish) -> Any:
    """Another text for the field at ``path`` ("first_mes", "alternate_greetings[0]"): of several tries the best."""
    name, index = parted(path)
    card = dict(wish.card or {})
    current = _value(card, name, index)
    tries: list[tuple[int, int, Any]] = []
    for turn in range(1, TURNS + 1):
        written = _written(source, [name], Wish(**{**vars(wish), "card": None, "turn": turn}))
        rows = written[name]
        value = rows if index is None or isinstance(rows, str) else rows[index % len(rows)] if rows else ""
        if not value or value == current:
            continue
        faults = len(errors_in(_with(card, name, index, value), path))
        if not faults:
            return value
        tries.append((faults, turn, value))
    spare: Any = bare_text(source, path, str(current)) if isinstance(current, str) else current
    best = min(tries, key=lambda row: row[:2])[2] if tries else None
    return spare or best


def parted(path: str) -> tuple[str, int | None]:
    """ "alternate_greetings[0]" and "alternate_greetings_0" as (field, place); a field by itself has no place."""
    match = INDEXED.match(path)
    return (match[1], int(match[2] or match[3])) if match else (path, None)


def _value(card: Mapping[str, Any], name: str, index: int | None) -> Any:
    value = card.get(name)
    if index is None:
        return value if value is not None else ""
    rows = list(value or ())
    return rows[index] if index < len(rows) else ""


def _with(card: CardTable, name: str, index: int | None, value: Any) -> CardTable:
    if index is None:
        return {**card, name: value}
    rows = list(card.get(name) or ())
    rows[index : index + 1] = [value]
    return {**card, name: rows}


# --- up to date -------------------------------------------------------------------------------------------------


def _updated(card: Mapping[str, Any], written: CardTable, parts: Sorted, wish: Wish) -> CardTable:
    """The card with what the source adds: new facts are appended, voices and greetings of the card are kept."""
    result = dict(written)
    for name in (*TEXTS, *VOICES):
        old = str(card.get(name) or "").strip()
        if name not in result or not old or _is_at_fault(name, wish.problems):
            continue
        sourced = bool(getattr(parts, name, ()))
        result[name] = _joined(old, written[name]) if name in TEXTS and sourced else old
    if "alternate_greetings" in result and not _is_at_fault("alternate_greetings", wish.problems):
        kept = [str(one) for one in card.get("alternate_greetings") or () if str(one).strip()]
        fresh = [one for one in written["alternate_greetings"] if one not in kept]
        result["alternate_greetings"] = [*kept, *fresh][: max(len(kept), len(written["alternate_greetings"]))]
    if "tags" in result:
        tags = [str(tag) for tag in card.get("tags") or ()]
        result["tags"] = list(dict.fromkeys([*tags, *written["tags"]]))[: max(MAX_TAGS, len(tags))]
    result.update((name, card[name]) for name in result if name in wish.keep and card.get(name))
    return result


def _is_at_fault(name: str, problems: Sequence[str]) -> bool:
    return any(name in problem for problem in problems)


def _joined(old: str, new: str) -> str:
    """The old text and the paragraphs of the new one that it does not have; the new one where it holds the old."""
    if old in new:
        return new
    added = [paragraph for paragraph in new.split("\n\n") if paragraph not in old]
    return "\n\n".join([old, *added])
