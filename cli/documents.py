"""Profiles as files to edit: YAML or JSON, with the id and version that they are of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.catalogue import known
from cli.ends import Refused

PARTS = ("name", "description", "config", "prompts")
HEAD = """\
# A profile of Cardforge (docs/profiles.md). What you take out is as in the default profile from then on.
# To store it: cardforge profiles push {name}
"""
VERSION = {
    "yaml": re.compile(r"^(version:[ \t]*)\d+", re.MULTILINE),
    "json": re.compile(r'^(  "version":[ \t]*)\d+', re.MULTILINE),
}


@dataclass(frozen=True)
class Document:
    """What a file says: ``body`` as the API takes it; of which profile and version, None for a new one."""

    body: dict[str, Any]
    profile_id: str | None = None
    version: int | None = None


def kind_of(path: Path) -> str:
    """``json`` or ``yaml``, by the name of a file."""
    return "json" if path.suffix.lower() == ".json" else "yaml"


def body_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """What can be edited of a profile, in the order in which people look for it."""
    parts = {name: profile[name] for name in PARTS[:2]}
    return {**parts, "config": ordered(profile["config"]), "prompts": dict(sorted(profile["prompts"].items()))}


def ordered(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config in the order of the catalogue, then what is no option."""
    order = {option["name"]: place for place, option in enumerate(known())}
    return dict(sorted(config.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def write(path: Path, profile: Mapping[str, Any]) -> None:
    """Write a profile to a file."""
    path.write_bytes(render(profile, kind_of(path), path.name))


def render(profile: Mapping[str, Any], kind: str, name: str = "FILE") -> bytes:
    """A profile as the bytes of a file."""
    from cards.parse import write_yaml  # noqa: PLC0415 - other commands start faster without it

    whole = {"id": profile["id"], "version": profile["version"], **body_of(profile)}
    if kind == "json":
        return (json.dumps(whole, ensure_ascii=False, indent=2) + "\n").encode()
    return HEAD.format(name=name).encode() + write_yaml(whole)


def read(path: Path) -> Document:
    """What a file says. Raises `Refused` with its place where it cannot be read."""
    from cards.errors import CardError  # noqa: PLC0415
    from cards.parse import parse_json, parse_yaml  # noqa: PLC0415

    try:
        content = path.read_bytes()
        value = parse_json(content) if kind_of(path) == "json" else parse_yaml(content)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}.") from None
    except CardError as error:
        raise Refused(f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise Refused(f"{path}: this is no profile: it has to have name, config and prompts.")
    if strange := [name for name in value if name not in {*PARTS, "id", "version"}]:
        raise Refused(f"{path}: a profile has no {', '.join(map(str, strange))}; it has {', '.join(PARTS)}.")
    version = value.get("version")
    if value.get("id") and (not isinstance(version, int) or isinstance(version, bool)):
        raise Refused(f"{path}: version says which version this was made of: a number, as `profiles pull` wrote it.")
    body = {name: value[name] for name in PARTS if value.get(name) is not None}
    return Document(body, value.get("id"), version if value.get("id") else None)


def note(path: Path, profile: Mapping[str, Any]) -> None:
    """Note in a file of which profile and version it is now; comments and all else stay."""
    kind, text = kind_of(path), path.read_text("utf-8-sig")
    fresh, times = VERSION[kind].subn(rf"\g<1>{profile['version']}", text, count=1)
    if times and read(path).profile_id:
        path.write_text(fresh, "utf-8")
    elif kind == "yaml":
        path.write_text(f"id: {profile['id']}\nversion: {profile['version']}\n{text}", "utf-8")
    else:
        write(path, profile)
