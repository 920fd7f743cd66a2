"""Options on the command line: read by the catalogue that the service gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cli.options import OptionError, read_options, rows
from schemas.options import OPTIONS
from schemas.options_page import page


@pytest.fixture
def catalogue(client: FlaskClient) -> list[dict[str, Any]]:
    return list(client.get("/api/v2/options").get_json()["options"])


def test_each_value_has_the_type_of_its_option(catalogue: list[dict[str, Any]]) -> None:
    pairs = ["genre=cosy = fantasy", "variants=2", "temperature=.5", "include_book=no", "avoid=spiders, clowns"]
    assert read_options(pairs, catalogue) == {
        "genre": "cosy = fantasy",
        "variants": 2,
        "temperature": 0.5,
        "include_book": False,
        "avoid": ["spiders", "clowns"],
    }


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("genre", "NAME=VALUE"),
        ("gener=noir", "Did you mean genre"),
        ("zzz=1", "`cardforge options`"),
        ("variants=two", "variants: 'two' is no integer"),
        ("plan=perhaps", "plan: 'perhaps' is no boolean"),
    ],
)
def test_what_cannot_be_read_says_what_it_takes(catalogue: list[dict[str, Any]], pair: str, said: str) -> None:
    with pytest.raises(OptionError) as raised:
        read_options([pair], catalogue)
    assert said in str(raised.value)


def test_every_option_has_a_row(catalogue: list[dict[str, Any]]) -> None:
    shown = rows(catalogue, None)
    assert [row[0] for row in shown] == [option.name for option in OPTIONS]
    found = {row[0]: row[2:4] for row in shown}
    assert found["variants"] == ("1-4", "1")
    assert found["presence_penalty"] == ("-2 to 2", "")
    assert found["stop"] == ("100 letters", "")


def test_the_page_of_the_documentation_is_that_of_the_catalogue() -> None:
    written = Path(__file__).parents[2] / "docs" / "options.md"
    assert written.read_text("utf-8") == page(), "python -m schemas.options_page > docs/options.md"
