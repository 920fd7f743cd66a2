"""Names of files and cards on every system."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.errors import CardError
from cards.names import MAX_BYTES, PLACEHOLDERS, check_pattern, cut, file_name, safe_card_name, unique

PATTERNS = (
    "{character_name}_{timestamp}",
    "{character_name}_{world}_{class}_{date}",
    "{character_name}_v{version}_{format}",
    "batch_{batch_id}_{index}_{character_name}",
)


def test_the_patterns_of_the_api_are_filled():
    values = {
        "character_name": "Sir Galahad",
        "timestamp": "20261120T112233",
        "world": "Avalon",
        "class": "knight",
    }
    values |= {"date": "2026-11-20", "version": "1.0", "format": "v2", "batch_id": "b1", "index": "007"}
    assert [file_name(pattern, values) for pattern in PATTERNS] == [
        "Sir Galahad_20261120T112233",
        "Sir Galahad_Avalon_knight_2026-11-20",
        "Sir Galahad_v1.0_v2",
        "batch_b1_007_Sir Galahad",
    ]


def test_an_empty_value_takes_its_separator_along():
    assert file_name(PATTERNS[1], {"character_name": "A", "world": "", "date": "2026"}) == "A_2026"
    assert file_name("{world}_{character_name}", {"character_name": "A"}) == "A"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("桜井 小春", "桜井 小春"),
        ("Профессор Анна", "Профессор Анна"),
        ("AC/DC: <live>?", "AC_DC_ _live__"),
        ("CON", "_CON"),
        ("con.tar.gz", "_con.tar.gz"),
        ("LPT1", "_LPT1"),
        ("COM²", "_COM²"),
        ("Console", "Console"),
        ("dots...", "dots"),
        ("..", "card"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("", "card"),
        ("\x00\x1f\u202e", "card"),
        ("line\nbreak\ttab", "line break tab"),
        ("e\u0301", "é"),
        ("evil\u202egnp", "evilgnp"),
        ("  .hidden ", "hidden"),
        ("{timestamp}", "{timestamp}"),
    ],
)
def test_names_fit_every_system(name, expected):
    assert file_name("{character_name}", {"character_name": name}) == expected


def test_a_long_name_leaves_room_for_the_rest():
    stem = file_name("{character_name}_{timestamp}", {"character_name": "桜" * 90, "timestamp": "20261120T112233"})
    assert stem.endswith("桜_20261120T112233")
    assert 110 < len(stem.encode()) <= MAX_BYTES


def test_a_letter_keeps_its_marks():
    assert cut("ab" + "x\u0323\u0307", 5) == "ab"
    assert cut("👩\u200d🚀", 7) == ""
    assert cut("é", 1) == ""


def is_safe(stem: str) -> bool:
    first = stem.split(".", maxsplit=1)[0].strip().lower()
    return (
        0 < len(stem.encode("utf-8")) <= MAX_BYTES
        and not set(stem) & set('<>:"/\\|?*')
        and all(unicodedata.category(character) not in {"Cc", "Cs"} for character in stem)
        and not stem.startswith((" ", "."))
        and not stem.endswith((" ", "."))
        and first not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        and unicodedata.is_normalized("NFC", stem)
    )


awkward = st.text(alphabet=st.characters() | st.sampled_from('<>:"/\\|?*. _-\u0301\u200d\ud800桜'), max_size=80)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*PATTERNS, "{character_name}", "v{version} {index}.", "fixed" * 40]), awkward, awkward)
def test_any_value_gives_a_safe_name(pattern, name, other):
    values = dict.fromkeys(PLACEHOLDERS, other) | {"character_name": name}
    assert is_safe(file_name(pattern, values))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["a", "A", "a (2)", "ß", "SS", "é", "e\u0301"]) | awkward, max_size=8))
def test_names_in_one_folder_differ_on_every_system(names):
    stems = unique([file_name("{character_name}", {"character_name": name}) for name in names])
    assert len({stem.casefold() for stem in stems}) == len(names)
    assert all(is_safe(stem) for stem in stems)


def test_doubles_are_numbered_in_order():
    assert unique(["Ann", "ann", "Bob", "ANN"]) == ["Ann", "ann (2)", "Bob", "ANN (3)"]
    long = unique(["x" * MAX_BYTES] * 2)
    assert long[1] == "x" * (MAX_BYTES - 4) + " (2)"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{nmae}_{date}", r"unknown \{nmae\}; known are \{character_name\}, \{timestamp\}"),
        ("{character_name.__class__}", "unknown"),
        ("{character_name!r}", "unknown"),
        ("{0}", "unknown"),
        ("{}", "unknown"),
        ("{character_name", "brace"),
        ("character_name}", "brace"),
        ("{{character_name}}", "brace"),
    ],
)
def test_bad_patterns_are_refused(pattern, words):
    with pytest.raises(CardError, match=words):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", [*PATTERNS, "plain", "{index}"])
def test_good_patterns_pass(pattern):
    check_pattern(pattern)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("  Sir   Galahad ", "Sir Galahad"),
        ("AC/DC", "AC-DC"),
        ('Anna "Ace" Smith', "Anna 'Ace' Smith"),
        ("Mara: the <Captain>?", "Mara the Captain"),
        ("{{char}}", "char"),
        ("a\x00b\nc", "ab c"),
        ("", "Unnamed"),
        ("...", "Unnamed"),
        ("Illustrious " * 9, "Illustrious Illustrious Illustrious Illustrious Illustrious"),
    ],
)
def test_card_names_are_safe(name, expected):
    assert safe_card_name(name) == expected


@settings(max_examples=80, deadline=None)
@given(awkward)
def test_any_card_name_becomes_a_good_one(name):
    safe = safe_card_name(name)
    assert 1 <= len(safe) <= 60
    assert not set(safe) & set('/\\:*?"<>|\n\x00')
    assert safe_card_name(safe) == safe
