"""Faults are sent back field by field, with the rule's own words; what stays faulty fails the card."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from cards.lint import Finding
from tasks.writing.mend import fields_to_mend
from tests.model_server import CARD
from tests.writing.conftest import Studio, purpose_of

SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt."
DECIDED = '*The lamp turns.*\n\n"You are wet," *{{char}} says. {{user}} nods and agrees to stay.* "Tea?"'
GOOD = '*The lamp turns, and turns.*\n\n"You are wet, {{user}}," *{{char}} says.* "Do you want tea, or the truth?"'

LONGER = (
    "Ondine Marsh keeps the lighthouse on Gull Rock. She is tall, walks with her shoulders up against a wind "
    "that is not always there, and wears oilskins that were cut for a man. A burn has drawn the skin of her "
    "left hand tight; two of its fingers no longer close. Her hair is grey at one temple only. People in the "
    "harbour know the sound of her boat before they see it. What she owns stands on three shelves: tide "
    "tables, tea in a tin, a brass clock without hands. Everything else on the island belongs to the light. "
    "She mends nets for whoever asks, pays in fish, and writes down each ship that passes, with the hour and "
    "the weather, in a hand that nobody but she can read."
)


def answer(**fields: Any) -> Any:
    def write(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        return {name: fields.get(name, CARD.get(name)) for name in schema["properties"]}

    return write


def test_a_field_is_sent_back_alone_with_the_message_of_its_rule(studio: Studio) -> None:
    studio.server.writers |= {"write_greetings": answer(first_mes=DECIDED), "repair_field": answer(first_mes=GOOD)}
    made = studio.make(SOURCE)
    assert made.card is not None, made.error
    assert made.card.first_mes == GOOD
    (sent,) = [body for body in studio.asked if purpose_of(body) == "repair_field"]
    assert list(sent["response_format"]["json_schema"]["schema"]["properties"]) == ["first_mes"]
    prompt = sent["messages"][1]["content"]
    assert "decides for {{user}}" in prompt
    assert "leave to {{user}} what {{user}} says" in prompt
    assert DECIDED in prompt
    assert made.output["repairs"] == 1


@pytest.mark.parametrize("options", [{"description_words": 100}, {"length": "short"}], ids=str)
def test_a_length_that_was_asked_for_is_held(options: dict[str, Any], studio: Studio) -> None:
    studio.server.writers["repair_field"] = answer(description=LONGER)
    made = studio.make(SOURCE, on_errors="deliver", reasks=0, **options)
    assert made.card is not None, made.error
    prompts = [prompt for prompt in studio.prompts("repair_field") if "- description:" in prompt]
    assert re.search(r"make it \d+ to 1\d\d words long", prompts[0])
    assert 100 < len(made.card.description.split()) < 150


def test_a_note_sends_nothing_back() -> None:
    found = [
        Finding("C10", "I", "description", "a name is left out", "say it"),
        Finding("G05", "W", "first_mes", "no hook", "end on one"),
        Finding("C14", "W", "creator_notes", "short", "longer"),
        Finding("C01", "E", "character_book.entries[0]", "no writer of this step writes it", "x"),
        Finding("G01", "W", "first_mes", "long", "shorter"),
    ]
    faulty = fields_to_mend(found, ["C10", "G05"])
    assert list(faulty) == ["first_mes"]
    assert [finding.rule for finding in faulty["first_mes"]] == ["G05", "G01"], "with all that is wrong with it"


def test_one_greeting_of_several_is_sent_back(studio: Studio) -> None:
    studio.server.writers |= {
        "write_greetings": answer(alternate_greetings=[CARD["alternate_greetings"][0], DECIDED]),
        "repair_field": lambda schema, body: {"alternate_greetings_1": GOOD},
    }
    made = studio.make(SOURCE, alternate_greetings=2)
    assert made.card is not None, made.error
    assert made.card.alternate_greetings == (CARD["alternate_greetings"][0], GOOD)


def test_a_mended_field_that_is_worse_is_not_taken(studio: Studio) -> None:
    worse = f"{DECIDED}\n\n*{{{{user}}}} decides to leave and says goodbye.*"
    studio.server.writers |= {"write_greetings": answer(first_mes=DECIDED), "repair_field": answer(first_mes=worse)}
    made = studio.make(SOURCE, on_errors="deliver")
    assert made.card is not None
    assert made.card.first_mes == DECIDED


def test_a_card_that_stays_faulty_fails_with_what_is_wrong(studio: Studio) -> None:
    studio.server.writers |= {"write_greetings": answer(first_mes=DECIDED), "repair_field": answer(first_mes=DECIDED)}
    made = studio.make(SOURCE)
    assert (made.status, made.card) == ("failed", None)
    assert made.error is not None
    assert made.error["code"] == "LINT_FAILED"
    assert "G04" in made.error["message"]
    assert "on_errors" in made.error["message"], "the remedy"
    assert {finding["rule"] for finding in made.error["details"]["findings"]} >= {"G04"}


def test_slips_of_form_are_put_right_without_asking(studio: Studio) -> None:
    slips = CARD["mes_example"].removeprefix("<START>\n").replace("{{char}}", "{char}")
    studio.server.writers["write_examples"] = answer(mes_example=f"```\n{slips}\n```")
    made = studio.make(SOURCE)
    assert made.card is not None
    assert made.card.mes_example == CARD["mes_example"]
    assert not [body for body in studio.asked if purpose_of(body) == "repair_field"]


def test_the_best_variant_is_taken_and_all_are_kept(studio: Studio) -> None:
    texts = iter([DECIDED, GOOD, DECIDED])

    def another(schema: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
        return answer(first_mes=next(texts))(schema, body)

    studio.server.writers["write_greetings"] = another
    made = studio.make(SOURCE, variants=3, repairs=0, seed=5)
    assert made.card is not None, made.error
    assert made.card.first_mes == GOOD
    assert made.output["chosen"] == 1
    assert [variant["errors"] for variant in made.output["variants"]] == [1, 0, 1]
    assert made.output["variants"][0]["differs_in"] == ["first_mes"]
    assert [v["fields"]["first_mes"] for v in made.output["variants"]] == [DECIDED, GOOD, DECIDED]
    assert sorted({body["seed"] for body in studio.asked}) == [5, 6, 7]


def test_kept_fields_of_an_existing_card_stay_and_are_not_judged(studio: Studio) -> None:
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**CARD, "first_mes": DECIDED, "tags": ["old"]}}
    made = studio.make(SOURCE, request={"character_card": card}, keep=["first_mes", "description", "tags"])
    assert made.card is not None, made.error
    assert (made.card.first_mes, made.card.tags) == (DECIDED, ("old",))
    asked = {name for body in studio.asked for name in _asked(body)}
    assert not asked & {"first_mes", "description", "tags", "name"}
    assert json.dumps(DECIDED)[1:-1] in studio.prompts("write_core")[0], "the writer knows what stays"


def _asked(body: Mapping[str, Any]) -> list[str]:
    return list(body["response_format"]["json_schema"]["schema"]["properties"])
