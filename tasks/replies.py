"""Reading what a writer answered: find the JSON, then hold it to its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.base import BadOutput
from providers.reply import storable

THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
TYPES: Mapping[str, type] = {"string": str, "array": list, "object": dict, "boolean": bool}


def read_reply(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object in ``text`` once it fits ``schema``; raises `BadOutput` saying what does not."""
    reply = find_object(text)
    faults = list(find_faults(reply, schema, ""))
    if faults:
        raise BadOutput("The answer does not fit: " + "; ".join(faults[:5]) + ".")
    return reply


def find_object(text: str) -> dict[str, Any]:
    """Return the JSON object of an answer that may think aloud first or put it in a fence; raises `BadOutput`."""
    bare = THINKING.sub("", text)
    fenced = FENCED.findall(bare)
    for candidate in [bare, *reversed(fenced), bare[bare.find("{") : bare.rfind("}") + 1]]:
        try:
            found = json.loads(candidate, object_pairs_hook=_storable)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise BadOutput("The answer holds no JSON object.")


def _storable(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Free the strings of an object of what JSON can escape and no database column takes."""
    return {storable(name): _storable_value(value) for name, value in pairs}


def _storable_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_storable_value(part) for part in value]
    return storable(value) if isinstance(value, str) else value


def find_faults(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield what does not fit. Knows what our shapes use of JSON Schema: type, required, items, enum, minLength."""
    here = place or "it"
    wanted = TYPES[schema["type"]]
    if not isinstance(value, wanted):
        yield f"{here} is not of the type {schema['type']}"
    elif isinstance(value, str):
        if len(value.strip()) < schema.get("minLength", 0):
            yield f"{here} is empty"
        if "enum" in schema and value not in schema["enum"]:
            yield f"{here} is none of {', '.join(schema['enum'])}"
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from find_faults(part, schema["items"], f"{place}[{index}]")
    elif isinstance(value, dict):
        yield from _find_object_faults(value, schema, place)


def _find_object_faults(value: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    for name, part in schema["properties"].items():
        inner = f"{place}.{name}" if place else name
        if name in value:
            yield from find_faults(value[name], part, inner)
        elif name in schema["required"]:
            yield f"{inner} is missing"
