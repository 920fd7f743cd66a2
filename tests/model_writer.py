"""What the model server of the tests writes: it reads from a request what shape is wanted, and fills that shape.

Like a model, it knows no more than the request says: on the lower rungs of the ladder it takes the shape from the words
of the last message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CARD = {
    "name": "Ondine Marsh",
    "description": "Ondine Marsh keeps the lighthouse on Gull Rock, a tall woman in oilskins with a burnt left hand.",
    "personality": "Patient and dry. She counts under her breath when she is afraid and never says why.",
    "scenario": "A storm has taken the mail boat, and {{user}} has come ashore at Gull Rock with it.",
    "first_mes": '*The lamp turns before {{char}} speaks.*\n\n"You are wet, {{user}}. Stay, or say who sent you?"',
    "alternate_greetings": ['*Morning, and the sea is flat.*\n\n"Tea first," *{{char}} says.* "Then your boat?"'],
    "mes_example": '<START>\n{{user}}: Who are you?\n{{char}}: "I keep the lamp. It keeps me."',
    "tags": ["lighthouse", "sea", "keeper", "mystery"],
    "creator_notes": "A quiet card for slow evenings. Start with the storm.",
}
ENTRIES = {
    "entries": [
        {
            "name": "Gull Rock",
            "keys": ["Gull Rock", "the rock", "lighthouse"],
            "content": "Gull Rock is a bare island with one lighthouse, an hour from the coast by boat.",
            "category": "place",
            "constant": False,
        }
    ]
}
KNOWN: Mapping[str, Any] = CARD | ENTRIES
SCHEMA_MARK = "JSON Schema:\n"
TAG = re.compile(r"^#([A-Z0-9_.]+)#\n(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Asked:
    """What a request asks for: the rung it asks by, what for, and the shape of the answer."""

    rung: str
    purpose: str
    schema: Mapping[str, Any]


def read_request(body: Mapping[str, Any]) -> Asked:
    """Say what a chat request wants."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        shape = wanted["json_schema"]
        return Asked("json_schema", shape.get("name", ""), shape["schema"])
    if body.get("tools"):
        tool = body["tools"][0]["function"]
        return Asked("tool", tool["name"], tool["parameters"])
    said = str(body["messages"][-1]["content"])
    _, mark, after = said.rpartition(SCHEMA_MARK)
    if mark:
        schema = json.JSONDecoder().raw_decode(after)[0]
        rung = "json_object" if wanted.get("type") == "json_object" else "fenced"
        return Asked(rung, schema.get("title", ""), schema)
    tags = dict(TAG.findall(said))
    return Asked("tagged" if tags else "plain", "", schema_of_tags(tags))


def schema_of_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the shape that a list of tags describes; ``.1`` is the first part of a list."""
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for tag, says in tags.items():
        place = schema
        for part in tag.lower().split("."):
            if part.isdecimal():
                place.setdefault("items", {})
                place.update(type="array")
                place = place["items"]
            else:
                place.update(type="object")
                place = place.setdefault("properties", {}).setdefault(part, {})
        place.update(read_tag_type(says))
    return schema


def read_tag_type(says: str) -> dict[str, Any]:
    """Return the schema of the value that is described beside its tag."""
    if "true or false" in says:
        return {"type": "boolean"}
    if "number" in says:
        return {"type": "integer"}
    if "one of: " in says:
        return {"type": "string", "enum": says.partition("one of: ")[2].rstrip(")").split(", ")}
    return {"type": "string"}


def write(purpose: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a good model writes: the parts of the known card and entries that are asked for, and filler."""
    if not schema.get("properties"):
        return ENTRIES if purpose == "write_entries" else CARD
    return {name: fill(part, name, KNOWN.get(name)) for name, part in schema["properties"].items()}


def fill(schema: Mapping[str, Any], name: str, known: Any = None) -> Any:
    """Return a value of the schema's type: the known one where it fits, else something sensible."""
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")
    return FILLERS[kind](schema, name, known)


def _text(schema: Mapping[str, Any], name: str, known: Any) -> str:
    if "enum" in schema:
        return known if known in schema["enum"] else schema["enum"][0]
    if isinstance(known, str):
        return known
    return f"The {name.replace('_', ' ')} of Gull Rock is what the keeper wrote in her log."


def _list(schema: Mapping[str, Any], name: str, known: Any) -> list[Any]:
    parts = known if isinstance(known, list) else []
    least = max(int(schema.get("minItems", 0)), len(parts), 1)
    made = [fill(schema["items"], name, part) for part in parts]
    made += [told_apart(fill(schema["items"], name), n) for n in range(len(parts), least)]
    return made[: int(schema.get("maxItems", least))]


def told_apart(part: Any, number: int) -> Any:
    """Return a part of a list that is like no other: its text or its name says which one it is."""
    if number and isinstance(part, str):
        return f"{part} That was {number + 1}."
    if number and isinstance(part, dict) and isinstance(part.get("name"), str):
        return part | {"name": f"{part['name']} {number + 1}"}
    return part


def _object(schema: Mapping[str, Any], name: str, known: Any) -> dict[str, Any]:
    there = known if isinstance(known, dict) else KNOWN
    return {part: fill(inner, part, there.get(part)) for part, inner in schema["properties"].items()}


def _whole(schema: Mapping[str, Any], name: str, known: Any) -> int:
    return int(schema.get("minimum", 1))


FILLERS: Mapping[str, Callable[[Mapping[str, Any], str, Any], Any]] = {
    "string": _text,
    "array": _list,
    "object": _object,
    "boolean": lambda schema, name, known: known is True,
    "integer": _whole,
    "number": _whole,
}


def say_it(asked: Asked, value: Mapping[str, Any]) -> str:
    """Return the words that carry ``value`` on the rung that was asked for."""
    text = json.dumps(value, ensure_ascii=False)
    if asked.rung == "fenced":
        return f"Here you are:\n\n```json\n{text}\n```\n\nShall I write another?"
    if asked.rung == "tagged":
        return "\n".join(tagged_lines(value))
    return text


def tagged_lines(value: Any, path: str = "") -> list[str]:
    """Return a value as tagged sections: ``#NAME#``, ``#TAGS.1#``, ``#ENTRIES.1.KEYS.1#``, each before its text."""
    if isinstance(value, dict):
        return [line for name, part in value.items() for line in tagged_lines(part, f"{path}.{name}".strip("."))]
    if isinstance(value, list):
        return [line for n, part in enumerate(value, 1) for line in tagged_lines(part, f"{path}.{n}")]
    return [f"#{path.upper()}#", str(value).lower() if isinstance(value, bool) else str(value)]
