"""Sources: cut without loss, read for facts with their places, and what did not fit is told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.lint import lint_card
from cards.text import estimate_tokens
from tasks.writing.grounding import strange_names, ungrounded
from tasks.writing.source import Span, left_out, locate, passages_about, quoted, renamed, split
from tests.writing import novel
from tests.writing.conftest import Studio, purpose_of

TEXTS = st.text(st.sampled_from("ab .\n!?漢🙂\t"), min_size=1, max_size=600)


@given(TEXTS, st.integers(1, 60))
def test_parts_follow_each_other_and_lose_nothing(source: str, tokens: int) -> None:
    parts = split(source, tokens)
    assert "".join(source[slice(*part)] for part in parts) == source
    assert all(estimate_tokens(source[slice(*part)]) <= tokens or part.end - part.start == 1 for part in parts)


def test_parts_end_between_paragraphs_where_they_can() -> None:
    source = "\n\n".join(f"Paragraph {n} says a thing or two about the harbour and its lamps." for n in range(40))
    parts = split(source, 100)
    assert len(parts) > 3
    assert all(source[part.start :].startswith("Paragraph") for part in parts)


@given(TEXTS, st.integers(20, 60))
def test_passages_and_what_is_left_out_make_up_the_source(source: str, tokens: int) -> None:
    spans = passages_about(source, ["ab"], tokens)
    out = left_out(source, spans)
    assert sum(end - start for start, end in [*spans, *out]) == len(source)
    assert sum(estimate_tokens(source[slice(*span)]) for span in spans) <= tokens + len(spans)


def test_the_passages_that_name_somebody_are_taken() -> None:
    source = novel.novel(40_000)
    told = quoted(source, passages_about(source, ["Casimir Rook"], 1500))
    assert told.count("Casimir Rook") > source.count("Casimir Rook") / 8
    assert told.startswith("# The Keepers of Gull Rock")
    assert "[…]" in told


@pytest.mark.parametrize(
    ("quote", "found"),
    [("the LAMP of\nGull Rock", "the lamp of  Gull Rock"), ("“lamp”", "lamp"), ("a cat", None), ("?!", None)],
)
def test_a_quote_is_found_whatever_its_blanks_and_marks(quote: str, found: str | None) -> None:
    source = "Bram mended the lamp of  Gull Rock."
    span = locate(source, quote, Span(0, len(source)))
    assert (source[slice(*span)] if span else None) == found


def write_from_facts(studio: Studio) -> None:
    studio.server.writers |= {
        "extract_facts": novel.read_facts,
        "write_core": novel.write_core,
        "repair_field": novel.repair,
    }


def test_sixty_pages_make_a_card_whose_names_and_figures_are_in_the_source(studio: Studio) -> None:
    source = novel.novel(200_000)
    write_from_facts(studio)
    made = studio.make(source, name="Bram Tolliver")
    assert made.card is not None, made.error
    read = [body for body in studio.asked if purpose_of(body) == "extract_facts"]
    assert "".join(novel.source_of(body) for body in read) == source, "all of it was read"
    for body in studio.asked:
        assert sum(estimate_tokens(message["content"]) for message in body["messages"]) < 10_000
    told = "\n".join([made.card.description, made.card.personality, made.card.scenario])
    assert "Zorblax" not in told
    assert re.findall(r"\d{2,}", told), "it has figures"
    assert all(figure in source for figure in re.findall(r"\d{2,}", told))
    assert strange_names(told, {word.casefold() for word in re.findall(r"[^\W\d_]+", source)}) == []
    assert [finding for finding in lint_card(made.card, source=source) if finding.severity == "E"] == []
    assert made.output["repairs"] >= 1


def test_each_fact_has_its_place_in_the_source_and_one_made_up_is_dropped(studio: Studio) -> None:
    source = novel.novel(60_000)
    write_from_facts(studio)
    made = studio.make(source, name="Ysolde Fenn", most_facts=20)
    report = made.output["source"]
    assert len(report["facts"]) == 20
    assert report["facts_left_out"] > 0
    for fact in report["facts"]:
        assert source[slice(*fact["span"])].startswith(fact["about"])
    assert "77 cats" not in str(report)
    parts = sum(purpose_of(body) == "extract_facts" for body in studio.asked)
    hers = sum(fact["about"] == "Ysolde Fenn" for fact in report["facts"])
    assert hers == 3 * parts > 6, "all that is told of the character is there, then others"
    assert any("without a place in it" in line for line in made.logs)


def test_what_was_not_read_is_told(studio: Studio) -> None:
    source = novel.novel(60_000)
    made = studio.make(source, facts="never", name="Bram Tolliver", grounding="free")
    assert made.output["source"]["unread_characters"] > 20_000
    assert any("did not fit and were not read" in line for line in made.logs)


def test_offline_a_character_gets_the_name_that_was_asked_for(offline: Studio) -> None:
    source = (
        "Sir Galahad keeps watch at the chapel in the Silverwood. Galahad fears only mirrors. Bors brings him bread."
    )
    made = offline.make(source, steps=3, name="Bob", genre="noir")
    assert made.card is not None, made.error
    assert made.card.name == "Bob"
    said = " ".join([made.card.description, made.card.personality, made.card.scenario, made.card.first_mes])
    assert "Galahad" not in said
    assert "mirrors" in said
    entries = made.card.book.entries if made.card.book else ()
    assert not [entry for entry in entries if "Galahad" in entry.name]
    assert any("these options change nothing: genre" in line for line in made.logs)


def test_nobody_is_renamed_where_the_source_has_the_name() -> None:
    source = "Galahad serves King Bob. Galahad fears mirrors."
    assert renamed(source, "Bob") == source
    assert renamed(source, "Ann") == "Ann serves King Bob. Ann fears mirrors."


def test_a_source_that_fits_is_given_as_it_is(studio: Studio) -> None:
    source = "Bram Tolliver keeps the Tarred Ship.\n\nHe has 12 barrels."
    made = studio.make(source)
    assert {novel.source_of(body) for body in studio.asked if purpose_of(body) == "write_core"} == {source}
    assert made.output["source"]["unread_characters"] == 0


def test_a_made_up_figure_where_facts_are_told_is_an_error(studio: Studio) -> None:
    source = novel.novel(20_000)
    studio.server.writers["write_core"] = novel.write_core  # and nobody mends it
    made = studio.make(source, name="Bram Tolliver", repairs=0)
    assert made.status == "failed"
    assert made.error is not None
    assert made.error["code"] == "LINT_FAILED"
    assert "1999" in made.error["message"]
    free = studio.make(source, name="Bram Tolliver", repairs=0, grounding="free")
    assert free.card is not None


def test_short_notes_leave_room_for_names_and_figures(studio: Studio) -> None:
    made = studio.make("Ondine keeps a lamp.")
    assert made.card is not None
    assert ungrounded(made.card, "Ondine keeps a lamp.", ()) == []


def test_a_prompt_fits_what_the_server_says_its_model_can_read(studio: Studio, database: object) -> None:
    from models import db
    from models.prices import ModelPrice

    source = novel.novel(60_000)
    with db.transaction() as session:
        session.add(ModelPrice(server="127.0.0.1", model="test/model", context_tokens=8_000))
    studio.make(source, facts="never", name="Bram Tolliver", grounding="free", on_errors="deliver", repairs=0)
    longest = max(sum(estimate_tokens(m["content"]) for m in body["messages"]) for body in studio.asked)
    assert longest + 4_000 < 8_000, "with the answer"
