"""Which sentence of a source goes into which field of the card."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from providers.offline.lists import count_cues
from providers.offline.reading import Line, Source, in_section

BUDGETS = {"description": 260, "personality": 170, "scenario": 130}  # words
ENOUGH = {"description": 40, "personality": 12, "scenario": 8}
LINKED = re.compile(r"(?:So|But|And|Or|Yet|Por eso|Pero|Y|Mais|Et|Aber|Und|Denn|Doch|Ma|E|Mas)[ ,]")
ANSWERS = re.compile(r"\b(?:instead|likewise|the (?:former|latter)|for example|for instance|as follows)\b")
PORTRAIT = re.compile(
    r"\W*(?:\S+\s){1,4}?(?:is|was|had|has|wore|wears|lives|lived|worked|works|carries|kept|keeps|never|always|hated|loved|liked|feared"
    r"|ist|war|hatte|trug|est|était|avait|portait|es|era|tenía|llevaba)\b(?!\s(?:not\s)?(?:\w+ing|now|gone|come|taken|put|seen|said|made)\b)"
)
AGED = re.compile(
    r"\b(?:is|was|aged)\s(?:about\s|nearly\s|almost\s|over\s)?"
    r"(?:\d{1,4}|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?:y|een)[\w-]*|eleven|twelve|sixteen|eighteen)\b"
)
CUED = {"en", "de", "es", "fr"}


@dataclass(frozen=True)
class Sorted:
    """The lines of a source by the field they belong in; ``scenes`` are kept back for the greetings."""

    description: tuple[Line, ...]
    personality: tuple[Line, ...]
    scenario: tuple[Line, ...]
    scenes: tuple[Line, ...]


def sort_lines(source: Source, turn: int = 0, size: float = 1.0) -> Sorted:
    """Give every sentence to at most one field, by section first and by what it talks about second.

    Another ``turn`` picks other sentences where there are more than a field takes; ``size`` scales what it takes.
    """
    usable = [line for line in source.lines if not line.spoken and _understandable(line, source)]
    usable = [line for line in usable if not _speaks_of_a_stranger(line, source)]
    plain = [line for line in usable if reads_as_prose(line.text)]
    if sum(len(line.text.split()) for line in plain) >= LEAST_PROSE:
        usable = plain
    if source.is_narrative:
        usable = [line for line in usable if line.note or not re.search(r"\bnow\b", line.text)]
    homes: dict[str, list[Line]] = {"description": [], "personality": [], "scenario": [], "world": [], "story": []}
    seen: set[str] = set()
    for line in usable:
        if (told := _as_told(line.text)) not in seen:
            homes[_home(line, source)].append(line)
            seen.add(told)
    _balance(homes, source)
    scenario, scenes = _situation(homes, source, turn)
    chosen = {field: _within(homes[field], field, source, turn, size) for field in ("description", "personality")}
    _shift(chosen, scenario, [line for line in homes["world"] if line not in scenes], source)
    return Sorted(tuple(chosen["description"]), tuple(chosen["personality"]), tuple(scenario), tuple(scenes))


LEAST_PROSE = 15  # words of sentences, from which on what is none is left out
NO_PROSE = re.compile(r"https?://|www\.|[{}<>=\\]|\w/\w+/|\$\w|\w\(\)|::|--\w|\w_\w|@\w|\.{4}|(?:^|\s)[-+]\w\b")


FRAGMENT = re.compile(  # a line that goes on elsewhere, or an item of a list
    r"^\W*\(?\w{1,3}\)\s|\b(?:and|or|the|of|an?|has been|but|its|than|such)[.…]?$"
)


def reads_as_prose(text: str) -> bool:
    """Whether a line is a sentence for people: words, not paths, code, addresses or rows of figures."""
    found = text.split()
    letters = sum(char.isalpha() for char in text)
    return (
        not NO_PROSE.search(text)
        and letters > 0.7 * (len(text) - text.count(" "))
        and (len(found) > 2 or not text.isascii())
        and not FRAGMENT.search(text)
        and sum(word.isupper() and len(word) > 2 for word in found) * 3 < len(found)
    )


def _as_told(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _shift(chosen: dict[str, list[Line]], scenario: list[Line], spare: list[Line], source: Source) -> None:
    """Let the description carry the card: what the personality has too much of moves there, then goes."""

    def size(lines: list[Line]) -> int:
        return sum(len(line.text) for line in lines)

    own = chosen["description"]

    def is_slight() -> bool:
        return size(own) < 0.7 * (size(chosen["personality"]) + size(scenario))

    while len(chosen["personality"]) > 2 and is_slight():
        line = min(chosen["personality"], key=lambda one: (_score(one, "personality", source), one.place))
        chosen["personality"].remove(line)
        own.append(line)
    own.sort(key=lambda line: line.place)
    while len(scenario) > 1 and is_slight():
        scenario.pop()
    others = {noun.name for noun in source.nouns if noun.kind == "person" and not source.is_main(noun.name)}
    for line in spare:
        if is_slight() and line.about not in others and line not in scenario and not leans_on_another(line, source):
            own.append(line)


def _understandable(line: Line, source: Source) -> bool:
    """Not a sentence whose pronoun stands for nobody we know of, nor one that answers the sentence before."""
    if LINKED.match(line.text) or ANSWERS.search(line.text) or line.text.endswith((":", ";")):
        return False
    if source.is_own_voice and re.search(r"\b(?:he|she|him|her|they|them)\b", line.text, re.IGNORECASE):
        return any(noun.name in line.text for noun in source.nouns)
    return not (line.follows and not line.about) and len(line.text) > 3


STRANGER = {
    "he": re.compile(r"\b(?:she|hers?|herself)\b", re.I),
    "she": re.compile(r"\b(?:he|him|his|himself)\b", re.I),
}


def _speaks_of_a_stranger(line: Line, source: Source) -> bool:
    """ "Voss heard his signal stop": whose it was, another sentence said (English)."""
    other = STRANGER.get(source.gender) if source.code == "en" and source.is_main(line.about) else None
    if other is None or not (found := other.search(line.text)):
        return False
    before = line.text[: found.start()]
    return not any(
        form in before for noun in source.nouns for form in (noun.name, *noun.aliases) if not source.is_main(noun.name)
    )


def _home(line: Line, source: Source) -> str:
    """The field a sentence belongs in: by its section, by whom it is about, by its words."""
    if "{{user}}" in line.text:
        return "scenario"
    if source.is_narrative and not line.note and not is_portrait(line):
        starts = line.place * 3 < len(source.lines) and not line.about and _is_now(line, source)
        return "scenario" if starts and not leans_on_another(line, source) else "story"
    for field in ("personality", "scenario", "description"):
        if in_section(line, field):
            return field if field != "scenario" or _is_now(line, source) else "world"
    if line.note and in_section(line, "world"):
        return "world"
    if source.is_main(line.about) or mentions_main(line, source):
        return _home_of_own(line, source)
    scene = _is_now(line, source) and not line.about and not leans_on_another(line, source)
    return "scenario" if scene else "world"


def _home_of_own(line: Line, source: Source) -> str:
    """The field for a sentence about the character, or with the character in it, by its words."""
    scores = {topic: _score(line, topic, source) for topic in ("description", "personality", "scenario")}
    if scores["scenario"] > 1 or (scores["scenario"] and not scores["description"] + scores["personality"]):
        return "scenario"
    if not source.is_main(line.about) and not line.note:
        return "world"
    shows = scores["personality"] and scores["personality"] >= scores["description"] and line.place
    if AGED.search(line.text) and scores["personality"] < 3:
        return "description"
    return "personality" if shows else "description"


def is_portrait(line: Line) -> bool:
    """Whether a sentence of a story says how somebody is, rather than what they do next."""
    return bool(PORTRAIT.match(line.text)) and not MOMENT.search(line.text)


# What somebody was at a moment of the story is no portrait of them.
MOMENT = re.compile(
    r"^(?:By|At|On|In|After|Before|When|Then|Now)\b|\bhad to\b|\bwas (?:\w+ing|gone)\b"
    r"|\b(?:is|was) (?:at|in|on|by|near|under|behind|up|out|down) (?:the|her|his|a)\b"
)


def _score(line: Line, topic: str, source: Source) -> float:
    return count_cues(line.text, source.code, topic)


def _is_now(line: Line, source: Source) -> bool:
    return count_cues(line.text, source.code, "scenario") > 0


def mentions_main(line: Line, source: Source) -> bool:
    """Whether the sentence names the character."""
    return any(form in line.text for form in source.forms)


def _balance(homes: dict[str, list[Line]], source: Source) -> None:
    """Move lines so that no field is empty while a neighbour has several that would do."""
    about = homes["description"]
    told = [line for line in homes["story"] if source.is_main(line.about) and len(line.text.split()) > 7]
    told.sort(key=lambda line: (-_telling(line, source), line.place))
    _fill(about, told[:8], LONG_ENOUGH if len(source.lines) > MANY_LINES else ENOUGH["description"])
    about.sort(key=lambda line: line.place)
    if not homes["personality"] and len(about) > 2:
        best = max(about[1:], key=lambda line: (_score(line, "personality", source), line.place))
        if _score(best, "personality", source) or source.code not in CUED:
            homes["personality"].append(best)
            about.remove(best)
    others = {noun.name for noun in source.nouns if noun.kind == "person" and not source.is_main(noun.name)}
    for name in ("world", "story", "personality", "scenario"):
        spare = [line for line in homes[name] if line.about not in others]
        spare = [line for line in spare if name not in ("world", "story") or not leans_on_another(line, source)]
        # What a sentence says of others is the lorebook's, unless there is nothing else to say.
        taken = _fill(about, spare if name in ("world", "story") else spare[2:] if about else spare)
        homes[name] = [line for line in homes[name] if line not in taken]


LONG_ENOUGH, MANY_LINES = 90, 60  # words of a description from a long story; lines that make one long


def _telling(line: Line, source: Source) -> float:
    """How much a sentence of a story says of somebody, rather than of what happens next."""
    shown = _score(line, "description", source) + _score(line, "personality", source)
    return shown - 3 * bool(MOMENT.search(line.text)) - leans_on_another(line, source)


def _fill(about: list[Line], spare: list[Line], enough: int = 40) -> list[Line]:
    """Take from ``spare`` in order until the description says enough; what was taken."""
    taken: list[Line] = []
    for line in spare:
        if sum(max(len(one.text.split()), len(one.text) // 8) for one in about) >= enough:
            break
        about.append(line)
        taken.append(line)
    return taken


ENOUGH_NOW = 120  # characters on what is going on now


def _situation(homes: dict[str, list[Line]], source: Source, turn: int) -> tuple[list[Line], list[Line]]:
    """The scenario's lines, and those kept back to open greetings with."""
    now = [line for line in homes["scenario"] if not line.note or in_section(line, "scenario")]
    named_now = {noun.name for noun in source.nouns for line in now if noun.name in line.text}
    around = [line for line in homes["world"] if _is_setting(line, source) and not line.note]
    near = [line for line in around if line.about in named_now] or ([] if now else around)
    scenes = _pick_scenes(around, source)
    # What the scenario takes of the world around, the lorebook cannot tell.
    room = 0 if sum(len(line.text) for line in now) > ENOUGH_NOW else 2 - min(1, len(now))
    chosen = now + [line for line in near if line not in scenes][:room]
    if not chosen and len(scenes) > 1:
        chosen = [scenes.pop()]
    return _within(chosen, "scenario", source, turn), scenes


def _is_setting(line: Line, source: Source) -> bool:
    if source.code == "en" and re.search(r"\b(?:it|them|this)\b", line.text):
        return False
    kinds = {noun.name: noun.kind for noun in source.nouns}
    if not line.about:
        cued = count_cues(line.text, source.code, "world") + count_cues(line.text, source.code, "scenario")
        return (cued > 0 or source.code not in CUED) and not leans_on_another(line, source)
    told = kinds.get(line.about) in {"place", "faction"} or count_cues(line.text, source.code, "world") > 1
    return told and not leans_on_another(line, source)


def _pick_scenes(around: list[Line], source: Source) -> list[Line]:
    """Up to three sentences that show a place rather than tell a story; the scenario keeps the others."""
    kinds = {noun.name: noun.kind for noun in source.nouns}
    fit = [
        line
        for line in around
        if 5 <= len(line.text.split()) <= 32
        and line.text[-1] not in "?:;"
        and not line.note
        and (kinds.get(line.about) == "place" or (not line.about and _is_now(line, source)))
        and not leans_on_another(line, source)
    ]
    fit.sort(
        key=lambda line: (kinds.get(line.about) == "place", count_cues(line.text, source.code, "world")), reverse=True
    )
    spare = max(0, len(around) - 1)
    return fit[: min(3, spare)]


def leans_on_another(line: Line, source: Source) -> bool:
    """Whether the sentence has pronouns and no name that they could stand for."""
    named = any(form in line.text for noun in source.nouns for form in (noun.name, *noun.aliases))
    if re.search(r"\b(?:his|her|he|she|him)\b", line.text.lower()) and source.code == "en" and not line.about:
        return True
    loose = r"\b(?:it|its|they|them|their|he|she|him|his|her|this|that one|there)\b"
    return line.follows or (
        source.code == "en" and bool(re.search(loose, line.text.lower())) and not (named and line.about)
    )


def _within(lines: Sequence[Line], field: str, source: Source, turn: int = 0, size: float = 1.0) -> list[Line]:
    """The lines that fit the field's budget, best first, back in source order; other ones with another turn."""
    cost = {line.place: max(len(line.text.split()), len(line.text) // 7) for line in lines}
    budget = int(BUDGETS[field] * size * (0.75 if turn else 1))
    if turn and len(lines) > 3:
        budget = min(budget, sum(cost.values()) * 4 // 5)
    if sum(cost.values()) <= budget:
        return _varied(sorted(lines, key=lambda line: line.place), source)

    def worth(line: Line) -> float:
        lead = 2.0 if line.place < 4 else 0.0
        other = (line.place * 7 + turn * 3) % 5 if turn else 0
        return _score(line, field, source) + lead + 3 * in_section(line, field) - cost[line.place] / 40 + other

    kept: list[Line] = []
    left = budget
    for line in sorted(lines, key=lambda one: (-worth(one), one.place)):
        if cost[line.place] <= left:
            kept.append(line)
            left -= cost[line.place]
    return _varied(sorted(kept or list(lines[:1]), key=lambda line: line.place), source)


MOST_ALIKE = 3  # sentences of a field that open with the same three words


def _varied(lines: list[Line], source: Source) -> list[Line]:
    """The lines without those that open as three others do: a list read out is no prose."""
    counted: Counter[str] = Counter()
    kept = []
    for line in lines:
        opening = " ".join(re.findall(r"[\w'’]+", line.text.casefold())[:3])
        counted[opening] += 1
        if counted[opening] <= MOST_ALIKE:
            kept.append(line)
    return kept
