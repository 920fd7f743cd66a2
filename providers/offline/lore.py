"""Lore entries: what the source says of a place, a person, a faction or a thing, with the keys that call it up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cards.rules.wording import shingles
from cards.text import ProperNoun, estimate_tokens
from cards.text_blocks import stop_words, word_list
from providers.offline.guard import usable
from providers.offline.lists import count_cues
from providers.offline.prose import standing_alone
from providers.offline.reading import FIRST, Line, Source
from providers.offline.sorting import is_portrait, leans_on_another, reads_as_prose

MAX_SENTENCES = 6
MAX_TOKENS = 220
MAX_KEYS = 5
MOST_KEYS = 8  # with those of names that have no entry of their own
OFTEN = 3  # mentions, from which on a name is written about before the others
RUN = 5  # words in a row
MOST_EVENTS = 2  # sentences of a story in an entry that says nothing else
MOST_KNOWN = 0.4  # of a sentence's runs: then the card has it
YOU = re.compile(r"\{\{user\}\}", re.IGNORECASE)
CATEGORIES = {"person": "person", "place": "place", "faction": "faction", "thing": "thing", "unknown": "thing"}
CASELESS = {"ja", "zh", "ko"}

EntryTable = dict[str, Any]


def write_entries(source: Source, card: Mapping[str, Any], candidates: Sequence[str], limit: int) -> list[EntryTable]:
    """Up to ``limit`` entries for ``candidates`` (none given: whatever the source names), and one for its world.

    A sentence goes into one entry, and into none where the card has it: a name without any sentence left becomes a
    key of the entry that speaks of it.
    """
    if limit < 1 or source.concept:
        return []
    subjects = _subjects(source, candidates)
    pages = _Pages(source, card, subjects)
    for group in (
        [noun for noun in subjects if noun.count >= OFTEN],
        [noun for noun in subjects if noun.count < OFTEN],
    ):
        homeless = [noun for noun in group if len(pages.entries) >= limit or not pages.add(noun, pages.fresh(noun))]
        for noun in homeless:
            if not _is_main(noun, source):
                pages.adopt(noun)
            elif len(pages.entries) < limit:
                pages.add(noun, pages.about(noun))
    world = _world(source, pages)
    if world and len(pages.entries) < limit:
        pages.entries.insert(0, world)
    return usable(pages.entries)


class _Pages:
    """The entries so far, and which sentences of the source are told already, in them or in the card."""

    def __init__(self, source: Source, card: Mapping[str, Any], subjects: Sequence[ProperNoun]) -> None:
        self.source = source
        self.entries: list[EntryTable] = []
        self.own = {form.casefold() for form in source.forms} | {str(card.get("name", "")).casefold()}
        self.taken: set[str] = set()
        written = "\n".join(str(card.get(field, "")) for field in ("description", "personality", "scenario"))
        self.runs = shingles(written.replace("{{char}}", source.name), RUN)
        told = [line for line in source.lines if not line.spoken and reads_as_prose(line.text)]
        self.lines = [line for line in told if not (source.is_own_voice and FIRST.search(line.text))]
        self.mentions = {noun.name: self._mentions(noun) for noun in subjects}
        self.names = set(self.mentions)
        self.told: dict[int, EntryTable] = {}

    def _mentions(self, noun: ProperNoun) -> list[Line]:
        pattern = _mention(noun, self.source)
        return [
            line
            for line in self.lines
            if (pattern.search(line.text) or (line.follows and line.about == noun.name))
            and (line.about or not leans_on_another(line, self.source))
            and not YOU.search(line.text)
        ]

    def in_card(self, line: Line) -> bool:
        """Whether the card says most of the sentence."""
        own = shingles(line.text, RUN)
        return bool(own) and len(own & self.runs) > MOST_KNOWN * len(own)

    def about(self, noun: ProperNoun) -> list[Line]:
        """Sentences that name the noun or go on about it, those about it first."""
        holding = self.mentions[noun.name]
        own = [line for line in holding if line.about == noun.name]
        return [*own, *(line for line in holding if line not in own)]

    def fresh(self, noun: ProperNoun) -> list[Line]:
        """Those of them that nothing tells yet, and that are not about something else with an entry of its own."""
        others = self.names - {noun.name}
        found = [
            line
            for line in self.about(noun)
            if line.place not in self.told and line.about not in others and not self.in_card(line)
        ]
        somebodys = {one.name for one in self.source.nouns if one is not noun and not _is_main(one, self.source)}
        found = [line for line in found if line.about not in somebodys] or found
        if not self.source.is_narrative:
            return found
        # Of a story, what somebody is comes before what they did.
        shown = [line for line in found if line.note or is_portrait(line)]
        return shown + [line for line in found if line not in shown][: max(0, MOST_EVENTS - len(shown))]

    def add(self, noun: ProperNoun, lines: list[Line]) -> bool:
        """Write an entry on the noun from the lines, if they make one."""
        own = set() if _is_main(noun, self.source) else self.own
        entry = _entry(noun, self.source, lines[:MAX_SENTENCES], self.taken | own)
        if entry is None or any(entry["content"] == other["content"] for other in self.entries):
            return False
        self.entries.append(entry)
        self.told.update((line.place, entry) for line in lines[:MAX_SENTENCES])
        self.taken.update(key.casefold() for key in entry["keys"])
        return True

    def adopt(self, noun: ProperNoun) -> bool:
        """Make the noun's name a key of the entry that speaks of it."""
        entry = next((self.told[line.place] for line in self.about(noun) if line.place in self.told), None)
        if entry is None or len(entry["keys"]) >= MOST_KEYS:
            return False
        offered = _keys(noun, self.source, self.taken | self.own)
        keys = [key for key in offered if key in entry["content"]][:1]
        if not keys and noun.count >= OFTEN:
            keys = offered[:1]
        entry["keys"] += keys
        self.taken.update(key.casefold() for key in keys)
        return bool(keys)


def _subjects(source: Source, candidates: Sequence[str]) -> list[ProperNoun]:
    """The nouns to write about. A candidate that was found under another form is that noun."""
    if not candidates:
        return [noun for noun in source.nouns if not _is_main(noun, source)]
    # A book that several cards share has an entry on the character too: it is asked for by name.
    others = source.nouns
    found: list[ProperNoun] = []
    for name in dict.fromkeys(one.strip() for one in candidates if one.strip()):
        folded = re.sub(r"^(?:the|der|die|das|la|le|el|los|las|les)\s", "", name.casefold())
        noun = next((one for one in others if folded in {form.casefold() for form in (one.name, *one.aliases)}), None)
        if noun is None:  # "Did the Halloran Combine", as somebody read it in a question
            within = [
                one for one in others if any(f" {form.casefold()}" in folded for form in (one.name, *one.aliases))
            ]
            noun = max(within, key=lambda one: len(one.name), default=None)
        if noun is None:
            holding = tuple(line.text for line in source.lines if folded in line.text.casefold())
            noun = ProperNoun(name, len(holding), (), "unknown", holding)
        if noun and noun not in found:
            found.append(noun)
    return found


def _is_main(noun: ProperNoun, source: Source) -> bool:
    return any(source.is_main(form) for form in (noun.name, *noun.aliases))


def _entry(noun: ProperNoun, source: Source, lines: list[Line], taken: set[str]) -> EntryTable | None:
    keys = _keys(noun, source, taken)
    content = _content(lines, noun, source) if lines and keys else ""
    if not content:
        return None
    keys += [alias for alias in _called(content) if alias.casefold() not in taken and alias not in keys]
    return {
        "name": noun.name,
        "keys": keys[:MAX_KEYS],
        "content": content,
        "category": _category(noun),
        "constant": False,
    }


CALLED = re.compile(r"(?:known as|called|nicknamed) (?:the )?[\"“']?((?:[A-Z][\w'’-]+)(?: [A-Z][\w'’-]+){0,2})")


def _called(content: str) -> list[str]:
    """What the entry says that something is called: people will call it so (lint L06)."""
    return [match[1] for match in CALLED.finditer(content)][:2]


def _category(noun: ProperNoun) -> str:
    words = noun.name.casefold().split()
    if noun.kind == "thing" and {words[0], words[-1]} & word_list("events_are"):
        return "event"
    return CATEGORIES[noun.kind]


def _mention(noun: ProperNoun, source: Source) -> re.Pattern[str]:
    forms = "|".join(re.escape(form) for form in sorted((noun.name, *noun.aliases), key=len, reverse=True))
    return re.compile(
        forms if source.code in CASELESS else rf"(?<!\w)(?:{forms})(?!\w)",
        re.IGNORECASE if noun.kind == "unknown" else 0,
    )


def _content(lines: list[Line], noun: ProperNoun, source: Source) -> str:
    """The sentences in source order, the first one naming the subject, within the budget of an entry."""
    pattern = _mention(noun, source)
    ordered = sorted(lines, key=lambda line: line.place)
    lead = next(
        (line for line in ordered if line.about == noun.name and pattern.search(standing_alone(line, source))), None
    )
    lead = lead or next((line for line in ordered if pattern.search(line.text)), None)
    if lead is None:
        return ""
    ordered = [lead, *(line for line in ordered if line.place != lead.place)]
    sentences: list[str] = []
    before: Line | None = None
    for line in ordered:
        following = before is not None and line.place == before.place + 1
        text = standing_alone(line, source, before=before if following else None)
        if (line.follows and not line.about) or estimate_tokens(text) > MAX_TOKENS:
            continue
        if estimate_tokens(" ".join([*sentences, text])) > MAX_TOKENS and sentences:
            break
        if text not in sentences:
            sentences.append(text)
        before = line
    return ("" if source.code in {"ja", "zh"} else " ").join(sentences)


# --- keys -------------------------------------------------------------------------------------------------------


def _keys(noun: ProperNoun, source: Source, taken: set[str]) -> list[str]:
    """2 to 5 keys where the name gives as many: itself, its other forms, its parts that say something."""
    wanted = [noun.name, *noun.aliases, *_short_forms(noun)]
    # A known main character must not call up somebody else's entry with every message.
    own = (
        {word.casefold() for form in source.forms for word in form.split()} - {""}
        if not _is_main(noun, source)
        else set()
    )
    kept: list[str] = []
    for key in (_clean(one) for one in wanted):
        if not _may_be_key(key, source.code) or key.casefold() in taken | own:
            continue
        if key.casefold() not in {other.casefold() for other in kept}:
            kept.append(key)
    if len(kept) == 1:
        kept += [form for form in _second_form(noun, kept[0], source) if form.casefold() not in taken | own]
    return kept[:MAX_KEYS]


def _clean(key: str) -> str:
    return re.sub(r"['’]s$", "", re.sub(r"[,;:\"“”]", " ", key)).strip(" .'’-")


def _may_be_key(key: str, code: str) -> bool:
    if code in CASELESS:
        return len(key) > 1
    folded = key.casefold()
    return (
        3 <= len(key) <= 60 and folded not in stop_words().get(code, frozenset()) and folded not in word_list("titles")
    )


def _short_forms(noun: ProperNoun) -> list[str]:
    """ "Ashen Vow" of "Order of the Ashen Vow", "Corvin" of "Master Corvin", "Tom" and "Reyes" of a person."""
    words = noun.name.split()
    small = word_list("particles")
    titles = word_list("titles")
    if len(words) < 2:
        return []
    joints = [place for place, word in enumerate(words) if word.casefold() in small]
    if joints:
        tail = " ".join(words[joints[-1] + 1 :])
        # "Karst" of "Duke of Karst" would be the town; two words are safe to stand alone.
        return [tail] if len(tail.split()) > 1 else []
    plain = [word for word in words if word.casefold().rstrip(".") not in titles]
    if noun.kind == "person":
        return [" ".join(plain), *reversed(plain)]
    # "Odile" of "Empress Odile". Not "Street" of "Quay Street", nor "Helping" of a ship of that name: common words fire
    # on everything, and a short form that the text itself uses is among the aliases already.
    return plain[-1:] if len(plain) < len(words) and len(plain[-1:]) == 1 and len(plain[-1]) > 4 else []


def _second_form(noun: ProperNoun, key: str, source: Source) -> list[str]:
    """A second key for a name that has only one form, where a front end's whole-word search would miss it.

    A key that merely holds the first one ("the Thornhart", "Arrendal's") would fire on nothing new.
    """
    if noun.kind == "faction" and key.endswith("s") and not key.endswith("ss"):
        return [key[:-1]]
    if noun.kind == "faction" and len(key.split()) == 1:
        return [f"{key}s"]
    if source.code == "de" and key[-1] not in "sxzß":
        return [f"{key}s"]  # the genitive has no apostrophe: "Rabensteins Turm"
    return []


# --- world ------------------------------------------------------------------------------------------------------


def _world(source: Source, pages: _Pages) -> EntryTable | None:
    """One constant entry on the setting, where the source has at least two sentences on it that no entry has."""
    fit = [
        line
        for line in source.lines
        if not line.spoken
        and not line.follows
        and not line.note
        and not source.is_main(line.about)
        and count_cues(line.text, source.code, "world") > 1
        and line.place not in pages.told
        and not pages.in_card(line)
        and reads_as_prose(line.text)
    ]
    if len(fit) < 2:
        return None
    content = " ".join(standing_alone(line, source) for line in fit[:4])
    return {
        "name": WORLD_NAMES.get(source.code, "World"),
        "keys": [],
        "content": content,
        "category": "world",
        "constant": True,
    }


WORLD_NAMES = {
    "en": "World",
    "de": "Welt",
    "fr": "Monde",
    "es": "Mundo",
    "it": "Mondo",
    "pt": "Mundo",
    "ru": "Мир",
    "ja": "世界",
    "zh": "世界",
    "ko": "세계",
}
