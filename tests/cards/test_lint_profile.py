"""A profile's say in lint: thresholds, rules switched off, severities; and the score."""

from dataclasses import replace

import pytest

from cards.card import Book, Card, Entry
from cards.errors import CardError
from cards.lint import GROUPS, RULES, Finding, lint_batch, lint_book, lint_card, merge_limits, score
from tests.cards.test_lint_good import SMITH


def rules(subject: Card, /, **overrides) -> set[str]:
    return {finding.rule for finding in lint_card(subject, overrides=overrides)}


def test_a_threshold_of_the_profile_counts():
    card = replace(SMITH, tags=("a", "b"))
    assert "C13" in rules(card)
    assert "C13" not in rules(card, lengths={"any": {"tags": [1, 3]}})


def test_a_preset_changes_the_lengths():
    assert "G01" not in rules(SMITH)
    assert "G01" in rules(SMITH, preset="verbose")
    assert "C03" in rules(SMITH, preset="detailed")


def test_a_point_of_view_can_be_asked_for():
    assert "G07" not in rules(SMITH, greeting={"pov": "third"})
    assert "G07" in rules(SMITH, greeting={"pov": "first"})


def test_an_exact_number_of_dialogues_can_be_asked_for():
    assert "X03" in rules(SMITH, example={"exact_blocks": 1})


def test_a_required_field_can_be_added():
    card = replace(SMITH, personality="")
    assert "C02" not in rules(card)
    assert "C02" in rules(card, card={"required": ["description", "first_mes", "personality"]})


def test_worn_phrases_can_be_added_for_a_new_language():
    card = replace(SMITH, first_mes="Hän on suo siellä, kuusi täällä, jokin muualla.", alternate_greetings=())
    phrases = {"en": ["coal", "onions", "river"]}
    assert "C16" not in rules(card)
    assert "C16" in rules(card, cliches={"phrases": phrases})
    assert "C16" not in rules(card, cliches={"phrases": {"fi": ["suo", "kuusi", "jokin"]}})


def test_a_rule_can_be_switched_off():
    card = replace(SMITH, tags=())
    assert "C13" in rules(card)
    assert "C13" not in rules(card, off=["C13", "G04"])


def test_a_rule_can_be_raised_and_lowered():
    card = replace(SMITH, tags=(), name="")
    found = lint_card(card, overrides={"severity": {"C13": "E", "C01": "I"}})
    assert {finding.severity for finding in found if finding.rule == "C13"} == {"E"}
    assert {finding.severity for finding in found if finding.rule == "C01"} == {"I"}


def test_books_and_batches_take_a_profile_too():
    book = Book(entries=(Entry(name="Sea", content=""),))
    assert "L01" in {finding.rule for finding in lint_book(book)}
    assert "L01" not in {finding.rule for finding in lint_book(book, overrides={"off": ["L01"]})}
    assert lint_batch([SMITH, SMITH], overrides={"off": ["S01", "S02", "S03", "S05"]}) == []


def test_nothing_of_one_profile_stays_for_the_next():
    merge_limits({"card": {"tokens_most": 7}, "off": ["C01"], "cliches": {"phrases": {"fi": ["suo"]}}})
    assert merge_limits()["card"]["tokens_most"] == 1500
    assert merge_limits()["rules"]["off"] == []
    assert "fi" not in merge_limits()["cliches"]["phrases"]


REFUSED = [
    ({"book": {"match_whole_words": 1}}, "book.match_whole_words: give true or false"),
    ({"cards": {}}, "cards: there is no such section"),
    ({"rules": {}}, "rules: there is no such section"),
    ({"card": []}, r"card: give an object"),
    ({"card": {"tokens": 1}}, "card.tokens: there is no such figure"),
    ({"card": {"tokens_most": "many"}}, "card.tokens_most: give a whole number"),
    ({"card": {"tokens_most": 1.5}}, "card.tokens_most: give a whole number"),
    ({"card": {"tokens_most": True}}, "card.tokens_most: give a whole number"),
    ({"card": {"tokens_most": -1}}, "card.tokens_most: give a whole number"),
    ({"card": {"description_share": float("nan")}}, "card.description_share: give a number"),
    ({"card": {"notes_words": [5]}}, r"card.notes_words: give \[least, most\]"),
    ({"card": {"notes_words": [5, 1]}}, r"card.notes_words: give \[least, most\]"),
    ({"card": {"required": "name"}}, "card.required: give a list"),
    ({"card": {"required": [1]}}, r"card.required\[0\]: give a text"),
    ({"card": {"required": ["soul"]}}, r"card.required\[0\]: there is no field 'soul'"),
    ({"lengths": {"any": {"tags": [1, "x"]}}}, r"lengths.any.tags\[1\]: give a whole number"),
    ({"lengths": {"epic": {}}}, "lengths.epic: there is no such figure"),
    ({"preset": "epic"}, "length.preset: give one of 'any', 'short', 'detailed', 'verbose'"),
    ({"preset": 3}, "length.preset: give one of"),
    ({"greeting": {"pov": "fourth"}}, "greeting.pov: give one of"),
    ({"cliches": {"phrases": {"fi": "suo"}}}, "cliches.phrases.fi: give a list"),
    ({"off": "C01"}, "off: give a list"),
    ({"off": ["C99"]}, r"off\[0\]: there is no rule 'C99'"),
    ({"severity": {"C99": "E"}}, "severity.C99: there is no rule"),
    ({"severity": {"C01": "X"}}, "severity.C01: give one of 'E', 'W', 'I'"),
    ({"severity": ["C01"]}, "severity: give an object"),
]


@pytest.mark.parametrize(("overrides", "message"), REFUSED)
def test_a_profile_that_cannot_be_is_refused_by_place(overrides, message):
    with pytest.raises(CardError, match=f"^{message}"):
        merge_limits(overrides)


def test_every_rule_has_a_title_a_group_and_one_check():
    for rule, each in RULES.items():
        assert each.title, rule
        assert each.group in GROUPS, rule
        assert (each.check is None) != (each.across is None), rule


def test_the_score_counts_errors_and_warnings_by_group():
    findings = [
        Finding("C01", "E", "name", "", ""),
        Finding("C13", "W", "tags", "", ""),
        Finding("G04", "E", "first_mes", "", ""),
        Finding("C14", "I", "creator_notes", "", ""),
    ]
    assert score(findings) == {
        "overall": 66,
        "structure": 81,
        "prose": 100,
        "agency": 85,
        "lore": 100,
        "fidelity": 100,
    }


def test_the_score_is_never_below_nothing():
    assert score([Finding("C01", "E", "name", "", "")] * 9)["overall"] == 0
    assert score([])["overall"] == 100


def test_one_field_gets_at_most_five_findings_of_a_rule():
    card = replace(SMITH, description=" ".join(f"{{{{unknown{number}}}}}" for number in range(50)) + ".")
    assert len([finding for finding in lint_card(card) if finding.rule == "C06"]) == 5
