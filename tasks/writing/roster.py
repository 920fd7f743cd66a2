"""The roster: cards of one batch from one source are different characters, planned together before any is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cards.card import Card
from cards.rules import LIMITS, batch
from providers.base import Prompt
from tasks import prompts
from tasks.work import Work
from tasks.writing.shapes import ROSTER

MOST_MEMBERS = 100  # that one answer has room for; further cards of the same source have no place


@dataclass(frozen=True)
class Place:
    """A character's place in the roster, and the names of the others."""

    name: str
    role: str
    others: tuple[str, ...]


def mark(requests: Sequence[dict[str, Any]]) -> None:
    """Mark the requests of a batch that share a source: ``roster = {key, place, size, taken}``, place from 0.

    Not those that say who the character is (by a name or a card), nor those that want no roster. ``taken`` are the
    names that others of the batch ask for.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    taken: dict[str, list[str]] = {}
    for request in requests:
        options = request.get("options") or {}
        key = hashlib.sha256(request["source_material"].encode()).hexdigest()
        if options.get("name"):
            taken.setdefault(key, []).append(options["name"])
        elif not request.get("character_card") and options.get("roster") != "never":
            groups.setdefault(key, []).append(request)
    for key, group in groups.items():
        names = list(dict.fromkeys(taken.get(key, ())))[:MOST_MEMBERS]
        for place, request in enumerate(group if len(group) > 1 else ()):
            request["roster"] = {"key": key[:16], "place": place, "size": len(group), "taken": names}


def find_place(work: Work, source: str, facts: str) -> Place | None:
    """Return who of the source this job's card is about; None when that is not shared with others.

    A source with fewer characters than cards gives None to the last of them, with a line in the log.
    """
    marked = work.claim.request.get("roster")
    if not marked or work.option("roster") == "never":
        return None
    size, place = int(marked["size"]), int(marked["place"])
    taken = tuple(marked.get("taken") or ())
    members = _ask(work, source, facts, min(size, MOST_MEMBERS), taken, str(marked["key"]))
    names = (*taken, *(member["name"] for member in members))
    if place >= len(members):
        work.log("warning", f"The source gives {len(members)} characters for {size} cards.", names=list(names))
        return Place("", "", names)
    member = members[place]
    others = tuple(name for name in names if name != member["name"])
    said = (str(member[part]).strip().rstrip(".") for part in ("role", "hook"))
    return Place(member["name"], " ".join(f"{part}." for part in said if part), others)


def _ask(work: Work, source: str, facts: str, size: int, taken: Sequence[str], name: str) -> list[dict[str, Any]]:
    """Ask for the roster, and once more if names are missing or too alike; one job of the batch asks for all.

    A batch has one roster of a source, ``name``, whatever the options of its items: else two could be one character.
    """
    problem = f"\nNot these, who have cards already: {', '.join(taken)}." if taken else ""
    prompt = replace(roster_prompt(work.claim.prompts, source, facts, size, problem), name=name)
    answer = work.ask_for(prompt, work.sampling(analysis=True), 0, shared=True)
    members = distinct(answer.value["characters"], taken)
    if len(members) < size and not work.provider.whole:
        problem += f"\nNot enough: only {len(members)} of {size} had names of their own. Name others as well."
        prompt = replace(roster_prompt(work.claim.prompts, source, facts, size, problem), name=name)
        more = work.ask_for(prompt, work.sampling(analysis=True), 1, shared=True).value["characters"]
        members = distinct([*members, *more], taken)
    return members[:size]


def roster_prompt(templates: Mapping[str, str], source: str, facts: str, size: int, problem: str) -> Prompt:
    """Return the question for who the cards of a batch are about."""
    slots = {"source": source, "facts": facts, "size": size, "problem": problem}
    return prompts.render(templates, "plan_roster", slots, ROSTER, {"source": source, "size": size})


def distinct(members: Sequence[Mapping[str, Any]], taken: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the members without those whose name another one before has, or nearly has (S01), or that is taken."""
    kept: list[dict[str, Any]] = []
    for member in members:
        name = " ".join(str(member["name"]).split())
        if name and not any(_alike(other, name) for other in (*taken, *(one["name"] for one in kept))):
            kept.append({**member, "name": name})
    return kept


def _alike(one: str, other: str) -> bool:
    pair = batch.Batch(cards=(Card(name=one), Card(name=other)), limits=LIMITS)
    return any(fault.severity != "W" for fault in batch.names(pair))
