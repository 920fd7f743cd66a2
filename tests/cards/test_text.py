"""What cards.text finds in a text: sentences, language, tokens, names."""

from __future__ import annotations

import time

import pytest

from cards.text import (
    estimate_tokens,
    language,
    main_character,
    paragraphs,
    proper_nouns,
    sentences,
)

KNIGHT = """# The Knight

Sir Galahad is a knight of the Order of the Ashen Vow. Galahad fears fire, and he prays when he is nervous.
On Monday he rode to Karst with Captain Mara Voss. "Mara is late," said Galahad. Voss laughed.
The Order forbids torches. Galahad came to the Lake of Glass in October, and Voss followed him to Karst.
"""


def names(text: str) -> dict[str, tuple[str, ...]]:
    return {noun.name: noun.aliases for noun in proper_nouns(text)}


def test_abbreviations_and_initials_end_no_sentence() -> None:
    text = "Dr. Quill met Mr. J. Harker on St. James St. in the rain. He was late."
    assert sentences(text) == ["Dr. Quill met Mr. J. Harker on St. James St. in the rain.", "He was late."]


def test_a_quotation_stays_with_the_words_that_introduce_it() -> None:
    text = '"Stop. Who goes there?" she asked. Nobody answered... then a dog barked. "Good boy!" Anna said.'
    assert sentences(text) == [
        '"Stop. Who goes there?" she asked.',
        "Nobody answered... then a dog barked.",
        '"Good boy!" Anna said.',
    ]


def test_headings_are_no_sentences_and_notes_are_one_each() -> None:
    text = "# Mara\n\n## Looks\n- short, **wiry**\n- afraid of water. Hates it.\n\nAge: 34\n\nShe is _here_."
    assert sentences(text) == ["short, wiry", "afraid of water.", "Hates it.", "Age: 34", "She is here."]


def test_a_bare_phrase_is_its_own_sentence() -> None:
    assert sentences("grumpy dragon librarian") == ["grumpy dragon librarian"]
    assert sentences("") == []


def test_japanese_sentences_end_without_blanks() -> None:
    assert sentences("ハルは灯台守だ。「帰れ。」と言った。夜は長い。") == [
        "ハルは灯台守だ。",
        "「帰れ。」と言った。",
        "夜は長い。",
    ]


def test_paragraphs_are_joined_lines_between_blank_lines() -> None:
    assert paragraphs("one\ntwo\n\n \nthree") == ["one two", "three"]


def test_tokens_are_quarters_of_characters_and_whole_cjk_characters() -> None:
    assert estimate_tokens("abcde") == 2
    assert estimate_tokens("灯台守") == 3
    assert estimate_tokens("") == 0


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "She was the last of them, and the house was empty when he came."),
        ("de", "Er ist der letzte und das Haus war leer, als sie kam."),
        ("fr", "Il est le dernier et la maison était vide quand elle est arrivée."),
        ("es", "Es el último y la casa estaba vacía cuando llegó ella."),
        ("it", "È l'ultimo e la casa era vuota quando lei è arrivata, ma non per molto."),
        ("pt", "Ele é o último e a casa não estava vazia quando ela chegou."),
        ("nl", "Hij is de laatste en het huis was leeg toen zij er niet was."),
        ("ru", "Он последний, и дом был пуст."),
        ("ja", "ハルは灯台守である。"),
        ("zh", "他是最后一个人，房子是空的。"),
        ("ko", "그는 마지막 사람이고 집은 비어 있었다."),
        ("en", "pirate"),
        ("en", "...!?"),
    ],
)
def test_the_language_is_told_by_script_and_small_words(code: str, text: str) -> None:
    assert language(text) == code


def test_the_forms_of_a_name_are_merged_under_the_fullest() -> None:
    found = names(KNIGHT)
    assert "Galahad" in found["Sir Galahad"]
    assert {"Mara", "Voss"} <= set(found["Captain Mara Voss"])
    assert "Order" in found["Order of the Ashen Vow"]
    assert "Lake of Glass" in found


def test_days_months_headings_and_opening_words_are_no_names() -> None:
    found = names(KNIGHT)
    assert not {"Monday", "October", "On", "The", "The Knight", "Knight", "I"} & set(found)


def test_the_most_mentioned_name_comes_first_with_its_sentences() -> None:
    first = proper_nouns(KNIGHT)[0]
    assert first.name == "Sir Galahad"
    assert first.kind == "person"
    assert first.count == 4
    assert all("Galahad" in sentence for sentence in first.sentences)


def test_kinds_are_told_by_the_words_around() -> None:
    kinds = {noun.name: noun.kind for noun in proper_nouns(KNIGHT)}
    assert kinds["Order of the Ashen Vow"] == "faction"
    assert kinds["Lake of Glass"] == "place"
    assert kinds["Karst"] == "place"
    assert kinds["Captain Mara Voss"] == "person"


def test_people_are_called_by_what_places_are_called() -> None:
    text = "Tom Hill keeps bees at Raven Wood. He lives under Harrow Hill. Harrow Hill keeps its secrets, and he his."
    kinds = {noun.name: noun.kind for noun in proper_nouns(text)}
    assert kinds == {"Tom Hill": "person", "Harrow Hill": "place", "Raven Wood": "place"}


def test_capitals_throughout_make_no_names() -> None:
    assert "DO NOT OPEN THIS DOOR" not in names("Anna read it aloud. DO NOT OPEN THIS DOOR EVER. Anna laughed.")


def test_german_nouns_are_no_names_but_people_and_places_are() -> None:
    text = (
        "Konrad Weiss ist Wächter in Rabenstein. Konrad hasst die Lüge und den Regen. "
        "Der Orden der Stillen Hand schweigt. In Rabenstein weiß das jeder Mensch."
    )
    found = names(text)
    assert {"Konrad Weiss", "Rabenstein", "Orden der Stillen Hand"} <= set(found)
    assert not {"Lüge", "Regen", "Mensch", "Wächter"} & set(found)


def test_romance_particles_stay_inside_names() -> None:
    found = names("Lucía de la Vega vive en Puerto Alba. La Compañía del Norte teme a Lucía de la Vega.")
    assert {"Lucía de la Vega", "Puerto Alba", "Compañía del Norte"} <= set(found)


def test_cyrillic_names_are_told_by_their_case() -> None:
    assert "Вера" in names("Вера Соколова — хирург. Вера боится темноты.")["Вера Соколова"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Mara Voss", "Name: Mara Voss\nAge: 34\nAnna knows her. Anna is loud."),
        ("Ilse Brandt", "# Ilse Brandt\n\nIlse is an archivist. Inspector Reyes visits. Reyes talks."),
        ("Mira", "Mira is a grumpy baker in Lyon."),
        ("Grumpy Dragon Librarian", "grumpy dragon librarian"),
        ("Pirate", "pirate"),
        ("桐島ハル", "名前：桐島ハル\nハルは灯台守である。"),
        ("Konrad", "Konrad ist ein alter Wächter. Er wartet."),
        ("Ondine Marsh", "Ondine Marsh keeps the lamp on Gull Rock."),
        ("Ada Hill", "Ada Hill runs a pub in Dublin. She hates rain."),
        ("Annie Hall", "Annie Hall sells books in Leeds"),
        ("", "?!"),
    ],
)
def test_the_main_character_is_whom_the_text_is_about(name: str, text: str) -> None:
    assert main_character(text) == name


def test_a_long_text_is_read_in_well_under_two_seconds() -> None:
    started = time.perf_counter()
    proper_nouns(KNIGHT * 200)
    assert time.perf_counter() - started < 2


def test_a_surname_that_two_have_goes_to_the_one_who_is_named_more_often() -> None:
    told = (
        "Matthis Corvane slept. Annelie Corvane worked, and Annelie sang. “Miss Corvane,” said the man. Annelie rose."
    )
    nouns = {noun.name: noun.aliases for noun in proper_nouns(told)}
    assert "Miss Corvane" in nouns["Annelie Corvane"]
    assert "Miss Corvane" not in nouns["Matthis Corvane"]


@pytest.mark.parametrize(
    "text",
    [
        "דוד גר בירושלים. דוד אוהב את רחל.",
        "يعيش أحمد في القاهرة. أحمد يحب ليلى.",
        "สมชายอาศัยอยู่ในกรุงเทพ สมชายรักมานี",
        "ש",
    ],
)
def test_scripts_without_capitals_whose_names_are_not_known_can_be_read_all_the_same(text: str) -> None:
    assert proper_nouns(text) == []
    assert main_character(text)
