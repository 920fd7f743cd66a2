"""The questions beside `write_card` that the offline writer answers: repairs, fields anew, rosters, extra fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cards.card import Card
from cards.lint import lint_card
from providers.base import Prompt, Sampling
from providers.offline import OfflineProvider

EXAMPLES = Path(__file__).parents[2] / "examples"
CHAPTER = (EXAMPLES / "the-clockmakers-daughter.txt").read_text(encoding="utf-8")
KNIGHT = (EXAMPLES / "sir-galahad.txt").read_text(encoding="utf-8")
SAMPLING = Sampling(model="extractive", max_tokens=1000)
ALL = (
    *("name", "description", "personality", "scenario", "first_mes", "alternate_greetings", "mes_example", "tags"),
    *("creator_notes", "group_only_greetings", "system_prompt", "post_history_instructions"),
)
REPAIRED = ("description", "personality", "scenario", "first_mes", "alternate_greetings[1]", "mes_example")


def ask(purpose: str, asked: tuple[str, ...], /, **inputs: Any) -> Any:
    schema = {"type": "object", "properties": {field: {} for field in asked}}
    return json.loads(OfflineProvider().complete(Prompt(purpose, (), schema, inputs), SAMPLING).text)


def whole_card(source: str, **inputs: Any) -> Any:
    return ask("write_card", ALL, **{"source": source, "greetings": 3, "group_greetings": 1} | inputs)


def at(card: Any, path: str) -> str:
    name, _, index = path.rstrip("]").partition("[")
    return str(card[name][int(index)] if index else card[name])


def errors(fields: Any) -> list[Any]:
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return [finding for finding in lint_card(Card(**known)) if finding.severity == "E"]


def test_it_says_that_it_writes_a_card_at_one_go() -> None:
    assert OfflineProvider.whole is True


def test_every_property_of_the_schema_is_answered_and_no_other() -> None:
    card = whole_card(KNIGHT)
    assert set(card) == set(ALL)
    assert all(card.values())
    assert set(ask("write_card", ("tags", "scenario"), source=KNIGHT)) == {"tags", "scenario"}


def test_counts_are_as_asked() -> None:
    card = whole_card(CHAPTER, greetings=5, group_greetings=2, tag_count=3, example_blocks=4)
    assert len(card["alternate_greetings"]) == 5
    assert len(card["group_only_greetings"]) == 2
    assert len(card["tags"]) == 3
    assert card["mes_example"].count("<START>") == 4


def test_seven_greetings_of_one_card_are_seven_situations() -> None:
    card = whole_card(KNIGHT, greetings=5)
    greetings = [card["first_mes"], *card["alternate_greetings"], *card["group_only_greetings"]]
    assert len({greeting.split("\n")[0] for greeting in greetings}) == len(greetings) == 7


def test_fields_to_keep_are_kept() -> None:
    card = {"name": "Galahad", "personality": "Sour.", "tags": ["knight"], "first_mes": "*He waits.*"}
    kept = ask("write_card", ALL, source=KNIGHT, card=card, keep=["personality", "tags"])
    assert (kept["personality"], kept["tags"]) == ("Sour.", ["knight"])


@pytest.mark.parametrize("path", REPAIRED)
@pytest.mark.parametrize("source", [KNIGHT, CHAPTER, "grumpy dragon librarian", "Mira bakes bread in Lyon."])
def test_a_repair_answers_with_another_text_without_errors(source: str, path: str) -> None:
    card = whole_card(source)
    asked = path.replace("[", "_").replace("]", "")
    inputs = {"source": source, "name": "", "card": card, "field": path, "problems": ["G02: nobody speaks"]}
    answer = ask("repair_field", (asked,), **inputs)
    assert list(answer) == [asked]
    assert answer[asked].strip()
    assert answer[asked] != at(card, path)
    name, _, index = path.rstrip("]").partition("[")
    if index:
        card[name][int(index)] = answer[asked]
    else:
        card[name] = answer[asked]
    assert not errors(card)


@pytest.mark.parametrize("source", [KNIGHT, CHAPTER, "grumpy dragon librarian", "Mira bakes bread in Lyon."])
@pytest.mark.parametrize(
    "fields",
    [("description", "personality", "tags"), ("scenario", "mes_example"), ("first_mes", "alternate_greetings")],
)
def test_what_is_not_kept_of_a_card_that_mostly_stays_is_written_anew(source: str, fields: tuple[str, ...]) -> None:
    card = whole_card(source)
    keep = [field for field in ALL if field not in fields]
    fresh = ask("write_card", fields, source=source, card=card, keep=keep)
    assert set(fresh) == set(fields)
    assert all(fresh[field] != card[field] for field in fields)
    assert not errors({**card, **fresh})


def test_an_instruction_to_be_short_is_followed() -> None:
    card = whole_card(KNIGHT)
    keep = [field for field in ALL if field != "description"]
    wish = "Make it shorter, please."
    fresh = ask("write_card", ("description",), source=KNIGHT, card=card, keep=keep, instruction=wish)
    assert len(fresh["description"]) < len(card["description"])


def test_a_roster_names_the_persons_of_the_source_with_roles_and_hooks() -> None:
    members = ask("plan_roster", ("characters",), source=CHAPTER, size=6)["characters"]
    names = [member["name"] for member in members]
    assert names[0] == "Annelie Corvane"
    assert {"Ruprecht Dahl", "Joss Finnick", "Bram Tolliver"} <= set(names)
    assert len({name.split()[0] for name in names}) == len(names) == 6
    assert next(one for one in members if one["name"] == "Bram Tolliver")["role"] == "the gatekeeper"
    assert all(member["role"].strip() and member["hook"].strip() for member in members)


def test_a_contessa_is_a_person() -> None:
    members = ask("plan_roster", ("characters",), source=CHAPTER, size=9)["characters"]
    assert "Contessa Ambray" in {member["name"] for member in members}


@pytest.mark.parametrize("source", ["", "...", "pirate", "The sea was calm all day."])
def test_a_source_without_persons_has_a_roster_of_one(source: str) -> None:
    members = ask("plan_roster", ("characters",), source=source, size=5)["characters"]
    assert len(members) == 1
    assert members[0]["name"]


def test_a_diary_stays_in_the_words_of_its_writer() -> None:
    diary = "My name is Edda Lund. I count the gulls every day. I do not like the new keeper. I miss my sister."
    card = whole_card(diary)
    assert card["name"] == "Edda Lund"
    assert '"' in card["description"]
    assert "I count the gulls every day." in card["description"] + card["personality"]


def test_notes_in_small_letters_get_sentences_and_a_name() -> None:
    card = whole_card(
        "mira is a baker in the old town. talks to the dough. she is afraid of the bank. never sleeps in."
    )
    assert card["name"] == "Mira"
    assert "Mira talks to the dough." in card["description"] + card["personality"].replace("{{char}}", "Mira")


def test_labels_become_sentences() -> None:
    source = "Name: Brother Aldous\nAge: 58\nHeight: 170 cm\nWeapon: a ladle\nVoice: low, slow\nSecret: he cannot read"
    described = whole_card(source)["description"]
    assert "Brother Aldous is 58 years old." in described
    assert "weapon is a ladle." in described
    assert "voice is low and slow." in described
