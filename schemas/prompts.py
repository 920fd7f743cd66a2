"""The catalogue of a profile's prompts: what each is for, and the placeholders that are filled in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

# Placeholders of everything that says what a field has to be.
COUNTS = (
    *("description_words", "personality_words", "scenario_words", "greeting_words", "description_format"),
    *("greetings", "group_greetings", "example_blocks", "tag_count", "ideas"),
)
STAGE = ("source", "wishes", "fields", "plan", "existing", "written")


@dataclass(frozen=True)
class PromptText:
    """One text of a profile. ``takes`` are its placeholders, ``needs`` those of them that it makes no sense without."""

    description: str
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The placeholders as people write them."""
        return ", ".join(f"${name}" for name in self.takes) or "none"


def usual_slots(name: str) -> set[str]:
    """Return the placeholders that the default profile's prompt of this name has."""
    return set(Template(_defaults()[name]).get_identifiers())


@cache
def _defaults() -> Mapping[str, str]:
    profile = resources.files("models").joinpath("builtin/default.json")
    prompts: Mapping[str, str] = json.loads(profile.read_text("utf-8"))["prompts"]
    return prompts


def _say(description: str) -> PromptText:
    return PromptText(description, ("value",))


def _field(name: str) -> PromptText:
    return PromptText(f"What the field {name} has to be.", COUNTS)


PROMPTS: Mapping[str, PromptText] = {
    "system": PromptText("System text of every question."),
    "style": PromptText("A wish of the profile itself: how all of it is to be written."),
    "ask_again": PromptText("Put behind an answer that cannot be used.", ("problems",)),
    "say_name": _say("Wish: the character's name."),
    "say_main": PromptText("Wish, where no name is asked for: whom the card is about."),
    "say_role": _say("Wish: who of a batch's roster the character is."),
    "say_others": _say("Wish: who of a batch's roster have cards of their own."),
    "say_language": _say("Wish: the option language."),
    "say_genre": _say("Wish: the option genre."),
    "say_tone": _say("Wish: the option tone."),
    "say_setting": _say("Wish: the option setting."),
    "say_user_role": _say("Wish: the option user_role."),
    "say_avoid": _say("Wish: the option avoid."),
    "say_instructions": _say("Wish: the option instructions."),
    "say_rating_sfw": PromptText("Wish: rating is sfw."),
    "say_rating_mature": PromptText("Wish: rating is mature."),
    "say_grounding_strict": PromptText("Wish: grounding is strict."),
    "say_grounding_free": PromptText("Wish: grounding is free."),
    "say_point_of_view_first": PromptText("Wish: point_of_view is first."),
    "say_point_of_view_second": PromptText("Wish: point_of_view is second."),
    "say_point_of_view_third": PromptText("Wish: point_of_view is third."),
    "say_tense_present": PromptText("Wish: tense is present."),
    "say_tense_past": PromptText("Wish: tense is past."),
    "field_name": _field("name"),
    "field_description": _field("description"),
    "field_personality": _field("personality"),
    "field_scenario": _field("scenario"),
    "field_tags": _field("tags"),
    "field_creator_notes": _field("creator_notes"),
    "field_system_prompt": _field("system_prompt"),
    "field_post_history_instructions": _field("post_history_instructions"),
    "field_first_mes": _field("first_mes"),
    "field_alternate_greetings": _field("alternate_greetings"),
    "field_group_only_greetings": _field("group_only_greetings"),
    "field_mes_example": _field("mes_example"),
    "format_prose": PromptText("Put for $description_format where description_format is prose."),
    "format_list": PromptText("Put for $description_format where description_format is list."),
    "format_attributes": PromptText("Put for $description_format where description_format is attributes."),
    "extract_facts": PromptText(
        "Question: the facts of one part of a source.", ("source", "part", "parts"), ("source",)
    ),
    "plan_roster": PromptText(
        "Question: whom the cards of a batch are about.", ("source", "facts", "size", "problem"), ("source",)
    ),
    "plan_card": PromptText(
        "Question: the private plan of a character.", ("source", "wishes", "openings", "existing"), ("source",)
    ),
    "write_card": PromptText("Question: all fields at one go (passes: one).", STAGE, ("source",)),
    "write_core": PromptText("Question: description, personality and what else lasts.", STAGE, ("source",)),
    "write_greetings": PromptText("Question: the greetings.", STAGE),
    "write_examples": PromptText("Question: the example dialogue.", STAGE),
    "repair_field": PromptText(
        "Question: a faulty field again.",
        ("source", "wishes", "written", "field", "current", "rule", "problems"),
        ("current",),
    ),
    "write_entries": PromptText(
        "Question: lorebook entries of some subjects.",
        ("source", "name", "card", "candidates", "max_entries", "words", "categories", "others", "wishes"),
        ("source", "candidates"),
    ),
    "entry_card": PromptText("Put for $card in questions about lore: what the card says.", ("name", "card")),
    "entry_shared": PromptText("Put for $card where several cards share the book."),
    "entry_premise": PromptText("The subject that tells of the world at large.", ("premise",)),
    "propose_subjects": PromptText(
        "Question: further subjects for a lorebook.",
        ("source", "name", "card", "known", "most", "categories", "wishes"),
        ("source",),
    ),
    "repair_entry": PromptText(
        "Question: a faulty entry again.",
        ("source", "name", "card", "entry", "problems", "words", "wishes"),
        ("entry",),
    ),
}
# Nothing is left in their place where these are empty; all others would leave a question or a line without its words.
MAY_BE_EMPTY = {"style", "format_prose", "format_list", "format_attributes", "entry_card", "entry_shared"}
