"""A whole card from a source, or a card brought up to date with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.offline.dialogue import write_examples
from providers.offline.fields import (
    Sorted,
    sort_lines,
    write_description,
    write_notes,
    write_personality,
    write_scenario,
    write_tags,
)
from providers.offline.greetings import stock_of, write_greetings
from providers.offline.reading import Source, read

TEXTS = ("description", "personality", "scenario")
VOICES = ("first_mes", "mes_example", "creator_notes")
MAX_TAGS = 10

CardTable = dict[str, Any]


def write_card(
    text: str, *, name: str | None, greetings: int, card: Mapping[str, Any] | None, problems: Sequence[str] = ()
) -> CardTable:
    """The reply to ``write_card``. ``problems`` name fields that must not be kept from ``card``."""
    source = read(text, name or (str(card["name"]) if card and card.get("name") else None))
    parts = sort_lines(source)
    written = _written(parts, source, max(1, greetings), salt="\n".join(problems))
    return _updated(card, written, parts, problems) if card else written


def _written(parts: Sorted, source: Source, alternates: int, salt: str) -> CardTable:
    stock = stock_of(parts, source)
    openings = write_greetings(parts, source, alternates + 1, salt)
    return {
        "name": source.name,
        "description": write_description(parts, source),
        "personality": write_personality(parts, source),
        "scenario": write_scenario(parts, source, stock.wheres[0] if stock.wheres else ""),
        "first_mes": openings[0],
        "alternate_greetings": openings[1:],
        "mes_example": write_examples(parts, source, stock),
        "tags": write_tags(source),
        "creator_notes": write_notes(parts, source),
    }


def _updated(card: Mapping[str, Any], written: CardTable, parts: Sorted, problems: Sequence[str]) -> CardTable:
    """The card with what the source adds: new facts are appended, voices and greetings of the card are kept."""
    result = dict(written)
    for field in (*TEXTS, *VOICES):
        old = str(card.get(field) or "").strip()
        if not old or _is_at_fault(field, problems):
            continue
        sourced = bool(getattr(parts, field, ()))
        result[field] = _joined(old, written[field]) if field in TEXTS and sourced else old
    if not _is_at_fault("alternate_greetings", problems):
        kept = [str(one) for one in card.get("alternate_greetings") or () if str(one).strip()]
        fresh = [one for one in written["alternate_greetings"] if one not in kept]
        result["alternate_greetings"] = [*kept, *fresh][: max(len(kept), len(written["alternate_greetings"]))]
    tags = [str(tag) for tag in card.get("tags") or ()]
    result["tags"] = list(dict.fromkeys([*tags, *written["tags"]]))[: max(MAX_TAGS, len(tags))]
    return result


def _is_at_fault(field: str, problems: Sequence[str]) -> bool:
    return any(field in problem for problem in problems)


def _joined(old: str, new: str) -> str:
    """The old text and the paragraphs of the new one that it does not have; the new one where it holds the old."""
    if old in new:
        return new
    added = [paragraph for paragraph in new.split("\n\n") if paragraph not in old]
    return "\n\n".join([old, *added])
