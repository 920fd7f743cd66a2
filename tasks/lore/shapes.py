"""The shapes of answers about lore (JSON Schema, the strict subset that model servers enforce).

What a model may say of an entry: its name, what else people call it, its text, its kind. Everything else of an entry
(strategy, order, position, recursion ...) is decided in code: a field that is in a shape asks to be filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CATEGORIES = ("world", "event", "faction", "place", "person", "thing")
FILLED = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": {"type": "string"}}


def entries_of(categories: Sequence[str] = CATEGORIES) -> dict[str, Any]:
    """Return the shape of a list of entries of these kinds."""
    return _object(entries={"type": "array", "items": entry_of(categories)})


def entry_of(categories: Sequence[str] = CATEGORIES) -> dict[str, Any]:
    """Return the shape of one entry."""
    return _object(name=FILLED, content=FILLED, keys=TEXTS, category={"type": "string", "enum": list(categories)})


def subjects_of(categories: Sequence[str] = CATEGORIES) -> dict[str, Any]:
    """Return the shape of a list of subjects that deserve an entry."""
    subject = _object(name=FILLED, category={"type": "string", "enum": list(categories)})
    return _object(subjects={"type": "array", "items": subject})


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


ENTRIES = entries_of()
ENTRY = entry_of()
SUBJECTS = subjects_of()
