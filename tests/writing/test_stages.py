"""What is asked, in which order, and what each stage knows of those before."""

from __future__ import annotations

from tests.writing.conftest import Studio, purpose_of

SOURCE = "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt."


def test_a_card_is_planned_then_written_in_stages(studio: Studio) -> None:
    made = studio.make(SOURCE)
    assert made.status == "processing", made.error
    assert [purpose_of(body) for body in studio.asked][:4] == [
        "plan_card",
        "write_core",
        "write_greetings",
        "write_examples",
    ]
    assert made.card is not None
    assert made.card.name == "Ondine Marsh"


def test_each_stage_knows_what_is_written_and_asks_for_its_own_fields(studio: Studio) -> None:
    studio.make(SOURCE)
    core, greetings, examples = (studio.prompts(f"write_{part}")[0] for part in ("core", "greetings", "examples"))
    assert "What is written" not in core
    assert "burnt left hand" in greetings
    assert "The lamp turns" in examples
    asked = {purpose_of(body): body["response_format"]["json_schema"]["schema"] for body in studio.asked}
    assert set(asked["write_greetings"]["properties"]) == {"first_mes", "alternate_greetings"}
    assert set(asked["write_examples"]["properties"]) == {"mes_example"}


def test_at_one_go_there_is_one_question(studio: Studio) -> None:
    made = studio.make(SOURCE, passes="one", repairs=0, on_errors="deliver")
    assert [purpose_of(body) for body in studio.asked] == ["write_card"]
    assert made.card is not None
    assert made.card.mes_example
