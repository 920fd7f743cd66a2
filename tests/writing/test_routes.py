"""Preview and regenerate, as a client sees them."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient

from schemas.generations import CharacterCardSchema
from tests.engine.jobs import open_job
from tests.model_server import CARD, Say
from tests.writing.conftest import Studio, purpose_of

SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt."

BODY = CharacterCardSchema().load({"source_material": SOURCE})
MADE_WITH = {"genre": "gothic", "tense": "past", "format": ["yaml"], "keep": ["tags"], "passes": "staged"}


def test_preview_shows_the_messages_that_are_then_sent(studio: Studio, client: FlaskClient) -> None:
    body = {"source_material": SOURCE, "options": {"genre": "gothic", "seed": 7}}
    answer = client.post("/api/v2/generation/preview", json=body)
    assert answer.status_code == 200, answer.text
    assert studio.asked == [], "nobody is asked"
    studio.make(SOURCE, genre="gothic", seed=7)
    calls = answer.get_json()["calls"]
    stages = ["plan_card", "write_core", "write_greetings", "write_examples"]
    assert [purpose_of(body) for body in studio.asked][:4] == stages
    assert [call["purpose"] for call in calls][:5] == [*stages, "write_entries"]
    assert "Write the lorebook entries" in calls[4]["messages"][1]["content"]
    assert calls[0]["messages"] == studio.asked[0]["messages"]
    sent = studio.asked[0]["response_format"]["json_schema"]["schema"]
    assert list(calls[0]["schema"]["properties"]) == list(sent["properties"])
    assert "(what plan_card answers)" in calls[1]["messages"][1]["content"]
    assert calls[0]["sampling"]["seed"] == 7


def regenerate(client: FlaskClient, character_id: str, **body: Any) -> Any:
    return client.post(f"/api/v2/characters/{character_id}/regenerate", json=body)


def test_a_field_is_written_anew_and_all_others_stay(studio: Studio, client: FlaskClient) -> None:
    made = studio.make(SOURCE, steps=3)
    assert made.card is not None
    character = client.get("/api/v2/characters").get_json()["characters"][0]
    answer = regenerate(client, character["id"], fields=["first_mes"], instruction="Begin in the rain.")
    assert answer.status_code == 202, answer.text
    fresh = '*Rain drums on the lamp room.*\n\n"Mind the step, {{user}}," *{{char}} says.* "Who sent you out in this?"'
    answers = {"write_greetings": {"first_mes": fresh}}
    studio.server.script = [Say(text=json.dumps({**CARD, **_plan()})), Say(text=json.dumps(answers["write_greetings"]))]
    before = len(studio.asked)
    again = studio.run(answer.get_json()["job_id"], steps=3)
    assert again.status == "completed", again.error
    assert again.card is not None
    assert again.card.first_mes == fresh
    assert (again.card.description, again.card.mes_example) == (made.card.description, made.card.mes_example)
    asked = studio.asked[before:]
    assert [purpose_of(body) for body in asked] == ["plan_card", "write_greetings"]
    assert "Begin in the rain." in asked[1]["messages"][1]["content"]
    assert len(client.get("/api/v2/characters").get_json()["characters"]) == 1, "the same character"
    for job in (made.job_id, again.job_id):
        assert client.get(f"/api/v2/jobs/{job}/result").get_json()["character_id"] == character["id"]


def _plan() -> dict[str, Any]:
    texts = dict.fromkeys(("concept", "wants", "fears", "contradiction", "voice", "habits", "bond"), "The lamp.")
    return {**texts, "openings": ["At the door."]}


def test_a_field_is_written_anew_in_the_way_the_card_was_made(studio: Studio, client: FlaskClient) -> None:
    job = open_job(studio.owner, profile_id="profile_fantasy", request={**BODY, "options": MADE_WITH})
    assert studio.run(job.job_id, steps=3).status == "completed"
    character = client.get("/api/v2/characters").get_json()["characters"][0]
    answer = regenerate(client, character["id"], fields=["first_mes"], options={"tense": "present"})
    before = len(studio.asked)
    again = studio.run(answer.get_json()["job_id"], steps=3)
    assert again.status == "completed", again.error
    assert sorted(studio.files(again.job_id)) == ["yaml"]
    told = studio.asked[before]["messages"][1]["content"] + studio.asked[before + 1]["messages"][1]["content"]
    assert "Genre: gothic" in told
    assert "told in the present tense" in told, "what is given goes first"
    assert "oaths and food" in told, "the profile"


def test_options_that_regenerating_settles_are_refused_with_the_remedy(studio: Studio, client: FlaskClient) -> None:
    studio.make(SOURCE)
    character = client.get("/api/v2/characters").get_json()["characters"][0]
    answer = regenerate(client, character["id"], fields=["first_mes"], options={"keep": ["tags"], "tone": "wry"})
    assert answer.status_code == 422
    assert answer.get_json()["details"] == {
        "options.keep": ["Name what is to be written anew in `fields`; all else is kept."]
    }


def test_an_unknown_field_is_refused(studio: Studio, client: FlaskClient) -> None:
    studio.make(SOURCE)
    character = client.get("/api/v2/characters").get_json()["characters"][0]
    answer = regenerate(client, character["id"], fields=["avatar"])
    assert answer.status_code == 422
    assert "fields.0" in answer.get_json()["details"]
    assert regenerate(client, "char_none", fields=["first_mes"]).status_code == 404


def test_a_card_is_checked_by_what_its_options_asked_for(studio: Studio, client: FlaskClient) -> None:
    rules = {}
    for name, options in {"as it is": {}, "off": {"rules_off": ["G01"]}, "long": {"description_words": 400}}.items():
        made = studio.make(SOURCE, steps=3, repairs=0, on_errors="deliver", **options)
        result = client.get(f"/api/v2/jobs/{made.job_id}/result").get_json()
        character = client.get(f"/api/v2/characters/{result['character_id']}/lint").get_json()
        assert character["findings"] == result["lint"]
        rules[name] = {(finding["rule"], finding["fix"]) for finding in result["lint"]}
    assert "G01" in {rule for rule, _ in rules["as it is"]}
    assert "G01" not in {rule for rule, _ in rules["off"]}
    assert {found for found in rules["long"] if found[0] == "C03"} != {
        found for found in rules["as it is"] if found[0] == "C03"
    }
