"""The rules for the cards of a batch against each other."""

from dataclasses import replace

import pytest

from cards.card import Book, Card, Entry
from cards.lint import RULES, lint_batch
from cards.rules.batch import Outcome
from tests.cards.test_lint_good import GOOD, SMITH

LORE = "The harbour of Saint Orle freezes every third winter, and then the bell on the mole is rung by hand each hour."
ARCHETYPE = "Archetype: reluctant mentor\nTall."


def named(*names: str) -> list[Card]:
    return [Card(name=name) for name in names]


def told(*descriptions: str) -> list[Card]:
    """Cards of Tom Reed, Ann Hale and so on with these descriptions."""
    names = ("Tom Reed", "Ann Hale", "Ula Bone")
    return [Card(name=name, description=text) for name, text in zip(names, descriptions, strict=False)]


def with_lore(name: str) -> Card:
    return Card(name=name, book=Book(entries=(Entry(name="Harbour", keys=("harbour",), content=LORE),)))


FIRES = [
    ("S01", named("Mara Voss", "mara  voss"), "cards[1].name"),
    ("S01", named("Mara Voss", "Tom Reed", "Mara Vos"), "cards[2].name"),
    ("S01", named("Kai", "Kay"), "cards[1].name"),
    ("S01", named("Sir Galahad", "Galahad of Karst"), "cards[1].name"),
    (
        "S01",
        named(*(f"{'M' if n < 5 else chr(65 + n)}{'aeiou'[n % 5]}{'xyzkq' * 2}{n * 111}" for n in range(11))),
        "cards[4].name",
    ),
    ("S02", [SMITH, replace(SMITH, name="Ula Bone")], "cards[1].first_mes"),
    (
        "S02",
        [
            Card(name="Tom", first_mes="Tom waits by the gate. A crow lands."),
            Card(name="Ula", first_mes="Ula waits by the gate. Snow falls on every roof."),
        ],
        "cards[1].first_mes",
    ),
    (
        "S03",
        [
            Card(name="Tom", personality="Kind, shy, loyal, patient, vain."),
            Card(name="Ula", personality="shy, kind, patient; loyal"),
        ],
        "cards[1].personality",
    ),
    ("S03", [Card(name="Tom", personality=ARCHETYPE), Card(name="Ula", description=ARCHETYPE)], "cards[1].personality"),
    ("S04", told("His sister Ann left.", "{{char}} is the cousin of Tom Reed."), "cards[1].description"),
    ("S04", told("Tom is the father of Ann Hale.", "Her brother Tom is a fool."), "cards[1].description"),
    ("S04", told("Tom is 34 years old.", "Tom Reed (31) is her rival."), "cards[1].description"),
    ("S04", told("He met Ula Bone, aged 40.", "", "Age: 44"), "cards[0].description"),
    ("S05", [with_lore("Tom"), with_lore("Ula")], "cards[1].character_book.entries[0].content"),
    ("S05", told(f"A sailor.\n\n{LORE}", f"A nun.\n\n{LORE}"), "cards[1].description"),
]

PASSES = [
    ("S01", named("Mara Voss", "Tom Reed", "Sir Galahad", "Sir Lancelot", "The Fox", "The Owl")),
    ("S01", named("桜井 小春", "김하늘", "Анна")),
    ("S01", named("", "")),
    ("S02", GOOD),
    ("S03", GOOD),
    ("S03", [Card(name="Tom", personality="Kind, shy."), Card(name="Ula", personality="kind, shy")]),
    ("S04", told("His older sister, Ann, left.", "Her twin brother Tom is a fool.")),
    ("S04", told("He is the father of Ann Hale.", "The daughter of Tom Reed.")),
    ("S04", told("He is the father of Ann Hale.", "Her father Tom is a fool.")),
    ("S04", told("His sister Ann left.", "She sails.")),
    ("S04", told("Tom is 34 years old.", "Tom Reed (34) is her rival. In chapter 2, Tom, 3 times a fool, left.")),
    ("S05", GOOD),
    ("S05", [with_lore("Tom"), Card(name="Ula", description="A nun of the harbour.")]),
]


def found(cards: list[Card]) -> set[tuple[str, str]]:
    return {(finding.rule, finding.field) for finding in lint_batch(cards)}


@pytest.mark.parametrize(("rule", "cards", "field"), FIRES)
def test_the_rule_fires_at_the_place(rule, cards, field):
    assert (rule, field) in found(cards)


@pytest.mark.parametrize(("rule", "cards"), PASSES)
def test_the_rule_leaves_it_alone(rule, cards):
    assert rule not in {rule for rule, _ in found(cards)}


def test_every_rule_for_batches_is_tested_both_ways():
    rules = {rule for rule, each in RULES.items() if each.across} - {"S06"}
    assert {rule for rule, *_ in FIRES} == rules
    assert {rule for rule, *_ in PASSES} == rules


def test_many_names_of_one_initial_are_a_warning_only():
    names = named(*(f"{name}x{name}" for name in ("Mo", "Ma", "Mi", "Mu", "Da", "Fe", "Gi", "Ho", "Ju", "Ka")))
    assert [finding.severity for finding in lint_batch(names) if finding.rule == "S01"] == ["W"]


def test_lore_in_many_cards_is_told_once():
    findings = lint_batch([with_lore(name) for name in ("Tom", "Ula", "Kestrel")])
    told = [finding for finding in findings if finding.rule == "S05"]
    assert len(told) == 1
    assert "1 more" in told[0].message


def test_the_figures_of_each_profile_are_reported():
    outcomes = [Outcome("a@1", True, 0, 0.01), Outcome("a@1", False, 2, 0.03), Outcome("b@1", False, 1, 0.02)]
    messages = [finding.message for finding in lint_batch([], outcomes=outcomes)]
    assert messages == [
        "profile a@1: 1 of 2 cards accepted, 1.00 repairs a card, $0.0400 an accepted card",
        "profile b@1: 0 of 1 cards accepted, 1.00 repairs a card, $0.0200, and no card accepted",
    ]
    assert not [finding for finding in lint_batch(GOOD) if finding.rule == "S06"]


def test_spans_of_a_batch_point_at_the_words():
    cards = told("Tom is 34 years old.", "Tom Reed (31) is her rival.")
    finding = next(finding for finding in lint_batch(cards) if finding.rule == "S04")
    assert cards[1].description[slice(*finding.span or (0, 0))] == "31"
