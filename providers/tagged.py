"""Tagged sections: an answer as plain text behind tags, for models that cannot keep JSON apart from its content. Pure.

    #NAME#                      a property
    #TAGS.1#                    the first part of a list
    #ENTRIES.2.KEYS.1#          and so on inwards

The idea is ST-CardGen's; tags with numbers carry lists and objects within them as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

SECTION = re.compile(r"^[ \t]*[*_`>]*#+[ \t]*(/?[A-Za-z][A-Za-z0-9_.]*)[ \t]*#[*_`]*:?[ \t]*(.*)$", re.MULTILINE)
BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
LONGEST_PART = 100  # characters of a line that may be a part of a list, or hold several
NOTHING = {"", "(none)", "none", "(empty)", "n/a", "null"}
RULES = (
    "Answer in tagged sections, and with nothing else: each tag on a line of its own, as it stands here, and its text"
    " below it. Part 2 of a list has the same tags with 2 instead of 1, and so on. Of a list that is to be empty, write"
    " the tag without the number, and (none) below it."
)


def instruction(schema: Mapping[str, Any]) -> str:
    """Return what to tell a model: the rules, and every tag with what belongs below it."""
    return "\n".join([RULES, "", *_lines(schema, "")])


def _lines(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    kind = _kind(schema)
    if kind == "object":
        for name, part in schema.get("properties", {}).items():
            yield from _lines(part, f"{path}.{name}".strip("."))
    elif kind == "array":
        yield from _lines(schema.get("items", {}), f"{path}.1")
    else:
        yield f"#{path.upper()}#"
        yield _describe(schema, kind)


def _describe(schema: Mapping[str, Any], kind: str) -> str:
    if "enum" in schema:
        return f"(one of: {', '.join(str(value) for value in schema['enum'])})"
    return {"boolean": "(true or false)", "integer": "(a whole number)", "number": "(a number)"}.get(kind, "(text)")


def read(text: str, schema: Mapping[str, Any]) -> str:
    """Return the JSON text of tagged sections; an empty one if there are none that the schema knows."""
    root: dict[str, Any] = {}
    for path, said in _sections(text, schema):
        _place(root, path, said)
    return json.dumps(_value(root, schema), ensure_ascii=False) if root else ""


def _sections(text: str, schema: Mapping[str, Any]) -> Iterator[tuple[list[str], str]]:
    """Yield the path of each section and its text. What looks like a tag but names nothing is text."""
    found = [match for match in SECTION.finditer(text) if _is_tag(match[1], schema)]
    for n, match in enumerate(found):
        end = found[n + 1].start() if n + 1 < len(found) else len(text)
        if not match[1].startswith("/"):
            yield match[1].lower().split("."), f"{match[2]}\n{text[match.end() : end]}".strip()


def _is_tag(tag: str, schema: Mapping[str, Any]) -> bool:
    """Say whether a tag leads to a value of the schema, or ends one."""
    if tag.lower() in {"/end", "end"}:
        return True
    part: Mapping[str, Any] | None = schema
    for step in tag.lower().removeprefix("/").split("."):
        part = _step(part, step) if part is not None else None
    return part is not None


def _step(schema: Mapping[str, Any], step: str) -> Mapping[str, Any] | None:
    """Return the schema one step inwards; a list without a number is taken for its only part."""
    if _kind(schema) == "array":
        items: Mapping[str, Any] = schema.get("items", {})
        return items if step.isdecimal() else _step(items, step)
    properties = {name.lower(): part for name, part in schema.get("properties", {}).items()}
    return properties.get(step) if _kind(schema) == "object" else None


def _place(root: dict[str, Any], path: list[str], said: str) -> None:
    """Put a text to its place in a tree of steps; what stands there already stays."""
    place = root
    for step in path[:-1]:
        inner = place.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = place[step] = {"": inner}
        place = inner
    place.setdefault(path[-1], said)


def _value(tree: Any, schema: Mapping[str, Any]) -> Any:
    """Return the value that a tree of texts is by its schema; what does not fit stays as it is, to be named later."""
    kind = _kind(schema)
    if kind == "object" and isinstance(tree, dict):
        known = schema.get("properties", {})
        return {name: _value(tree[name.lower()], part) for name, part in known.items() if name.lower() in tree}
    if kind == "array":
        return _list(tree, schema.get("items", {}))
    if isinstance(tree, dict):
        tree = tree.get("", "")
    return _scalar(str(tree).strip(), schema, kind)


def _list(tree: Any, items: Mapping[str, Any]) -> list[Any]:
    if isinstance(tree, str):
        return [_value(part, items) for part in _parts(tree)]
    numbered = sorted((step for step in tree if step.isdecimal()), key=int)
    if not numbered:
        return [_value(tree, items)] if set(tree) - {""} else []
    parts = [tree[step] for step in numbered]
    return [_value(part, items) for part in parts if not isinstance(part, str) or part.lower() not in NOTHING]


def _parts(text: str) -> list[str]:
    """Return the parts of a list that was written below one tag: a line each, or set apart by commas.

    Lines of running text are no list: they are one part.
    """
    if text.strip().lower() in NOTHING:
        return []
    lines = [line for line in text.splitlines() if line.strip()]
    if all(BULLET.match(line) for line in lines):
        return [BULLET.sub("", line).strip() for line in lines]
    if any(len(line) > LONGEST_PART for line in lines) or "\n\n" in text:
        return [text]
    parts = lines[0].split(",") if len(lines) == 1 else lines
    return [part.strip() for part in parts if part.strip()]


def _scalar(text: str, schema: Mapping[str, Any], kind: str) -> Any:
    if "null" in _kinds(schema) and text.lower() in NOTHING:
        return None
    if "enum" in schema:
        return next((value for value in schema["enum"] if str(value).lower() == text.lower().rstrip(".")), text)
    if kind == "boolean":
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower().rstrip("."), text)
    if kind in {"integer", "number"}:
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            return text
    return "" if text.lower() in {"(none)", "(empty)"} else text


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the type of a schema, the one that is not null."""
    return next((kind for kind in _kinds(schema) if kind != "null"), "string")


def _kinds(schema: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    return (kinds,) if isinstance(kinds, str) else tuple(kinds)
