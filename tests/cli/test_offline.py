"""Commands on files that need no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cards.card import Book, Card, Entry
from cards.files import read_file
from cards.formats import render, render_book
from cli.main import main

LORE = Book(
    name="Lore",
    entries=(
        Entry(
            name="Ferry", keys=("ferry", "boat"), content="The ferry runs twice a day to Ribeira.", insertion_order=5
        ),
        Entry(name="Ribeira", keys=("Ribeira", "old quarter"), content="Ribeira is the old quarter.", enabled=False),
    ),
)
CARD = Card(name="Ines Moura", description="Keeps the ferry.", first_mes="Well?", nickname="Nes", book=LORE)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "ines.png"
    path.write_bytes(render(CARD, "tavernai"))
    return path


def run(*arguments: object, content: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=content)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("a.charx", "charx"),
        ("a.json", "v3"),
        ("a.v2.json", "v2"),
        ("a.YAML", "yaml"),
        ("a.worldinfo.json", "worldinfo"),
        ("a.png", "tavernai"),
    ],
)
def test_the_name_of_the_file_says_the_format(card: Path, tmp_path: Path, name: str, format_name: str) -> None:
    out = tmp_path / "out" / name
    out.parent.mkdir()
    result = run("convert", card, out)
    assert result.exit_code == 0, result.output
    assert read_file(out.read_bytes()).format == format_name


def test_convert_says_what_is_lost(card: Path, tmp_path: Path) -> None:
    result = run("convert", card, tmp_path / "a.v2.json", "--for", "risuai")
    assert "lost: nickname:" in result.output
    assert "misread: character_book: RisuAI switches disabled entries on: Ribeira" in result.output


def test_a_lorebook_is_converted_too(tmp_path: Path) -> None:
    source = tmp_path / "lore.json"
    source.write_bytes(render_book(LORE, "lorebook_v3"))
    assert run("convert", source, tmp_path / "world.json").exit_code == 0
    assert read_file((tmp_path / "world.json").read_bytes()).format == "worldinfo"
    refused = run("convert", source, tmp_path / "lore.png")
    assert (refused.exit_code, "a lorebook cannot be written as" in refused.output) == (2, True)


def test_convert_does_not_overwrite_unless_it_may(card: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    out.write_text("mine")
    refused = run("convert", card, out)
    assert (refused.exit_code, out.read_text()) == (2, "mine")
    assert "--force" in refused.output
    assert run("convert", card, out, "--force").exit_code == 0
    assert read_file(out.read_bytes()).card == CARD


def test_a_card_comes_from_standard_input(card: Path, tmp_path: Path) -> None:
    assert run("convert", "-", tmp_path / "a.json", content=card.read_bytes()).exit_code == 0


def test_a_style_that_there_is_not_is_named(tmp_path: Path) -> None:
    source = tmp_path / "a.json"
    source.write_bytes(render(CARD, "v3"))
    refused = run("convert", source, tmp_path / "a.png", "--style", "oil")
    assert (refused.exit_code, "tarot" in refused.output) == (2, True)


@pytest.mark.parametrize("command", ["lint", "simulate"])
def test_what_is_no_card_is_refused_with_the_reason(tmp_path: Path, command: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    more = ["text"] if command == "simulate" else []
    for file, words in ((path, "PNG"), (tmp_path / "gone.png", "cannot be read")):
        refused = run(command, file, *more)
        assert (refused.exit_code, words in refused.output) == (2, True)


def test_lint_ends_with_1_for_errors_and_0_without(card: Path, tmp_path: Path) -> None:
    good = run("lint", card)
    assert good.exit_code == 0, good.output
    assert "0 errors" in good.output
    path = tmp_path / "bad.json"
    path.write_bytes(render(Card(name="A", description="As an AI, I cannot.", first_mes=""), "v3"))
    bad = run("lint", path)
    assert bad.exit_code == 1
    assert "C02" in bad.output
    found = json.loads(run("lint", "--json", path).output)
    assert {"rule", "severity", "field", "span", "message", "fix"} == set(found["findings"][0])
    assert found["score"]["overall"] < 100


def test_simulate_says_what_fires_and_why(card: Path) -> None:
    result = run("simulate", card, "Where is the boat?")
    assert result.exit_code == 0, result.output
    assert "1 of 2 entries fire" in result.output
    assert "it is disabled" in result.output
    found = json.loads(run("simulate", "--json", card, "Where is the boat?").output)
    assert [outcome["title"] for outcome in found["activated"]] == ["Ferry"]
    assert found["activated"][0]["match"]["key"] == "boat"


def test_what_goes_into_a_pipe_has_one_line_a_row(card: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_bytes(render(Card(name="A", description="As an AI, I cannot. " * 9, first_mes=""), "v3"))
    found = json.loads(run("lint", "--json", path).output)["findings"]
    lines = run("lint", path).output.splitlines()
    for finding in found:
        assert any(line.startswith(finding["severity"]) and finding["message"] in line for line in lines)
    fired = [line.split() for line in run("simulate", card, "Where is the boat?").output.splitlines()]
    assert [words[:2] for words in fired[1:3]] == [["fires", "Ferry"], ["-", "Ribeira"]]


def test_simulate_takes_settings(card: Path) -> None:
    assert "0 of 2 entries fire" in run("simulate", card, "the boat", "nothing", "--scan-depth", 1).output
    assert "1 are cut" in run("simulate", card, "the boat", "--token-budget", 1).output


def test_a_card_without_a_book_has_nothing_to_simulate(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(render(Card(name="A"), "v3"))
    refused = run("simulate", path, "x")
    assert (refused.exit_code, "no lorebook" in refused.output) == (2, True)
