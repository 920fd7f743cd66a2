"""The questions about lore: which subjects, the entries of a group of them, one entry again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cards.text import estimate_tokens
from providers.base import Prompt
from tasks import prompts
from tasks.lore.candidates import PREMISE, Candidate, shown
from tasks.lore.draft import Draft
from tasks.lore.passages import about, quoted, spread
from tasks.lore.shapes import ENTRIES, ENTRY, SUBJECTS
from tasks.lore.task import Task
from tasks.writing.card import fields_of
from tasks.writing.source import split

Templates = Mapping[str, str]
ALIASES = 4  # of a subject, that a prompt tells
OTHERS = 60  # subjects with entries of their own, that a prompt tells


def entries_prompt(
    templates: Templates, task: Task, group: Sequence[Candidate], everybody: Sequence[Candidate]
) -> Prompt:
    """Return the question for the entries of a group of subjects; ``everybody`` are all that get an entry."""
    others = [one.name for one in everybody if one not in group and not one.premise][:OTHERS]
    card = _card(templates, task)
    listed = "\n".join(_line(templates, one) for one in group)
    source = _source(task, group, (card, listed, task.wishes, " ".join(others)))
    slots = {
        "source": source,
        "name": _name(task),
        "card": card,
        "candidates": listed or "- (whatever it names)",
        "max_entries": len(group) or task.left,
        "words": task.words,
        "categories": ", ".join(task.categories),
        "others": ", ".join(others) or "(none)",
        "wishes": task.wishes,
    }
    inputs = {
        "source": task.source,
        "card": fields_of(task.card),
        "candidates": [one.name for one in group],
        "max_entries": len(group) if not task.whole else task.left,
    }
    return prompts.render(templates, "write_entries", slots, ENTRIES, inputs)


def subjects_prompt(templates: Templates, task: Task, known: Sequence[str], most: int) -> Prompt:
    """Return the question for further subjects, beside those that are known."""
    card = _card(templates, task)
    room = task.room((card, task.wishes, " ".join(known)))
    slots = {
        "source": quoted(task.source, spread(task.source, room)),
        "name": _name(task),
        "card": card,
        "known": ", ".join(known) or "(none)",
        "most": most,
        "categories": ", ".join(task.categories),
        "wishes": task.wishes,
    }
    return prompts.render(templates, "propose_subjects", slots, SUBJECTS, {"source": task.source, "known": list(known)})


def repair_prompt(templates: Templates, task: Task, draft: Draft, problems: Sequence[str]) -> Prompt:
    """Return the question for one entry again, with what is wrong with it."""
    entry = json.dumps(draft.told(), ensure_ascii=False, indent=2)
    listed = "\n".join(f"- {problem}" for problem in problems)
    card = _card(templates, task)
    slots = {
        "source": _source(task, [draft.subject], (card, entry, listed, task.wishes)),
        "name": _name(task),
        "card": card,
        "entry": entry,
        "problems": listed,
        "words": task.words,
        "wishes": task.wishes,
    }
    return prompts.render(templates, "repair_entry", slots, ENTRY, {"source": task.source, "entry": draft.told()})


def _name(task: Task) -> str:
    """Return whom the book is for; where it is for all of a batch, nobody's name may tell the questions apart."""
    return "its characters" if task.shared else task.card.name


def _source(task: Task, group: Sequence[Candidate], beside: Sequence[str]) -> str:
    premise = any(one.premise for one in group)
    spans = about(task.source, [one.spans for one in group], task.room(beside), opening=premise or not group)
    return quoted(task.source, spans)


def _card(templates: Templates, task: Task) -> str:
    """Return what the card says already, as far as there is room for it; of a shared book only that it is shared."""
    if task.shared:
        return prompts.fill(templates, "entry_shared", {})
    texts = shown(task.card)
    told = "\n\n".join(texts[field] for field in ("description", "personality", "scenario") if field in texts)
    if not told:
        return ""
    room = task.card_room()
    if estimate_tokens(told) > room:
        told = told[slice(*split(told, room)[0])]
    return prompts.fill(templates, "entry_card", {"name": task.card.name, "card": told})


def _line(templates: Templates, one: Candidate) -> str:
    """Return a subject as the prompt lists it, with what else it is called."""
    if one.premise:
        return "- " + prompts.fill(templates, "entry_premise", {"premise": PREMISE})
    also = f" (also: {', '.join(one.aliases[:ALIASES])})" if one.aliases else ""
    return f"- {one.name}{also}"


def further(asked: Any, most: int) -> list[dict[str, str]]:
    """Return the subjects of an answer, without those that cannot be names."""
    found = [{"name": " ".join(one["name"].split()), "category": one["category"]} for one in asked["subjects"]]
    return [one for one in found if 0 < len(one["name"]) <= 60][:most]
