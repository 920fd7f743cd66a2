"""Writing the fields of a card: all at one go, or planned and in stages, each of which knows what is written so far.

staged   plan -> core (name, description, ...) -> greetings -> example dialogue
one      everything
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from providers.base import Prompt, Sampling
from tasks import prompts
from tasks.question import Answer
from tasks.work import Work
from tasks.writing import brief as briefs
from tasks.writing.brief import Brief
from tasks.writing.shapes import CORE, EXAMPLES, FIELDS, GREETINGS, PLAN, fields_of

MOST_SEEDS = 2**31  # the option goes up to one less, and so do servers
STAGES: Mapping[str, Sequence[str]] = {
    "write_core": CORE,
    "write_greetings": GREETINGS,
    "write_examples": EXAMPLES,
}


@dataclass
class Draft:
    """The fields as they are written. ``asked`` are the digests of the prompts, ``model`` who answered last."""

    fields: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    model: str = ""

    def take(self, answer: Answer) -> None:
        """Add the fields of an answer."""
        self.fields |= answer.value
        self.note(answer)

    def note(self, answer: Answer) -> None:
        """Note who answered what."""
        self.asked.append(answer.prompt.sha256)
        self.model = answer.completion.model


def write(work: Work, brief: Brief, index: int) -> Draft:
    """Return the fields of a card; ``index`` tells the variants of one card apart."""
    draft = Draft({**(brief.card or {}), **({"name": brief.name} if brief.name else {})})
    wanted = wanted_fields(work, brief)
    if not wanted:  # all of an existing card stays: it may be given here for a lorebook only
        return draft
    sampling = sampling_of(work, index)
    if work.provider.whole or work.option("passes") == "one":
        work.show(0.3, "writing the card")
        draft.take(work.ask_for(stage_prompt(work, brief, "write_card", wanted, draft, ""), sampling, index))
        return draft
    plan = ""
    if work.option("plan"):
        work.show(0.3, "planning the character")
        answer = work.ask_for(plan_prompt(work, brief), sampling, index)
        draft.note(answer)
        plan = listed(answer.value)
    for number, (purpose, group) in enumerate(STAGES.items(), start=1):
        names = [name for name in wanted if name in group]
        if names:
            work.show(0.3 + 0.1 * number, f"writing {', '.join(names[:3])}")
            draft.take(work.ask_for(stage_prompt(work, brief, purpose, names, draft, plan), sampling, index))
    return draft


def sampling_of(work: Work, index: int) -> Sampling:
    """Return how to ask for a variant: one that has a seed gets another for each."""
    sampling = work.sampling()
    return sampling if sampling.seed is None else replace(sampling, seed=(sampling.seed + index) % MOST_SEEDS)


def wanted_fields(work: Work, brief: Brief) -> list[str]:
    """Return the fields to be written: what the options ask for, without what stays as it is or is known."""
    off = {name for name in ("system_prompt", "post_history_instructions") if not work.option(name)}
    if not int(work.option("alternate_greetings") or 0):
        off.add("alternate_greetings")
    if not int(work.option("group_greetings") or 0):
        off.add("group_only_greetings")
    if brief.name:
        off.add("name")
    return [name for name in FIELDS if name not in off and name not in brief.kept]


def plan_prompt(work: Work, brief: Brief) -> Prompt:
    """Return the question for the private plan of a character."""
    openings = briefs.counts(work.option)["greetings"] + 1
    slots = {
        "wishes": wishes(work, brief, greetings=False),
        "source": brief.source,
        "openings": openings,
        "existing": existing(brief),
    }
    return prompts.render(work.claim.prompts, "plan_card", slots, PLAN, {"source": brief.given})


def stage_prompt(work: Work, brief: Brief, purpose: str, names: Sequence[str], draft: Draft, plan: str) -> Prompt:
    """Return the question for some fields of a card, with what is written of it so far."""
    templates = work.claim.prompts
    written = {} if purpose in ("write_card", "write_core") else draft.fields
    slots = {
        "fields": briefs.field_rules(templates, work.option, names),
        "wishes": wishes(work, brief, greetings=purpose != "write_core"),
        "source": brief.source,
        "plan": f"\nThe plan of the character, for you alone:\n{plan}\n" if plan else "",
        "written": f"\nWhat is written of the card so far:\n{shown(written)}\n" if written else "",
        "existing": existing(brief) if purpose in ("write_card", "write_core") else "",
        **first_slots(work, brief),
    }
    return prompts.render(templates, purpose, slots, fields_of(names), inputs_of(work, brief, draft))


def first_slots(work: Work, brief: Brief) -> dict[str, Any]:
    """Return the slots of the default profile's first version alone: its jobs may still wait, or be retried."""
    name = prompts.fill(work.claim.prompts, "say_name", {"value": brief.name}) if brief.name else ""
    return {"name_rule": f" {name}".rstrip(), "greetings": briefs.counts(work.option)["greetings"]}


def inputs_of(work: Work, brief: Brief, draft: Draft) -> dict[str, Any]:
    """Return what a writer that is no language model writes from."""
    counts = briefs.counts(work.option)
    return {
        "source": brief.given,
        "name": brief.name or None,
        "greetings": counts["greetings"],
        "group_greetings": counts["group_greetings"],
        "example_blocks": counts["example_blocks"],
        "tag_count": counts["tag_count"],
        "card": dict(brief.card or draft.fields) or None,
        "keep": sorted(brief.kept),
        "instruction": work.option("instructions") or "",
    }


def wishes(work: Work, brief: Brief, *, greetings: bool = True) -> str:
    """Return the lines that say what was asked for."""
    return briefs.wishes(work.claim.prompts, work.option, brief, greetings=greetings)


def existing(brief: Brief) -> str:
    """Return the existing card for a prompt; empty when there is none."""
    return f"\nThe card exists. Keep what is good of it:\n{shown(brief.card)}\n" if brief.card else ""


def shown(fields: Mapping[str, Any]) -> str:
    """Return fields as JSON, those without a text left out."""
    return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False, indent=1)


def listed(plan: Mapping[str, Any]) -> str:
    """Return a plan as lines."""
    return "\n".join(f"- {name}: {_text(value)}" for name, value in plan.items())


def _text(value: Any) -> str:
    return "; ".join(_strings(value)) if isinstance(value, list) else str(value)


def _strings(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]
