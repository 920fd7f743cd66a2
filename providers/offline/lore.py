"""Lore entries: what the source says of a place, a person, a faction or a thing, with the keys that call it up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cards.text import ProperNoun, estimate_tokens
from cards.text_blocks import stop_words, word_list
from providers.offline.fields import leans_on_another
from providers.offline.lists import count_cues
from providers.offline.prose import standing_alone
from providers.offline.reading import Line, Source

MAX_SENTENCES = 6
MAX_TOKENS = 220
MAX_KEYS = 5
MIN_OWN = 3  # entries, below which a name is taken that has nothing but a sentence of somebody else's
CATEGORIES = {"person": "person", "place": "place", "faction": "faction", "thing": "thing", "unknown": "thing"}
CASELESS = {"ja", "zh", "ko"}

EntryTable = dict[str, Any]


def write_entries(source: Source, card: Mapping[str, Any], candidates: Sequence[str], limit: int) -> list[EntryTable]:
    """Up to ``limit`` entries for ``candidates`` (none given: whatever the source names), and one for its world."""
    if limit < 1:
        return []
    written = " ".join(str(card.get(field, "")) for field in ("description", "personality", "scenario"))
    taken = {form.casefold() for form in source.forms} | {str(card.get("name", "")).casefold()}
    entries: list[EntryTable] = []
    told: set[int] = set()
    for noun in _subjects(source, candidates):
        if not candidates and noun.count < 3 and len(entries) >= MIN_OWN and _is_told(noun, source, told, written):
            continue
        entry = _entry(noun, source, written, taken, told)
        if entry and len(entries) < limit:
            entries.append(entry)
            taken.update(key.casefold() for key in entry["keys"])
    world = _world(source, written, told)
    if world and len(entries) < limit:
        entries.insert(0, world)
    return entries


def _subjects(source: Source, candidates: Sequence[str]) -> list[ProperNoun]:
    """The nouns to write about. A candidate that was found under another form is that noun."""
    others = [noun for noun in source.nouns if not _is_main(noun, source)]
    if not candidates:
        return others
    found: list[ProperNoun] = []
    for name in dict.fromkeys(one.strip() for one in candidates if one.strip()):
        folded = re.sub(r"^(?:the|der|die|das|la|le|el|los|las|les)\s", "", name.casefold())
        noun = next((one for one in others if folded in {form.casefold() for form in (one.name, *one.aliases)}), None)
        if noun is None and name not in source.forms:
            holding = tuple(line.text for line in source.lines if folded in line.text.casefold())
            noun = ProperNoun(name, len(holding), (), "unknown", holding)
        if noun and noun not in found:
            found.append(noun)
    return found


def _is_told(noun: ProperNoun, source: Source, told: set[int], written: str) -> bool:
    """Whether all that is said of the noun stands in the card or in another entry already."""
    pattern = _mention(noun, source)
    about = [line for line in source.lines if not line.spoken and pattern.search(line.text)]
    return all(line.place in told or line.text in written for line in about)


def _is_main(noun: ProperNoun, source: Source) -> bool:
    return any(source.is_main(form) for form in (noun.name, *noun.aliases))


def _entry(noun: ProperNoun, source: Source, written: str, taken: set[str], told: set[int]) -> EntryTable | None:
    lines = _lines_about(noun, source, written)
    keys = _keys(noun, source, taken)
    if not lines or not keys:
        return None
    content = _content(lines, noun, source)
    if not content:
        return None
    told.update(line.place for line in lines)
    return {
        "name": noun.name,
        "keys": keys,
        "content": content,
        "category": _category(noun),
        "constant": False,
    }


def _category(noun: ProperNoun) -> str:
    words = noun.name.casefold().split()
    if noun.kind == "thing" and {words[0], words[-1]} & word_list("events_are"):
        return "event"
    return CATEGORIES[noun.kind]


def _lines_about(noun: ProperNoun, source: Source, written: str) -> list[Line]:
    """Sentences that name the noun or go on about it: those about it first, those the card has already last."""
    pattern = _mention(noun, source)
    holding = [
        line
        for line in source.lines
        if not line.spoken
        and (line.about or not leans_on_another(line, source))
        and (pattern.search(line.text) or (line.follows and line.about == noun.name))
    ]
    own = [line for line in holding if line.about == noun.name]
    fresh = [line for line in holding if line.text not in written]
    # The sentence that names it opens the entry even where the card has it too; what follows is to be new.
    lead = next((line for line in own if not line.follows), None)
    chosen = [line for line in own if line in fresh or line is lead] or own
    chosen += [line for line in fresh if line not in chosen]
    if not chosen:
        chosen = holding[:2]
    return chosen[:MAX_SENTENCES]


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
        if line.follows and not line.about:
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
    own = {word.casefold() for form in source.forms for word in form.split()}
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


def _world(source: Source, written: str, told: set[int]) -> EntryTable | None:
    """One constant entry on the setting, where the source has at least two sentences on it that no entry has."""
    fit = [
        line
        for line in source.lines
        if not line.spoken
        and not line.follows
        and not line.note
        and not source.is_main(line.about)
        and count_cues(line.text, source.code, "world") > 1
        and line.text not in written
        and line.place not in told
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
