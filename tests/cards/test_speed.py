"""How long the common things may take, in processor time, so that a busy machine does not matter."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from cards.card import Book, Card, Entry
from cards.files import read_file
from cards.formats import render
from cards.lint import lint_book
from cards.media import Media
from cards.simulate import Message, simulate
from cards.text import proper_nouns

WORDS = [
    "harbour",
    "bell",
    "salt",
    "crown",
    "ferry",
    "night",
    "glass",
    "heron",
    "tower",
    "ash",
    "reed",
    "ford",
    "lamp",
    "gull",
    "rope",
    "tide",
    "storm",
    "wolf",
]


def prose(dice: random.Random, words: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(words)).capitalize() + "."


def book(count: int) -> Book:
    dice = random.Random(1)
    return Book(
        name="Big",
        token_budget=2000,
        entries=tuple(
            Entry(
                name=f"Place {n}",
                keys=(f"place {n}", f"{dice.choice(WORDS)} {n}", f"{dice.choice(WORDS)}{n}"),
                content=f"Place {n} is old. {prose(dice, 60)}",
                insertion_order=n,
            )
            for n in range(count)
        ),
    )


def milliseconds(work: Callable[[], Any]) -> float:
    """The best of three: what it takes, not what else was done meanwhile."""
    found = []
    for _ in range(3):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found) * 1000


CARD = Card(name="Mara Voss", description="She pilots ships.", first_mes="Well?", book=book(50))


def test_a_png_is_written_within_150_ms() -> None:
    assert milliseconds(lambda: render(CARD, "tavernai")) < 150


def test_a_png_of_4_mb_is_read_within_500_ms() -> None:
    file = io.BytesIO()
    noise = random.Random(2).randbytes(1150 * 1200 * 3)
    Image.frombytes("RGB", (1150, 1200), noise).save(file, "PNG", compress_level=1)
    png = render(CARD, "tavernai", Media(portrait=file.getvalue()))
    assert 4_000_000 < len(png) < 4_500_000
    assert milliseconds(lambda: read_file(png)) < 500


def test_200_entries_are_linted_within_a_second() -> None:
    assert milliseconds(lambda: lint_book(book(200))) < 1000


def test_200_entries_are_simulated_within_50_ms() -> None:
    lore = book(200)
    chat = [Message(name="user", text=prose(random.Random(n), 80) + f" Place {n}.") for n in range(20)]
    assert milliseconds(lambda: simulate(lore, chat)) < 50


def test_names_of_a_long_source_on_one_line_are_found_in_two_seconds() -> None:
    """As a web page comes out of a clipboard: no line breaks, nine hundred people, hardly a clear end of a sentence."""
    dice = random.Random(1)
    parts = [f"{one}{other}".capitalize() for one in WORDS for other in WORDS]
    people = [f"{dice.choice(parts)} {dice.choice(parts)}" for _ in range(900)]
    told = " ".join(f"then {dice.choice(people)} met {dice.choice(people)} at noon." for _ in range(4200))
    assert len(told) > 200_000
    began = time.process_time()
    assert len(proper_nouns(told)) > 500
    assert time.process_time() - began < 2
