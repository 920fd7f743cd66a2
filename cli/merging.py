"""Two edits of one thing beside each other: what was, theirs and mine, field by field. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MISSING = object()
LONG = 60  # letters of a value that stands on one line


@dataclass(frozen=True)
class Change:
    """One field where theirs and mine are not the same. A side that has no such field: `MISSING`."""

    path: tuple[str, ...]
    was: Any
    theirs: Any
    mine: Any

    @property
    def by(self) -> str:
        """Who changed it: ``you``, ``them`` or ``both``."""
        if same(self.mine, self.was):
            return "them"
        return "you" if same(self.theirs, self.was) else "both"

    @property
    def is_conflict(self) -> bool:
        """Whether one of both edits has to give way here."""
        return self.by == "both"


def same(one: Any, other: Any) -> bool:
    """Whether two values are one: true is not 1."""
    return type(one) is type(other) and bool(one == other)


def compare(was: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> list[Change]:
    """The fields where theirs and mine are not the same, in the order of ``theirs``, then of the others."""
    sides = [dict(leaves(side)) for side in (was, theirs, mine)]
    paths = dict.fromkeys(path for side in (sides[1], sides[2], sides[0]) for path in side)
    found = [Change(path, *(side.get(path, MISSING) for side in sides)) for path in paths]
    return [change for change in found if not same(change.theirs, change.mine)]


def leaves(value: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values inside of objects, each with its path; lists and empty objects are values."""
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from leaves(inner, (*path, name))
        else:
            yield (*path, name), inner


def merge(theirs: Mapping[str, Any], changes: list[Change]) -> dict[str, Any]:
    """``theirs`` with my changes: both edits where they do not meet, mine where they do."""
    merged = json.loads(json.dumps(theirs))
    for change in changes:
        if change.by == "them":
            continue
        *folders, last = change.path
        place = merged
        for name in folders:
            inner = place.get(name)
            place[name] = inner if isinstance(inner, dict) else {}
            place = place[name]
        if change.mine is MISSING:
            place.pop(last, None)
        else:
            place[last] = change.mine
    return dict(merged)


def told(change: Change) -> Iterator[str]:
    """A change in lines: short values beside each other, long texts as differences."""
    yield f"{'.'.join(change.path)}  (changed by {change.by})"
    values = {"was": change.was, "theirs": change.theirs, "yours": change.mine}
    if all(len(written(value)) <= LONG and "\n" not in written(value) for value in values.values()):
        yield from (f"  {name:<7} {written(value)}" for name, value in values.items())
        return
    for name in ("theirs", "yours"):
        if not same(values[name], change.was):
            yield f"  {name}:"
            yield from (f"    {line}" for line in differences(written(change.was), written(values[name])))


def differences(before: str, after: str) -> Iterator[str]:
    """Lines taken out (-) and put in (+), with two lines around them."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return (line for line in found if not line.startswith(("---", "+++")))


def written(value: Any) -> str:
    """A value for people."""
    if value is MISSING:
        return "(not there)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
