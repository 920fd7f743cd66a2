"""Lorebook analysis: edges, cycles, costs, shared and hidden keys, duplicates."""

import json
import random
import time
from itertools import combinations

import pytest

from cards.card import Book, Entry
from cards.graph import analyse
from cards.graph.twins import words_of
from cards.keys import compile_key, fires
from cards.simulate import Settings

LONG = "The harbour of Tolm lies under grey cliffs, and its lamps are lit by the guild of keepers every night of winter"


def e(name: str, *keys: str, content: str = "", **changes) -> Entry:
    own = {
        field: changes.pop(field)
        for field in ("enabled", "constant", "selective", "secondary_keys")
        if field in changes
    }
    return Entry(name=name, keys=keys, content=content, **own, extensions=changes)


def book(*entries: Entry, **changes) -> Book:
    return Book(entries=entries, **changes)


def arrows(*entries: Entry, **settings) -> list[tuple[int, int]]:
    return [(edge.source, edge.target) for edge in analyse(book(*entries), settings=Settings(**settings)).edges]


TOLD = e("A", "a", content="It is near Blackport.")
PORT = e("B", "Blackport", content="Old town")


def test_an_entry_that_names_a_key_leads_to_its_entry() -> None:
    edge = analyse(book(TOLD, PORT)).edges[0]
    assert (edge.source, edge.target, edge.key, edge.needs_more) == (0, 1, "Blackport", False)
    assert TOLD.content[slice(*edge.span)] == "Blackport"


@pytest.mark.parametrize(
    "entries",
    [
        (e("A", "a", content="Blackport", prevent_recursion=True), PORT),
        (e("A", "a", content="Blackport", enabled=False), PORT),
        (e("A", "a", content="@@dont_activate\nBlackport"), PORT),
        (TOLD, e("B", "Blackport", exclude_recursion=True)),
        (TOLD, e("B", "Blackport", enabled=False)),
        (TOLD, e("B", "Blackport", constant=True)),
        (e("A", "Blackport", content="Blackport"),),
        (e("A", "a", content="Blackports"), PORT),
    ],
)
def test_nothing_leads_where_recursion_does_not_go(entries: tuple[Entry, ...]) -> None:
    assert arrows(*entries) == []


def test_a_constant_and_a_delayed_entry_take_part() -> None:
    assert arrows(e("A", constant=True, content="Blackport"), e("B", "blackport", delay_until_recursion=1)) == [(0, 1)]


def test_a_pattern_leads_too() -> None:
    assert arrows(TOLD, e("B", "/black(port|rock)/i")) == [(0, 1)]


def test_a_target_with_secondary_keys_needs_more() -> None:
    target = e("B", "Blackport", selective=True, secondary_keys=("gold",))
    assert analyse(book(TOLD, target)).edges[0].needs_more


def ring(size: int, **changes) -> list[Entry]:
    return [e(f"E{n}", f"key{n}", content=f"See key{(n + 1) % size}. {'x' * 12}", **changes) for n in range(size)]


def test_a_cycle_is_found_with_its_way_round() -> None:
    found = analyse(book(*ring(3), e("D", "d", content="key1"))).cycles
    assert [(cycle.entries, cycle.path) for cycle in found] == [((0, 1, 2), (0, 1, 2))]


def test_a_chain_is_no_cycle() -> None:
    assert analyse(book(TOLD, PORT)).cycles == ()


def test_a_very_long_ring_is_one_cycle() -> None:
    found = analyse(book(*ring(3_000))).cycles
    assert [len(cycle.entries) for cycle in found] == [3_000]


def test_a_hub_fires_more_than_five() -> None:
    others = [e(f"E{n}", f"key{n}") for n in range(6)]
    assert analyse(book(e("H", "h", content="key0 key1 key2 key3 key4 key5"), *others)).hubs == ((0, 6),)
    assert analyse(book(e("H", "h", content="key0 key1 key2 key3 key4"), *others)).hubs == ()


def test_a_closure_counts_what_is_pulled_in() -> None:
    """Contents of 40, 20 and 8 characters: 10, 5 and 2 tokens."""
    entries = e("A", "a", content="B".rjust(40)), e("B", "b", content="C".rjust(20)), e("C", "c", content="x" * 8)
    found = analyse(book(*entries, e("K", constant=True, content="y" * 12)))
    assert [(one.seed, one.entries, one.tokens) for one in found.closures] == [(0, 3, 17), (1, 2, 7), (2, 1, 2)]
    assert (found.worst.seed, found.constant_tokens, found.always_tokens, found.worst_tokens, found.total_tokens) == (
        0,
        3,
        3,
        20,
        20,
    )


def test_a_constant_brings_what_it_names() -> None:
    found = analyse(book(e("K", constant=True, content="Blackport"), PORT))
    assert (found.always, found.always_tokens) == ((0, 1), 3 + 2)


def test_without_recursion_each_entry_stands_alone() -> None:
    found = analyse(book(TOLD, PORT, recursive_scanning=False))
    assert [closure.entries for closure in found.closures] == [1, 1]
    assert not found.recursive


def test_of_a_group_the_longest_counts() -> None:
    pair = e("B", "b", content="x" * 40, group="g"), e("C", "c", content="x" * 20, group="g")
    assert analyse(book(e("A", "a", content="b c."), *pair)).worst.tokens == 1 + 10


def test_closures_are_those_of_a_plain_search() -> None:
    dice = random.Random(7)
    size = 60
    entries = [
        e(f"E{n}", f"key{n}", content=" ".join(f"key{dice.randrange(size)}" for _ in range(dice.randrange(3))))
        for n in range(size)
    ]
    found = analyse(book(*entries))
    ways = {(edge.source, edge.target) for edge in found.edges}
    for closure in found.closures:
        seen, waiting = {closure.seed}, [closure.seed]
        while waiting:
            node = waiting.pop()
            following = {target for source, target in ways if source == node} - seen
            seen |= following
            waiting.extend(following)
        assert closure.entries == len(seen)
        assert closure.tokens == sum(-(-len(entries[index].content) // 4) for index in seen)


def test_edges_are_those_of_every_key_tried_on_every_content() -> None:
    dice = random.Random(3)
    words = ["art", "start", "red", "red art", "über", "ber", "竜", "女竜", "Red", "o'er", "a"]
    entries = [
        e(
            f"E{n}",
            *dice.sample(words, 2),
            content=" ".join(dice.choices(words, k=6)),
            match_whole_words=dice.random() < 0.5,
            case_sensitive=dice.random() < 0.5,
        )
        for n in range(40)
    ]
    expected = set()
    for source, target in ((one, other) for one in range(40) for other in range(40) if one != other):
        known = entries[target].extensions
        keys = [
            compile_key(key, case_sensitive=known["case_sensitive"], whole_words=known["match_whole_words"])
            for key in entries[target].keys
        ]
        if any(fires(key, entries[source].content) for key in keys):
            expected.add((source, target))
    assert set(arrows(*entries)) == expected


def clashes(*entries: Entry, **changes) -> list[tuple[str, tuple[int, ...]]]:
    return [(found.key, found.entries) for found in analyse(book(*entries, **changes)).collisions]


def test_a_key_of_two_entries_collides_whatever_its_capitals() -> None:
    assert clashes(e("A", "Tolm", "x"), e("B", "tolm "), e("C", "TOLM")) == [("tolm", (0, 1, 2))]


@pytest.mark.parametrize(
    "entries",
    [
        (e("A", "tolm", group="g"), e("B", "tolm", group="h, g")),
        (e("A", "tolm"), e("B", "tolm", enabled=False)),
        (e("A", "tolm"), e("B", "tolm", constant=True)),
        (e("A", "Rose", case_sensitive=True), e("B", "rose", case_sensitive=True)),
        (e("A", "tolm", "Tolm"),),
    ],
)
def test_what_may_share_a_key_does_not_collide(entries: tuple[Entry, ...]) -> None:
    assert clashes(*entries) == []


def test_an_overlap_can_be_allowed() -> None:
    allowed = {"cardforge": {"allow_overlap": ["TOLM"]}}
    assert clashes(e("A", "tolm"), e("B", "tolm"), extensions=allowed) == []


def test_three_entries_of_which_two_are_in_a_group_collide() -> None:
    assert clashes(e("A", "x", group="g"), e("B", "x", group="g"), e("C", "x")) == [("x", (0, 1, 2))]


def test_secondary_keys_tell_entries_apart() -> None:
    layered = e("A", "mara"), e("B", "mara", selective=True, secondary_keys=("war",))
    assert [found.told_apart for found in analyse(book(*layered)).collisions] == [True]


def hidden(*entries: Entry, **settings) -> list[tuple[int, str, int, str]]:
    found = analyse(book(*entries), settings=Settings(**settings)).shadows
    return [(one.entry, one.key, one.other, one.within) for one in found]


def test_a_key_within_a_word_is_shadowing_without_whole_words() -> None:
    entries = e("A", "art"), e("B", "start")
    assert hidden(*entries, match_whole_words=False) == [(0, "art", 1, "start")]
    assert hidden(*entries) == []


def test_a_word_of_a_longer_key_is_shadowing_without_whole_words() -> None:
    entries = e("A", "dragon", match_whole_words=False), e("B", "red dragon")
    assert hidden(*entries) == [(0, "dragon", 1, "red dragon")]


def test_a_key_of_two_words_is_hidden_within_words_only() -> None:
    assert hidden(e("A", "red dragon"), e("B", "bored dragons")) == [(0, "red dragon", 1, "bored dragons")]
    assert hidden(e("A", "red dragon"), e("B", "old red dragon")) == []


def test_a_chinese_key_is_hidden_in_a_longer_one() -> None:
    assert hidden(e("A", "王"), e("B", "女王"), match_whole_words=False) == [(0, "王", 1, "女王")]


def same(*entries: Entry) -> list[tuple[int, ...]]:
    return [group.entries for group in analyse(book(*entries)).twins]


def test_nearly_the_same_content_is_a_duplicate() -> None:
    changed = LONG.replace("grey", "black")
    assert same(e("Harbour", "a", content=LONG), e("X", "b", content="A well."), e("Port", "c", content=changed)) == [
        (0, 2)
    ]


def test_groups_of_duplicates_are_joined() -> None:
    entries = e("One", "a", content=LONG), e("one", "b", content="Nothing."), e("Two", "c", content=f"{LONG}.")
    assert same(*entries) == [(0, 1, 2)]


def test_a_content_within_another_is_a_duplicate() -> None:
    further = "Beyond them the forest begins where charcoal burners keep their huts, wolves prowl and no road leads on."
    longer = f"{LONG}. {further}"
    assert same(e("A", "a", content=longer), e("B", "b", content=LONG)) == [(0, 1)]


def test_names_that_differ_in_a_letter_need_something_in_common() -> None:
    one, other = "Ravenmoor keeps the northern pass.", "A bell rings in the northern pass; Ravenmor keeps watch."
    assert same(e("Ravenmoor", "a", content=one), e("Ravenmor", "b", content=other)) == [(0, 1)]
    assert same(e("Marin", "a", content="A fisher boy."), e("Maren", "b", content="Queen under hills.")) == []


def test_numbered_entries_are_no_duplicates() -> None:
    assert same(e("Chapter 1", "a", content="The storm."), e("Chapter 2", "b", content="The storm ends.")) == []


def test_shared_keys_make_a_duplicate() -> None:
    assert same(e("A", "tolm", "harbour"), e("B", "Tolm", "Harbour", "port")) == [(0, 1)]


def test_one_shared_key_does_not() -> None:
    assert same(e("A", "tolm", "harbour"), e("B", "tolm", "market")) == []


def test_duplicates_are_those_of_comparing_each_with_each() -> None:
    dice = random.Random(11)
    words = [f"word{n}" for n in range(60)]
    texts = [" ".join(dice.sample(words, 30)) for _ in range(30)]
    texts += [" ".join(dice.sample(text.split(), 24) + dice.sample(words, 4)) for text in texts[:15]]
    pairs = set()
    for one, other in combinations(range(len(texts)), 2):
        first, second = words_of(texts[one]), words_of(texts[other])
        common = len(first & second)
        if common >= 0.6 * len(first | second) or common >= 0.9 * min(len(first), len(second)):
            pairs.add((one, other))
    assert pairs
    groups = [set(group) for group in same(*(e(f"{n} {n}", f"k{n}", content=text) for n, text in enumerate(texts)))]
    assert all(any({one, other} <= group for group in groups) for one, other in pairs)
    linked = {index for pair in pairs for index in pair}
    assert {index for group in groups for index in group} == linked


def test_an_entry_that_nothing_fires_is_dead() -> None:
    entries = (
        e("Tolm", "tolm"),
        e("Hidden", "zzyzx"),
        e("C", "seen"),
        e("D", "named", content=""),
        e("E", "told", content="named"),
    )
    found = analyse(book(*entries), texts=["It was seen and told."])
    assert found.dead == (1,)
    assert dict(found.shares) == {2: 1.0, 4: 1.0}


def test_without_texts_nothing_is_dead() -> None:
    assert analyse(book(e("Hidden", "zzyzx"))).dead == ()


def test_an_empty_book_has_nothing() -> None:
    found = analyse(Book())
    assert (found.edges, found.worst, found.total_tokens) == ((), None, 0)


def test_the_result_is_json() -> None:
    told = analyse(book(*ring(3), TOLD, PORT, PORT), texts=["x"]).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["cycles"] == [{"entries": [0, 1, 2], "path": [0, 1, 2]}]


def test_a_thousand_entries_take_less_than_a_second() -> None:
    dice = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(dice.choices(letters, k=dice.randint(3, 9))) for _ in range(6_000)]
    shares = [1 / (place + 5) for place in range(len(words))]
    entries = [
        e(
            f"{dice.choice(words)} {n}",
            *dice.sample(words, 3),
            f"the {words[n]}",
            content=" ".join(dice.choices(words, shares, k=90)),
        )
        for n in range(1_000)
    ]
    spent = []
    for _ in range(3):
        started = time.thread_time()
        assert analyse(book(*entries)).edges
        spent.append(time.thread_time() - started)
    assert min(spent) < 1


def test_entries_that_all_fire_each_other_are_bounded() -> None:
    entries = [e(f"E{n}", "a", content="a and a") for n in range(3_000)]
    started = time.thread_time()
    found = analyse(book(*entries))
    assert (len(found.edges), found.complete) == (200_000, False)
    assert time.thread_time() - started < 10
