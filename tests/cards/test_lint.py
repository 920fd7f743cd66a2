"""Each lint rule: a card that it fires on, and one that it leaves alone."""

from dataclasses import replace

import pytest

from cards.card import Book, Card, Entry
from cards.lint import RULES, Finding, lint_card

GOOD = Card(
    name="Mara Voss",
    description="{{char}} sails the brig Alder. She is forty and owes nobody.",
    personality="Dry, patient, loyal to her crew.",
    scenario="The Alder lies in harbour, and {{user}} comes aboard.",
    first_mes='*She coils a rope.* "You are late, {{user}}. What kept you?"',
    mes_example="<START>\n{{user}}: Storm?\n{{char}}: By noon.\n<START>\n{{user}}: Rum?\n{{char}}: No.",
    alternate_greetings=('Rain falls on the deck. "Come below before you drown, {{user}}."',),
    system_prompt="{{original}} Write as {{char}}.",
    tags=("sea", "captain", "drama", "low fantasy"),
    book=Book(
        entries=(
            Entry(name="Alder", content="The Alder is a brig.", keys=("alder", "brig", "/ships?/i")),
            Entry(name="Sea", content="It is deep.", constant=True),
        )
    ),
)


def entry(**changes) -> Card:
    """The good card with one entry changed."""
    return replace(GOOD, book=Book(entries=(replace(GOOD.book.entries[0], **changes),)))


def card(**changes) -> Card:
    return replace(GOOD, **changes)


FIRES = [
    ("C01", card(name=" "), "name"),
    ("C01", card(name="x" * 61), "name"),
    ("C01", card(name="{{char}}"), "name"),
    ("C01", card(name="A\nB"), "name"),
    ("C02", card(description=""), "description"),
    ("C02", card(first_mes="\n"), "first_mes"),
    ("C05", card(description="As an AI language model, I describe Mara."), "description"),
    ("C05", card(scenario="Here is the character card you wanted."), "scenario"),
    ("C05", card(personality="Dry.\\nPatient."), "personality"),
    ("C05", card(mes_example="<START>\n{{char}}: [insert line]"), "mes_example"),
    ("C05", entry(content="<think>hm</think> A brig."), "character_book.entries[0].content"),
    ("C05", card(scenario="TODO: the harbour."), "scenario"),
    ("C06", card(description="{{char} sails."), "description"),
    ("C06", card(description="{{charr}} sails."), "description"),
    ("C06", card(description="{{original}} sails."), "description"),
    ("C07", card(description="She sails and then"), "description"),
    ("C07", card(first_mes='*Nods.* "You are late.'), "first_mes"),
    ("C07", card(scenario="*Night."), "scenario"),
    ("C13", card(tags=("sea",)), "tags"),
    ("C13", card(tags=("a", "b", "c", "Sea")), "tags[3]"),
    ("C13", card(tags=("a", "b", "c", "a")), "tags[3]"),
    ("C13", card(tags=("a", "b", "c", "mara voss")), "tags[3]"),
    ("C13", card(tags=("a", "b", "c", "one two three four")), "tags[3]"),
    ("G02", card(first_mes="*She looks at you.*"), "first_mes"),
    ("G02", card(alternate_greetings=('"You are late."',)), "alternate_greetings[0]"),
    ("G03", card(first_mes='*She coils a rope.* "Late again."'), "first_mes"),
    ("G06", card(first_mes='*Hello there!* "How are you, {{user}}?"'), "first_mes"),
    ("G06", card(first_mes='"How may I help you?" She smiles at the door.'), "first_mes"),
    ("X01", card(mes_example="{{char}}: No."), "mes_example"),
    ("X01", card(mes_example="<START>\n{{char}}: No.\n<start>\n{{char}}: Yes."), "mes_example"),
    ("X02", card(mes_example="<START>\n{{user}}: Storm?"), "mes_example"),
    ("X02", card(mes_example="<START>\nMara: By noon.\n{{char}}: No."), "mes_example"),
    ("L01", entry(content=" "), "character_book.entries[0].content"),
    ("L01", entry(keys=()), "character_book.entries[0].keys"),
    ("L02", entry(keys=("one",)), "character_book.entries[0].keys"),
    ("L03", entry(keys=("a, b", "c")), "character_book.entries[0].keys[0]"),
    ("L03", entry(keys=(" a", "c")), "character_book.entries[0].keys[0]"),
    ("L03", entry(keys=("a", "A")), "character_book.entries[0].keys[1]"),
    ("L03", entry(keys=("a", "/(/")), "character_book.entries[0].keys[1]"),
    ("L03", entry(keys=("a", "x" * 61)), "character_book.entries[0].keys[1]"),
    ("L05", entry(keys=("mara voss", "brig")), "character_book.entries[0].keys[0]"),
    ("L05", entry(keys=("brig", "{{char}}")), "character_book.entries[0].keys[1]"),
    ("L11", entry(extensions={"probability": 101}), "character_book.entries[0].extensions.probability"),
    ("L11", entry(extensions={"depth": ""}), "character_book.entries[0].extensions.depth"),
    ("L11", entry(selective=True), "character_book.entries[0].secondary_keys"),
    ("L11", entry(position="at_depth"), "character_book.entries[0].position"),
    ("L11", entry(insertion_order=1.5), "character_book.entries[0].insertion_order"),
]

PASSES = [
    ("C05", card(description="Mara lo sabe todo.")),
    ("C05", card(first_mes='*Bars the door.* "I cannot let you pass, {{user}}."')),
    ("C06", card(description="{{// a note}}{{random::a::{{user}}}} {{char}} {{ user }}.")),
    ("C07", card(description="* sails\n* owes nobody.")),
    ("C07", card(description="彼女は船長だ。", personality="[dry; patient]")),
    ("G02", card(first_mes="— Опять ты, — капитан сматывает трос и смотрит на тебя.\nДождь идёт.")),
    ("G03", card(first_mes="彼女は縄を巻く。「あなた、遅い」", alternate_greetings=())),
    ("X01", card(mes_example="")),
    ("X02", card(mes_example="<START>\n{{char}}: Note: the tide turns.\nThe bell rang.")),
    ("L01", entry(keys=(), constant=True)),
    ("L02", entry(keys=("one",), constant=True)),
    ("L03", entry(keys=("/a{1,2}/", "b"))),
    ("L05", entry(keys=("mara voss", "brig"), constant=True)),
    ("L11", entry(selective=True, secondary_keys=("x",), extensions={"probability": 40, "depth": 0})),
]


def test_a_good_card_has_no_findings():
    assert lint_card(GOOD) == []


@pytest.mark.parametrize(("rule", "faulty", "field"), FIRES)
def test_the_rule_fires_at_the_place(rule, faulty, field):
    assert (rule, field) in {(finding.rule, finding.field) for finding in lint_card(faulty)}


@pytest.mark.parametrize(("rule", "fine"), PASSES)
def test_the_rule_leaves_it_alone(rule, fine):
    assert rule not in {finding.rule for finding in lint_card(fine)}


def test_every_rule_is_tested():
    assert {rule for rule, *_ in FIRES} == set(RULES)


def test_too_many_keys_are_worse_than_many():
    def severity(count: int) -> str:
        keys = tuple(f"k{number}" for number in range(count))
        return next(finding.severity for finding in lint_card(entry(keys=keys)) if finding.rule == "L02")

    assert severity(9) == "W"
    assert severity(26) == "E"


def test_a_finding_is_json():
    finding = Finding("C02", "E", "description", "empty", "write it")
    assert finding.to_dict() == {
        "rule": "C02",
        "severity": "E",
        "field": "description",
        "message": "empty",
        "fix": "write it",
    }
