"""The step `expand_lorebook` against a model server, over real HTTP and real rows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from cards.card import Book, Card, Entry
from cards.lint import lint_card
from cards.simulate import simulate
from cards.text import estimate_tokens
from cards.v3 import from_v3, to_v3
from models import db
from models.jobs import Job
from models.services import characters
from providers.base import AuthRefused, BadOutput
from providers.offline import OfflineProvider
from tasks.lore import expand
from tasks.lore.shapes import CATEGORIES
from tasks.remedy import MOST_CAP
from tests.model_server import ModelServer, Say
from tests.tasks.lore import CARD, NAMES, SOURCE, Desk, asked_names, no_subjects, told, write_all, written


@pytest.fixture
def desk(database: Any, owner: str) -> Iterator[Desk]:
    with ModelServer() as server:
        server.writers |= {"write_entries": write_all, "propose_subjects": no_subjects}
        yield Desk(owner, server)


def names(book: Book | None) -> list[str]:
    assert book is not None
    return sorted(entry.name for entry in book.entries)


def asked(desk: Desk) -> list[list[str]]:
    """The subjects of each question for entries."""
    return [asked_names(body) for body in desk.server.ledger.requests if "at most:" in str(body["messages"])]


def errors_of(card: Card) -> list[str]:
    """What breaks a rule of severity E in the card's book."""
    found = lint_card(card, source=SOURCE)
    return [f"{f.rule} {f.field} {f.message}" for f in found if f.severity == "E" and f.field.startswith("character_")]


def entry_of(book: Book | None, name: str) -> Entry:
    assert book is not None
    return next(entry for entry in book.entries if entry.name == name)


def says(desk: Desk, content: str, again: str = "", *, name: str = "Saltmarket") -> None:
    """Let the model write this of one subject, and that when it is asked again."""

    def write(_: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        return {"entries": [written(one, content if one == name else "") for one in asked_names(body)]}

    desk.server.writers["write_entries"] = write
    desk.server.writers["repair_entry"] = lambda _, __: written(name, again or content)


def test_every_subject_of_the_source_gets_its_entry_a_few_to_a_call(desk: Desk) -> None:
    book = desk.expand(entries_per_call=3)
    assert names(book) == sorted([*NAMES, "Premise"])
    assert [len(group) for group in asked(desk)] == [3, 3, 2]
    assert "Wrote 6 of 8 entries." in desk.logs()


def test_progress_is_of_entries_that_are_written(desk: Desk) -> None:
    work = desk.begin(desk.open([CARD], lorebook_entries=8)[0])
    shown: list[tuple[int, str]] = []

    def write(schema: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        with db.transaction() as session:
            job = session.get_one(Job, work.claim.job_id)
            shown.append((job.progress, str(job.detail)))
        return write_all(schema, body)

    desk.server.writers["write_entries"] = write
    expand.work(work)
    assert shown == [(58, "0 of 8 entries"), (69, "4 of 8 entries")]


# What goes wrong ------------------------------------------------------------------------------------------


def test_an_answer_that_is_cut_short_is_asked_for_in_halves(desk: Desk) -> None:
    desk.server.script = [Say(text='{"entries": [', finish="length")]
    book = desk.expand(lorebook_entries=4, lorebook_max_tokens=MOST_CAP)
    whole, *halves = asked(desk)
    assert [len(half) for half in halves] == [2, 2]
    assert halves[0] + halves[1] == whole
    assert names(book) == sorted(whole)


def test_an_entry_that_is_too_long_by_itself_is_left_out_by_name(desk: Desk) -> None:
    desk.server.script = [Say(text="{", finish="length")]
    book = desk.expand(lorebook_entries=2, entries_per_call=1, lorebook_max_tokens=MOST_CAP)
    lost, kept = asked(desk)
    assert names(book) == kept
    assert "Some entries could not be had and are left out." in desk.logs()
    assert lost != kept


def test_answers_of_the_wrong_shape_end_the_step_when_there_is_nothing_else(desk: Desk) -> None:
    desk.server.writers["write_entries"] = lambda _, __: {"entries": "none"}
    with pytest.raises(BadOutput, match="entries is not of the type array"):
        desk.expand(reasks=1, lorebook_entries=4)
    assert len(asked(desk)) == 2


def test_a_card_may_be_delivered_without_a_book(desk: Desk) -> None:
    desk.server.writers["write_entries"] = lambda _, __: {"entries": "none"}
    assert desk.expand(reasks=0, on_errors="deliver", lorebook_entries=4) is None
    assert "Some entries could not be had and are left out." in desk.logs()


def test_a_step_that_died_half_way_pays_for_no_entry_twice(desk: Desk) -> None:
    work = desk.begin(desk.open([CARD], lorebook_entries=8)[0])
    desk.server.script = [Say(), Say(status=401, body={"error": {"message": "no", "code": 401}})]
    with pytest.raises(AuthRefused):
        expand.work(work)
    paid = list(desk.server.ledger.charges)
    book = expand.work(desk.work_of(work.claim))
    first, refused, second = asked(desk)
    assert refused == second
    assert names(book) == sorted(first + second)
    assert len(paid) == 1
    assert len(desk.server.ledger.charges) == 2, "the first group was not asked for again"


def test_a_name_that_nobody_gave_is_sent_back_once(desk: Desk) -> None:
    says(desk, told("Saltmarket") + " Its mayor is Odalys Brandt.", told("Saltmarket"))
    book = desk.expand(lorebook_entries=4)
    assert entry_of(book, "Saltmarket").content == told("Saltmarket")
    (repair,) = desk.prompts("repair_entry")
    assert "Neither source nor card has Odalys Brandt" in repair
    assert any("The entry Saltmarket is sent back: Neither source nor card has Odalys" in said for said in desk.logs())


def test_what_the_model_keeps_making_up_is_cut_and_told(desk: Desk) -> None:
    says(desk, told("Saltmarket") + " It was founded in 1382.")
    book = desk.expand(lorebook_entries=4)
    assert entry_of(book, "Saltmarket").content == told("Saltmarket")
    assert any("sentences with 1382 were left out" in line for line in desk.logs())


def test_what_is_made_up_may_stay_when_the_writer_is_free(desk: Desk) -> None:
    says(desk, told("Saltmarket") + " It was founded in 1382.")
    book = desk.expand(lorebook_entries=4, grounding="free")
    assert entry_of(book, "Saltmarket").content.endswith("1382.")
    assert not desk.prompts("repair_entry")


def test_an_entry_that_names_nobody_is_made_to(desk: Desk) -> None:
    says(desk, "It is a place of cranes and debts where nobody asks who pays.")
    book = desk.expand(lorebook_entries=4)
    assert entry_of(book, "Saltmarket").content.startswith("Saltmarket: It is a place")
    assert "name the subject in the first sentence" in desk.prompts("repair_entry")[0]


def test_an_entry_repeats_nothing_of_the_card(desk: Desk) -> None:
    fact = "Saltmarket is the town where Mara Voss learned to row, and where her mother sold eels from a barrow."
    card = replace(CARD, description=f"{CARD.description} {fact}")
    says(desk, f"{fact} It smells of tar.")
    book = desk.expand(card, lorebook_entries=4)
    assert entry_of(book, "Saltmarket").content == "Saltmarket: It smells of tar."
    assert "stands in the description too" in desk.prompts("repair_entry")[0]


def test_entries_that_say_the_same_become_one(desk: Desk) -> None:
    same = "Candle Stair and the Drowned Chapel under it belong to the river, which rises there at low tide."

    def write(_: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        both = ("Candle Stair", "Drowned Chapel")
        return {"entries": [written(one, same if one in both else "") for one in asked_names(body)]}

    desk.server.writers["write_entries"] = write
    book = desk.expand()
    assert "Drowned Chapel" not in names(book)
    assert {"Candle Stair", "Drowned Chapel"} <= set(entry_of(book, "Candle Stair").keys)
    assert any(line.startswith("The entry Drowned Chapel is left out: it is made one with") for line in desk.logs())


def test_an_entry_that_nothing_could_bring_up_is_left_out_with_the_reason(desk: Desk) -> None:
    def write(schema: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        return {"entries": [*write_all(schema, body)["entries"], written("Which", "Which way the river runs.")]}

    desk.server.writers["write_entries"] = write
    book = desk.expand(lorebook_entries=12)
    assert "Which" not in names(book)
    assert "The entry Which is left out: no key of its own is left for it." in desk.logs()


def test_an_entry_that_the_budget_cannot_hold_is_left_out_with_the_reason(desk: Desk) -> None:
    says(desk, " ".join(f"Saltmarket has a crane and a debt for street {n % 10}." for n in range(60)))
    book = desk.expand(lorebook_entries=4, token_budget=300, repairs=0)
    assert "Saltmarket" not in names(book)
    assert any(line.startswith("The entry Saltmarket is left out: L07") for line in desk.logs())


NASTY = (
    "As an AI language model, I cannot write this.",
    "{{char}} and {{user}} meet {{unknown}} here.",
    "<START>\n{{user}}: Hello?\n{{char}}: Go away, and do not come back to this place.",
    "```json\n{}\n```",
    "It. He. They. See above.",
    "/(a+)+$/ is a key, so is , and so is \u3000.",
    "x" * 9000,
    "Saltmarket, " * 300,
    "TODO: write this entry. [insert name here]",
    '*whispers* "Stay with me," she says. "Stay with me for all of the night, will you?"',
    "\n\n.\n",
    "The town of 9999 people was founded by Odalys Brandt. It stinks.",
)
KEYS = (
    "a,b",
    "/(a+)+$/",
    " ",
    "Mara",
    "the",
    "x" * 200,
    "Saltmarket",
    "SALTMARKET ",
    "{{char}}",
    "桜",
    "*",
    "I",
    "river",
)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_model_writes_no_error_gets_into_a_book(desk: Desk, seed: int) -> None:
    dice = random.Random(seed)

    def nasty(name: str) -> dict[str, Any]:
        content = dice.choice((*NASTY, told(name), f"{told(name)} {dice.choice(NASTY)}"))
        called = dice.choice((name, name, name, f"{name} ", name.upper(), "Mara Voss", "?", "a" * 300, "{{char}}"))
        return written(called, content, category=dice.choice(CATEGORIES), keys=dice.sample(KEYS, 4))

    desk.server.writers["write_entries"] = lambda _, body: {
        "entries": [nasty(name) for name in asked_names(body) * dice.randint(1, 2)]
    }
    desk.server.writers["repair_entry"] = lambda _, __: nasty("Saltmarket")
    desk.server.writers["propose_subjects"] = lambda _, __: {
        "subjects": [{"name": name, "category": "thing"} for name in (*KEYS, "the bell", "Tom", "Threadwater ")]
    }
    book = desk.expand(recursive_scanning=dice.random() < 0.5, constants=dice.randint(0, 3))
    assert book is not None, "with these seeds some of it can be used"
    card = replace(CARD, book=book)
    assert errors_of(card) == []
    for place, entry in enumerate(book.entries):
        needs = entry.secondary_keys[:1] if "selectiveLogic" not in entry.extensions else ()
        assert simulate(book, [" ".join((entry.name, *needs))], card=card).outcomes[place].fired


# What comes out -------------------------------------------------------------------------------------------


def test_an_accepted_book_has_no_error_and_every_entry_fires(desk: Desk) -> None:
    book = desk.expand()
    assert book is not None
    card = replace(CARD, book=book)
    assert errors_of(card) == []
    for place, entry in enumerate(book.entries):
        outcome = simulate(book, [f"What of {entry.name}?"], card=card).outcomes[place]
        assert outcome.fired, outcome


def test_each_entry_carries_the_sentences_that_it_rests_on(desk: Desk) -> None:
    book = desk.expand()
    assert book is not None
    read = from_v3(to_v3(replace(CARD, book=book)))
    assert read.book is not None
    for entry in read.book.entries:
        spans = entry.extensions["cardforge"]["source"]
        assert 1 <= len(spans) <= 3
        assert all(entry.constant or entry.name in SOURCE[start:end] for start, end in spans), entry.name


def test_a_written_entry_says_everything_that_a_front_end_can_be_told(desk: Desk) -> None:
    book = desk.expand()
    data = to_v3(replace(CARD, book=book))["data"]["character_book"]
    assert (data["scan_depth"], data["token_budget"], data["recursive_scanning"]) == (4, 2048, False)
    premise = next(entry for entry in data["entries"] if entry["name"] == "Premise")
    town = next(entry for entry in data["entries"] if entry["name"] == "Saltmarket")
    assert (premise["constant"], premise["insertion_order"], premise["priority"]) == (True, 10, 100)
    assert premise["extensions"]["ignore_budget"] is True
    assert (town["constant"], town["position"], town["selective"], town["case_sensitive"]) == (
        False,
        "before_char",
        False,
        False,
    )
    settings = {
        "probability": 100,
        "useProbability": True,
        "depth": 4,
        "role": 0,
        "group": "",
        "selectiveLogic": 0,
        "match_whole_words": True,
        "exclude_recursion": True,
        "prevent_recursion": False,
    }
    assert {name: town["extensions"][name] for name in settings} == settings


def test_the_book_is_stored_with_its_evidence(desk: Desk) -> None:
    work = desk.begin(desk.open([CARD])[0])
    book = expand.work(work)
    with db.transaction() as session:
        output = expand.save(session, work, book)
    with db.transaction() as session:
        card = characters.load_card(session, characters.find_character(session, desk.owner, job_id=work.claim.job_id))
    assert output["entries"] == 8
    assert card.book == book


# What is asked --------------------------------------------------------------------------------------------


def test_the_options_are_told_to_the_writer(desk: Desk) -> None:
    desk.expand(
        entry_words=33,
        categories=["place"],
        language="German",
        rating="mature",
        avoid=["spiders"],
        instructions="Be odd.",
    )
    prompt = desk.prompts("write_entries")[0]
    for said in ("about 33 words", "one of place.", "German", "adults", "spiders", "Be odd.", "no proper name"):
        assert said in prompt, said


def test_only_the_kinds_that_were_asked_for_stay(desk: Desk) -> None:
    def write(_: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        kinds = {"Tom Reyes": "person", "Meridian": "thing"}
        return {"entries": [written(one, category=kinds.get(one, "place")) for one in asked_names(body)]}

    desk.server.writers["write_entries"] = write
    book = desk.expand(categories=["person", "thing"], lorebook_entries=12)
    assert names(book) == ["Meridian", "Tom Reyes"]
    assert any("Saltmarket is left out: it is of the kind place" in line for line in desk.logs())


def test_a_model_is_asked_for_subjects_only_where_code_finds_too_few(desk: Desk) -> None:
    desk.expand(lorebook_entries=8)
    assert desk.prompts("propose_subjects") == []
    offered = [("the bell at low tide", "event"), ("Mara", "person"), ("Zanzibar", "place")]
    desk.server.writers["propose_subjects"] = lambda _, __: {
        "subjects": [{"name": name, "category": category} for name, category in offered]
    }
    desk.expand(lorebook_entries=12)
    (prompt,) = desk.prompts("propose_subjects")
    assert "Name up to 4 more" in prompt
    assert asked(desk)[-1] == ["the bell at low tide"], "no main character, nothing that the source does not have"


def test_a_failed_proposal_costs_no_book(desk: Desk) -> None:
    desk.server.writers["propose_subjects"] = lambda _, __: {"subjects": "?"}
    assert len(names(desk.expand())) == 8
    assert len(desk.prompts("propose_subjects")) == 1


def test_scripts_without_blanks_get_a_book_too(desk: Desk) -> None:
    source = (
        "桐島ハルは灯台守である。灯台は桜の里の岬に立つ。桜の里では冬に霧笛が鳴る。霧笛を鳴らすのは田中さんだ。" * 2
    )
    texts = {
        "桜の里": "桜の里は岬の村である。冬には霧が深い。",
        "霧笛": "霧笛は灯台の横にあり、霧の日に鳴る。",
        "田中": "田中さんは霧笛を鳴らす老人だ。",
    }
    desk.server.writers["propose_subjects"] = lambda _, __: {
        "subjects": [{"name": name, "category": "place"} for name in (*texts, "月の里")]
    }
    desk.server.writers["write_entries"] = lambda _, body: {
        "entries": [written(name, texts.get(name, "")) for name in asked_names(body)]
    }
    card = Card(name="桐島ハル", description="{{char}}は無口な灯台守で、猫が好きだ。")
    book = desk.expand(card, source, lorebook_entries=4, constants=0)
    assert names(book) == ["桜の里", "田中", "霧笛"]
    entry = entry_of(book, "桜の里")
    assert (entry.keys, entry.extensions["match_whole_words"]) == (("桜の里",), False)
    assert source[slice(*entry.extensions["cardforge"]["source"][0])] == "灯台は桜の里の岬に立つ。"


def test_200_000_characters_of_source_fit_a_small_context(desk: Desk) -> None:
    parts = SOURCE.split("\n")
    filler = "The tide comes in, the tide goes out, and the gulls have seen it all before.\n\n"
    source = "\n\n".join(parts[n % len(parts)] + "\n\n" + filler * 8 for n in range(260))[:200_000]
    book = desk.expand(source=source, context_tokens=6000, lorebook_max_tokens=2000, facts="never")
    assert {"Saltmarket", "Tom Reyes"} <= set(names(book))
    for body in desk.server.ledger.requests:
        tokens = sum(estimate_tokens(message["content"]) for message in body["messages"])
        assert tokens + body["max_tokens"] <= 6000
    for names_, prompt in zip(asked(desk), desk.prompts("write_entries"), strict=True):
        assert all(name in prompt.partition("</source>")[0] for name in names_ if name != "Premise")
    for entry in book.entries if book else ():
        spans = entry.extensions["cardforge"]["source"]
        assert spans
        assert all(entry.constant or entry.name in source[start:end] for start, end in spans)


# Several cards, and cards that have a book ----------------------------------------------------------------


def test_cards_of_one_source_get_one_book_and_pay_for_it_once(desk: Desk) -> None:
    cards = [CARD, replace(CARD, name="Tom Reyes", description="{{char}} limps and collects."), Card(name="Ilse Brand")]
    ids = desk.open(cards, shared=True)
    books = [expand.work(desk.begin(job_id)) for job_id in ids]
    assert len(desk.server.ledger.charges) == 4, "one question for subjects and three for nine entries"
    told_of = [{entry.name: entry.content for entry in book.entries} for book in books if book]
    assert told_of[2].keys() - told_of[0].keys() == {"Mara Voss"}
    assert told_of[2].keys() - told_of[1].keys() == {"Tom Reyes"}
    assert all(told_of[2][name] == content for each in told_of for name, content in each.items())
    assert "Mara Voss is in the card, and has no entry." in desk.logs()


def test_cards_that_are_written_at_one_time_pay_once_all_the_same(desk: Desk) -> None:
    cards = [replace(CARD, name=name) for name in ("Ilse Brand", "Otto Brand", "Nel Haas")]
    works = [desk.begin(job_id) for job_id in desk.open(cards, shared=True, lorebook_entries=4)]
    desk.server.seconds = 0.1  # each answer is on its way while the others ask
    with ThreadPoolExecutor(3) as pool:
        books = list(pool.map(expand.work, works))
    assert len(desk.server.ledger.charges) == 1
    assert len({tuple(names(book)) for book in books}) == 1


def test_what_is_mended_is_mended_once_for_all_cards(desk: Desk) -> None:
    says(desk, "{{char}} lives here.", told("Tom Reyes"), name="Tom Reyes")
    cards = [replace(CARD, name="Meridian"), replace(CARD, name="Ilse Brand")]
    books = [expand.work(desk.begin(job_id)) for job_id in desk.open(cards, shared=True, lorebook_entries=8)]
    assert len(desk.prompts("repair_entry")) == 1
    assert [entry_of(book, "Tom Reyes").content for book in books] == [told("Tom Reyes")] * 2


def test_a_cap_leaves_room_in_a_small_context(desk: Desk) -> None:
    desk.expand(context_tokens=3000)
    assert {body["max_tokens"] for body in desk.server.ledger.requests} == {1500}


def test_without_the_option_each_card_has_a_book_of_its_own(desk: Desk) -> None:
    for job_id in desk.open([CARD, replace(CARD, name="Ilse Brand")], shared=True, shared_book=False):
        expand.work(desk.begin(job_id))
    prompts = desk.prompts("write_entries")
    assert len(set(prompts)) == len(prompts)
    assert "What the card of Ilse Brand says" in prompts[-1]


def test_a_model_does_not_say_what_is_always_on(desk: Desk) -> None:
    def write(schema: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        return {"entries": [entry | {"constant": True} for entry in write_all(schema, body)["entries"]]}

    desk.server.writers["write_entries"] = write
    book = desk.expand()
    assert book is not None
    assert [entry.name for entry in book.entries if entry.constant] == ["Premise"]


def test_entries_of_an_existing_card_stay_and_are_not_written_again(desk: Desk) -> None:
    kept = Entry(name="The Calloways", keys=("Calloway Syndicate", "syndicate"), content="Old text.", extra={"x": 1})
    there = Book(name="Mine", token_budget=900, entries=(kept,), extensions={"y": 2})
    book = desk.expand(replace(CARD, book=there), lorebook_entries=6)
    assert book is not None
    assert (book.name, book.token_budget, book.entries[0], book.extensions["y"]) == ("Mine", 900, kept, 2)
    assert len(book.entries) == 6
    assert not any("Calloway Syndicate" in group for group in asked(desk))


def test_a_full_book_is_not_added_to(desk: Desk) -> None:
    there = Book(entries=(Entry(name="A", keys=("Abbey",), content="The Abbey."),))
    assert desk.expand(replace(CARD, book=there), lorebook_entries=1) == there
    assert desk.server.ledger.requests == []


def test_a_name_that_is_left_without_an_entry_is_noted(desk: Desk) -> None:
    book = desk.expand(lorebook_entries=1)
    assert book is not None
    noted = book.extensions["cardforge"]["no_entry"]
    assert noted
    assert not set(noted) & set(names(book))
    assert "Named often, and without an entry: Saltmarket." in desk.logs()


def test_no_book_is_written_where_none_is_wanted(desk: Desk) -> None:
    assert desk.expand(include_book=False) is None
    assert desk.expand(lorebook_entries=0) is None
    assert desk.server.ledger.requests == []


def test_the_offline_writer_is_asked_once_for_all(desk: Desk) -> None:
    work = desk.begin(desk.open([CARD])[0], provider=OfflineProvider())
    book = expand.work(work)
    assert len(names(book)) >= 4
    assert desk.calls() == ["write_entries"]
    card = replace(CARD, book=book)
    assert errors_of(card) == []
