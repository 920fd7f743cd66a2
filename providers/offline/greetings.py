"""Greetings: the source's places, words and things, set into situations of our own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass

from cards.rules.wording import jaccard, shingles
from cards.text import ProperNoun, language
from cards.text_blocks import word_list
from providers.offline.fields import role_of
from providers.offline.lists import Table, count_cues, templates, words
from providers.offline.notes import upper_first
from providers.offline.prose import in_first_person, pronoun, standing_alone, with_determiner, with_macro
from providers.offline.reading import FIRST, Line, Source, in_section
from providers.offline.sorting import Sorted, is_portrait

SLOT = re.compile(r"<(\w+)>")
WHERE = re.compile(
    r"\b((?:[Ii]n|[Aa]t|[Oo]n|[Aa]board|[Nn]ear|[Bb]eneath|[Uu]nder|[Oo]utside|[Ii]nside|[Aa]bove|[Bb]ehind)\s"
    r"(?:(?:the|a|an|his|her|their)\s)?(?:[\w'’-]+\s){0,9}[\w'’-]+)"
)
WHERE_STOP = re.compile(
    r"\s(?:and|or|but|who|that|which|where|when|while|as|because|until|with"
    r"|is|was|were|are|has|had|will|would|can|could|may|might|should|must|does|did|to|for|he|she|they|it|before|after|since|than|\w+ing|cost|so|where|out|until|every|by|under\slicence|its)\b.*$"
)
COME_TO = re.compile(r"\b(?:come|came|comes|returned|moved|walks|walked) (?:back )?to (?=the\s|a\s|an\s|[A-Z])")
PROP = re.compile(
    r"\b(?:carries|carried|holds|held|wears|wore|keeps|kept|owns|plays)"
    r"\s((?:an?|his|her|their|the)\s(?:[\w'’-]+\s){0,3}?[\w'’-]+)"
    r"(?=[,.;]|\s(?:that|who|which|on|in|of|from|and|he|she|they|for|under|across|at|with|called|named|to)\b|$)"
)
UNSAID = re.compile(
    r"\b(?:never talks|never speaks|admit|secret\w*|pretend\w*|nobody hears"
    r"|speaks|talks|voice|fears?|feared|afraid|scared|mutters"
    r"|always losing"
    r"|known for|seldom seen|without knowing|does not know|seems|appears|looks|honest|humble|stubborn|now|had)\b"
)
LEANING = re.compile(r"\b(?:its|it:|in it|on it|he|she|him|his|her|these|this)\b")
PAST = re.compile(r"\b(?:ago|once|born|raised|until|had been|failed|lost|years|founded|when \w+ was)\b")
KIN = re.compile(r"\b(?:sister|brother|mother|father|aunt|uncle|cousin|friend|son|daughter|letter)\b")
GREETING_PLACES = 3
NAME_KINDS = frozenset({"person", "place", "faction", "thing", "unknown"})
MOST_NAMES = 40  # the names a source speaks of most, which are looked through for something to talk about


@dataclass
class Stock:
    """What a greeting can be filled from. Whatever is taken is not offered to the next greeting again."""

    wheres: list[str]
    scenes: list[str]
    props: list[str]
    quotes: list[str]
    facts: list[str]
    topics: list[str]
    people: list[str]


def stock_of(parts: Sorted, source: Source) -> Stock:
    """Gather places, scenes, things, words and names for the greetings of one card."""
    quotes = [quote.text for quote in source.quotes if quote.by_main and _fits(quote.text)]
    if source.is_own_voice:
        quotes += [line.text for line in source.lines if _is_confession(line)]
    lines = [line for line in (*parts.scenario, *parts.personality, *parts.description) if may_be_said(line, source)]
    lines.sort(key=lambda line: not count_cues(line.text, source.code, "want"))
    facts = [in_first_person(line, source) for line in lines]
    scenes = [with_macro(standing_alone(line, source), source) for line in parts.scenes if not YOU.search(line.text)]
    known = shingles("\n".join(line.text for line in (*parts.description, *parts.personality, *parts.scenario)), RUN)
    quotes = [quote for quote in quotes if not shingles(quote, RUN) & known]
    if not source.is_of_somebody:  # what a manual says makes no scene
        return Stock([], [], [], [], [], topics_of(source, {"person", "place", "faction"}), [])
    return Stock(
        wheres=[where for where in places_of(source) if not YOU.search(where)],
        scenes=scenes,
        props=things_of(source),
        quotes=[with_macro(quote, source) if language(quote) == source.code else quote for quote in quotes],
        facts=[fact for fact in facts if fact and len(fact.split()) <= 24 and not shingles(fact, RUN) & known],
        topics=topics_of(source),
        people=topics_of(source, {"person", "faction"}),
    )


RUN = 8  # words in a row that a greeting may not share with the rest of the card
YOU = re.compile(r"\byou\b|\{\{user\}\}|\bvous\b|\bdu\b", re.IGNORECASE)


def _is_confession(line: Line) -> bool:
    """Whether a sentence in somebody's own voice can be said aloud to a stranger."""
    return (
        bool(re.match(r"I\b|I['’]|My\b", line.text))
        and 4 <= len(line.text.split()) <= 24
        and not LEANING.search(line.text)
        and not re.search(r"\b(?:today|yesterday|this morning|tonight)\b", line.text)
        and line.text[-1] in ".!?"
    )


def may_be_said(line: Line, source: Source) -> bool:
    """Whether somebody would say this of themselves to a stranger: no looks, no secrets, no praise."""
    if UNSAID.search(line.text) or (in_section(line, "description") and not count_cues(line.text, source.code, "past")):
        return False
    topics = ("want", "dislike", "like", "past", "habit")
    looks = count_cues(line.text, source.code, "description") > 1 or bool(
        re.search(r"\b(?:is|was) (?:\w+, |\w+ and )", line.text)
    )
    return any(count_cues(line.text, source.code, topic) for topic in topics) and not looks


def may_be_asked(line: Line) -> bool:
    """Whether the character would answer a question with this fact about themselves."""
    return not re.search(
        r"\b(?:admit|secret\w*|pretend\w*|nobody hears|hums|whistles|tall|hair|honest|always losing|seldom seen)\b",
        line.text,
    )


def _fits(quote: str) -> bool:
    return 2 <= len(quote.split()) <= 45 or (not quote.isascii() and 5 <= len(quote) <= 120)


def places_of(source: Source) -> list[str]:
    """ "in the harbour town of Karst": the source's own phrases of place, most telling first (English)."""
    if source.code != "en":
        return []
    places = {form for noun in source.nouns if noun.kind == "place" for form in (noun.name, *noun.aliases)}
    others = {
        form for noun in source.nouns if noun.kind in {"person", "faction"} for form in (noun.name, *noun.aliases)
    }
    scored: dict[str, float] = {}
    for line in source.lines:
        if not source.is_main(line.about) and (line.about or KIN.search(line.text)):
            continue
        # What stands within quotation marks is what somebody says of a place; who "has come to" one is at it.
        told = COME_TO.sub("come at ", re.sub(r"[\"“«„].*?[\"”»]", "", line.text))
        for match in WHERE.finditer(told):
            if KIN.search(told[max(0, match.start() - 25) : match.start()]):
                continue  # where their sister lives
            phrase = _up_to_place(WHERE_STOP.sub("", match.group(1)).strip(" ,.;"), places)
            score = _place_score(phrase, places, others)
            if score and not line.note:
                # What stands near the end, or is about the character, is more likely where things begin.
                now = count_cues(line.text, source.code, "scenario") > 0
                if not now and len(source.lines) > 9 and PAST.search(line.text):
                    continue
                bonus = 2.0 * now + source.is_main(line.about) + line.place / max(1, len(source.lines))
                key = upper_first(phrase)[:1].lower() + phrase[1:]
                scored[key] = max(scored.get(key, 0), score + bonus)
    ranked = sorted(scored, key=lambda phrase: (-scored[phrase], phrase))
    return _distinct([with_macro(phrase, source) for phrase in ranked], source)


def _up_to_place(phrase: str, places: set[str]) -> str:
    """The phrase up to its last word that is a place, or the end of a name of one."""
    end = max((phrase.find(place) + len(place) for place in places if place in phrase), default=0)
    for match in re.finditer(r"[\w'’-]+", phrase):
        if match.group().lower() in words("places"):
            end = max(end, match.end())
    rest = phrase[end:].split()
    # "on a hospital ship" is at no hospital.
    return phrase[:end] if not rest or rest[0].lower() in words("prepositions") | AFTER_PLACES else ""


AFTER_PLACES = frozenset(
    {"above", "below", "behind", "beside", "called", "named", "between", "across", "again", "alone"}
)


def _place_score(phrase: str, places: set[str], others: set[str]) -> float:
    tokens = phrase.lower().split()
    if (
        len(tokens) < 2
        or len(tokens) > 12
        or not (named_or_article := phrase.split()[1])
        or tokens[-1] in {"the", "a", "of", "an", "same"}
    ):
        return 0
    if not named_or_article[0].isupper() and named_or_article not in {"the", "a", "an", "his", "her", "their"}:
        return 0
    if set(tokens) & word_list("events_are"):
        return 0
    if "same" in tokens or "every" in tokens or "no" in tokens or "front" in tokens:
        return 0
    named = any(re.search(rf"\b{re.escape(place)}\b", phrase) for place in places)
    if any(other in phrase for other in others) and not named:
        return 0
    common = any(token in words("places") for token in tokens[1:])
    return 2.0 * named + 1.5 * common


def _distinct(phrases: list[str], source: Source) -> list[str]:
    kept: list[str] = []
    for phrase in phrases:
        words_ = {word for word in phrase.lower().split() if len(word) > 3}
        if all(words_.isdisjoint(other.lower().split()) for other in kept):
            kept.append(re.sub(r"\b(?:his|her|their)\b", "{{char}}'s", phrase, count=1))
    return kept[:GREETING_PLACES]


def things_of(source: Source) -> list[str]:
    """Things that the character carries, as the source writes them: "an unlit lantern" (English)."""
    if source.code != "en":
        return []
    found: list[str] = []
    for line in source.lines:
        if source.is_main(line.about) and not line.spoken and (not source.is_narrative or line.note):
            found.extend(match.group(1) for match in PROP.finditer(line.text))
    heads = [phrase for phrase in found if _is_thing(phrase)]
    return [re.sub(r"^(?:an?)\s", "the ", phrase) for phrase in dict.fromkeys(heads)]


def _is_thing(phrase: str) -> bool:
    head = phrase.rsplit(maxsplit=1)[-1].lower()
    return (
        not {word.lower() for word in phrase.split()} & words("bodies")
        and head not in words("roles")
        and not head.endswith(("ing", "ed", "ness"))
        and len(head) > 2
    )


def topics_of(source: Source, kinds: Container[str] = NAME_KINDS) -> list[str]:
    """Names from the source to talk about, of these kinds, most mentioned first, with their article."""
    wanted = [
        noun
        for noun in source.nouns[:MOST_NAMES]
        if noun.kind in kinds
        and not source.is_main(noun.name)
        and not any(alias in source.forms for alias in noun.aliases)
    ]
    own = {word for form in source.forms for word in form.casefold().split()}
    clean = [noun for noun in wanted if not set(noun.name.casefold().split()) & own]
    named = " ".join(places_of(source))
    clean = [noun for noun in clean if noun.name not in named and noun.name[0].isalpha() and len(noun.name) > 2]
    clean = [noun for noun in clean if not (source.code == "en" and noun.name.isupper() and len(noun.name) > 5)]
    clean.sort(key=lambda noun: (_statement(noun, source) is None, noun.kind in {"unknown", "thing"}))
    return [with_determiner(noun.name, source) for noun in clean[:8]]


def statements_of(source: Source) -> list[tuple[str, str]]:
    """(name, what the source says of it): sentences that the character could say aloud as they stand."""
    found = [(noun, _statement(noun, source)) for noun in source.nouns[:MOST_NAMES]]
    return [(with_determiner(noun.name, source), line.text) for noun, line in found if line is not None]


def _statement(noun: ProperNoun, source: Source) -> Line | None:
    """A sentence about ``noun`` that needs no other to be understood and does not name the character."""
    if any(source.is_main(form) for form in (noun.name, *noun.aliases)):
        return None
    for line in source.lines:
        plain = line.about == noun.name and not line.follows and not line.spoken and not line.note
        short = 4 <= len(line.text.split()) <= 36 or (source.code == "ja" and len(line.text) < 80)
        alone = not any(form in line.text for form in source.forms) and not LEANING.search(line.text)
        alone = alone and not (source.is_own_voice and FIRST.search(line.text))
        if plain and short and alone and (not source.is_narrative or is_portrait(line)):
            return line
    return None


# --- filling ----------------------------------------------------------------------------------------------------


def write_greetings(parts: Sorted, source: Source, count: int, turn: int = 0) -> list[str]:
    """``count`` greetings, each in another situation, with another first sentence; others with another ``turn``."""
    table = templates(source.code)
    stock = turned(stock_of(parts, source), turn)
    seed = seed_of(source.text + source.name) + 31 * turn
    return _in_situations(table, stock, source, seed, count)


def _in_situations(table: Table, stock: Stock, source: Source, seed: int, count: int) -> list[str]:
    situations = list(table["situation"])
    start = seed // 7 % len(situations)
    order = [*situations[start:], *situations[:start]]
    written = [_write(order[place % len(order)], place, stock, source, table, seed) for place in range(count)]
    # Beyond one of each kind they would only be told again.
    return written if count <= len(order) else _unlike(written)


def _unlike(greetings: list[str]) -> list[str]:
    """Greetings whose narration is not that of one before."""
    kept: list[str] = []
    runs: list[set[int]] = []
    for greeting in greetings:
        own = shingles(greeting, 5)
        if all(jaccard(own, other) < MOST_ALIKE for other in runs):
            kept.append(greeting)
            runs.append(own)
    return kept


MOST_ALIKE = 0.3  # of the runs of five words that two greetings may have in common


def turned(stock: Stock, turn: int) -> Stock:
    """The same stock, begun elsewhere."""

    def rotated(items: list[str]) -> list[str]:
        start = turn % len(items) if items else 0
        return [*items[start:], *items[:start]]

    lists = (stock.wheres, stock.scenes, stock.props, stock.quotes, stock.facts, stock.topics, stock.people)
    wheres, scenes, props, quotes, facts, topics, people = map(rotated, lists)
    return Stock(wheres, scenes, props, quotes, facts, topics, people)


def write_bare(source: Source, path: str, turn: int = 0) -> str:
    """A text for the field at ``path`` without any word of the source's; another one with another ``turn``."""
    table = templates(source.code)
    seed = seed_of(source.text + path) + turn
    if "greeting" in path or path.startswith("first_mes"):
        nothing = Stock([], [], [], [], [], [], [])
        return _in_situations(table, nothing, source, seed, 1)[0]
    if path.startswith("mes_example"):
        asks, lines = table["ask"]["any"], table["generic"]["lines"] or table["beat"]["after"]
        said = [f'"{lines[(seed + place) % len(lines)]}"' for place in range(2)]
        beats = [starred(table["beat"]["lines"][place]) for place in range(2)]
        return "\n".join(
            f"<START>\n{{{{user}}}}: {asks[place % len(asks)]}\n{{{{char}}}}: {beats[place]} {said[place]}"
            for place in range(2)
        )
    if path in table.get("orders", {}):
        return str(table["orders"][path])
    key = {"description": "open", "personality": "personality_bare", "scenario": "scenario"}.get(
        path, "personality_bare"
    )
    given = table["fallback"].get(key) or table["fallback"]["scenario"]
    return given if isinstance(given, str) else str(given[seed % len(given)])


def seed_of(text: str) -> int:
    """A number that is always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _write(situation: Table, place: int, stock: Stock, source: Source, table: Table, seed: int) -> str:
    slots = _slots(place, stock, source, table, seed)
    said = [[_variant(part, seed + place) for part in parts] for parts in situation["paragraphs"]]
    paragraphs = [_paragraph(parts, slots, source) for parts in said]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _variant(part: str | list[str], seed: int) -> str:
    """One of the wordings of a part that has several."""
    return part if isinstance(part, str) else part[seed // 3 % len(part)]


def _slots(place: int, stock: Stock, source: Source, table: Table, seed: int) -> dict[str, str]:
    airs = table["air"].get(source.genre) or table["air"]["plain"]
    air = airs[(seed + place) % len(airs)]
    where = _nth(stock.wheres, place)
    lines = table["generic"]["lines"]
    role = role_of(source)
    role_lines = table["generic"]["role_lines"] if role else []
    spoken = role_lines if role_lines and place == 0 else lines
    generic = spoken[(seed + place) % len(spoken)].replace("<role>", role) if spoken else ""
    slots = {
        "air": air,
        "Air": upper_first(air),
        "where": where,
        "Where": upper_first(where),
        "comma_where": f", {where}" if where else "",
        "scene": _nth(stock.scenes, place),
        "prop": _nth(stock.props, place),
        "quote": _nth(stock.quotes, place),
        "fact": _nth(stock.facts, place),
        "topic": _nth(stock.topics, place),
        "who": _nth(stock.people, place),
        "topic_name": re.sub(r"^the ", "", _nth(stock.topics, place)),
        "generic": generic,
        "their": pronoun(source, "possessive"),
    }
    return slots


def _nth(items: list[str], place: int) -> str:
    return items[place] if place < len(items) else ""


def _paragraph(parts: list[str], slots: dict[str, str], source: Source) -> str:
    """The parts that can be filled; narration between asterisks, speech between quotation marks."""
    joint = "" if source.code == "ja" else " "
    runs: list[str] = []
    narration: list[str] = []
    for part in parts:
        text = fill(part, slots)
        if not text:
            continue
        if text.startswith('"'):
            if narration:
                runs.append(starred(joint.join(narration)))
                narration = []
            runs.append(_quoted(text, source))
        else:
            narration.append(text)
    if narration:
        runs.append(starred(joint.join(narration)))
    return " ".join(runs)


def fill(part: str, slots: dict[str, str]) -> str:
    """The first alternative of ``part`` whose slots all have something in them; "" where there is none."""
    for choice in part.split("||"):
        needed = SLOT.findall(choice)
        if choice and all(slots.get(slot) or slot == "comma_where" for slot in needed):
            return upper_first(SLOT.sub(lambda match: slots[match.group(1)], choice))
    return ""


def starred(narration: str) -> str:
    """Narration between one pair of asterisks."""
    return f"*{narration.replace('*', '')}*"


def _quoted(text: str, source: Source) -> str:
    inner = upper_first(text.removeprefix('"').removesuffix('"')).replace('"', "'")
    return f"「{inner}」" if source.code == "ja" else f'"{inner}"'
