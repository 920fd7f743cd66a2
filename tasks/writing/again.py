"""Writing fields of a finished card anew: the request of the job that does it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cards.card import Card
from cards.v3 import to_v3
from tasks.writing.shapes import FIELDS

WISH = "Write {fields} anew, different from what stands there now."
COUNTED = {"alternate_greetings": "alternate_greetings", "group_only_greetings": "group_greetings"}


# What was said of the whole card when it was made, and says nothing of some of its fields.
OF_THE_WHOLE = {"keep", "name", "instructions", "variants", "greeting_ideas", "roster", "include_book"}


def lasting(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a card was made with, as far as they hold for some of its fields too."""
    counted = {*COUNTED.values(), "system_prompt", "post_history_instructions"}
    return {name: value for name, value in options.items() if name not in OF_THE_WHOLE | counted}


def request_for(
    character_id: str, card: Card, source: str, fields: Sequence[str], instruction: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the request of a job that writes ``fields`` of the card anew and leaves all others as they are.

    ``source`` is what the card was made from; a card that came from outside is its own source.
    """
    told = (WISH.format(fields=", ".join(fields)), instruction.strip(), str(options.get("instructions") or "").strip())
    # What is to be written anew is wanted, whatever the options or the profile say of it.
    wanted = {name: True for name in ("system_prompt", "post_history_instructions") if name in fields}
    greetings = {
        option: options.get(option) or max(1, len(getattr(card, field)))
        for field, option in COUNTED.items()
        if field in fields
    }
    said = "\n\n".join(text for text in (card.description, card.personality, card.scenario) if text.strip())
    return {
        "source_material": source or said or card.name,
        "character_card": to_v3(card),
        "options": {
            **options,
            **wanted,
            **greetings,
            "keep": [name for name in FIELDS if name not in fields and name != "name"],
            "name": card.name,
            "instructions": " ".join(filter(None, told)),
            "include_book": False,
        },
        "regenerate": {"character_id": character_id, "fields": list(fields)},
    }
