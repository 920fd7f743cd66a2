"""Example dialogue: questions of our own, answered with the source's words and facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards.rules.wording import shared, shingles
from providers.offline.greetings import Stock, may_be_asked, seed_of, starred, statements_of
from providers.offline.lists import Table, count_cues, templates
from providers.offline.notes import upper_first
from providers.offline.prose import in_first_person, standing_alone, with_macro
from providers.offline.reading import Line, Source
from providers.offline.sorting import Sorted

TOPICS = ("fear", "want", "dislike", "like", "speech", "habit", "past")
BLOCKS = 3
GREETINGS_TAKE = 2  # quotes and facts that the greetings have used already


def write_examples(
    parts: Sorted,
    source: Source,
    stock: Stock,
    card: Mapping[str, Any],
    blocks: int | None = None,
    turn: int = 0,
) -> str:
    """Blocks of one exchange each: source quotes first, then facts in the character's own mouth.

    Nothing that fills a good part of another field of ``card`` is said again.
    """
    table = templates(source.code)
    seed = seed_of(source.text + source.name) + turn
    quotes = _from_quotes(source, stock, table, seed)
    facts = _from_facts(parts, source, stock, table, seed)
    told = _from_statements(source, table, seed)
    # One of each kind first: words of their own, a fact of theirs, something they know.
    exchanges = [*quotes[:1], *facts[:1], *told[:1], *quotes[1:], *facts[1:], *told[1:]]
    if turn and len(exchanges) > 1:
        exchanges = [*exchanges[turn % len(exchanges) :], *exchanges[: turn % len(exchanges)]]
    exchanges += _from_stock(stock, table, seed, source)
    wanted = max(1, min(blocks or BLOCKS, 5))
    chosen = _apart(_unlike(exchanges), card, wanted)
    return "\n".join(f"<START>\n{{{{user}}}}: {ask}\n{{{{char}}}}: {answer}" for ask, answer in chosen)


def _apart(exchanges: list[tuple[str, str]], card: Mapping[str, Any], wanted: int) -> list[tuple[str, str]]:
    """The first ``wanted`` exchanges that repeat little of the card; whatever there is where that leaves too few."""
    known = [shingles(str(card[field]), RUN) for field in ("description", "personality", "scenario", "first_mes")]
    opening = shingles(str(card["first_mes"]), SHORT_RUN)
    kept: list[tuple[str, str]] = []
    runs: set[int] = set()
    for ask, answer in exchanges:
        told = runs | shingles(answer, RUN)
        again = shingles(answer, SHORT_RUN) & opening
        if not again and all(shared(told, one) <= MOST_SHARED or not told & one for one in known):
            kept.append((ask, answer))
            runs = told
    return kept[:wanted] or exchanges[:wanted]


RUN = 8  # words in a row
SHORT_RUN = 6  # of the first message, which is to be heard once
MOST_SHARED = 0.2  # of the runs of the smaller text


def _unlike(exchanges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """No question and no answer twice."""
    asked: set[str] = set()
    kept: list[tuple[str, str]] = []
    for ask, answer in exchanges:
        if ask not in asked and answer not in asked:
            kept.append((ask, answer))
            asked |= {ask, answer}
    return kept


def _beat(table: Table, seed: int, place: int) -> str:
    beats = table["beat"]["lines"]
    return starred(beats[(seed + place) % len(beats)])


def _said(text: str, source: Source) -> str:
    text = text.replace('"', "'")
    return f"「{text}」" if source.code == "ja" else f'"{text}"'


def _from_quotes(source: Source, stock: Stock, table: Table, seed: int) -> list[tuple[str, str]]:
    """Quotes of the character; where the source has somebody lead up to one, in answer to their words."""
    found: list[tuple[str, str]] = []
    own = [quote for quote in source.quotes if quote.by_main and len(quote.text) <= 260]
    asks = table["ask"].get("quote") or table["ask"]["any"]
    # The first quotes are in the greetings already: take those last.
    later = [*own[GREETINGS_TAKE:], *own[:GREETINGS_TAKE]]
    for place, quote in enumerate(later[:2]):
        lead = quote.answers if quote.answers and len(quote.answers.split()) <= 14 else ""
        ask = with_macro(lead, source) if lead else asks[(seed + place) % len(asks)]
        found.append((ask, f"{_beat(table, seed, place)} {_said(with_macro(quote.text, source), source)}"))
    return found


def _from_facts(parts: Sorted, source: Source, stock: Stock, table: Table, seed: int) -> list[tuple[str, str]]:
    """Facts, asked for by what they are about."""
    lines = [line for line in (*parts.personality, *parts.description) if may_be_asked(line)]
    lines = sorted(
        lines
        if source.code == "en"
        else [line for line in (*parts.personality, *parts.description) if ": " not in line.text],
        key=lambda line: -_pointed(line, source),
    )
    if source.concept:
        return []
    found: list[tuple[str, str]] = []
    topics_used: set[str] = set()
    for line in lines:
        topic = _topic(line, source)
        if topic in topics_used and topic != "any":
            continue
        topics_used.add(topic)
        place = len(found)
        asks = table["ask"].get(topic) or table["ask"]["any"]
        ask = asks[(seed + place) % len(asks)]
        answer = _answer(line, source, table, seed, place)
        if answer:
            found.append((ask, answer))
    return found


def _from_statements(source: Source, table: Table, seed: int) -> list[tuple[str, str]]:
    """What the source says of its places and factions, asked of the character and told by them."""
    asks = table["ask"].get("topic")
    if not asks:
        return []
    found: list[tuple[str, str]] = []
    for place, (name, statement) in enumerate(statements_of(source)[:2]):
        ask = upper_first(asks[(seed + place) % len(asks)].replace("<topic>", name))
        found.append((ask, f"{_beat(table, seed, place + 1)} {_said(with_macro(statement, source), source)}"))
    return found


def _answer(line: Line, source: Source, table: Table, seed: int, place: int) -> str:
    said = in_first_person(line, source)
    after = table["beat"]["after"]
    closing = after[(seed + place) % len(after)]
    if said:
        return f"{_beat(table, seed, place + 2)} {_said(said + ' ' + closing, source)}"
    if source.code == "en":
        return ""
    told = with_macro(standing_alone(line, source), source)
    return f"{starred(told)} {_said(closing, source)}"


def _pointed(line: Line, source: Source) -> int:
    return sum(count_cues(line.text, source.code, topic) for topic in ("fear", "want", "like", "dislike", "habit"))


def _topic(line: Line, source: Source) -> str:
    return next((topic for topic in TOPICS if count_cues(line.text, source.code, topic)), "any")


def _from_stock(stock: Stock, table: Table, seed: int, source: Source) -> list[tuple[str, str]]:
    """Names to talk about, and at the very end the bare lines."""
    found: list[tuple[str, str]] = []
    asks, lines = table["ask"], table["generic"]["lines"] or table["beat"]["after"]
    for place in range(BLOCKS):
        ask = asks["any"][(seed + place) % len(asks["any"])]
        found.append((ask, f"{_beat(table, seed, place)} {_said(lines[(seed + place + 1) % len(lines)], source)}"))
    return found
