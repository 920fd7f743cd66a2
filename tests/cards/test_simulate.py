"""Lorebook simulation: worked by hand from SillyTavern's rules, then its limits."""

import json
import time
from dataclasses import replace

import pytest

from cards.card import Book, Card, Entry
from cards.errors import CardError
from cards.keys import compile_key, fires, pattern_fault
from cards.simulate import Effect, Message, Settings, simulate

OWN = {
    "enabled",
    "constant",
    "selective",
    "secondary_keys",
    "insertion_order",
    "content",
    "case_sensitive",
    "use_regex",
}


def e(name: str, *keys: str, **changes) -> Entry:
    """An entry; what is no field of ours is a setting of SillyTavern. Its content is its name unless given."""
    own = {field: value for field, value in changes.items() if field in OWN}
    if "secondary_keys" in own:
        own.setdefault("selective", True)
    settings = {field: value for field, value in changes.items() if field not in OWN}
    return Entry(name=name, keys=keys, **{"content": f"{name}.", **own}, extensions=settings)


def who(*names: str) -> tuple[Message, ...]:
    return tuple(Message(name, "Hm.") for name in names)


LONE = e("A", "dragon")
FAR = ["dragon", "one", "two"]  # the key stands three messages back
COW = e("Bessie", "Bessie", content="Bessie is a cow and is friends with Rufus.")
DOG = e("Rufus", "Rufus", content="Rufus is a dog.")
BOTH = ("red", "blue")

# title, entries, messages (oldest first), settings, the entries that fire, reasons of others
CASES = [
    # keys
    ("a key in the last message fires", [LONE], ["A dragon!"], {}, "A", {}),
    ("a key that is not there does not fire", [LONE], ["A horse."], {}, "", {"A": "no_match"}),
    ("any one of several keys is enough", [e("A", "wyrm", "dragon")], ["dragon"], {}, "A", {}),
    ("an entry without keys never fires", [e("A")], ["A."], {}, "", {"A": "no_keys"}),
    ("an empty key fires on nothing", [e("A", "")], ["x"], {}, "", {"A": "no_match"}),
    ("a key of blanks fires on everything", [e("A", "  ")], ["x"], {}, "A", {}),
    ("blanks around a key do not count", [e("A", " dragon ")], ["dragon"], {}, "A", {}),
    ("capitals do not count by default", [e("A", "DRAGON")], ["dragon"], {}, "A", {}),
    ("capitals count where the setting says so", [e("A", "Rose")], ["a rose"], {"case_sensitive": True}, "", {}),
    ("an entry may want capitals", [e("A", "Rose", case_sensitive=True)], ["a rose"], {}, "", {"A": "no_match"}),
    (
        "an entry may refuse capitals",
        [e("A", "Rose", case_sensitive=False)],
        ["a rose"],
        {"case_sensitive": True},
        "A",
        {},
    ),
    ("a key within a word does not fire", [e("A", "king")], ["It is not to my liking."], {}, "", {}),
    ("a key as a whole word fires", [e("A", "king")], ["Long live the king!"], {}, "A", {}),
    ("without whole words it does", [e("A", "king")], ["my liking"], {"match_whole_words": False}, "A", {}),
    ("an entry may leave whole words out", [e("A", "king", match_whole_words=False)], ["liking"], {}, "A", {}),
    ("a key of two words is found within words", [e("A", "red dragon")], ["a bored dragonfly"], {}, "A", {}),
    ("an underscore is a letter of a word", [e("A", "king")], ["the_king"], {}, "", {}),
    ("a digit is a letter of a word", [e("A", "unit")], ["unit7"], {}, "", {}),
    ("an apostrophe ends a word", [e("A", "king")], ["the king's men"], {}, "A", {}),
    ("an accented letter is no letter of a word", [e("A", "caf")], ["café"], {}, "A", {}),
    ("a plural needs a key of its own", [e("A", "café")], ["cafés"], {}, "", {}),
    ("a Chinese key fires within a sentence", [e("A", "竜")], ["その竜は眠る"], {}, "A", {}),
    ("a decomposed accent is the same letter", [e("A", "caf\u00e9")], ["cafe\u0301"], {}, "A", {}),
    ("a macro in a key is the name", [e("A", "{{char}}")], [Message("", "Mara nods")], {"char": "Mara"}, "A", {}),
    ("the user's macro is the user's name", [e("A", "{{user}}")], ["Tom nods"], {"user": "Tom"}, "A", {}),
    ("the name of a speaker fires", [e("A", "Mara")], who("Mara"), {}, "A", {}),
    ("names can be left out", [e("A", "Mara")], who("Mara"), {"include_names": False}, "", {}),
    # patterns
    ("a pattern between slashes fires", [e("A", "/drag(on|oon)s?/")], ["dragoons"], {}, "A", {}),
    ("a pattern minds capitals", [e("A", "/dragon/")], ["Dragon"], {}, "", {"A": "no_match"}),
    ("a pattern with i does not", [e("A", "/dragon/i")], ["Dragon"], {"case_sensitive": True}, "A", {}),
    ("a pattern is not held to whole words", [e("A", "/king/")], ["liking"], {}, "A", {}),
    ("what is no pattern is plain text", [e("A", "/[/")], ["see /[/ there"], {}, "A", {}),
    ("an unknown flag makes it plain text", [e("A", "/king/x")], ["king"], {}, "", {}),
    ("an open slash makes it plain text", [e("A", "/a/b/")], ["/a/b/"], {}, "A", {}),
    ("a pattern can ask who speaks", [e("A", "/\\x01Tom:[^\\x01]*?hello/")], [Message("Tom", "hello")], {}, "A", {}),
    (
        "a pattern of one speaker leaves the other alone",
        [e("A", "/\\x01Tom:[^\\x01]*?hello/")],
        [Message("Tom", "hm"), Message("Mara", "hello")],
        {},
        "",
        {},
    ),
    ("a pattern may span two messages", [e("A", "/two[^]*one/")], ["one", "two"], {}, "A", {}),
    ("a dot stops at the end of a line", [e("A", "/two.*one/")], ["one", "two"], {}, "", {}),
    ("a sticky pattern starts where the text starts", [e("A", "/dragon/y")], ["dragon"], {}, "", {}),
    ("use_regex makes a key a pattern", [e("A", "drag(on|oon)", use_regex=True)], ["dragoon"], {}, "A", {}),
    ("a pattern may hold a macro", [e("A", "/{{char}} (nods|smiles)/")], ["Mara smiles"], {"char": "Mara"}, "A", {}),
    ("a range of JavaScript's classes is ASCII", [e("A", "/^\\x01\\w+$/")], ["Ünal"], {}, "", {}),
    # depth
    ("two messages are scanned by default", [LONE], ["dragon", "x"], {}, "A", {}),
    ("the third last is not", [LONE], FAR, {}, "", {"A": "no_match"}),
    ("a greater depth reaches it", [LONE], FAR, {"scan_depth": 3}, "A", {}),
    ("a depth of none scans nothing", [LONE], ["dragon"], {"scan_depth": 0}, "", {}),
    ("an entry has its own depth", [e("A", "dragon", scan_depth=3)], FAR, {}, "A", {}),
    ("an entry may look less far", [e("A", "dragon", scan_depth=1)], ["dragon", "x"], {}, "", {}),
    (
        "an entry of depth none waits for others",
        [e("A", "Rufus", scan_depth=0), COW],
        ["Bessie, Rufus"],
        {},
        "A Bessie",
        {},
    ),
    # secondary keys
    ("any secondary key is enough", [e("A", "x", secondary_keys=BOTH)], ["x blue"], {}, "A", {}),
    ("no secondary key is not", [e("A", "x", secondary_keys=BOTH)], ["x"], {}, "", {"A": "secondary"}),
    ("secondary keys alone do nothing", [e("A", "x", secondary_keys=BOTH)], ["red"], {}, "", {"A": "no_match"}),
    ("without selective they are idle", [e("A", "x", secondary_keys=BOTH, selective=False)], ["x"], {}, "A", {}),
    ("all are wanted", [e("A", "x", secondary_keys=BOTH, selectiveLogic=3)], ["x red blue"], {}, "A", {}),
    ("all are wanted, one is missing", [e("A", "x", secondary_keys=BOTH, selectiveLogic=3)], ["x red"], {}, "", {}),
    ("none is wanted", [e("A", "x", secondary_keys=BOTH, selectiveLogic=2)], ["x"], {}, "A", {}),
    (
        "none is wanted, one is there",
        [e("A", "x", secondary_keys=BOTH, selectiveLogic=2)],
        ["x red"],
        {},
        "",
        {"A": "secondary"},
    ),
    ("not all are wanted", [e("A", "x", secondary_keys=BOTH, selectiveLogic=1)], ["x red"], {}, "A", {}),
    (
        "not all are wanted, all are there",
        [e("A", "x", secondary_keys=BOTH, selectiveLogic=1)],
        ["x red blue"],
        {},
        "",
        {},
    ),
    ("keys may be in different messages", [e("A", "x", secondary_keys=BOTH)], ["red", "x"], {}, "A", {}),
    # always, never
    ("a constant needs no key", [e("A", constant=True)], [], {}, "A", {}),
    ("a disabled entry never fires", [e("A", "x", enabled=False)], ["x"], {}, "", {"A": "disabled"}),
    ("a disabled constant neither", [e("A", constant=True, enabled=False)], ["x"], {}, "", {"A": "disabled"}),
    ("a decorator makes it fire", [e("A", content="@@activate\nText")], ["x"], {}, "A", {}),
    (
        "a decorator keeps it quiet",
        [e("A", "x", content="@@dont_activate\nText")],
        ["x"],
        {},
        "",
        {"A": "dont_activate"},
    ),
    (
        "it keeps a constant quiet",
        [e("A", constant=True, content="@@dont_activate\nT")],
        [],
        {},
        "",
        {"A": "dont_activate"},
    ),
    ("a fallback counts after an unknown one", [e("A", content="@@wave 3\n@@@activate\nT")], [], {}, "A", {}),
    ("a fallback after a known one does not", [e("A", content="@@activate\n@@@dont_activate\nT")], [], {}, "A", {}),
    (
        "a longer name is another decorator",
        [e("A", content="@@activate_only_after 2\nT")],
        ["x"],
        {},
        "",
        {"A": "no_keys"},
    ),
    ("an entry may want another kind of reply", [e("A", "x", triggers=["swipe"])], ["x"], {}, "", {"A": "trigger"}),
    ("the right kind of reply lets it fire", [e("A", "x", triggers=["swipe"])], ["x"], {"trigger": "swipe"}, "A", {}),
    # recursion
    ("what fired is scanned too", [COW, DOG], ["Tell me about Bessie"], {}, "Bessie Rufus", {}),
    ("recursion can be off", [COW, DOG], ["Bessie"], {"recursive": False}, "Bessie", {"Rufus": "no_match"}),
    ("one step is no recursion", [COW, DOG], ["Bessie"], {"max_recursion_steps": 1}, "Bessie", {}),
    (
        "two steps recurse once",
        [COW, e("Rufus", "Rufus", content="Rufus loves bones."), e("Bones", "bones")],
        ["Bessie"],
        {"max_recursion_steps": 2},
        "Bessie Rufus",
        {"Bones": "no_match"},
    ),
    (
        "an entry may stay out of recursion",
        [COW, e("Rufus", "Rufus", exclude_recursion=True)],
        ["Bessie"],
        {},
        "Bessie",
        {"Rufus": "excluded_from_recursion"},
    ),
    ("a message fires it all the same", [e("Rufus", "Rufus", exclude_recursion=True)], ["Rufus"], {}, "Rufus", {}),
    (
        "an entry may keep what it says to itself",
        [e("Bessie", "Bessie", content="Rufus", prevent_recursion=True), DOG],
        ["Bessie"],
        {},
        "Bessie",
        {"Rufus": "no_match"},
    ),
    ("a constant recurses", [e("World", constant=True, content="Rufus rules."), DOG], [], {}, "World Rufus", {}),
    (
        "a delayed entry does not fire on a message alone",
        [e("A", "x", delay_until_recursion=True)],
        ["x"],
        {},
        "",
        {"A": "waits_for_recursion"},
    ),
    (
        "it fires on the message once recursion runs",
        [e("A", "x", delay_until_recursion=True), COW],
        ["x Bessie"],
        {},
        "A Bessie",
        {},
    ),
    (
        "levels come one after another",
        [COW, e("One", "cow", delay_until_recursion=1), e("Two", "cow", delay_until_recursion=2)],
        ["Bessie"],
        {},
        "Bessie One Two",
        {},
    ),
    (
        "a further level is scanned without recursion",
        [e("One", "zzz", delay_until_recursion=1), e("Two", "x", delay_until_recursion=2)],
        ["x"],
        {"recursive": False},
        "Two",
        {},
    ),
    # groups
    (
        "of a group one fires",
        [e("A", "x", group="g"), e("B", "x", group="g", group_weight=300)],
        ["x"],
        {},
        "B",
        {"A": "group"},
    ),
    ("of equal weights the first", [e("A", "x", group="g"), e("B", "x", group="g")], ["x"], {}, "A", {"B": "group"}),
    (
        "a prioritised entry wins over weight",
        [e("A", "x", group="g", group_weight=900), e("B", "x", group="g", group_override=True)],
        ["x"],
        {},
        "B",
        {},
    ),
    (
        "of two prioritised the higher order wins",
        [
            e("A", "x", group="g", group_override=True, insertion_order=10),
            e("B", "x", group="g", group_override=True, insertion_order=20),
        ],
        ["x"],
        {},
        "B",
        {},
    ),
    (
        "where scores count, more keys win",
        [e("A", "song", "sing", "Black Cat", group="g", group_weight=900), e("B", "song", "sing", "Ghosts", group="g")],
        ["sing me a song about Ghosts"],
        {"use_group_scoring": True},
        "B",
        {"A": "group"},
    ),
    (
        "a secondary key adds to the score",
        [e("A", "x", group="g", group_weight=900), e("B", "x", secondary_keys=("red",), group="g")],
        ["x red"],
        {"use_group_scoring": True},
        "B",
        {},
    ),
    (
        "a group that is in the prompt lets none in later",
        [e("A", "Bessie", group="g", content="Rufus."), e("Rufus", "Rufus", group="g")],
        ["Bessie"],
        {},
        "A",
        {"Rufus": "group"},
    ),
    (
        "an entry of two groups silences both",
        [e("A", "x", group="g, h", group_override=True), e("B", "x", group="g"), e("C", "x", group="h")],
        ["x"],
        {"recursive": False},
        "A",
        {"B": "group", "C": "group"},
    ),
    (
        "a step later it does not hold them any more",
        [e("A", "x", group="g, h", group_override=True), e("B", "x", group="g"), e("C", "x", group="h")],
        ["x"],
        {},
        "A B C",
        {},
    ),
    ("a group of one is none", [e("A", "x", group="g"), e("B", "y", group="g")], ["x"], {}, "A", {"B": "no_match"}),
    # chances
    ("a chance is expected to succeed", [e("A", "x", probability=5)], ["x"], {}, "A", {}),
    ("no chance never does", [e("A", "x", probability=0)], ["x"], {}, "", {"A": "probability"}),
    (
        "a chance that is not used does not count",
        [e("A", "x", probability=0, useProbability=False)],
        ["x"],
        {},
        "A",
        {},
    ),
    ("no chance holds for constants too", [e("A", constant=True, probability=0)], [], {}, "", {"A": "probability"}),
    # budget: four letters are a token, a content counts with its line end, and the budget itself is too much
    (
        "the budget cuts what comes later",
        [e("A", "x", content="a" * 39, insertion_order=9), e("B", "x", content="b" * 39, insertion_order=1)],
        ["x"],
        {"token_budget": 20},
        "A",
        {"B": "budget"},
    ),
    (
        "one token more lets it in",
        [e("A", "x", content="a" * 39, insertion_order=9), e("B", "x", content="b" * 39, insertion_order=1)],
        ["x"],
        {"token_budget": 21},
        "A B",
        {},
    ),
    (
        "a higher order comes first to the budget",
        [e("A", "x", content="a" * 39, insertion_order=1), e("B", "x", content="b" * 39, insertion_order=9)],
        ["x"],
        {"token_budget": 11},
        "B",
        {"A": "budget"},
    ),
    (
        "a constant of a lower order is cut",
        [e("A", constant=True, content="a" * 39, insertion_order=1), e("B", "x", content="b" * 39)],
        ["x"],
        {"token_budget": 15},
        "B",
        {"A": "budget"},
    ),
    (
        "nothing smaller slips in behind a cut",
        [e("A", "x", content="a" * 99, insertion_order=9), e("B", "x", content="b", insertion_order=1)],
        ["x"],
        {"token_budget": 20},
        "",
        {"A": "budget", "B": "budget"},
    ),
    (
        "an entry may ignore the budget",
        [e("A", "x", content="a" * 99, insertion_order=9), e("B", "x", insertion_order=1, ignore_budget=True)],
        ["x"],
        {"token_budget": 20},
        "B",
        {"A": "budget"},
    ),
    (
        "a full budget ends recursion",
        [e("A", "x", content="Rufus " * 20, insertion_order=9), DOG],
        ["x"],
        {"token_budget": 20},
        "",
        {"A": "budget", "Rufus": "no_match"},
    ),
    (
        "a Chinese character is a token",
        [e("A", "x", content="竜" * 9)],
        ["x"],
        {"token_budget": 9},
        "",
        {"A": "budget"},
    ),
    # least activations
    ("least activations look further back", [LONE], FAR, {"min_activations": 1}, "A", {}),
    ("they stop where there are enough", [LONE, e("B", "two")], FAR, {"min_activations": 1}, "B", {"A": "no_match"}),
    (
        "they look no further than told",
        [LONE],
        [*FAR, "three"],
        {"min_activations": 1, "min_activations_depth": 2},
        "",
        {},
    ),
    # delay
    ("an entry waits for the chat to grow", [e("A", "x", delay=2)], ["x"], {}, "", {"A": "delay"}),
    ("then it fires", [e("A", "x", delay=2)], ["hm", "x"], {}, "A", {}),
]


@pytest.mark.parametrize(
    ("title", "entries", "messages", "settings", "fired", "others"), CASES, ids=[row[0] for row in CASES]
)
def test_it_is_as_sillytavern_does_it(title, entries, messages, settings, fired, others) -> None:
    result = simulate(Book(entries=tuple(entries)), messages, settings=Settings(**settings))
    assert sorted(outcome.title for outcome in result.outcomes if outcome.fired) == sorted(fired.split())
    reasons = {outcome.title: outcome.reason for outcome in result.outcomes}
    assert {name: reasons[name] for name in others} == others


def run(*entries: Entry, messages=("x",), card: Card | None = None, **settings):
    return simulate(Book(entries=entries), messages, settings=Settings(**settings), card=card)


def test_a_match_points_at_the_key_in_the_message() -> None:
    messages = [Message("Mara", "I saw it."), Message("Tom", "  A Dragon, here?")]
    match = run(LONE, messages=messages).outcomes[0].match
    assert (match.key, match.place, match.index) == ("dragon", "message", 1)
    assert messages[1].text[slice(*match.span)] == "Dragon"


def test_a_match_in_a_name_says_so() -> None:
    match = run(e("A", "Mara"), messages=who("Mara", "Tom")).outcomes[0].match
    assert (match.place, match.index) == ("name", 0)


def test_a_pattern_points_at_what_it_matched() -> None:
    match = run(e("A", "/w(ol|ui)f+/i"), messages=[Message("Tom", "The Wolff howls")]).outcomes[0].match
    assert "The Wolff howls"[slice(*match.span)] == "Wolff"


def test_a_chain_names_the_entries_that_led_to_one() -> None:
    bones = e("Bones", "bones")
    result = run(COW, e("Rufus", "Rufus", content="Rufus loves bones."), bones, messages=["Bessie"])
    last = result.outcomes[2]
    assert (last.chain, last.step, last.match.place, last.match.index) == ((0, 1), 3, "entry", 1)
    assert "Rufus loves bones."[slice(*last.match.span)] == "bones"


def test_secondary_matches_are_told() -> None:
    outcome = run(e("A", "x", secondary_keys=BOTH, selectiveLogic=3), messages=["x blue", "red"]).outcomes[0]
    assert [(match.key, match.index) for match in outcome.secondary] == [("red", 1), ("blue", 0)]
    assert outcome.logic == "AND_ALL"


def test_texts_of_the_card_are_scanned_where_an_entry_asks() -> None:
    card = Card(name="Mara", scenario="A dragon sleeps.", extensions={"depth_prompt": {"prompt": "wyrm"}})
    entries = (e("A", "dragon", match_scenario=True), LONE, e("B", "wyrm", match_character_depth_prompt=True))
    result = run(*entries, card=card)
    assert result.fired == (0, 2)
    assert (result.outcomes[0].match.place, result.outcomes[0].match.source) == ("card", "scenario")


def test_the_prompt_is_in_its_order() -> None:
    first, second, after = (
        e("1", "x", insertion_order=1),
        e("2", "x", insertion_order=2),
        replace(e("3", "x"), position="after_char"),
    )
    deep, user = e("4", "x", position=4, depth=2), e("5", "x", position=4, depth=6, role=1)
    out = e("6", "x", position=7, outlet_name="lore")
    blocks = run(second, out, user, deep, after, first).prompt
    assert [(block.position, block.entries, block.depth, block.role, block.outlet) for block in blocks] == [
        ("before_char", (5, 0), None, None, None),
        ("after_char", (4,), None, None, None),
        ("at_depth", (2,), 6, "user", None),
        ("at_depth", (3,), 2, "system", None),
        ("outlet", (1,), None, None, "lore"),
    ]


def test_of_equal_order_the_first_to_fire_stands_last() -> None:
    assert run(COW, DOG, messages=["Bessie"]).prompt[0].entries == (1, 0)


def test_an_entry_that_is_shown_nowhere_says_so() -> None:
    nameless, empty = run(e("A", "x", position=7), e("B", "x", content="")).outcomes
    assert (nameless.fired, nameless.notes) == (True, ("it has no outlet name, so that it is shown nowhere",))
    assert empty.notes == ("it has no content to show",)


def test_the_defaults_are_those_sillytavern_is_installed_with() -> None:
    result = run(LONE)
    assert (result.scan_depth, result.budget, result.recursive) == (2, 1961, True)


def test_the_book_decides_unless_told_otherwise() -> None:
    book = Book(scan_depth=4, token_budget=500, recursive_scanning=False, entries=(LONE,))
    own, strict = simulate(book, []), simulate(book, [], settings=Settings(follow_book=False))
    asked = simulate(book, [], settings=Settings(scan_depth=1, token_budget=9, recursive=True))
    assert (own.scan_depth, own.budget, own.recursive) == (4, 500, False)
    assert (strict.scan_depth, strict.budget, strict.recursive) == (2, 1961, True)
    assert (asked.scan_depth, asked.budget, asked.recursive) == (1, 9, True)


def test_chances_and_weights_are_told() -> None:
    result = run(e("A", "x", probability=30), e("B", "x", group="g", group_weight=300), e("C", "x", group="g"))
    assert (result.outcomes[0].probability, result.outcomes[1].chance) == (30, 0.75)


def test_dice_follow_the_probability() -> None:
    fired = sum(run(e("A", "x", probability=30), chances="roll", seed=seed).fired == (0,) for seed in range(400))
    assert 85 <= fired <= 155  # 120 are to be expected


def test_dice_follow_the_weights() -> None:
    entries = (e("A", "x", group="g", group_weight=300), e("B", "x", group="g"))
    fired = sum(run(*entries, chances="roll", seed=seed).fired == (0,) for seed in range(400))
    assert 265 <= fired <= 335  # 300 are to be expected


def test_other_entries_do_not_change_the_dice() -> None:
    lone = [run(e("A", "x", probability=50), chances="roll", seed=seed).outcomes[0].fired for seed in range(50)]
    more = (e("A", "x", probability=50), *(e(str(place), "x", probability=50) for place in range(5)))
    assert [run(*more, chances="roll", seed=seed).outcomes[0].fired for seed in range(50)] == lone


def test_an_entry_stays_on_and_then_pauses() -> None:
    """Sticky 2, cooldown 2, fired at message 1: on until the chat has 3 messages, quiet until it has 5."""
    book, effects, reasons = Book(entries=(e("A", "x", sticky=2, cooldown=2),)), (), []
    for count in range(1, 7):
        messages = ["x" if place in (0, 5) else "hm" for place in range(count)]
        settings = Settings(scan_depth=1, effects=effects)
        result = simulate(book, messages, settings=settings)
        effects = result.effects
        reasons.append(result.outcomes[0].reason)
    assert reasons == ["key", "sticky", "no_match", "no_match", "no_match", "key"]
    paused = simulate(book, ["x"] * 3, settings=Settings(effects=(Effect("cooldown", 0, 1, 5),)))
    assert paused.outcomes[0].reason == "cooldown"


def test_an_effect_falls_away_when_the_chat_does_not_grow() -> None:
    assert run(e("A", "y", sticky=3), effects=(Effect("sticky", 0, 1, 4),)).fired == ()


def test_an_effect_on_an_entry_that_is_not_there_is_refused() -> None:
    with pytest.raises(CardError, match="no entry 3"):
        run(LONE, effects=(Effect("sticky", 3, 1, 4),))


def test_what_sillytavern_does_not_understand_is_noted() -> None:
    outcome = run(e("A", "x", content="@@depth 3\n@@activate\nText", vectorized=True)).outcomes[0]
    assert outcome.notes == (
        "@@depth is not understood by SillyTavern and is not applied",
        "it may also fire by similarity, which is not simulated",
    )
    assert outcome.tokens == 1  # of "Text": decorators are not sent


def test_the_same_input_gives_the_same_result() -> None:
    entries = tuple(e(str(n), f"k{n % 7}", "x", probability=50, group="g" if n % 5 else "") for n in range(60))
    one, two = (run(*entries, chances="roll", seed=5).to_dict() for _ in range(2))
    assert one == two
    assert json.loads(json.dumps(one)) == one


def test_the_result_as_json_sorts_entries_by_what_became_of_them() -> None:
    entries = (e("A", "x", insertion_order=900), e("B", "x", content="b" * 99), e("C", "y"))
    told = run(*entries, token_budget=10).to_dict()
    assert [[one["title"] for one in told[part]] for part in ("activated", "cut", "skipped")] == [["A"], ["B"], ["C"]]
    assert told["activated"][0]["match"]["span"] == [0, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"scan_depth": -1}, {"token_budget": -5}, {"max_recursion_steps": 1, "min_activations": 1}, {"trigger": "x"}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(CardError):
        Settings(**wrong)


def test_too_much_text_is_refused() -> None:
    with pytest.raises(CardError, match="send the last of them"):
        run(LONE, messages=["x" * 4_000_001])


HOSTILE = [
    "/(a+)+b/",
    "/(a|a)*b/",
    "/(a|aa)+$/",
    "/(.*)*x/",
    "/([a-z]+)*\\d/i",
    "/(x+x+)+y/",
    "/^(([a-z])+.)+[A-Z]([a-z])+$/",
    "/(a?){40}a{40}/",
    "/(?:.*a){25}/",
    "/a*a*a*a*a*a*a*b/",
]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_pattern_is_named_and_does_not_hang(key: str) -> None:
    assert pattern_fault(key)
    started = time.thread_time()
    run(e("A", key), messages=["a" * 50_000, "aX" * 5_000])
    assert time.thread_time() - started < 5


@pytest.mark.parametrize(
    "key",
    [
        "/drag(on|oon)s?/i",
        "/\\bfoo\\W+(?:\\w+\\W+){0,5}bar\\b/i",
        "/(?=.*sword)(?=.*stone)/",
        "/\\x01{{user}}:[^\\x01]*hi/",
        "plain",
    ],
)
def test_an_ordinary_pattern_is_sound(key: str) -> None:
    assert pattern_fault(key) is None


@pytest.mark.parametrize(
    "key", ["/[/", "/a/b/", "/a/x", "/a++/", "/(a/", "/[z-a]/", "/a{1001}/", "/(a)\\1/", "/(?<=a+)b/"]
)
def test_what_is_no_usable_pattern_is_named(key: str) -> None:
    assert pattern_fault(key)


# What Node 20 answers: the pattern, a text, whether it matches
JAVASCRIPT = [
    ("/a$/", "a\n", False),
    ("/a$/m", "a\nb", True),
    ("/a.b/", "a\u2028b", False),
    ("/a.b/s", "a\nb", True),
    ("/\\d/", "٣", False),
    ("/\\bber/", "über", True),
    ("/\\s/", "\ufeff", True),
    ("/a{,2}b/", "a{,2}b", True),
    ("/[^]/", "\n", True),
    ("/[]/", "a", False),
    ("/[[&&]/", "&", True),
    ("/\\p{L}/u", "é", True),
    ("/\\p{L}/", "p{L}", True),
    ("/(?<year>\\d{4})/", "in 1984", True),
    ("/[^\\W\\d]/", "7_", True),
    ("/É/i", "é", True),
    ("/\\u0041\\x42\\cJ/", "AB\n", True),
]


@pytest.mark.parametrize(("key", "text", "matches"), JAVASCRIPT)
def test_patterns_are_javascripts(key: str, text: str, matches: bool) -> None:
    assert bool(fires(compile_key(key), text)) is matches


def test_a_costly_pattern_sees_the_newest_text_and_says_so() -> None:
    messages = [*("old words " * 50 for _ in range(400)), "x dragon"]
    result = run(e("A", "/[^]*x[^]*dragon[^]*z/"), messages=messages, scan_depth=1000)
    assert len(result.notes) == 1
    assert result.outcomes[0].reason == "no_match"


def test_a_big_book_takes_milliseconds() -> None:
    entries = tuple(
        e(f"Place {n}", f"place{n}", f"town {n}", content=f"Place {n} lies by place{n + 1}.") for n in range(200)
    )
    messages = [Message("Tom", f"We went from place{n} to the hills. " * 12) for n in range(20)]
    spent = []
    for _ in range(5):
        started = time.thread_time()
        result = run(*entries, messages=messages)
        spent.append(time.thread_time() - started)
    assert len(result.fired) > 100
    assert min(spent) < 0.05


def test_a_huge_book_on_a_huge_message_takes_seconds() -> None:
    entries = tuple(
        e(f"E{n}", f"word{n}", f"two{n} words", f"/wo{n}(a|b)/" if n % 100 == 0 else f"more{n}") for n in range(10_000)
    )
    started = time.thread_time()
    result = run(*entries, messages=[" ".join(f"word{n} is said here" for n in range(0, 200_000, 4))[:1_000_000]])
    assert result.fired
    assert time.thread_time() - started < 10


def test_figures_that_mean_nothing_are_left_out() -> None:
    book = Book(scan_depth=float("nan"), token_budget=-5, entries=(e("A", "x", depth=10**400, probability="often"),))
    result = simulate(book, ["x"])
    assert (result.scan_depth, result.budget, result.fired, result.outcomes[0].depth) == (2, 1961, (0,), 4)
