"""The shapes of answers (JSON Schema, the strict subset that servers enforce): flat, and no field without a use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TEXT = {"type": "string"}
FILLED = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT}


def object_of(**properties: Any) -> dict[str, Any]:
    """Return a strict object schema: every property required, no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(noun: str, /, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object that holds nothing but a list of objects."""
    return object_of(**{noun: {"type": "array", "items": object_of(**properties)}})


# The fields of a card that are written, in the order they are asked for.
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "name": FILLED,
    "description": FILLED,
    "personality": FILLED,
    "scenario": FILLED,
    "tags": TEXTS,
    "creator_notes": TEXT,
    "system_prompt": FILLED,
    "post_history_instructions": FILLED,
    "first_mes": FILLED,
    "alternate_greetings": TEXTS,
    "group_only_greetings": TEXTS,
    "mes_example": FILLED,
}
CORE = (
    *("name", "description", "personality", "scenario", "tags", "creator_notes"),
    *("system_prompt", "post_history_instructions"),
)
GREETINGS = ("first_mes", "alternate_greetings", "group_only_greetings")
EXAMPLES = ("mes_example",)


def fields_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of an answer that holds just these fields of a card."""
    return object_of(**{name: FIELDS[name] for name in names})


CARD = fields_of(name for name in FIELDS if name not in {*CORE[-2:], "group_only_greetings"})
PLAN = object_of(
    concept=FILLED,
    wants=FILLED,
    fears=FILLED,
    contradiction=FILLED,
    voice=FILLED,
    habits=FILLED,
    bond=FILLED,
    openings={"type": "array", "items": FILLED},
)
FACTS = list_of("facts", about=FILLED, fact=FILLED, quote=FILLED)
ROSTER = list_of("characters", name=FILLED, role=FILLED, hook=FILLED)
