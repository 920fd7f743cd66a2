"""Reading what a writer answered: find the JSON, mend it if that loses nothing, then hold it to its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import json_repair

from providers.base import BadOutput
from providers.ladder import FENCED, strip_thinking
from providers.reply import storable

MOST_TOLD = 8  # faults of one answer that are told to the model
LONGEST_MENDED = 500_000  # characters
LEAST_KEPT = 0.97  # of its letters an answer must still have when its JSON is mended
ESCAPES = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
Schema = Mapping[str, Any]


def read_reply(text: str, schema: Schema, finish_reason: str = "stop") -> dict[str, Any]:
    """Return the JSON object in ``text`` once it fits ``schema``; raises `BadOutput` saying what does not.

    What stands around the object is passed over, an object around it is unwrapped, and properties that were not asked
    for are dropped; names count to the letter. Broken JSON is mended only where the model had come to its end.
    """
    reply = unwrap(find_object(text, schema, mend=finish_reason == "stop"), schema)
    faults = list(find_faults(reply, schema, ""))
    if faults:
        more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
        raise BadOutput("The answer does not fit: " + "; ".join(faults[:MOST_TOLD]) + more + ".")
    fitted: dict[str, Any] = without_extras(reply, schema)
    return fitted


def find_object(text: str, schema: Schema | None = None, *, mend: bool = True) -> dict[str, Any]:
    """Return the JSON object of an answer that may think aloud first or put it in a fence; raises `BadOutput`.

    A bare list is taken for the only property of ``schema``, if that is a list.
    """
    bare = strip_thinking(text).strip()
    for candidate in (text, *candidates(bare)):
        try:
            found = _as_object(json.loads(candidate, strict=False, object_pairs_hook=_storable), schema)
        except (ValueError, RecursionError):
            continue
        if found is not None:
            return found
    mended = mend_object(bare) if mend else None
    if mended is None:
        raise BadOutput("The answer holds no JSON object.")
    return mended


def candidates(text: str) -> Iterator[str]:
    """Yield what of a text may be its JSON: all of it, the last fenced block, the largest balanced object."""
    yield text
    yield from reversed(FENCED.findall(text))
    yield from sorted(balanced_objects(text), key=len, reverse=True)


def balanced_objects(text: str) -> Iterator[str]:
    """Yield the outermost ``{...}`` of a text whose braces pair up; braces within strings do not count."""
    depth, start, quoted, escaped = 0, 0, False, False
    for place, letter in enumerate(text):
        if escaped or (quoted and letter == "\\"):
            escaped = not escaped
        elif letter == '"' and depth:
            quoted = not quoted
        elif letter == "{" and not quoted:
            start = start if depth else place
            depth += 1
        elif letter == "}" and not quoted and depth:
            depth -= 1
            if not depth:
                yield text[start : place + 1]


def mend_object(text: str) -> dict[str, Any] | None:
    """Return the object of broken JSON (unescaped quotes, missing commas), or None if something would get lost.

    The library mends whatever it can and drops the rest without a word, so that its result counts only if it still has
    the letters of the text. A text that stops in the middle of a value was cut off, and is not mended.
    """
    blocks = FENCED.findall(text)
    broken = (blocks[-1] if blocks else text[max(0, text.find("{")) :]).strip()
    if '"' not in (after := broken[broken.rfind("}") + 1 :]):
        broken = broken.removesuffix(after)
    if not broken.startswith("{") or broken[-1:] not in '}]"' or len(broken) > LONGEST_MENDED:
        return None
    try:
        mended = json.dumps(json_repair.loads(broken, skip_json_loads=True), ensure_ascii=False)
        found = json.loads(mended, object_pairs_hook=_storable)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and letters(mended) >= LEAST_KEPT * letters(broken) else None


def letters(text: str) -> int:
    """Count the letters and digits of JSON text, whatever it escapes."""
    return sum(letter.isalnum() for letter in ESCAPES.sub("", text))


def _as_object(found: Any, schema: Schema | None) -> dict[str, Any] | None:
    if isinstance(found, dict):
        return found
    properties = (schema or {}).get("properties", {})
    if isinstance(found, list) and len(properties) == 1:
        name, part = next(iter(properties.items()))
        return {name: found} if part.get("type") == "array" else None
    return None


def unwrap(reply: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return the object that a reply wraps under a single name of its own (``{"card": {...}}``), else the reply."""
    properties = schema.get("properties", {})
    if len(reply) == 1 and properties:
        name, inner = next(iter(reply.items()))
        if name not in properties and isinstance(inner, dict) and properties.keys() & inner.keys():
            return inner
    return reply


def without_extras(value: Any, schema: Schema) -> Any:
    """Return ``value`` without the properties that its schema does not name."""
    if isinstance(value, dict) and (properties := schema.get("properties")):
        return {name: without_extras(part, properties[name]) for name, part in value.items() if name in properties}
    if isinstance(value, list) and "items" in schema:
        return [without_extras(part, schema["items"]) for part in value]
    return value


def _storable(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Free the strings of an object of what JSON can escape and no database column takes."""
    return {storable(name): _storable_value(value) for name, value in pairs}


def _storable_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_storable_value(part) for part in value]
    return storable(value) if isinstance(value, str) else value


def find_faults(value: Any, schema: Schema, place: str) -> Iterator[str]:
    """Yield what does not fit. Knows what our shapes use of JSON Schema: types, required, items, enum, and bounds."""
    here = place or "it"
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if kinds and not any(_is_of(value, kind) for kind in kinds):
        yield f"{here} is not of the type {' or '.join(kinds)}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{here} is none of {', '.join(str(choice) for choice in schema['enum'])}"
    elif isinstance(value, str):
        if len(value.strip()) < schema.get("minLength", 0):
            yield f"{here} is empty" if not value.strip() else f"{here} is too short"
    elif isinstance(value, list):
        yield from _find_list_faults(value, schema, place)
    elif isinstance(value, dict):
        yield from _find_object_faults(value, schema, place)
    elif _is_of(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{here} is out of bounds"


def _is_of(value: Any, kind: str) -> bool:
    """Say whether a value is of a JSON type; true and false are no numbers."""
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _find_list_faults(value: list[Any], schema: Schema, place: str) -> Iterator[str]:
    here = place or "it"
    if len(value) < schema.get("minItems", 0):
        yield f"{here} has {len(value)} parts, fewer than {schema['minItems']}"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{here} has {len(value)} parts, more than {schema['maxItems']}"
    for index, part in enumerate(value):
        yield from find_faults(part, schema.get("items", {}), f"{place}[{index}]")


def _find_object_faults(value: Mapping[str, Any], schema: Schema, place: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        inner = f"{place}.{name}" if place else name
        if name in value:
            yield from find_faults(value[name], part, inner)
        elif name in required:
            yield f"{inner} is missing"
