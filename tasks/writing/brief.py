"""What the writer is told: the wishes of the request as lines, the rules of each field, the source. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cards.rules import LIMITS
from tasks import prompts

Option = Callable[[str], Any]

# Options that the writer is told about in a line each, in the words of the profile: `say_<option>`, and for those with
# a choice `say_<option>_<choice>`.
SAID = (
    *("language", "genre", "tone", "setting", "user_role", "avoid", "instructions"),
    *("rating", "grounding", "point_of_view", "tense"),
)
OF_GREETINGS = {"point_of_view", "tense"}  # what says nothing to those who write no greetings
CHOICES = {"rating", "grounding", "point_of_view", "tense"}


@dataclass(frozen=True)
class Brief:
    """What a card is written from.

    ``source`` is the text that goes into the prompts: all of it, or facts and passages where it is too long;
    ``given`` the caller's text as a whole. ``role`` is what the roster of a batch says of this character; ``card``
    the existing card as a table of fields. ``kept`` are fields that stay as they are.
    """

    source: str
    given: str
    name: str = ""
    role: str = ""
    others: tuple[str, ...] = ()
    card: Mapping[str, Any] | None = None
    kept: frozenset[str] = frozenset()
    facts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def wishes(templates: Mapping[str, str], option: Option, brief: Brief, *, greetings: bool = True) -> str:
    """Return the lines that tell the writer what was asked for, in the profile's words.

    ``greetings``: whether greetings or the like are written.
    """
    lines = []
    if brief.name:
        lines.append(prompts.fill(templates, "say_name", {"value": brief.name}))
    elif not brief.others:
        lines.append(prompts.fill(templates, "say_main", {}))
    if brief.role:
        lines.append(prompts.fill(templates, "say_role", {"value": brief.role}))
    if brief.others:
        lines.append(prompts.fill(templates, "say_others", {"value": ", ".join(brief.others)}))
    for name in SAID:
        value = option(name)
        if value and (greetings or name not in OF_GREETINGS):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            template = f"say_{name}_{value}" if name in CHOICES else f"say_{name}"
            lines.append(prompts.fill(templates, template, {} if name in CHOICES else {"value": text}))
    if style := prompts.fill(templates, "style", {}):
        lines.append(style)
    return "\n".join(f"- {line}" for line in lines)


def field_rules(templates: Mapping[str, str], option: Option, names: Iterable[str]) -> str:
    """Return one line for each field that is asked for, in the profile's words (`field_<name>`)."""
    format_ = prompts.fill(templates, f"format_{option('description_format') or 'prose'}", {})
    slots = {**lengths(option), **counts(option), "description_format": format_}
    return "\n".join(f"- {name}: {prompts.fill(templates, f'field_{name}', slots)}" for name in names)


def lengths(option: Option) -> dict[str, str]:
    """Return how many words each field is to have, as the prompts say it: "120 to 190", or "about 200"."""
    preset = option("length")
    ranges = option("words") if preset in (None, "any") else LIMITS["lengths"][preset]
    wanted = {"description": "description_words", "personality": "personality_words", "scenario": "scenario_words"}
    found = {f"{name}_words": _about(option(by), ranges[name]) for name, by in wanted.items()}
    return {**found, "greeting_words": _about(option("greeting_words"), ranges["first_mes"])}


def _about(asked: int | None, between: list[int]) -> str:
    return f"about {asked}" if asked else f"{between[0]} to {between[1]}"


def counts(option: Option) -> dict[str, Any]:
    """Return the counts that the prompts name."""
    ideas = option("greeting_ideas") or []
    return {
        "greetings": int(option("alternate_greetings") or 0),
        "group_greetings": int(option("group_greetings") or 0),
        "example_blocks": int(option("example_blocks") or 2),
        "tag_count": int(option("tag_count") or 10),
        "ideas": f" They start, in this order, so: {'; '.join(ideas)}." if ideas else "",
    }
