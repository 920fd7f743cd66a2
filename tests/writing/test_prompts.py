"""The catalogue of prompts: each of its placeholders is filled wherever the prompt is used, and no other is offered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cards.card import Card
from cards.lint import Finding
from models.services import profiles
from providers.base import BadOutput, Completion, Usage
from schemas.generations import CharacterCardSchema
from schemas.prompts import PROMPTS, usual_slots

SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry. Gull Rock is hers. Tam rows to her."
SPOKEN = {
    **{"language": "German", "genre": "noir", "tone": "wry", "setting": "the moon", "user_role": "her brother"},
    **{"avoid": ["spiders"], "instructions": "Let it rain.", "alternate_greetings": 2, "group_greetings": 1},
    **{"system_prompt": True, "post_history_instructions": True, "facts": "always", "constants": 1},
}
CHOSEN = [
    {"rating": "sfw", "grounding": "strict", "point_of_view": "first", "tense": "past", "passes": "one"},
    {"rating": "mature", "grounding": "free", "point_of_view": "second", "tense": "present"},
    {"point_of_view": "third", "description_format": "list"},
    {"name": "Ondine", "description_format": "attributes"},
]


class Noted(dict[str, str]):
    """Prompts that hold every placeholder that there is for them, and know which of them were looked at."""

    def __init__(self) -> None:
        super().__init__({name: " ".join(f"${slot}" for slot in text.takes) for name, text in PROMPTS.items()})
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.used.add(name)
        return super().__getitem__(name)


@pytest.mark.usefixtures("studio")
def test_every_placeholder_of_the_catalogue_is_filled() -> None:
    templates = Noted()
    for prompt in asked(templates):
        assert all("$" not in message["content"] for message in prompt.messages), prompt.purpose
    assert templates.used == set(PROMPTS)


def test_the_default_profile_has_every_prompt_and_no_other_placeholder() -> None:
    assert set(profiles.defaults()["prompts"]) == set(PROMPTS)
    for name, text in PROMPTS.items():
        assert set(text.needs) <= usual_slots(name) <= set(text.takes), name


def asked(templates: Mapping[str, str]) -> Iterator[Any]:
    """Every question that is made of a profile's prompts."""
    from tasks import preview
    from tasks.run import provider

    config = profiles.defaults()["config"]
    for chosen in CHOSEN:
        request = CharacterCardSchema().load({"source_material": SOURCE, "options": SPOKEN | chosen})
        work = preview.rehearsed(request, config, templates, provider(), datetime.now(UTC))
        yield from (prompt for prompt, _ in preview.questions(work))
    yield from asked_later(templates, work)
    yield from asked_of_lore(templates, work)


def asked_later(templates: Mapping[str, str], work: Any) -> Iterator[Any]:
    """The questions that a preview does not show, as they depend on answers and on other cards of the batch."""
    from tasks import question
    from tasks.writing import brief, draft, mend, roster

    yield roster.roster_prompt(templates, SOURCE, "", 2, "")
    told = brief.Brief(source=SOURCE, given=SOURCE, role="Keeper.", others=("Tam",))
    fault = Finding("C02", "E", "personality", "empty", "write it")
    prompt = mend.repair_prompt(work, told, draft.Draft({"personality": ""}), "personality", [fault])
    yield prompt
    unnamed = brief.Brief(source=SOURCE, given=SOURCE)
    yield mend.repair_prompt(work, unnamed, draft.Draft({"personality": ""}), "personality", [fault])
    wrong = Completion(text="?", model="m", finish_reason="stop", usage=Usage())
    yield question._asked_again(work, prompt, wrong, BadOutput("wrong"))


def asked_of_lore(templates: Mapping[str, str], work: Any) -> Iterator[Any]:
    """The questions about lore that a preview does not show."""
    from tasks.lore import draft, questions
    from tasks.lore.candidates import PREMISE, Candidate
    from tasks.lore.task import Task

    task = Task.of(work, Card(name="Ondine", description="Keeps the lamp."))
    tam = Candidate("Tam")
    yield questions.subjects_prompt(templates, task, ["Tam"], 3)
    entry = draft.draft_of({"name": "Tam", "content": "Rows.", "keys": [], "category": "person"}, tam)
    yield questions.repair_prompt(templates, task, entry, ["too short"])
    yield questions.entries_prompt(templates, replace(task, shared=True), [tam, Candidate(PREMISE, premise=True)], [])
