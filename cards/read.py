"""Any card object in: told apart by what it says and holds, tolerant of what other programs write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards import v1
from cards.card import Card
from cards.errors import CardError
from cards.fields import kind
from cards.plain import KNOWN, from_plain
from cards.v3 import from_v3

# Old programs' names of the V1 fields (Pygmalion, text-generation-webui and its YAML)
OLD_NAMES = {
    "char_name": "name",
    "char_persona": "description",
    "context": "description",
    "world_scenario": "scenario",
    "char_greeting": "first_mes",
    "greeting": "first_mes",
    "example_dialogue": "mes_example",
}


def read_card(obj: Mapping[str, Any]) -> Card:
    """The card in a JSON object of V1, V2, V3 or our flat format; CardError when it is none.

    ``data`` counts before copies at the root. V2 is read as V3, its superset: programs relabel the one as the
    other, and newer versions than 3.0 are to be read too.
    """
    if not isinstance(obj, Mapping):
        raise CardError(f"a card must be a JSON object, not {kind(obj)}: send the whole file of one card")
    if isinstance(obj.get("data"), Mapping):
        copies = {field: obj[field] for field in v1.FIELDS if field in obj}
        return from_v3({**obj, "data": copies | dict(obj["data"])})
    if "spec" in obj and "name" not in obj:
        raise CardError("data is missing: a card with a spec keeps its fields in an object named data")
    old = {} if "description" in obj else {old: new for old, new in OLD_NAMES.items() if obj.get(old)}
    flat = {new: obj[old] for old, new in old.items()}
    flat |= {name: value for name, value in obj.items() if name not in old and (value is not None or name not in KNOWN)}
    if not any(field in flat for field in v1.FIELDS):
        raise CardError("no field of a card found: name, description, first_mes and so on are looked for")
    return from_plain(flat)
