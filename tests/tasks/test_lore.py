"""Lore, without a model: subjects, passages, keys, arranging, checking."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from cards.card import Book, Card, Entry
from cards.simulate import simulate
from cards.text import estimate_tokens
from schemas import options
from tasks.lore import check
from tasks.lore.arrange import arrange, without_evidence
from tasks.lore.candidates import Candidate, chosen, find_candidates, premise_of
from tasks.lore.draft import Draft, read_drafts
from tasks.lore.grounding import Given, strangers, without
from tasks.lore.keys import AND_ANY, NOT_ANY, Keys, World, choose_keys, plain_words
from tasks.lore.passages import about, evidence, find_mentions, quoted
from tasks.lore.same import Named, covers, groups, is_person, near, same_name, short_for
from tasks.lore.shapes import CATEGORIES
from tasks.writing.source import Span
from tests.tasks.lore import CARD, SOURCE, TOLD, task, told


def draft(name: str, content: str = "", *, category: str = "place", keys: tuple[str, ...] = (), **more: Any) -> Draft:
    subject = Candidate(name, mentions=1, spans=tuple(find_mentions(SOURCE, [name])))
    return Draft(subject, name, content or told(name), keys, category, **more)


def keys_of(*drafts: Draft, own: tuple[str, ...] = ("Mara Voss",), texts: tuple[str, ...] = ()) -> list[Keys]:
    return choose_keys(drafts, World(own, frozenset(), plain_words(texts), "en"))


def arranged(*drafts: Draft, there: Book | None = None, **changes: Any) -> dict[str, Entry]:
    book, _ = arrange(task(**changes), drafts, there)
    return {entry.name: entry for entry in book.entries} if book else {}


# The same subject -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "full", "is_short"),
    [
        ("Voss", "Mara Voss", True),
        ("Mara", "Captain Mara Voss", True),
        ("Ashen Vow", "Order of the Ashen Vow", True),
        ("the Order", "Order of the Ashen Vow", True),
        ("Karst", "Duke of Karst", False),
        ("Gull Rock", "Gull Rock Tower", False),
        ("Rose", "Rose Hill", False),
        ("Ilse Voss", "Mara Ilse Voss", False),
        ("Mara Voss", "Mara Voss", False),
    ],
)
def test_a_name_is_short_for_another_only_where_people_use_it_so(short: str, full: str, is_short: bool) -> None:
    assert short_for(short, full) is is_short


def test_articles_and_one_title_make_no_other_name() -> None:
    assert same_name("The Rock", "rock")
    assert same_name("Captain Voss", "Voss")
    assert same_name("田中さん", "田中")
    assert not same_name("Lord Voss", "Lady Voss")


def test_how_near_names_may_be_grows_with_their_length() -> None:
    assert near("Thornhart", "Thornhard")
    assert not near("Thornhart", "Thornwort")
    assert near("Calloway Syndicate", "Caloway Sindicate")
    assert not near("Mara", "Maru")
    assert not near("Dock Seven 11", "Dock Seven 12")


def test_names_are_grouped_through_others_and_no_short_form_joins_two_people() -> None:
    found = [
        Named("Mara Voss", kind="person", mentions=9),
        Named("Elias Voss", kind="person", mentions=5),
        Named("Voss", mentions=4),
        Named("Captain Voss", ("the Captain",), mentions=2),
        Named("Thornhart", mentions=7),
        Named("Thornhartt", mentions=1),
    ]
    assert groups(found) == [[0, 2, 3], [1], [4, 5]]


def test_two_names_that_are_both_used_often_are_two() -> None:
    assert groups([Named("Marek", mentions=6), Named("Maren", mentions=5)]) == [[0], [1]]
    assert groups([Named("Marek", mentions=6), Named("Maren", mentions=1)]) == [[0, 1]]


@pytest.mark.parametrize(
    ("name", "is_own"),
    [("Mara", True), ("Captain Mara Voss", True), ("Voss", True), ("Elias Voss", False), ("Voss Shipyard", False)],
)
def test_the_character_is_known_by_parts_of_its_name(name: str, is_own: bool) -> None:
    assert is_person(Named(name), ["Mara Voss"]) is is_own


def test_the_name_that_somebody_goes_by_is_their_own() -> None:
    called = task(card=replace(CARD, name="Leonora 'Leo' Castellane", nickname="Lee")).own
    assert called == ("Leonora 'Leo' Castellane", "Leonora Castellane", "Leo", "Lee")
    assert task(card=replace(CARD, name="Mara O'Neill", nickname="")).own == ("Mara O'Neill",)


# Subjects -------------------------------------------------------------------------------------------------


def test_what_is_named_often_comes_first_and_the_character_is_no_subject() -> None:
    found = find_candidates(SOURCE, CARD, own=("Mara Voss",))
    names = [one.name for one in found]
    assert {"Candle Stair", "Saltmarket"} <= set(names[:3])
    assert [one.mentions >= 3 for one in found] == sorted((one.mentions >= 3 for one in found), reverse=True)
    assert not any("Mara" in name for name in names)
    assert all(SOURCE[slice(*span)] in one.forms for one in found for span in one.spans)


def test_the_card_names_subjects_too_but_not_those_of_a_shared_book() -> None:
    card = replace(CARD, description="{{char}} hates Titan Station and everybody from Titan Station.")
    alone = find_candidates(SOURCE, card, own=("Mara Voss",))
    titan = next(one for one in alone if one.name == "Titan Station")
    assert (titan.spans, titan.fields) == ((), ("description",))
    shared = [one.name for one in find_candidates(SOURCE, None)]
    assert "Titan Station" not in shared
    assert "Mara Voss" in shared


def test_words_that_open_a_sentence_are_no_part_of_a_name() -> None:
    text = "Did the Halloran Combine pay? It did. Did the Halloran Combine ask? Did the Halloran Combine care?"
    assert [one.name for one in find_candidates(text, None)] == ["Halloran Combine"]


def test_what_has_an_entry_is_no_subject_again() -> None:
    known = [Named("The Syndicate", ("Calloway Syndicate",))]
    assert not any("Calloway" in one.name for one in find_candidates(SOURCE, CARD, known=known))
    assert covers(known, Named("Calloway Syndicate"))


def test_kinds_that_were_asked_for_come_first() -> None:
    found = [Candidate("A Place", kind="place"), Candidate("Somebody", kind="person"), Candidate("Odd")]
    assert [one.name for one in chosen(found, 2, ["person"])] == ["Somebody", "Odd"]


@pytest.mark.parametrize(
    ("source", "most", "constants", "categories"),
    [("Short.", 9, 1, None), (SOURCE, 2, 1, None), (SOURCE, 9, 0, None), (SOURCE, 9, 1, ["place"])],
)
def test_a_premise_needs_room_a_source_and_the_wish(
    source: str, most: int, constants: int, categories: list[str] | None
) -> None:
    assert premise_of(source, most, constants, categories) == []
    assert [one.premise for one in premise_of(SOURCE, 9, 1, ["world", "place"])] == [True]


# Passages -------------------------------------------------------------------------------------------------


def test_a_long_name_is_one_mention_not_two() -> None:
    assert find_mentions("Mara Voss and Mara.", ["Mara", "Mara Voss"]) == [Span(0, 9), Span(14, 18)]
    assert find_mentions("MARA!", ["Mara"]) == [Span(0, 4)]
    assert find_mentions("The maraca.", ["Mara"]) == []
    assert find_mentions("東京タワーと東京", ["東京"]) == [Span(0, 2), Span(6, 8)]


def test_each_subject_gets_a_passage_before_any_gets_two() -> None:
    filler = "Nothing of note happened on that day, nor on the next. " * 20
    source = "\n\n".join([f"{filler}Ada came. Ada left. Ada slept."] * 20 + [f"{filler}Bo waited."] + [filler] * 20)
    spans = [find_mentions(source, ["Ada"]), find_mentions(source, ["Bo"])]
    chosen_ = about(source, spans, 900)
    text = quoted(source, chosen_)
    assert "Bo waited" in text
    assert "Ada came" in text
    assert sum(estimate_tokens(source[slice(*span)]) for span in chosen_) <= 900


def test_a_source_that_fits_is_sent_whole() -> None:
    assert quoted(SOURCE, about(SOURCE, [], 5000)) == SOURCE


def test_evidence_is_the_sentences_that_the_entry_rests_on() -> None:
    spans = find_mentions(SOURCE, ["Candle Stair"])
    found = evidence(SOURCE, spans, "Candle Stair is a quarter of steps cut into the cliff.", "en")
    texts = [SOURCE[slice(*span)] for span in found]
    assert "Candle Stair is a quarter of steps cut into the cliff above the river." in texts
    assert len(texts) == 3
    assert all("Candle Stair" in text for text in texts)


# Keys -----------------------------------------------------------------------------------------------------


def test_no_key_fires_two_entries_nor_for_the_character_itself() -> None:
    rock, chapel = keys_of(
        draft("Gull Rock", keys=("the beacon", "Ondine", "Marsh")),
        draft("Old Chapel", keys=("THE BEACON",)),
        own=("Ondine Marsh",),
    )
    assert rock.primary == ["Gull Rock", "the beacon"]
    assert chapel.primary == ["Old Chapel"]


def test_no_entry_takes_another_ones_name() -> None:
    first, second = keys_of(draft("Calloway Syndicate", keys=("Tom Reyes",)), draft("Tom Reyes", category="person"))
    assert first.primary == ["Calloway Syndicate"]
    assert second.primary == ["Tom Reyes", "Tom", "Reyes"]


@pytest.mark.parametrize(
    "key", ["the", "he", "x" * 61, " , ", "Miss Voss", "voss", "/(a+)+$/", "{{char}}", "{{char}}'s boat"]
)
def test_a_key_is_never_common_too_long_or_the_characters_name(key: str) -> None:
    assert keys_of(draft("Candle Stair", keys=(key,)))[0].primary == ["Candle Stair"]


def test_what_a_thing_is_called_too_is_a_key() -> None:
    (keys,) = keys_of(draft("Meridian", "The Meridian, also known as Old Patience, leaks.", category="thing"))
    assert keys.primary == ["Meridian", "Old Patience"]


def test_commas_split_keys_and_articles_of_names_go() -> None:
    (keys,) = keys_of(draft("The Order of the Ashen Vow", keys=("vow-keepers, Ashmen",), category="faction"))
    assert keys.primary == ["Order of the Ashen Vow", "Ashen Vow", "vow-keepers", "Ashmen"]


def test_the_other_number_of_a_noun_is_a_key_where_it_is_used() -> None:
    (keys,) = keys_of(draft("Thornharts", "Thornharts are deer. A Thornhart never sleeps.", category="thing"))
    assert keys.primary == ["Thornharts", "Thornhart"]


def test_an_ambiguous_key_goes_where_others_are_left() -> None:
    plain = "the river is cold, the river is wide, the river is near"
    (keys,) = keys_of(draft("Threadwater", keys=("river",)), texts=(plain,))
    assert (keys.primary, keys.secondary) == (["Threadwater"], [])


def test_in_a_long_source_a_word_has_to_be_more_common_to_say_nothing() -> None:
    plain = "the lighthouse burns, a lighthouse, one lighthouse"
    keys, _ = keys_of(draft("Gull Rock", keys=("lighthouse",)), draft("B"), texts=(plain,))
    assert keys.primary == ["Gull Rock"]
    keys, _ = keys_of(draft("Gull Rock", keys=("lighthouse",)), draft("B"), texts=(plain, "and so it goes " * 5000))
    assert keys.primary == ["Gull Rock", "lighthouse"]


def test_a_plain_word_alone_is_narrowed_by_what_comes_with_it() -> None:
    plain = "the bell rings, a bell, one bell"
    bell, other = keys_of(
        draft("bell", "The bell rings over Saltmarket whenever somebody drowns."), draft("Saltmarket"), texts=(plain,)
    )
    assert bell.primary == ["bell"]
    assert bell.logic == AND_ANY
    assert bell.secondary[0] == "Saltmarket"
    assert "bell" not in bell.secondary
    assert other.secondary == []


def test_a_name_within_another_ones_name_does_not_fire_for_that() -> None:
    rock, gull = keys_of(draft("Rock", category="person"), draft("Gull Rock Quay"))
    assert (rock.primary, rock.secondary, rock.logic) == (["Rock"], ["Gull Rock Quay"], NOT_ANY)
    town, duke = keys_of(draft("Karst"), draft("Duke of Karst", category="person"))
    assert (town.secondary, duke.secondary, gull.secondary) == ([], [], [])


def test_a_name_that_is_a_word_is_told_by_its_capital() -> None:
    rose, tom = keys_of(draft("Rose", category="person"), draft("Tom", category="person"), texts=("a rose",))
    assert (rose.case_sensitive, tom.case_sensitive) == (True, False)


def test_scripts_without_blanks_have_no_whole_words() -> None:
    (keys,) = choose_keys([draft("桜の里")], World(("ハル",), frozenset(), Counter(), "ja"))
    assert (keys.primary, keys.is_wide) == (["桜の里"], True)


# Arranging ------------------------------------------------------------------------------------------------


def test_entries_stand_in_tiers_ten_apart_with_the_premise_first() -> None:
    found = arranged(
        draft("Saltmarket"),
        draft("Meridian", category="thing"),
        draft("Tom Reyes", category="person"),
        draft("Calloway Syndicate", category="faction"),
        draft("Premise", TOLD["Premise"], category="world", premise=True),
    )
    rows = [(name, e.insertion_order, e.position, e.constant) for name, e in found.items()]
    assert rows == [
        ("Premise", 10, "before_char", True),
        ("Calloway Syndicate", 30, "before_char", False),
        ("Saltmarket", 40, "before_char", False),
        ("Tom Reyes", 50, "after_char", False),
        ("Meridian", 60, "after_char", False),
    ]
    assert [e.priority for e in found.values()] == [100, 30, 90, 50, 70]


def test_one_premise_is_constant_and_no_more_than_the_option_allows() -> None:
    two = (draft("Premise", "The river is cold.", premise=True), draft("World", "The sea is near.", premise=True))
    assert [entry.constant for entry in arranged(*two).values()] == [True]
    book, lost = arrange(task(constants=0), two)
    assert book is None
    assert [each.name for each in lost] == ["Premise", "World"]


def test_a_premise_too_long_for_its_share_of_the_budget_is_not_constant() -> None:
    long = draft("Premise", "The river is cold. " * 40, premise=True)
    assert arranged(draft("Saltmarket"), long, token_budget=400).keys() == {"Saltmarket"}


EVERY = ("description", "personality", "scenario", "first_mes", "mes_example")


def with_everywhere(word: str) -> Card:
    """The card with a word in all its texts."""
    return replace(CARD, **{name: f"{getattr(CARD, name)} {word}." for name in EVERY})


def test_what_every_message_brings_up_is_constant_while_there_is_room() -> None:
    card = with_everywhere("Saltmarket")
    drafts = (draft("Saltmarket"), draft("Meridian"))
    assert arranged(*drafts, card=card, constants=2)["Saltmarket"].constant
    assert not arranged(*drafts, card=card, constants=2)["Meridian"].constant
    assert not arranged(*drafts, card=card, constants=0)["Saltmarket"].constant


def test_a_plain_word_that_every_message_has_is_no_key() -> None:
    drafts = [draft("Saltmarket", keys=("harbour", "the old port")), draft("Meridian", keys=("ferry",))]
    found = arranged(*drafts, card=with_everywhere("harbour"), source="Saltmarket and the Meridian.", constants=0)
    assert found["Saltmarket"].keys == ("Saltmarket", "the old port")
    assert found["Meridian"].keys == ("Meridian", "ferry")


def test_without_recursion_no_entry_brings_up_another_even_where_the_front_end_recurses() -> None:
    first = draft("Saltmarket", "Saltmarket lies on the Threadwater.")
    book, _ = arrange(task(), [first, draft("Threadwater")])
    assert book is not None
    read_by_tavern = replace(book, recursive_scanning=None)
    assert simulate(read_by_tavern, ["To Saltmarket!"]).fired == (0,)


def test_with_recursion_people_are_brought_up_and_plain_facts_are_not() -> None:
    first = draft("Saltmarket", "Saltmarket fears Tom Reyes and the Meridian.")
    found = arranged(first, draft("Tom Reyes", category="person"), draft("Meridian", category="thing"), recursive=True)
    assert "exclude_recursion" not in found["Tom Reyes"].extensions
    assert found["Meridian"].extensions["exclude_recursion"] is True


def test_a_hub_brings_up_nothing() -> None:
    names = [f"House {letter}{letter.lower()}ran" for letter in "BCDFGHK"]
    hub = draft("Saltmarket", f"Saltmarket has {', '.join(names)}.")
    found = arranged(hub, *(draft(name, f"{name} is one of the houses.") for name in names), recursive=True)
    assert found["Saltmarket"].extensions["prevent_recursion"] is True
    assert "prevent_recursion" not in found[names[0]].extensions


def test_no_chain_of_entries_costs_more_than_the_budget() -> None:
    names = ("Arden", "Belmar", "Corvo", "Delft")
    chain = [
        draft(name, f"{name} leads to {after}. " + f"{name} is grey and has salt on its doors. " * 8)
        for name, after in zip(names, (*names[1:], "nowhere"), strict=True)
    ]
    book, _ = arrange(task(recursive=True, token_budget=300, constants=0), chain)
    assert book is not None
    assert check.failures(task(token_budget=300), book, set(names), {}) == []
    assert any("prevent_recursion" in entry.extensions for entry in book.entries)


def test_what_a_book_says_of_itself_stays_and_its_keys_are_not_taken() -> None:
    there = Book(name="Mine", scan_depth=9, entries=(Entry(name="Quay", keys=("Saltmarket",), content="x"),))
    book, _ = arrange(task(), [draft("Saltmarket", keys=("the harbour",))], there)
    assert book is not None
    assert (book.name, book.scan_depth, book.token_budget) == ("Mine", 9, 2048)
    assert book.entries[0] == there.entries[0]
    assert book.entries[1].keys == ("the harbour",)


def test_evidence_can_be_taken_out_again() -> None:
    book, _ = arrange(task(), [draft("Saltmarket")])
    assert book is not None
    assert book.entries[0].extensions["cardforge"]["source"]
    assert "cardforge" not in without_evidence(book).entries[0].extensions


# Checking -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("Saltmarket owes 4,200 crowns to Tom Reyes.", []),
        ("Its people are Saltmarketers, thirty-four of them.", []),
        ("The ferrywoman is 34.", []),
        ("Saltmarket was burnt by Odalys Brandt in 1382.", ["Odalys Brandt", "1382"]),
        ("Fishermen drink there. Nobody sings.", []),
        ("Every boat is a Zephyra, built of oak.", ["Zephyra"]),
    ],
)
def test_names_and_figures_that_nobody_gave_are_found(content: str, found: list[str]) -> None:
    assert strangers(content, Given((SOURCE, CARD.description))) == found


def test_scripts_without_blanks_are_looked_through() -> None:
    given = Given(("桐島ハルは桜の里の灯台守である。桐島ハルは猫が好きだ。",))
    assert given.has_name("桜の里")
    assert not given.has_name("月の里")


def test_in_another_language_only_figures_tell() -> None:
    german = "Saltmarket ist eine Hafenstadt, in der die Kaufleute und die Schmiede seit 1382 unter sich bleiben."
    assert strangers(german, Given((SOURCE,))) == ["1382"]


def test_only_the_sentences_that_say_them_go() -> None:
    assert without("It is old. It was built in 1382. It stinks.", ["1382"]) == "It is old. It stinks."


def test_near_duplicates_become_one_with_the_richer_text_and_all_keys() -> None:
    short = draft("Saltmarket", "Saltmarket is a harbour town.", keys=("the harbour",))
    long = draft(
        "Salt Market", "Saltmarket is a harbour town where every crane belongs to somebody else.", keys=("port",)
    )
    again = draft("The Port", "Saltmarket is a harbour town where every crane belongs to somebody.", keys=("docks",))
    kept, lost = check.merged([short, draft("Tom Reyes"), long, again], "Mara Voss")
    assert [each.name for each in kept] == ["Saltmarket", "Tom Reyes"]
    assert kept[0].content == long.content
    assert {"the harbour", "Salt Market", "port", "The Port", "docks"} == set(kept[0].keys)
    assert [each.name for each in lost] == ["Salt Market", "The Port"]
    assert "made one with 'Saltmarket'" in lost[0].why


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("It is a town of cranes.", "name the subject"),
        ("Saltmarket is the seat of Odalys Brandt.", "Odalys Brandt"),
        ("As an AI language model, I cannot write about Saltmarket.", "AI language model"),
        ('Saltmarket. <START>\n{{user}}: "Hello there, my dear friend."', "START"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_as_an_order(content: str, said: str) -> None:
    found = check.problems(task(), [draft("Tom Reyes"), draft("Saltmarket", content)], {}, check.given(task()))
    assert list(found) == [1]
    assert any(said in problem for problem in found[1]), found


def test_a_shared_book_calls_nobody_char() -> None:
    shared = task(shared=True)
    bad = draft("Saltmarket", "Saltmarket is cold. {{char}} lives there.")
    assert "call everybody by name" in check.problems(shared, [bad], {}, check.given(shared))[0][0]
    kept, _, _ = check.settled(shared, [bad], {}, check.given(shared))
    assert kept[0].content == "Saltmarket is cold."


def test_an_entry_with_an_error_that_stays_is_lost_with_the_rule() -> None:
    bad = draft("Saltmarket", "Saltmarket is known for [insert what it is known for].")
    kept, lost, _ = check.settled(task(), [bad, draft("Tom Reyes")], {}, check.given(task()))
    assert [each.name for each in kept] == ["Tom Reyes"]
    assert lost[0].why.startswith("C05")


def test_an_entry_that_does_not_fire_on_its_own_title_fails_and_says_why() -> None:
    book = Book(
        entries=(Entry(name="Saltmarket", keys=("zzz",), content="Saltmarket."), Entry(name="B", keys=("B1x",)))
    )
    found = check.failures(task(), book, {"Saltmarket"}, {})
    assert [loss.name for loss in found] == ["Saltmarket"]
    assert "a message with 'Saltmarket' does not bring it up" in found[0].why


def test_what_is_always_on_has_to_fit_the_budget() -> None:
    entry = Entry(name="All", constant=True, content="Salt and cranes. " * 60)
    found = check.failures(task(), Book(token_budget=100, entries=(entry,)), {"All"}, {})
    assert [loss.name for loss in found] == ["All"]


def test_answers_are_told_apart_by_name_alias_and_part() -> None:
    group = [Candidate("Premise", premise=True), Candidate("Tom Reyes"), Candidate("Order of the Ashen Vow")]
    answers = [
        {"name": "The premise", "content": "Cold.", "keys": [], "category": "world"},
        {"name": "Reyes", "content": "Reyes limps.", "keys": [], "category": "person"},
        {"name": "Reyes", "content": "Reyes limps, and is polite.", "keys": [], "category": "person"},
        {"name": "Ashen Vow", "content": "The Vow.", "keys": ["x"], "category": "faction"},
        {"name": "Somewhere", "content": "Else.", "keys": [], "category": "place"},
    ]
    found, missing, strange = read_drafts(answers, group)
    assert [each.name for each in found] == ["Premise", "Tom Reyes", "Order of the Ashen Vow"]
    assert found[1].content == "Reyes limps, and is polite."
    assert missing == []
    assert [each["name"] for each in strange] == ["Somewhere"]


def test_a_card_without_anything_gives_no_subject() -> None:
    assert find_candidates("", Card(name="X")) == []


def test_the_kinds_that_can_be_asked_for_are_those_that_are_written() -> None:
    assert options.CATEGORIES == CATEGORIES
