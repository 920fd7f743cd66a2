"""The data files of the offline writer: cue words by language, and templates by language."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

Table = dict[str, Any]


@cache
def cues() -> Table:
    """The whole of cues.toml."""
    return _table("cues.toml")


@cache
def words(section: str, key: str = "words") -> frozenset[str]:
    """A list of cues.toml as a set: ``words("traits")``, ``words("en", "description")``; empty where there is none."""
    return frozenset(str(cues().get(section, {}).get(key, "")).replace("_", " ").split())


@cache
def cue_pattern(code: str, topic: str) -> re.Pattern[str] | None:
    """What finds the cue words of ``topic`` in a text of language ``code``; None for languages without cues."""
    listed = str(cues().get(code, {}).get(topic, "")).split()
    if not listed:
        return None
    parts = [
        re.escape(word.rstrip("*")).replace("_", r"\s") + (r"\w*" if word.endswith("*") else "") for word in listed
    ]
    if code in {"ja", "zh", "ko"}:
        return re.compile("|".join(parts))
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


def is_section(over: str, kind: str) -> bool:
    """Whether a heading or label has a word that marks sections of ``kind`` (cues.toml, [sections])."""
    return not words("sections", kind).isdisjoint(re.findall(r"[^\W_]+", over.casefold()))


def count_cues(text: str, code: str, topic: str) -> int:
    """How many different cue words of ``topic`` stand in ``text``."""
    pattern = cue_pattern(code, topic)
    return len({match.lower() for match in pattern.findall(text)}) if pattern else 0


@cache
def templates(code: str) -> Table:
    """The templates for language ``code``; the wordless set for languages that have none."""
    known = files("providers.offline").joinpath("templates", f"{code}.toml")
    return _table(f"templates/{code}.toml" if known.is_file() else "templates/any.toml")


def _table(path: str) -> Table:
    return tomllib.loads(files("providers.offline").joinpath(*path.split("/")).read_text(encoding="utf-8"))
