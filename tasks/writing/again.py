"""Writing fields of a finished card anew: the request of the job that does it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cards.card import Card
from cards.v3 import to_v3
from tasks.writing.shapes import FIELDS

WISH = "Write {fields} anew, different from what stands there now."


def request_for(
    character_id: str, card: Card, source: str, fields: Sequence[str], instruction: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the request of a job that writes ``fields`` of the card anew and leaves all others as they are.

    ``source`` is what the card was made from; a card that came from outside is its own source.
    """
    wish = " ".join(part for part in (WISH.format(fields=", ".join(fields)), instruction.strip()) if part)
    said = "\n\n".join(text for text in (card.description, card.personality, card.scenario) if text.strip())
    wanted = {name: True for name in ("system_prompt", "post_history_instructions") if name in fields}
    counted = (("alternate_greetings", "alternate_greetings"), ("group_only_greetings", "group_greetings"))
    greetings = {option: max(1, len(getattr(card, field))) for field, option in counted if field in fields}
    return {
        "source_material": source or said or card.name,
        "character_card": to_v3(card),
        "options": {
            **wanted,
            **greetings,
            **options,
            "keep": [name for name in FIELDS if name not in fields and name != "name"],
            "name": card.name,
            "instructions": wish,
            "include_book": False,
        },
        "regenerate": {"character_id": character_id, "fields": list(fields)},
    }
