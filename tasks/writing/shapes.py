"""The shape of a card as a writer is asked for it (JSON Schema, the strict subset that model servers enforce)."""

from __future__ import annotations

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


CARD = object_of(
    name=FILLED,
    description=FILLED,
    personality=FILLED,
    scenario=FILLED,
    first_mes=FILLED,
    alternate_greetings=TEXTS,
    mes_example=FILLED,
    tags=TEXTS,
    creator_notes=TEXT,
)
ENTRIES = object_of(
    entries={
        "type": "array",
        "items": object_of(
            name=FILLED,
            keys=TEXTS,
            content=FILLED,
            category={"type": "string", "enum": ["place", "person", "faction", "thing", "event", "world"]},
            constant={"type": "boolean"},
        ),
    }
)
