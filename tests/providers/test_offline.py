"""What the offline writer promises of every card and book it writes."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from providers.base import BadRequest, Prompt, Sampling
from providers.offline import OfflineProvider

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples").glob("*")
    if path.suffix in {".txt", ".md"} and path.stem.lower() != "readme"
)
SAMPLING = Sampling(model="extractive", max_tokens=1000)
REQUIRED = ("name", "description", "personality", "scenario", "first_mes", "mes_example")

GALAHAD = """Sir Galahad is a young knight of the Order of the Ashen Vow, raised by nuns in the abbey of Saint Brannoc.
He is tall and pale, with ash-blond hair and a burn scar across his left palm. He carries an unlit lantern.

Galahad is gentle, stubborn and honest. He never lies, even when a lie would save him. He fears fire.
He wants to find the Grail before the Order does, because he has stopped trusting Master Corvin.

The Order of the Ashen Vow was founded after the burning of Karst. Its knights never sleep under one roof twice.
The Lake of Glass lies a day north of Karst. Nobody in Karst swims in the Lake of Glass.

"I need a boat, and somebody who isn't afraid of their own face," Galahad told the innkeeper.

Tonight Galahad waits at the Lantern Inn, and he is looking for a guide."""

MARA = """Mara Voss
- 34, ship's engineer on the freighter Meridian
- short, wiry, grease under her nails
- afraid of open water
- loves old jazz records
- never talks about Titan Station
- owes money to the Calloway Syndicate"""

FICTION = """The shop was dark when Anselm heard the bell.

"We're closed," said Anselm without turning round.

"You're never closed, Anselm." Wren dropped a wet parcel on the counter. "Not for me."

"Where did you get it?" Anselm asked.

"Does it matter?"

"It matters to whoever lost it," said Anselm. He was a thin man of sixty with ink on his cuffs.

Wren laughed, but she stepped away from the counter. She wore a sailor's coat."""

GERMAN = """Konrad Weiss ist ein alter Stadtwächter in Rabenstein. Er trägt einen Ledermantel.
Konrad ist mürrisch, aber gerecht.
Er fürchtet sich vor tiefem Wasser. Rabenstein liegt am Fluss, unterhalb der alten Burg.
Heute Nacht steht Konrad allein am Nordtor von Rabenstein."""

TEXTS = {
    "galahad": GALAHAD,
    "mara": MARA,
    "fiction": FICTION,
    "german": GERMAN,
    "spanish": "Lucía Ferrer es una botánica que vive en Puerto Alba. Es alta. Tiene miedo de las tormentas.",
    "french": "Étienne Morel est un horloger de Besançon. Il déteste le bruit. Ce soir, Étienne travaille tard.",
    "japanese": "名前：桐島ハル\n桐島ハルは灯台守である。ハルは猫が好きだ。「帰れなくなる」とハルは言う。",
    "russian": "Вера Соколова — хирург из Мурманска. Вера боится темноты.",
    "sentence": "Mira is a grumpy baker who runs a tiny shop in Lyon.",
    "three words": "grumpy dragon librarian",
    "one word": "pirate",
    "punctuation": "... !!! ???",
    "nothing": "",
    **{path.name: path.read_text(encoding="utf-8") for path in EXAMPLES},
}
everything = pytest.mark.parametrize("source", TEXTS.values(), ids=TEXTS.keys())


def ask(purpose: str, **inputs: Any) -> Any:
    return json.loads(OfflineProvider().complete(Prompt(purpose, (), {}, inputs), SAMPLING).text)


def write(source: str, **inputs: Any) -> Any:
    return ask("write_card", **{"source": source, "name": None, "greetings": 1, "card": None} | inputs)


def entries(source: str, card: Any, candidates: list[str] | None = None, limit: int = 12) -> Any:
    return ask("write_entries", source=source, card=card, candidates=candidates or [], max_entries=limit)["entries"]


def all_greetings(card: Any) -> list[str]:
    return [card["first_mes"], *card["alternate_greetings"]]


@everything
def test_every_field_is_filled_and_ended(source: str) -> None:
    card = write(source)
    for field in REQUIRED:
        assert card[field].strip(), field
    for field in ("description", "personality", "scenario", "creator_notes"):
        assert card[field][-1] in ".!?…。！？\"'”»」)", field


@everything
def test_texts_hold_no_fences_no_escapes_and_balanced_macros(source: str) -> None:
    text = json.dumps(write(source), ensure_ascii=False).replace("\\n", "\n").replace('\\"', '"')
    assert "```" not in text
    assert "\\n" not in text
    assert text.count("{{") == text.count("}}") == len(re.findall(r"\{\{(?:char|user)\}\}", text))
    assert "<START>" not in text.split('"mes_example"')[0]


@everything
def test_there_are_two_greetings_that_begin_differently(source: str) -> None:
    greetings = all_greetings(write(source))
    assert len(greetings) == 2
    assert greetings[0].split("\n")[0] != greetings[1].split("\n")[0]


@everything
def test_greetings_have_action_speech_paragraphs_and_the_user(source: str) -> None:
    for greeting in all_greetings(write(source, greetings=3)):
        assert greeting.count("\n\n") >= 1
        assert re.search(r"\*[^*]+\*", greeting)
        assert greeting.count("*") % 2 == 0
        assert re.search(r"\"[^\"]+\"|「[^」]+」", greeting)
        assert "{{user}}" in greeting
        assert greeting.rstrip('*"」').endswith(("?", "？", "…", "."))


@everything
def test_no_greeting_decides_for_the_user(source: str) -> None:
    acts = r"\{\{user\}\} "
    acts += r"(?:says?|asks?|feels?|decides?|agrees?|nods|smiles|sits|thinks|wants|answers)"
    for greeting in all_greetings(write(source, greetings=3)):
        assert not re.search(acts, greeting)
        assert "{{user}}:" not in greeting


@everything
def test_examples_are_blocks_of_a_question_and_a_longer_answer(source: str) -> None:
    blocks = write(source)["mes_example"].split("<START>\n")
    assert blocks[0] == ""
    assert 2 <= len(blocks[1:]) <= 3
    for block in blocks[1:]:
        user, char = block.strip().split("\n")
        assert user.startswith("{{user}}: ")
        assert char.startswith("{{char}}: ")
        assert len(char) > len(user) or len(user) < 20


@everything
def test_tags_are_few_short_and_not_the_name(source: str) -> None:
    card = write(source)
    assert 4 <= len(card["tags"]) <= 10
    assert len(set(card["tags"])) == len(card["tags"])
    for tag in card["tags"]:
        assert tag == tag.lower()
        assert 1 <= len(tag.split()) <= 3
        assert tag != card["name"].lower()


@everything
def test_names_in_description_and_personality_stand_in_the_source(source: str) -> None:
    card = write(source)
    for field in ("description", "personality"):
        text = re.sub(r"\{\{\w+\}\}", "", card[field])
        inner = re.findall(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][a-zà-ÿ]{2,}", text)
        for word in inner:
            assert word.lower() in source.lower(), word


@everything
def test_the_same_source_gives_the_same_card_and_book(source: str) -> None:
    assert write(source) == write(source)
    card = write(source)
    assert entries(source, card) == entries(source, card)


@everything
def test_no_sentence_stands_in_two_fields(source: str) -> None:
    card = write(source)
    seen: dict[str, str] = {}
    for field in ("description", "personality", "scenario"):
        for sentence in re.split(r"(?<=[.!?。])\s+", card[field]):
            if len(sentence) > 40:
                assert seen.setdefault(sentence.replace("{{char}}", card["name"]), field) == field


@everything
def test_entries_have_keys_of_their_own_and_stand_alone(source: str) -> None:
    card = write(source)
    book = entries(source, card)
    keys = [key.casefold() for entry in book for key in entry["keys"]]
    assert len(keys) == len(set(keys))
    assert card["name"].casefold() not in keys
    for entry in book:
        assert entry["content"].strip()
        assert entry["category"] in {"place", "person", "faction", "thing", "event", "world"}
        assert entry["constant"] or 1 <= len(entry["keys"]) <= 8
        for key in entry["keys"]:
            assert key == key.strip()
            assert "," not in key
            assert len(key) > 2 or not key.isascii()
        assert not re.match(r"(?:He|She|It|They|His|Her|Its|Their)\b", entry["content"])


def test_the_card_is_made_of_the_sources_sentences() -> None:
    card = write(GALAHAD)
    assert card["name"] == "Sir Galahad"
    assert card["description"].startswith("Sir Galahad is a young knight of the Order of the Ashen Vow")
    assert "He never lies, even when a lie would save him." in card["personality"]
    assert "waits at the Lantern Inn" in card["scenario"]
    assert "I need a boat" in card["first_mes"] + card["mes_example"]
    assert "knight" in card["tags"]


def test_notes_become_sentences() -> None:
    description = write(MARA)["description"] + write(MARA)["personality"]
    assert "Mara Voss is 34 and a ship's engineer on the freighter Meridian." in description
    assert "is short and wiry, with grease under her nails" in description
    assert "is afraid of open water" in description
    assert "\n-" not in description


def test_a_story_gives_its_characters_words_to_the_right_mouth() -> None:
    card = write(FICTION, name="Anselm", greetings=2)
    spoken = card["first_mes"] + card["mes_example"] + "".join(card["alternate_greetings"])
    assert "It matters to whoever lost it." in spoken
    assert "Not for me." not in spoken
    assert "sailor's coat" not in card["description"]


def test_a_given_name_chooses_whom_the_card_is_about() -> None:
    card = write(FICTION, name="Wren")
    assert card["name"] == "Wren"
    assert "sailor's coat" in card["description"] + card["personality"]


def test_a_pronoun_that_opens_an_entry_is_turned_to_the_name() -> None:
    book = entries(GALAHAD, write(GALAHAD))
    order = next(entry for entry in book if entry["name"] == "Order of the Ashen Vow")
    assert order["content"].startswith("The Order of the Ashen Vow was founded after the burning of Karst.")
    assert order["category"] == "faction"
    assert "Ashen Vow" in order["keys"]


def test_entries_are_written_for_the_candidates_that_were_asked_for() -> None:
    book = entries(GALAHAD, write(GALAHAD), ["Karst", "the Order", "Atlantis", "Galahad"])
    assert {entry["name"] for entry in book if not entry["constant"]} == {
        "Karst",
        "Order of the Ashen Vow",
        "Sir Galahad",
    }


def test_without_candidates_the_character_has_no_entry() -> None:
    assert "Sir Galahad" not in {entry["name"] for entry in entries(GALAHAD, write(GALAHAD))}


def test_no_more_entries_than_wanted() -> None:
    assert len(entries(GALAHAD, write(GALAHAD), limit=2)) == 2
    assert entries(GALAHAD, write(GALAHAD), limit=0) == []


@pytest.mark.parametrize("language", ["german", "spanish", "french"])
def test_connecting_narration_is_in_the_sources_language(language: str) -> None:
    card = write(TEXTS[language], greetings=2)
    text = " ".join(all_greetings(card)) + card["mes_example"] + card["scenario"]
    assert not re.search(r"\b(?:the|and|with|looks|you)\b", text)


@pytest.mark.parametrize("language", ["japanese", "russian"])
def test_other_languages_get_no_english_in_between(language: str) -> None:
    card = write(TEXTS[language], greetings=2)
    text = " ".join(all_greetings(card)) + card["mes_example"] + card["scenario"] + card["personality"]
    assert not re.search(r"[A-Za-z]{3,}", re.sub(r"\{\{\w+\}\}|<START>", "", text))


def test_an_update_keeps_what_the_source_does_not_improve() -> None:
    old = {"name": "Mira", "description": "Mira bakes.", "first_mes": "*She waves.*", "tags": ["baker"]}
    card = write("Mira is tall, with red hair and a scar.", card=old)
    assert card["description"].startswith("Mira bakes.")
    assert "red hair" in card["description"]
    assert card["first_mes"] == "*She waves.*"
    assert card["tags"][0] == "baker"


def test_a_long_source_takes_less_than_two_seconds() -> None:
    started = time.perf_counter()
    card = write("\n\n".join([GALAHAD, FICTION] * 22))
    entries("\n\n".join([GALAHAD, FICTION] * 22), card)
    assert time.perf_counter() - started < 4


def test_the_completion_costs_nothing_and_says_so() -> None:
    prompt = Prompt("write_card", (), {}, {"source": GALAHAD})
    done = OfflineProvider().complete(prompt, SAMPLING)
    assert (done.model, done.finish_reason, done.usage.cost_basis) == ("extractive", "stop", "local")
    assert done.usage.cost_usd == 0
    assert done.usage.prompt_tokens > 100


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(BadRequest):
        ask("write_poem", source="x")


def test_inputs_without_a_source_are_refused() -> None:
    with pytest.raises(BadRequest):
        ask("write_card", name="x")
