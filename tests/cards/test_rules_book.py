"""The rules for a lorebook as a whole: for each a book that it fires on, and one that it leaves alone."""

import time
from dataclasses import replace

import pytest

from cards.card import Book, Card, Entry
from cards.lint import merge_limits
from cards.rules import LIMITS, Subject, book, book_budget, book_mix

CHECKS = {
    "B01": book.collisions,
    "B02": book.shadowing,
    "B03": book.duplicates,
    "B04": book_budget.constants,
    "B05": book_budget.constant_cost,
    "B06": book.recursion,
    "B07": book.reach,
    "B08": book_mix.coverage,
    "B09": book_mix.tiers,
    "B10": book_budget.portability,
    "B11": book_mix.mix,
    "B12": book_mix.user_facts,
}


def e(name: str, *keys: str, **changes) -> Entry:
    own = {"enabled", "constant", "selective", "secondary_keys", "insertion_order", "content", "category"}
    fields = {field: value for field, value in changes.items() if field in own}
    settings = {field: value for field, value in changes.items() if field not in own}
    return Entry(
        name=name, keys=keys or (name.lower(),), **{"content": f"{name} is known.", **fields}, extensions=settings
    )


GOOD = (
    e("Tolm", "tolm", "harbour", content="Tolm is a harbour town under grey cliffs.", insertion_order=40),
    e("The Keepers", "keepers", "guild", content="The Keepers light the lamps of the coast.", insertion_order=30),
    e("Ashen Queen", "ashen queen", content="The Ashen Queen rules from the north.", insertion_order=50),
    e("Realm", constant=True, content="Magic is rare and feared.", insertion_order=10),
    e("Glass Knife", "glass knife", content="The Glass Knife cuts lies from truth.", insertion_order=60),
)
BOOK = Book(entries=GOOD, token_budget=500)
CARD = Card(
    name="Mara Voss",
    description="{{char}} sails a brig.",
    first_mes='*She waves.* "Come aboard, {{user}}."',
    mes_example="<START>\n{{char}}: No.\n<START>\n{{char}}: Yes.",
    book=BOOK,
)


LOOSE = {"book": {"match_whole_words": False}}


def of(*entries: Entry, card: Card | None = None, source: str = "", limits: dict | None = None, **changes) -> Subject:
    """A subject of these entries: a bare book, or that of a card."""
    own = replace(BOOK, entries=entries or GOOD, **changes)
    return Subject(card=card and replace(card, book=own), book=own, limits=merge_limits(limits), source=source)


def long(name: str, tokens: int, **changes) -> Entry:
    return e(name, content="word " * (tokens * 4 // 5), **changes)


def chain(count: int, tokens: int, **changes) -> list[Entry]:
    return [e(f"E{n}", f"key{n}", content=f"key{n + 1} {'x' * (tokens * 4)}", **changes) for n in range(count)]


def tier(category: str, order: int, name: str = "") -> Entry:
    return e(name or category.title(), category=category, insertion_order=order)


TIERS = [
    tier("world", 10),
    tier("event", 20),
    tier("faction", 30),
    tier("place", 40),
    tier("person", 50),
    tier("thing", 60),
]
USER_FACT = e("Tolm", content="Tolm is a town. {{user}} was born there as the smith's third son. Ships come.")

# rule, subject, the field of the finding, its severity (None: the rule's own)
FIRES = [
    ("B01", of(e("A", "tolm"), e("B", "x", "Tolm")), "entries[1].keys[1]", None),
    ("B01", of(e("A", "tolm"), e("B", "tolm"), card=CARD), "character_book.entries[1].keys[0]", None),
    ("B01", of(e("A", "tolm"), e("B", "tolm", selective=True, secondary_keys=("war",))), "entries[1].keys[0]", "I"),
    ("B02", of(e("A", "x", "art", match_whole_words=False), e("B", "starts")), "entries[0].keys[1]", None),
    ("B02", of(e("A", "eet", match_whole_words=False)), "entries[0].keys[0]", None),
    ("B02", of(e("A", "art"), e("B", "starts"), limits=LOOSE), "entries[0].keys[0]", None),
    ("B03", of(e("Tolm", "a"), e("X", "b"), e("tolm", "c")), "entries[2]", None),
    ("B04", of(*(e(f"K{n}", constant=True) for n in range(4)), *GOOD), "entries", None),
    ("B04", of(long("K", 200, constant=True), *GOOD), "entries", None),
    ("B04", of(*(replace(entry, constant=False) for entry in GOOD)), "entries", "I"),
    ("B04", of(*(replace(entry, constant=True) for entry in TIERS[1:4]), *TIERS[4:]), "entries", None),
    ("B05", of(long("K", 600, constant=True)), "token_budget", None),
    ("B05", of(long("K", 600, constant=True), card=CARD), "character_book.token_budget", None),
    ("B05", of(long("K", 3_000, constant=True), token_budget=None), "entries", "W"),
    ("B06", of(*chain(6, 100)), "entries[0].extensions.prevent_recursion", None),
    (
        "B06",
        of(e("H", content=" ".join(f"k{n}" for n in range(6))), *(e(f"K{n}") for n in range(6))),
        "entries[0].extensions.prevent_recursion",
        "I",
    ),
    ("B06", of(e("A", content="B"), e("B", content="A")), "entries[0].extensions.prevent_recursion", "I"),
    ("B07", of(e("Tolm", "zzyzx"), *GOOD[1:]), "entries[0].keys", None),
    (
        "B07",
        of(e("Crew", "aboard", "crew"), card=replace(CARD, alternate_greetings=("aboard",) * 9)),
        "character_book.entries[0].keys",
        None,
    ),
    (
        "B08",
        of(source="Joran met Lyssa. Lyssa left Joran. Then Joran found Lyssa in the snow. He told Joran."),
        "entries",
        None,
    ),
    ("B09", of(tier("world", 10), tier("place", 10)), "entries[1].insertion_order", None),
    ("B09", of(tier("person", 20), tier("place", 40)), "entries[0].insertion_order", None),
    ("B09", of(tier("world", 10), tier("place", 13)), "entries[1].insertion_order", "I"),
    ("B10", of(*(long(f"E{n}", 100) for n in range(30))), "entries", "I"),
    ("B11", of(tier("world", 10), e("Tolm")), "entries[1].category", None),
    ("B11", of(tier("world", 10), tier("recipes", 20)), "entries[1].category", "I"),
    (
        "B11",
        of(tier("world", 10), e("Tolm", category="place", content="Tolm fears {{user}}.")),
        "entries[1].content",
        None,
    ),
    ("B11", of(*(e(f"E{n}") for n in range(10))), "entries", "I"),
    ("B12", of(USER_FACT, source="Tolm is a town of sailors. The user visits it."), "entries[0].content", None),
]

# rule, subject
SPARES = [
    *((rule, of()) for rule in CHECKS),
    *((rule, of(card=CARD)) for rule in CHECKS),
    *((rule, Subject(card=CARD, book=None, limits=LIMITS)) for rule in CHECKS),
    ("B01", of(e("A", "tolm", group="g"), e("B", "tolm", group="g"))),
    ("B01", of(e("A", "tolm"), e("B", "tolm"), extensions={"cardforge": {"allow_overlap": ["tolm"]}})),
    ("B02", of(e("A", "art"), e("B", "starts"))),
    ("B04", of(*TIERS[1:], replace(TIERS[0], constant=True))),
    ("B06", of(*chain(6, 100), recursive_scanning=False)),
    ("B06", of(*chain(6, 100, prevent_recursion=True))),
    ("B07", of(e("Tolm", "zzyzx"), source="The zzyzx is near.")),
    ("B07", of(e("", "zzyzx", content="The zzyzx is near."))),
    ("B08", of(source="Joran met the Keepers. Joran left.")),
    ("B08", of(source="Joran met Joran. Joran saw Joran.", extensions={"cardforge": {"no_entry": ["Joran"]}})),
    ("B09", of(*TIERS)),
    ("B11", of(*TIERS)),
    ("B11", of(tier("world", 10), e("You", category="player", content="{{user}} is a stranger."))),
    ("B12", of(USER_FACT)),
    ("B12", of(USER_FACT, source="The user was born in Tolm, the third son of a smith.")),
    ("B12", of(e("Tolm", content="If {{user}} asks, the guard lies."), source="Tolm has a guard.")),
]


@pytest.mark.parametrize(("rule", "subject", "field", "severity"), FIRES)
def test_a_rule_fires_where_it_should(rule: str, subject: Subject, field: str, severity: str | None) -> None:
    found = [fault for fault in CHECKS[rule](subject) if (fault.field, fault.severity) == (field, severity)]
    assert found
    assert all(fault.message and fault.fix for fault in found)


@pytest.mark.parametrize(("rule", "subject"), SPARES)
def test_a_rule_leaves_others_alone(rule: str, subject: Subject) -> None:
    assert list(CHECKS[rule](subject)) == []


def test_what_an_entry_says_of_the_user_is_pointed_at() -> None:
    fault = next(book_mix.user_facts(of(USER_FACT, source="Tolm is a town of sailors.")))
    assert USER_FACT.content[slice(*fault.span)] == "{{user}} was born there as the smith's third son."


def test_a_profile_changes_the_figures() -> None:
    few = of(e("K", constant=True), e("L", constant=True), limits={"book": {"constants_most": 1}})
    assert any("2 of 2 entries are constant" in fault.message for fault in book_budget.constants(few))


def test_how_many_entries_fit_is_told_for_each_front_end() -> None:
    fault = next(book_budget.portability(of(*(long(f"E{n}", 100) for n in range(30)))))
    assert "7 in SpicyChat, free (740 tokens)" in fault.message


def test_all_rules_together_take_little_time() -> None:
    entries = tuple(
        e(
            f"Place {n}",
            f"place{n}",
            f"town {n}",
            content=f"Place {n} lies by place{n + 1}, where tales of the coast are told.",
        )
        for n in range(200)
    )
    spent = []
    for _ in range(3):
        subject = of(*entries, card=CARD)
        started = time.thread_time()
        assert [fault for check in CHECKS.values() for fault in check(subject)]
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.3
