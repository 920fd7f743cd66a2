"""An entry as it was written, before rules decide its keys, order and strategy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cards.text import estimate_tokens
from tasks.lore.candidates import PREMISE, Candidate
from tasks.lore.same import Named, core, same, short_for


@dataclass(frozen=True)
class Draft:
    """What a writer said of a subject. ``keys`` are what it proposes; ``premise``: it says what the world is."""

    subject: Candidate
    name: str
    content: str
    keys: tuple[str, ...] = ()
    category: str = "thing"
    premise: bool = False

    @property
    def tokens(self) -> int:
        """About how many tokens its text has."""
        return estimate_tokens(self.content)

    def told(self) -> dict[str, Any]:
        """The entry in the shape that writers know."""
        return {"name": self.name, "content": self.content, "keys": list(self.keys), "category": self.category}


def read_drafts(
    written: Iterable[Mapping[str, Any]], group: Sequence[Candidate]
) -> tuple[list[Draft], list[Candidate], list[dict[str, Any]]]:
    """Return the entries of an answer by the subjects asked for; the subjects without one; entries that are of none.

    Of two entries for one subject the longer counts.
    """
    found: dict[str, Draft] = {}
    strange: list[dict[str, Any]] = []
    for entry in written:
        subject = subject_of(entry, group)
        if subject is None:
            strange.append(dict(entry))
            continue
        draft = draft_of(entry, subject)
        if subject.name not in found or found[subject.name].tokens < draft.tokens:
            found[subject.name] = draft
    missing = [one for one in group if one.name not in found]
    return [found[one.name] for one in group if one.name in found], missing, strange


def draft_of(entry: Mapping[str, Any], subject: Candidate) -> Draft:
    """Return an entry of an answer as a draft; its name is that of the subject, not what the writer made of it."""
    premise = subject.premise or bool(entry.get("constant"))
    name = PREMISE if subject.premise else subject.name or " ".join(entry["name"].split())
    keys = tuple(dict.fromkeys(" ".join(key.split()) for key in entry["keys"] if key.strip()))
    category = "world" if subject.premise else entry["category"]
    return Draft(subject, name, entry["content"].strip(), keys, category, premise)


def subject_of(entry: Mapping[str, Any], group: Sequence[Candidate]) -> Candidate | None:
    """Return which of the subjects an entry is about, by its name, else by the keys it proposes."""
    name = " ".join(entry["name"].split())
    named = Named(name, kind="unknown")
    exact = next((one for one in group if core(one.name) == core(name)), None)
    if exact is not None:
        return exact
    premise = next((one for one in group if one.premise), None)
    if premise and (entry.get("constant") or PREMISE.casefold() in core(name)):
        return premise
    plain = [one for one in group if not one.premise]
    for one in plain:
        if same(one, named) or short_for(name, one.name) or short_for(one.name, name):
            return one
    keys = {core(key) for key in entry["keys"]}
    return next((one for one in plain if core(one.name) in keys), None)
