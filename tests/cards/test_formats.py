"""Cards written and read again: V1, V2, V3, flat JSON, and whatever other programs make of them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tavern_card import parse_card

from cards.book import from_book, to_book
from cards.card import Book, Card, Entry
from cards.entry import strip_decorators
from cards.errors import CardError
from cards.formats import BOOK_FORMATS, FORMATS, render, suffix
from cards.loss import FRONTENDS
from cards.plain import from_plain, to_plain
from cards.read import read_card
from cards.tavern import SETTINGS
from cards.v1 import to_v1
from cards.v2 import DOWNGRADE_NOTE, to_v2, to_v2_copy
from cards.v3 import from_v3, to_v3
from cli import main, offline

FULL = Card(
    name="Mara Voss",
    description="{{char}} sails.",
    personality="Dry.",
    scenario="A harbour.",
    first_mes='*nods* "You again, {{user}}."',
    mes_example="<START>\n{{char}}: No.",
    alternate_greetings=("“So?”",),
    group_only_greetings=("All of you?",),
    system_prompt="{{original}}",
    post_history_instructions="Short.",
    creator_notes="Notes.",
    creator="me",
    character_version="2.1",
    tags=("sea", "море"),
    nickname="Cap",
    source=("https://example.org",),
    creation_date=1_700_000_000,
    modification_date=1_700_000_500,
    extensions={"depth_prompt": {"prompt": "", "depth": 4}},
    book=Book(
        name="Mara's lore",
        scan_depth=3,
        recursive_scanning=True,
        extensions={"x": {"y": 1}},
        entries=(
            Entry(name="Ship", content="Old.", keys=("ship", "/brig(s)?/i"), category="place", priority=3),
            Entry(
                content="@@depth 2\nRain.",
                constant=True,
                position="after_char",
                case_sensitive=False,
                use_regex=True,
                extensions={"probability": 40, "position": 4, "other": {"kept": True}},
            ),
        ),
    ),
)


def keys_of(value):
    """Every key and value in the object, however deep."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from keys_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys_of(item)


# Writing --------------------------------------------------------------------------------------------------


def test_v1_has_six_texts_and_nothing_else():
    assert list(to_v1(FULL)) == ["name", "description", "personality", "scenario", "first_mes", "mes_example"]


def test_v2_is_pure():
    card = to_v2(FULL)
    assert set(card) == {"spec", "spec_version", "data"}
    assert (card["spec"], card["spec_version"]) == ("chara_card_v2", "2.0")
    names = dict(keys_of(card))
    assert not {"use_regex", "group_only_greetings", "nickname", "creation_date", "assets"} & set(names)
    assert [entry["id"] for entry in card["data"]["character_book"]["entries"]] == [0, 1]


def test_v2_leaves_decorators_out_and_v3_keeps_them():
    assert to_v2(FULL)["data"]["character_book"]["entries"][1]["content"] == "Rain."
    assert to_v3(FULL)["data"]["character_book"]["entries"][1]["content"] == "@@depth 2\nRain."


def test_v3_has_what_v3_requires():
    data = to_v3(FULL)["data"]
    assert data["group_only_greetings"] == ["All of you?"]
    assert data["assets"] == [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}]
    assert data["creation_date"] == 1_700_000_000
    assert [entry["use_regex"] for entry in data["character_book"]["entries"]] == [False, True]


@pytest.mark.parametrize("write", [to_v2, to_v3, to_plain])
def test_nothing_is_null_and_a_missing_book_is_no_key(write):
    bare = write(Card(name="A"))
    assert all(value is not None for _, value in keys_of(bare))
    assert "character_book" not in dict(keys_of(bare))
    assert "creation_date" not in dict(keys_of(bare))
    assert all(value is not None for _, value in keys_of(write(FULL)))


def test_extensions_stand_at_every_level():
    data = to_v2(Card(name="A", book=Book(entries=(Entry(),))))["data"]
    assert data["extensions"] == {}
    assert data["character_book"]["extensions"] == {}
    assert data["character_book"]["entries"][0]["extensions"]["depth"] == 4


def test_flat_json_opens_as_v1():
    flat = to_plain(FULL)
    assert "spec" not in flat
    assert all(flat[field] == text for field, text in to_v1(FULL).items())
    assert flat["character_book"]["entries"][0]["name"] == "Ship"


def test_sillytavern_settings_agree_with_the_spec_fields():
    before, after = (
        to_v2(Card(name="A", book=Book(entries=(Entry(position=position, extensions={"position": 0}),))))
        for position in ("before_char", "after_char")
    )
    assert before["data"]["character_book"]["entries"][0]["extensions"]["position"] == 0
    assert after["data"]["character_book"]["entries"][0]["extensions"]["position"] == 1
    settings_ = to_v2(FULL)["data"]["character_book"]["entries"][1]["extensions"]
    assert settings_["position"] == 4
    assert settings_["probability"] == 40
    assert settings_["case_sensitive"] is False
    assert settings_["display_index"] == 1


def test_the_title_is_shown_by_sillytavern():
    assert to_v2(FULL)["data"]["character_book"]["entries"][0]["comment"] == "Ship"


def test_decorators_are_leading_lines_only():
    assert strip_decorators("@@depth 1\n@@@role user\n\nText\n@@kept") == "Text\n@@kept"
    assert strip_decorators("@@activate") == ""
    assert strip_decorators("\nplain\n") == "\nplain\n"


# Round trips ----------------------------------------------------------------------------------------------


def test_flat_json_and_v3_carry_everything():
    assert from_plain(to_plain(FULL)) == FULL
    assert from_v3(to_v3(FULL)) == FULL


def test_v2_and_v1_carry_what_they_have():
    card = Card(name="A", description="d", tags=("t",), book=Book(entries=(Entry(keys=("k",), category="c"),)))
    assert read_card(to_v2(card)) == card
    assert read_card(to_v1(Card(name="A", scenario="s", character_version=""))) == Card(
        name="A", scenario="s", character_version=""
    )


def test_the_v2_copy_says_so_and_reads_back_without_it():
    for notes in ("", "Mine."):
        card = Card(name="A", creator_notes=notes)
        assert to_v2_copy(card)["data"]["creator_notes"].endswith(DOWNGRADE_NOTE)
        assert read_card(to_v2_copy(card)) == card


texts = st.text(max_size=30)
lists = st.lists(texts.filter(str.strip), max_size=3).map(tuple)
extensions = st.dictionaries(st.sampled_from(["a/x", "b", "ü"]), st.integers() | texts, max_size=2)
entries = st.builds(
    Entry,
    name=texts,
    content=texts,
    keys=lists,
    secondary_keys=lists,
    enabled=st.booleans(),
    constant=st.booleans(),
    selective=st.booleans(),
    insertion_order=st.integers(-5, 1000),
    priority=st.none() | st.integers(0, 100),
    position=st.sampled_from(["before_char", "after_char"]),
    case_sensitive=st.none() | st.booleans(),
    category=texts,
    extensions=extensions,
)
books = st.builds(
    Book,
    name=texts,
    description=texts,
    scan_depth=st.none() | st.integers(0, 50),
    token_budget=st.none() | st.integers(0, 5000),
    recursive_scanning=st.none() | st.booleans(),
    extensions=extensions,
    entries=st.lists(entries, max_size=3).map(tuple),
)
common = {
    "name": texts.filter(str.strip),
    "description": texts,
    "mes_example": texts,
    "creator_notes": texts,
    "alternate_greetings": lists,
    "tags": lists,
    "extensions": extensions,
    "book": st.none() | books,
}
v3_cards = st.builds(
    Card,
    **common,
    nickname=texts,
    source=lists,
    group_only_greetings=lists,
    creation_date=st.none() | st.integers(1, 4_000_000_000),
)


@settings(max_examples=60, deadline=None)
@given(v3_cards)
def test_any_card_survives_files_of_the_full_formats(card):
    for format_ in ("v3", "json"):
        assert read_card(json.loads(render(card, format_))) == card


@settings(max_examples=40, deadline=None)
@given(st.builds(Card, **common))
def test_any_card_without_v3_parts_survives_v2(card):
    written = json.loads(render(card, "v2"))
    plain = [entry for entry in (card.book.entries if card.book else ()) if not entry.content.startswith("@@")]
    if card.book is None or len(plain) == len(card.book.entries):
        assert read_card(written) == card


# Reading what others write --------------------------------------------------------------------------------


def test_data_counts_before_copies_at_the_root():
    card = to_v2(FULL) | {"name": "Old", "description": "Old"}
    assert read_card(card).name == "Mara Voss"


def test_newer_versions_are_read():
    assert read_card(to_v3(FULL) | {"spec_version": 3.2}) == FULL


def test_loose_types_are_read():
    card = read_card(
        {
            "spec": "chara_card_v2",
            "data": {
                "name": "A",
                "description": None,
                "character_version": 2,
                "alternate_greetings": "Hm?",
                "tags": "a, b",
                "extensions": None,
                "character_book": None,
                "creation_date": 1_700_000_000_000,
                "modification_date": 0,
            },
        }
    )
    assert card.description == ""
    assert card.character_version == "2"
    assert card.alternate_greetings == ("Hm?",)
    assert card.tags == ("a", "b")
    assert card.book is None
    assert card.creation_date == 1_700_000_000
    assert card.modification_date is None


def test_a_world_info_map_is_read_as_a_book():
    book = from_book(
        {
            "entries": {
                "0": {
                    "uid": 0,
                    "key": ["a"],
                    "keysecondary": ["b"],
                    "order": 7,
                    "disable": True,
                    "position": 0,
                },
                "1": {"uid": 1, "key": "x, y", "content": "c", "comment": "Title", "position": 4},
            }
        }
    )
    first, second = book.entries
    assert (first.keys, first.secondary_keys, first.insertion_order) == (("a",), ("b",), 7)
    assert (first.enabled, first.position) == (False, "before_char")
    assert (second.keys, second.name, second.position) == (("x", "y"), "Title", "after_char")


def test_plain_keys_of_sillytavern_are_no_patterns():
    entry = {"keys": ["C++ (old)"], "use_regex": True, "extensions": {"automation_id": ""}}
    assert from_book({"entries": [entry]}).entries[0].use_regex is False


def test_v1_files_and_older_names_are_read():
    assert read_card({"name": "A", "creatorcomment": "n"}).creator_notes == "n"
    assert read_card({"char_name": "B", "char_persona": "p", "name": None}).description == "p"


def test_lone_surrogates_do_not_stop_a_card():
    card = read_card(json.loads('{"name": "A\\ud800", "extensions": {"x": "\\udfff"}}'))
    assert "\ufffd" in card.name
    assert json.loads(render(card, "v3"))["data"]["extensions"] == {"x": "\ufffd"}


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ([], "JSON object"),
        ({}, "no field of a card"),
        ({"spec": "chara_card_v2"}, "data is missing"),
        ({"data": {"name": ""}}, "data.name is missing or empty"),
        ({"name": "A", "personality": ["x"]}, "personality must be a text, not a list"),
        ({"name": "A", "tags": {"a": 1}}, "tags must be a list"),
        ({"name": "A", "extensions": []}, "extensions must be an object"),
        ({"name": "A", "tags": ["x", ["y"]]}, r"tags\.1 must be a text"),
        ({"name": "A", "character_book": {"entries": 3}}, "entries must be a list"),
        ({"name": "A", "character_book": {"entries": [None]}}, r"entries\[0\] is null"),
        ({"name": "A", "character_book": {"entries": [{"insertion_order": "x"}]}}, "insertion_order must be"),
    ],
)
def test_what_is_no_card_is_refused_by_field(obj, words):
    with pytest.raises(CardError, match=words):
        read_card(obj)


# The registry ---------------------------------------------------------------------------------------------


def test_the_formats_are_known_by_name():
    names = ["json", "v1", "v2", "v3", "tavernai", "charx", "worldinfo", "yaml", "markdown"]
    assert list(FORMATS) == names
    assert list(BOOK_FORMATS) == ["worldinfo", "character_book", "lorebook_v3"]
    assert all(name == format_.name for table in (FORMATS, BOOK_FORMATS) for name, format_ in table.items())


def test_the_command_line_offers_the_formats_that_there_are():
    assert tuple(FORMATS) == main.FORMATS
    assert tuple(BOOK_FORMATS) == main.BOOK_FORMATS
    assert tuple(FRONTENDS) == offline.FRONTENDS


def test_files_of_one_extension_are_told_apart():
    endings = [suffix(format_) for format_ in FORMATS.values()]
    assert len(set(endings)) == len(FORMATS)
    assert endings[:2] == ["json", "v1.json"]


# World Info -----------------------------------------------------------------------------------------------


def test_world_info_is_a_map_by_uid_with_every_setting():
    entries = json.loads(render(FULL, "worldinfo"))["entries"]
    assert list(entries) == [str(entry["uid"]) for entry in entries.values()] == ["0", "1"]
    assert all({setting.name for setting in SETTINGS.values()} <= set(entry) for entry in entries.values())
    first, second = entries.values()
    assert (first["key"], first["comment"], first["disable"], first["position"]) == (
        ["ship", "/brig(s)?/i"],
        "Ship",
        False,
        0,
    )
    assert (second["constant"], second["position"], second["probability"], second["caseSensitive"]) == (
        True,
        4,
        40,
        False,
    )


def test_world_info_of_a_card_without_a_book_is_empty_and_named():
    assert json.loads(render(Card(name="A"), "worldinfo")) == {"name": "A's Lorebook", "entries": {}}


def test_no_two_entries_have_one_uid():
    book = Book(entries=(Entry(id=1), Entry(), Entry(id=1), Entry(id="x"), Entry(id=0)))
    assert [entry["id"] for entry in to_book(book, v3=True)["entries"]] == [1, 2, 3, "x", 0]
    assert [entry["id"] for entry in to_book(book, v3=False)["entries"]] == [1, 2, 3, 4, 0]


def test_patterns_stand_between_slashes_where_no_field_tells_them():
    book = Book(entries=(Entry(keys=("a/b", "/c/i", "d\\/e"), use_regex=True),))
    assert to_book(book, v3=False)["entries"][0]["keys"] == ["/a\\/b/", "/c/i", "/d\\/e/"]
    assert to_book(book, v3=True)["entries"][0]["keys"] == ["a/b", "/c/i", "d\\/e"]


# Markdown -------------------------------------------------------------------------------------------------


def test_markdown_is_a_page_of_the_whole_card():
    page = render(FULL, "markdown").decode()
    assert page.startswith("# Mara Voss\n")
    for words in (
        "## Personality\n\nDry.",
        "```text\n<START>",
        "### 1\n\n“So?”",
        "on `ship`, `/brig(s)?/i`; order 100",
    ):
        assert words in page
    assert "Group greetings" in page
    assert render(Card(name="A"), "markdown") == b"# A\n\nversion 1.0\n"


def test_names_cannot_break_out_of_their_line():
    page = render(Card(name="A\n# B", mes_example="```\nx"), "markdown").decode()
    assert page.startswith("# A # B\n")
    assert "````text\n```\nx\n````" in page


def test_json_files_are_readable_utf8():
    file = render(FULL, "v2")
    assert file.endswith(b"}\n")
    assert "море" in file.decode("utf-8")
    assert b'\n  "spec_version": "2.0"' in file


def test_another_reader_reads_our_json():
    assert parse_card(render(FULL, "v2"))["data"]["name"] == "Mara Voss"
    assert parse_card(render(FULL, "v3"))["spec"] == "chara_card_v3"
    assert parse_card(render(FULL, "json"))["data"]["description"] == "{{char}} sails."


def test_an_unknown_format_names_the_known():
    with pytest.raises(CardError, match="choose one of json, v1, v2, v3, tavernai, charx"):
        render(FULL, "docx")


def test_what_json_cannot_hold_is_named():
    with pytest.raises(CardError, match="extensions"):
        render(Card(name="A", extensions={"x": float("nan")}), "v2")
