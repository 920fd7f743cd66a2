"""JSON and YAML files: what is read, what is refused and where, and YAML written and read again."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.errors import CardError
from cards.parse import MAX_JSON, MAX_MARKS, MAX_VALUES, MAX_YAML, parse_json, parse_yaml, write_yaml

letters = st.characters(exclude_categories=("Cs",))
odd = st.sampled_from(
    [
        *("", " ", "\n", "\n\n", " \n", "\t", "\r", "\r\n", "\x00", "\x85", "\u2028", "\ufeff", "\uffff", "\x7f", "🦊"),
        *("no", "Null", "~", "1", "-1.5", "1e3", "0x10", "2024-01-01", "12:30:45", "1_000", ".inf", "=", "<<", "y"),
        *(
            "- a",
            "a: b",
            "# a",
            "%a",
            "---",
            "...",
            "|",
            ">",
            "&a",
            "*a",
            "!a",
            "@a",
            "`a",
            "'",
            '"',
            "\\",
            "{",
            "[",
            "?",
        ),
        *(
            "a\n",
            "a\n\n",
            "\na",
            "\n\n a",
            " a\nb",
            "a\n  ",
            "a\n \n",
            "\ta\nb",
            "a\n\tb",
            "a \nb",
            "x" * 150,
            " " * 120,
        ),
        *("x" * 1100, "ü" * 1030, "long text that is to stand in a block of its own because it has so many words " * 3),
    ]
)
texts = st.text(letters, max_size=20) | odd | st.lists(odd, max_size=4).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def same(one, other) -> bool:
    """Equal in types too, and in the order of keys: 1 is not 1.0 and not True."""
    return json.dumps(one) == json.dumps(other)


@given(values)
@settings(max_examples=400, deadline=None)
def test_yaml_written_is_read_back_the_same(value):
    assert same(parse_yaml(write_yaml(value)), value)


@given(values.filter(lambda value: isinstance(value, dict)))
@settings(max_examples=100, deadline=None)
def test_other_readers_of_yaml_see_the_same(value):
    assert same(yaml.safe_load(write_yaml(value)), value)


@given(values)
@settings(max_examples=100, deadline=None)
def test_json_is_read_as_it_was_written(value):
    assert same(parse_json(json.dumps(value).encode()), value)
    assert same(parse_json(json.dumps(value, ensure_ascii=False).encode()), value)


def test_yaml_is_written_for_people():
    card = {
        "name": "Ægir 桜 🦊",
        "first_mes": '*nods*\n\n"You: again?"  \n',
        "mes_example": "\n\n  <START>\n{{char}}: no\n\n\n",
        "tags": ["sea", "no", "1.0", []],
        "book": {"entries": [{"keys": ["a"], "on": True}, {}], "depth": 4, "rate": 1e20},
        "long": "word " * 30 + "🦊",
        "note": "It's {odd}: #1",
    }
    assert (
        write_yaml(card).decode()
        == f"""\
name: "Ægir 桜 🦊"
first_mes: |
  *nods*

  "You: again?"  
mes_example: |2+


    <START>
  {{{{char}}}}: no


tags:
  - sea
  - "no"
  - "1.0"
  - []
book:
  entries:
    - keys:
        - a
      "on": true
    - {{}}
  depth: 4
  rate: 1.0e+20
long: |-
  {"word " * 30}🦊
note: "It's {{odd}}: #1"
"""  # noqa: W291
    )
    assert same(parse_yaml(write_yaml(card)), card)


def test_yaml_holds_texts_where_json_has_no_such_value():
    text = b"a: 2024-01-01\nb: yes\nc: 0x10\nd: .inf\ne: 1_000\nf: 12:30\ng: 007\n1: true\ntrue: ~\n~:\n"
    assert parse_yaml(text) == {
        **{"a": "2024-01-01", "b": "yes", "c": "0x10", "d": ".inf", "e": "1_000", "f": "12:30", "g": "007"},
        **{"1": True, "true": None, "~": None},
    }
    assert parse_yaml(b'a: !!str 1\nb: !!int "5"\nc: ! 5\nd: &x {<<: 1}') == {
        "a": "1",
        "b": 5,
        "c": "5",
        "d": {"<<": 1},
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_with_a_byte_order_mark_are_read(encoding):
    assert parse_json('{"name": "桜 🦊"}'.encode(encoding)) == {"name": "桜 🦊"}
    assert parse_yaml("name: 桜 🦊\n".encode(encoding)) == {"name": "桜 🦊"}


def test_of_two_keys_in_json_the_last_counts():
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}


def test_whole_numbers_keep_their_digits():
    assert parse_json(b"[9007199254740993, 1.0, -0.0, 1e3]") == [9007199254740993, 1.0, 0.0, 1000.0]


def test_a_hundred_levels_are_read():
    value = 1
    for _ in range(50):
        value = {"a": [value]}
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_yaml(write_yaml(value)) == value
    with pytest.raises(CardError, match="over 100 levels"):
        parse_json(json.dumps([value]).encode())
    with pytest.raises(CardError, match="over 100 levels"):
        parse_yaml(json.dumps([value]).encode())
    with pytest.raises(CardError, match="over 100 levels"):
        write_yaml([value])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b'{"a": "\n"}', r"line 1, column 8: a line break .* write it as \\n"),
        (b'{"a":\n"b', "line 2, column 1: the text that begins here never ends"),
        (b'{"a": 1,', "line 1, column 9: the JSON ends too early: the file was cut off"),
        (b'{"a": 1}\n{"a": 1}', "line 2, column 1: something stands after the end"),
        (b"{'a': 1}", "line 1, column 2: this is no JSON"),
        (b'{"a": 1,}', "line 1, column 9: this is no JSON"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b"[1e999]", "number 1e999 is too large"),
        (b"[" + b"1" * 5000 + b"]", "number 1{20} is too large"),
        (b'{"a": "\xff"}', "line 1: this is no UTF-8 text"),
        (b"\xff\xfe[\x00]", "line 1: this is no UTF-16 text"),
        ('{"a": 1}'.encode("utf-16-le"), "line 1, column 2: a NUL character"),
        (b'["\x00"]', "line 1, column 3: a NUL character"),
        (b"[" * 100_000, "over 100 levels"),
        (b" " * (MAX_JSON + 1), "bytes; 20,971,520 at most"),
        (b"[" + b"," * MAX_MARKS + b"]", f"over {MAX_MARKS:,} values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "json",
)
def test_json_that_cannot_be_read_is_refused_with_the_place(content, words):
    with pytest.raises(CardError, match=words):
        parse_json(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"# nothing", "only comments"),
        (b"a: b: c", "line 1, column 5: this is no YAML"),
        (b"a: [1\n", "line 2, column 1: this is no YAML"),
        (b"a: @x", "line 1, column 4: this is no YAML"),
        (b"a: &x 1\nb: *x", "line 2, column 4: [*]x points to another place"),
        (b"a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        (b"[a]: 1", "line 1, column 1: a list or an object stands where a key belongs"),
        (b"a: !!python/object:os.system x", "line 1, column 4: the tag .*python"),
        (b"a: !x {}", "line 1, column 4: the tag '!x'"),
        (b"a: !!timestamp 2024-01-01", "line 1, column 4: the tag"),
        (b"--- a\n--- b", "more than one document"),
        (b'a: "\x01"', "line 1, column 5: a control character"),
        (b"a: 1e999", "number 1e999 is too large"),
        (b"a: \xff", "line 1: this is no UTF-8"),
        (b"%TAG !a! b\n" * 11 + b"--- a", "over 10 lines begin with %"),
        (b" " * (MAX_YAML + 1), "bytes; 2,097,152 at most"),
        (b"- a\n" * (MAX_VALUES + 1), "over 400,000 values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "yaml",
)
def test_yaml_that_cannot_be_read_is_refused_with_the_place(content, words):
    with pytest.raises(CardError, match=words):
        parse_yaml(content)


@pytest.mark.parametrize("value", [{"a": float("nan")}, [float("inf")], {"a": {1, 2}}, [b"x"]])
def test_what_json_cannot_hold_is_not_written_as_yaml(value):
    with pytest.raises(CardError, match="YAML cannot express"):
        write_yaml(value)


def test_lone_surrogates_are_replaced_in_yaml():
    assert parse_yaml(write_yaml({"a\ud83e\udd8a": "x\ud800"})) == {"a🦊": "x\ufffd"}
