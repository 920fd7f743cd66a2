"""Names and figures that a card has and its source does not."""

from __future__ import annotations

import pytest

from cards.card import Card
from tasks.writing.grounding import LEAST_WORDS, strange_names, ungrounded

KNOWN = {"ondine", "gull", "rock", "bram"}
SOURCE = "Ondine keeps the lamp of Gull Rock since 1871, and Bram brings 12 letters. " * (LEAST_WORDS // 10)


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("She sails to Zorblax with Bram.", ["Zorblax"]),
        ("She fears Captain Quill and his crew.", ["Captain Quill"]),
        (
            "Cable weighs what it weighs. Passage is air and water.",
            [],
        ),  # any word has a capital where a sentence begins
        ('"Tell me." *Slowly she turns.* "Worth it?"', []),
        ("She keeps the lamp of Gull Rock.", []),
        ("Ondine of the Rock counts.", []),
    ],
)
def test_a_name_is_strange_when_the_source_has_none_of_its_words(text: str, strange: list[str]) -> None:
    assert strange_names(text, KNOWN) == strange


def test_a_figure_is_an_error_where_facts_are_told_and_a_warning_elsewhere() -> None:
    card = Card(name="Ondine", description="Since 1899 she has 12 letters.", first_mes="It is 10 past 12.")
    found = {finding.field: finding for finding in ungrounded(card, SOURCE, ())}
    assert found["description"].severity == "E"
    assert "1899" in found["description"].message
    assert "12" not in found["description"].message
    assert card.description[slice(*found["description"].span or (0, 0))] == "1899"
    assert found["first_mes"].severity == "W"
    assert ungrounded(card, SOURCE, ("C11",)) == []
    assert ungrounded(card, "Ondine keeps a lamp.", ()) == [], "notes leave the writer to invent"


@pytest.mark.parametrize(
    ("told", "written"),
    [("forty-two years", "42 years"), ("twelve ships", "12 ships"), ("عمرها ٤٥", "She is 45."), ("45", "عمرها ٤٥")],
)
def test_a_figure_may_be_in_words_or_in_other_digits(told: str, written: str) -> None:
    source = f"{told}. {SOURCE}"
    assert ungrounded(Card(name="Ondine", description=written), source, ()) == []
    assert ungrounded(Card(name="Ondine", description=f"{written} 97"), source, ()) != []
