"""Existing cards as they come: odd names, broken books, many tags; what was not asked for stays, and fails nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from schemas.options import WRITTEN_FIELDS
from tests.writing.conftest import Studio

SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt."
TAGS = ["Keeper", "Sea Stories", *(f"T{number}" for number in range(12))]


def card(**fields: Any) -> dict[str, Any]:
    data = {"name": "Ondine Marsh", "description": "Ondine keeps the light.", "first_mes": "Hello."} | fields
    return {"character_card": {"spec": "chara_card_v3", "spec_version": "3.0", "data": data}}


def test_tags_that_are_kept_stay_as_they_are_and_get_those_that_were_asked_for(studio: Studio) -> None:
    made = studio.make(SOURCE, request=card(tags=TAGS), keep=["tags"], tags=["keeper", "Fog"])
    assert made.card is not None
    assert made.card.tags == (*TAGS, "fog")


def test_a_faulty_book_of_an_existing_card_does_not_fail_what_is_written_beside_it(studio: Studio) -> None:
    entries = [{"keys": [], "content": "x", "enabled": True, "insertion_order": 1, "extensions": {}}]
    made = studio.make(SOURCE, steps=3, request=card(character_book={"entries": entries, "extensions": {}}))
    assert made.status == "completed", made.error


@pytest.mark.parametrize("name", ["Who? Dr.", "A/B", "{{char}}", "<Max>", "x" * 80])
def test_a_name_that_no_file_can_bear_fails_no_card(studio: Studio, name: str) -> None:
    made = studio.make(SOURCE, request=card(name=name))
    assert made.card is not None, made.error


def test_it_is_told_when_the_name_that_was_asked_for_had_to_be_changed(studio: Studio) -> None:
    made = studio.make(SOURCE, name="Ondine: Marsh")
    assert made.card is not None, made.error
    assert made.card.name == "Ondine Marsh"
    assert any("'Ondine: Marsh'" in line and "'Ondine Marsh'" in line for line in made.logs)


ALL = [*WRITTEN_FIELDS]


@pytest.mark.parametrize("passes", ["one", "staged"])
def test_nobody_is_asked_to_write_nothing(studio: Studio, passes: str) -> None:
    made = studio.make(SOURCE, request=card(), keep=ALL, passes=passes)
    assert made.card is not None, made.error
    assert made.card.description == "Ondine keeps the light."
    assert studio.asked == []


def test_what_is_not_written_of_an_existing_card_is_not_sent_back(studio: Studio) -> None:
    greetings = [f"I decide what you do, {{{{user}}}}: you kneel, {number}." for number in range(8)]
    made = studio.make(SOURCE, request=card(alternate_greetings=greetings), alternate_greetings=0)
    assert made.card is not None, made.error
    assert list(made.card.alternate_greetings) == greetings
    assert not any("alternate_greetings" in line for line in made.logs)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("system_prompt", {"system_prompt": False}),
        ("alternate_greetings", {"alternate_greetings": 0}),
        ("group_only_greetings", {"group_greetings": 0}),
    ],
)
def test_what_is_to_be_written_anew_is_written_whatever_options_say(
    studio: Studio, client: FlaskClient, field: str, options: dict[str, Any]
) -> None:
    imported = client.post("/api/v2/characters/import", json=card()["character_card"]).get_json()
    character = imported["results"][0]["character_id"]
    body = {"fields": [field], "options": {**options, "instructions": "In the rain.", "plan": False}}
    answer = client.post(f"/api/v2/characters/{character}/regenerate", json=body)
    assert answer.status_code == 202, answer.text
    studio.run(answer.get_json()["job_id"])
    schema = studio.asked[0]["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == [field]
    assert "In the rain." in studio.asked[0]["messages"][1]["content"]
