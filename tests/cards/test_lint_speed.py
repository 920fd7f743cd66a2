"""Lint stays quick, whatever it is given. Bounds are generous, and in CPU time of this thread."""

from dataclasses import replace
from time import thread_time

import pytest

from cards.card import Book, Card, Entry
from cards.keys import pattern_fault
from cards.lint import lint_batch, lint_book, lint_card
from tests.cards.test_lint_good import SMITH

LENGTH = 200_000  # characters: enough for what grows with the square to show
SUBJECTS = ("Harbour", "Chapel", "Foundry", "Orchard", "Lighthouse", "Tollgate", "Archive", "Menagerie")


def entry(number: int) -> Entry:
    name = f"{SUBJECTS[number % 8]} of Ward {number}"
    content = f"{name} stands in the old quarter. Its keeper pays {number} crowns a year to the guild. " * 3
    return Entry(name=name, keys=(name.lower(), f"ward {number}", f"/ward (?:no )?{number}/i"), content=content)


def spent(work) -> float:
    started = thread_time()
    work()
    return thread_time() - started


def test_a_card_with_two_hundred_entries_takes_a_moment():
    card = replace(SMITH, book=Book(entries=tuple(entry(number) for number in range(200))))
    assert spent(lambda: lint_card(card, source=card.description * 20)) < 1.5


HOSTILE = {
    "one letter": "a",
    "a capital": "A",
    "words": "lantern ",
    "you": "you ",
    "You.": "You nod. ",
    "the user": "{{user}} ",
    "sentences": "She walked to the door and you agreed. ",
    "opening braces": "{{",
    "closing braces": "}}",
    "macros": "{{x}}",
    "quotes": '"',
    "opening quotes": "“",
    "low quotes": "„x“",
    "guillemets": "«",
    "single quotes": "‘’a",
    "stars": "*",
    "lines of stars": "* \n",
    "blanks": " ",
    "line breaks": "\n",
    "dashes": "— \n",
    "dots": ". ",
    "colons": "a: b\n",
    "speakers": "{{char}}: a\n",
    "markers": "<START>\n",
    "Chinese": "你点",
    "Japanese": "彼女は",
    "kin": "her brother Tom, 34, ",
    "aged": "Aaa-",
    "figures": "12 ",
    "called": "called The ",
    "here is": "here is the ",
    "lists": "1. Tower: x\n",
    "emoji": "🦊",
    "nulls": "\0",
    "backslashes": "\\",
    "slashes": "/",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_a_long_text_of_anything_takes_a_moment(unit):
    text = unit * (LENGTH // len(unit))
    half = text[: LENGTH // 25]
    card = Card(
        name=half,
        nickname=half,
        description=text,
        personality=half,
        first_mes=half,
        alternate_greetings=(half, half),
        mes_example=half,
        book=Book(entries=(Entry(name=half[:500], keys=("a", "b"), content=half),)),
    )
    assert spent(lambda: lint_card(card, source=text)) < 2
    assert spent(lambda: lint_batch([card, Card(name=f"{half}!", description=half)])) < 2


def test_nested_braces_without_end_are_read_once():
    text = "{{" * (LENGTH // 4) + "}}" * (LENGTH // 4)
    assert spent(lambda: lint_card(replace(SMITH, description=text))) < 2


PATTERNS = [
    "(a+)+$",
    "(a*)*b",
    "(?:a|a)*b",
    "(?:a|ab)*c",
    "(a?){30}a{30}",
    "(\\w+\\s?)*!",
    "(.*)(.*)(.*)(.*)(.*)x",
    ".*.*.*x",
    "(?:a{1,100}){1,100}b",
    "(a)\\1+b",
    "((a{0,9}){0,9}){0,9}b",
    "[a-z]+[a-z]+[a-z]+[a-z]+!",
    "(?=(a+)+b)c",
    "a{100000}",
    "(" * 500 + "a" + ")*" * 500,
    "x" * 3000,
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_would_hang_a_chat_is_refused_at_once(pattern):
    assert spent(lambda: pattern_fault(f"/{pattern}/")) < 1
    assert pattern_fault(f"/{pattern}/")


SOUND = [
    "dragons?",
    "\\b(?:elf|orc)\\b",
    "the .{0,20}king",
    "king.*queen",
    "\\w+ship\\b",
    "(?:old|new) town",
    "[A-Z]\\d{2,4}",
]


@pytest.mark.parametrize("pattern", SOUND)
def test_an_ordinary_pattern_is_sound(pattern):
    assert pattern_fault(f"/{pattern}/") is None


def test_a_book_of_hostile_patterns_is_done_in_seconds():
    entries = tuple(Entry(name=f"E{n}", keys=(f"/.*a.*b{n}.*/", "b"), content="E") for n in range(500))
    assert spent(lambda: lint_book(Book(entries=entries))) < 10


def test_a_batch_of_two_thousand_cards_is_done_in_seconds():
    cards = [replace(SMITH, name=f"Ab{n:04}", book=None) for n in range(2_000)]
    assert spent(lambda: lint_batch(cards)) < 10
