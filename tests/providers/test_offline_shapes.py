"""Whatever English text comes in, the offline writer's card breaks no rule: texts of many shapes, mixed by a seed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from cards.card import Book, Card, Entry
from cards.lint import Finding, lint_card
from cards.names import safe_card_name
from providers.base import Prompt, Sampling
from providers.offline import OfflineProvider

SAMPLING = Sampling(model="extractive", max_tokens=1000)
FIELDS = (
    *("name", "description", "personality", "scenario", "first_mes", "alternate_greetings", "group_only_greetings"),
    *("mes_example", "tags", "creator_notes", "system_prompt", "post_history_instructions"),
)
SCHEMA = {"type": "object", "properties": {field: {} for field in FIELDS}}

NAMES = ["Tamsin Hale", "Oskar Brand", "Ilka", "Father Doyle", "Contessa Ricci", "Bo", "Wilhelmina Stark", "Juno Pike"]
PLACES = ["Fennick", "the Salt Road", "Harrow Bridge", "Lower Mill", "the Amber Hall", "Quay Nine"]
ROLES = ["baker", "ferry pilot", "retired judge", "herbalist", "clerk", "locksmith", "beekeeper"]
TRAITS = ["patient", "stubborn", "dry", "curious", "proud", "gentle", "blunt", "shy"]
LOOKS = ["a crooked nose", "ink on both thumbs", "a grey plait", "one blue glove", "a cough that never leaves"]

# What has no business in a card, in the ways in which it turns up in notes.
DIRT = [
    "As an AI language model, I cannot help with that.",
    "I'm sorry, but I can't continue this story.",
    "Here is the character card you asked for:",
    "Sure, here is a description.",
    "<START>",
    "{{user}}: Hello there.",
    "{{char}} looks at {{user}} and {{user}} agrees to everything.",
    "The value is {{VARIABLE}} or {{getvar::x}} and {{unclosed.",
    "}} stray braces {{{{deep}}}} here",
    "<think>What should I write?</think>",
    "```python\nprint('hello')\n```",
    "```",
    "See https://example.org/a?b=c&d=e#f for more (or mail me@example.org).",
    r"A line\nwith breaks\nwritten out and C:\new\table.",
    "[insert name here] TODO: finish this. Lorem ipsum dolor sit amet.",
    'He said "this quotation never ends.',
    "*this star has no partner",
    "Scenario: a room. First message: hello. Keys: a, b, c",
    "1. One: first\n2. Two: second\n3. Three: third\n4. Four: fourth",
    "Figures 12,500 and 3.14 and 1998-2004; 50 % of 7/8.",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "=====\n-----\n*****",
    "You agree. You feel cold. You decide to stay.",
    "my guidelines forbid it; I'm an AI, said the toaster.",
    "\x00\x1b[31mred\x1b[0m \ufeff\u200b",
    "Name:\nAge:\nEND OF FILE",
]


def person(rng: random.Random) -> str:
    name, role, place = rng.choice(NAMES), rng.choice(ROLES), rng.choice(PLACES)
    she, her = rng.choice([("She", "her"), ("He", "his"), ("They", "their")])
    told = [
        f"{name} is a {role} in {place}, with {rng.choice(LOOKS)} and a habit of arriving early.",
        f"{she} is {rng.randint(17, 80)} and {rng.choice(TRAITS)}, and rarely raises {her} voice.",
        f"Nobody in {place} has seen {name} angry, though many have tried.",
        f"{she} fears deep water. {she} wants a house with one good window.",
        f'"I never count before breakfast," {name} told the boy at the gate.',
        f"{rng.choice(PLACES)} lies two days away, behind a row of hills that are always wet.",
        f"{rng.choice(NAMES)} is an old friend and owes {name} a boat.",
        f"Tonight {name} waits outside the mill and listens for a cart.",
    ]
    rng.shuffle(told)
    return " ".join(told[: rng.randint(2, 8)])


def dialogue(rng: random.Random) -> str:
    one, other = rng.sample(NAMES, 2)
    said = ["It is late.", "Then leave.", "I was told to wait here.", "By whom?", "Nobody you would know.", "Sit down."]
    lines = [f'"{rng.choice(said)}"' + rng.choice(["", f" said {one}.", f" {other} asked."]) for _ in range(12)]
    return "\n\n".join(lines)


def diary(rng: random.Random) -> str:
    told = [
        "I woke before the bell and could not sleep again.",
        "My brother has written; I have not opened the letter.",
        "I do not trust the new clerk, and I have told him so.",
        "I like the river best when nobody is on it.",
        "Today I sold nothing, and I was glad of the quiet.",
        "They call me difficult. I prefer to be called exact.",
    ]
    return " ".join(rng.choices(told, k=9))


def notes(rng: random.Random) -> str:
    facts = [
        rng.choice(TRAITS),
        rng.choice(LOOKS),
        f"lives near {rng.choice(PLACES)}",
        f"{rng.randint(20, 70)}, works nights",
    ]
    facts += ["hates bells", "owes money to the guild", "never eats fish", "keeps a list of everybody who was late"]
    mark = rng.choice(["- ", "* ", "• ", "1) "])
    head = rng.choice([f"{rng.choice(NAMES)}\n", "# Notes\n", f"Name: {rng.choice(NAMES)}\nAge: 40\nHair: red\n", ""])
    return (
        head + "\n".join(mark + fact for fact in rng.sample(facts, 7)) + "\n\nwants: a quiet year\nfears: fire, crowds"
    )


def recipe(rng: random.Random) -> str:
    steps = [
        "Grease the tin",
        "Beat the eggs until pale",
        "Fold in 250 g of flour",
        "Bake for 40 minutes",
        "Let it rest",
    ]
    return "Plum cake\n\nIngredients\n- 3 eggs\n- 250 g flour\n- 1 kg plums\n\n" + ". ".join(steps * 2) + "."


def article(rng: random.Random) -> str:
    place = rng.choice(PLACES)
    return (
        f"== {place} ==\n{place} is a harbour town of 4,300 people on the north shore. It was founded in 1612 by salt "
        "traders. The town has two churches, a library and a prison that is now a hotel.\n\n== History ==\nIn 1790 the "
        f"harbour silted up and the traders left. The Guild of Dyers ruled {place} for a century. It is said that the "
        "river was red on Mondays.\n\n== See also ==\n* List of towns\n* Dyes"
    )


def manual(rng: random.Random) -> str:
    return (
        "NAME\n    frobnicate - turn one thing into another\n\nSYNOPSIS\n    frobnicate [-v] [--depth=N] FILE...\n\n"
        "DESCRIPTION\n    Reads each FILE and writes /var/tmp/out_x.bin. When FILE is -, it reads the standard input.\n"
        "    -v    be verbose\n    --depth=N\n          at most N levels; the default is 3\n\nEXIT STATUS\n"
        "    0 if OK.\n"
        "    if (depth > N) { return -1; }  // see frob_level()\n"
    )


def changelog(rng: random.Random) -> str:
    rows = [f"* Fix the {rng.choice(['build', 'tests', 'parser'])} on {rng.choice(PLACES)} (#{n})" for n in range(14)]
    return (
        "pkg (1.2-3) unstable; urgency=medium\n\n  " + "\n  ".join(rows) + "\n\n -- A. Person <a@b.c>  Mon, 1 Jan 2024"
    )


def licence(rng: random.Random) -> str:
    return (
        "Permission is hereby granted, free of charge, to anybody who holds a copy of these words, to read them aloud. "
        "THE WORDS ARE PROVIDED AS THEY ARE, WITHOUT ANY PROMISE THAT THEY ARE FIT FOR A PURPOSE. In no event shall "
        "the writers be liable for any claim, whether in an action of contract, tort or otherwise. "
    ) * 2


def rambling(rng: random.Random) -> str:
    return (
        "and then the cart went on, past the mill, past the weir, past the place where the geese are, "
        * rng.randint(3, 30)
    )


def bare_words(rng: random.Random) -> str:
    return " ".join(rng.choices(["rope", "salt", "lamp", "ledger", "tide", "oak", "mile", "bread"], k=70))


SHAPES: list[Callable[[random.Random], str]] = [
    *(person, person, person, dialogue, diary, notes, recipe, article, manual, changelog, licence, rambling, bare_words)
]
TURNS: list[Callable[[str], str]] = [
    *(lambda text: text, lambda text: text, lambda text: text, str.lower, str.upper),
    *(
        lambda text: " ".join(text.split()),
        lambda text: text.replace(". ", ".\n"),
        lambda text: text.replace("\n", "\r\n"),
    ),
    lambda text: "> " + text.replace("\n", "\n> "),
]


def text_of(seed: int) -> str:
    """A text of 50 to 5,000 words for a seed: some shapes, some dirt, turned."""
    rng = random.Random(seed)
    parts = [rng.choice(SHAPES)(rng) for _ in range(rng.choice([1, 1, 2, 3, 5, 12]))]
    for _ in range(rng.choice([0, 0, 1, 2, 6])):
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(DIRT))
    while sum(len(part.split()) for part in parts) < 50:
        parts.append(rng.choice(SHAPES)(rng))
    joint = rng.choice(["\n\n", "\n\n", "\n", " "])
    return " ".join(rng.choice(TURNS)(joint.join(parts)).split(" ")[:5000])


def ask(purpose: str, schema: Any, **inputs: Any) -> Any:
    return json.loads(OfflineProvider().complete(Prompt(purpose, (), schema, inputs), SAMPLING).text)


def written(source: str) -> Card:
    """The card of a source with its book, as the pipeline puts them together."""
    fields = ask("write_card", SCHEMA, source=source, name=None, greetings=2, group_greetings=1)
    fields = {name: tuple(value) if isinstance(value, list) else value.strip() for name, value in fields.items()}
    card = Card(**{**fields, "name": safe_card_name(fields["name"])})
    entries = ask("write_entries", {}, source=source, card={**vars(card)}, candidates=[], max_entries=12)["entries"]
    book = Book(
        token_budget=2048,
        entries=tuple(
            Entry(name=one["name"], content=one["content"], keys=tuple(one["keys"]), constant=one["constant"])
            for one in entries
        ),
    )
    return Card(**{**vars(card), "book": book})


def errors(card: Card, source: str) -> list[Finding]:
    return [finding for finding in lint_card(card, source=source) if finding.severity == "E"]


@pytest.mark.parametrize("block", range(6))
def test_no_text_makes_a_card_that_breaks_a_rule(block: int) -> None:
    for seed in range(25 * block, 25 * block + 25):
        source = text_of(seed)
        found = errors(written(source), source)
        assert not found, (seed, found)


@pytest.mark.parametrize("dirt", DIRT)
def test_what_has_no_business_in_a_card_is_not_in_it_even_alone(dirt: str) -> None:
    for source in (dirt, f"{dirt}\n\n{person(random.Random(3))}", f"{person(random.Random(4))}\n{dirt}\n{dirt}"):
        card = written(source)
        assert not errors(card, source)
        assert card.description.strip()
        assert card.first_mes.strip()


def test_twice_the_same_text_makes_the_same_card() -> None:
    assert written(text_of(7)) == written(text_of(7))


def test_a_text_of_5000_words_takes_less_than_a_second_or_two() -> None:
    source = "\n\n".join(text_of(seed) for seed in range(60))
    source = " ".join(source.split(" ")[:5000])
    started = time.perf_counter()
    written(source)
    assert time.perf_counter() - started < 4  # a machine of the suite may be busy: alone it is well below one
