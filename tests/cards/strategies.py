"""Hypothesis strategies: any card, with unknown fields and extensions at every level."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from cards.card import Book, Card, Entry
from cards.v3 import DEFAULT_ICON

# All that UTF-8 can say but NUL, which cannot be stored; with what files and front ends stumble over.
letters = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
texts = st.text(letters, max_size=30) | st.sampled_from(
    [
        "{{char}} & {{user}}",
        "a\nb\r\nc",
        " both ends ",
        "no",
        "1.0",
        "null",
        "~",
        "- x: y",
        "#",
        "\ufeff",
        "\u2028",
        "\t",
    ]
)
names = texts.filter(str.strip)
lists = st.lists(texts, max_size=3).map(tuple)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
numbers = st.integers(-1000, 1000) | st.sampled_from([0.5, 99.25])


def unknown(prefix: str) -> st.SearchStrategy[dict[str, Any]]:
    """Fields that no specification and no program knows."""
    return st.dictionaries(st.sampled_from([f"x_{prefix}", f"x_{prefix}/ü", f"x_{prefix} z"]), values, max_size=2)


def ids(count: int) -> st.SearchStrategy[list[Any]]:
    """Ids that say more than the place in the list, all different."""
    kinds = st.none() | st.integers(1000, 2000) | st.text("abc-", min_size=1, max_size=4)
    return st.lists(kinds, min_size=count, max_size=count).filter(
        lambda found: (
            len([each for each in found if each is not None]) == len({each for each in found if each is not None})
        )
    )


def entries(*, v3: bool) -> st.SearchStrategy[Entry]:
    """Entries; without ``v3`` only such as V2 can hold."""
    content = texts if v3 else texts.filter(lambda text: not text.lstrip().startswith("@@"))
    return st.builds(
        Entry,
        name=texts,
        content=(content | texts.map(lambda text: f"@@depth 2\n{text}")) if v3 else content,
        keys=lists,
        secondary_keys=lists,
        enabled=st.booleans(),
        constant=st.booleans(),
        selective=st.booleans(),
        insertion_order=numbers,
        priority=st.none() | numbers,
        position=st.sampled_from(["before_char", "after_char"]),
        case_sensitive=st.none() | st.booleans(),
        use_regex=st.booleans() if v3 else st.just(False),
        category=texts,
        extensions=unknown("entry_extension")
        | st.fixed_dictionaries({}, optional={"probability": st.integers(0, 99), "selectiveLogic": st.integers(1, 3)}),
        extra=unknown("entry"),
    )


@st.composite
def books(draw: st.DrawFn, *, v3: bool = True, wrapped: bool = False) -> Book:
    """Books of up to three entries."""
    found = draw(st.lists(entries(v3=v3), max_size=3))
    numbered = draw(ids(len(found))) if v3 else [None] * len(found)
    return Book(
        name=draw(texts),
        description=draw(texts),
        scan_depth=draw(st.none() | st.integers(0, 50)),
        token_budget=draw(st.none() | st.integers(0, 5000)),
        recursive_scanning=draw(st.none() | st.booleans()),
        extensions=draw(unknown("book_extension")),
        extra=draw(unknown("book")),
        wrapper=draw(unknown("wrapper")) if wrapped else {},
        entries=tuple(Entry(**{**vars(entry), "id": number}) for entry, number in zip(found, numbered, strict=True)),
    )


SHARED = {
    "name": names,
    "description": texts,
    "personality": texts,
    "scenario": texts,
    "first_mes": texts,
    "mes_example": texts,
    "creator_notes": texts,
    "system_prompt": texts,
    "post_history_instructions": texts,
    "alternate_greetings": lists,
    "tags": lists,
    "creator": texts,
    "character_version": texts,
    "extensions": unknown("extension"),
    "extra": unknown("data"),
    "wrapper": unknown("root"),
}
links = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["background", "emotion", "other", "x-own"]),
        "uri": st.sampled_from(["https://example.org/a.png", "data:image/png;base64,AAAA"]),
        "name": texts,
        "ext": st.sampled_from(["png", "unknown"]),
    }
)
assets = st.none() | st.lists(links, min_size=1, max_size=2).map(lambda found: (dict(DEFAULT_ICON), *found))
v2_cards = st.builds(Card, **SHARED, book=st.none() | books(v3=False))
v3_cards = st.builds(
    Card,
    **SHARED,
    book=st.none() | books(),
    nickname=texts,
    group_only_greetings=lists,
    creator_notes_multilingual=st.none() | st.dictionaries(st.sampled_from(["en", "ja"]), texts, max_size=2),
    source=lists,
    creation_date=st.none() | st.integers(1, 4_000_000_000),
    modification_date=st.none() | st.integers(1, 4_000_000_000),
    assets=assets,
)
