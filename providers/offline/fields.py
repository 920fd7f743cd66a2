"""Description, personality, scenario and tags as texts, and what is said where the source says nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from providers.offline.lists import Table, templates, words
from providers.offline.notes import and_list, ended, lower_first, with_article
from providers.offline.prose import compose, with_macro
from providers.offline.reading import FIRST, Source
from providers.offline.sorting import CUED, ENOUGH, Sorted, mentions_main
from providers.offline.tidy import tidied

LEAST_TAGS, MAX_TAGS, MOST_TAGS = 4, 8, 12
TITLE_ROLES = {
    "sir": "knight",
    "captain": "captain",
    "inspector": "detective",
    "detective": "detective",
    "dr": "doctor",
    "dr.": "doctor",
    "professor": "scholar",
    "hauptmann": "hauptmann",
    "capitana": "capitana",
}


def write_description(parts: Sorted, source: Source, turn: int = 0) -> str:
    """The description, in the source's own sentences; one made of the phrase where the source is only a phrase."""
    if source.concept:
        return _concept(source, turn)
    own = [line for line in parts.description if source.is_main(line.about) or mentions_main(line, source)]
    rest = [line for line in parts.description if line not in own]
    # Whom the card is about comes first; what is said of others around them follows.
    text = "\n\n".join(part for part in (compose(own, source), compose(rest, source)) if part)
    if source.is_own_voice and text:
        return quoted(text, "In {{char}}'s own words:")
    if not text and source.quotes and all(line.spoken for line in source.lines):
        text = _fallback(source, "talk", turn)
    if not text:
        words_ = tidied(" ".join(source.text.split()[:120]))
        text = ended(words_) if re.search(r"\w", words_) else _fallback(source, "blank", turn)
    return text if _says_enough(text) else f"{text} {_fallback(source, 'open', turn)}".strip()


def quoted(text: str, lead: str) -> str:
    """Paragraphs that somebody tells of themselves, each between quotation marks."""
    paragraphs = text.replace('"', "'").replace("“", "'").replace("”", "'").split("\n\n")
    return "\n\n".join([lead, *(f'"{paragraph}"' for paragraph in paragraphs)])


def _says_enough(text: str) -> bool:
    return max(len(text.split()), len(text) // 8) >= LEAST_WORDS


LEAST_WORDS = 25  # below which a description tells a model too little


def _concept(source: Source, turn: int) -> str:
    phrase = lower_first(source.concept) if source.code == "en" and not _is_named(source) else source.concept
    if _is_named(source) and source.concept.casefold() == source.name.casefold():
        return f"{ended(source.name)} {_fallback(source, 'open', turn)}".strip()
    phrase = re.sub(r"^(?:a|an)\s", "", phrase, flags=re.IGNORECASE)
    article = with_article(phrase)[: -len(phrase)].strip()
    text = _fallback(source, "concept", turn)
    text = text.replace("<a> ", f"{article} " if article else "").replace("<concept>", phrase)
    return f"{text} {_fallback(source, 'open', turn)}".strip()


def _is_named(source: Source) -> bool:
    """Whether the phrase itself holds a name ("Baron Ulric"), not only a description of somebody."""
    return any(noun.name in source.concept for noun in source.nouns) or (
        source.concept.istitle() and len(source.concept.split()) > 1
    )


def write_personality(parts: Sorted, source: Source, turn: int = 0) -> str:
    """The personality in the source's own sentences, else a plain statement of the traits or the role it names."""
    text = with_macro(compose(parts.personality, source), source)
    if source.is_own_voice and len(text.split()) >= ENOUGH["personality"]:
        return quoted(text, "{{char}} puts it like this:")
    found = traits(source)
    if text and len(text.split()) >= ENOUGH["personality"]:
        return text
    extra = ""
    if found:
        named = [trait for trait in found if trait not in text.lower()]
        listed = and_list(named) if named and source.code == "en" else ", ".join(named)
        extra = _fallback(source, "personality_traits", turn).replace("<traits>", listed) if named else ""
    elif source.code in CUED and not text:
        extra = _role_sentence(source, turn)
    joined = f"{extra} {text}".strip()
    return joined or _role_sentence(source, turn)


def _role_sentence(source: Source, turn: int) -> str:
    role = role_of(source)
    if role and source.code == "en":
        return _fallback(source, "personality", turn).replace("<role>", role)
    if source.code in CUED:
        return _fallback(source, "personality_bare", turn)
    return _fallback(source, "personality", turn).replace("<role>", source.concept or source.name)


def write_scenario(parts: Sorted, source: Source, wheres: Sequence[str], turn: int = 0) -> str:
    """The situation at the start, and where {{user}} comes in."""
    told = [line for line in parts.scenario if not (source.is_own_voice and FIRST.search(line.text))]
    text = with_macro(compose(told, source), source)
    role = role_of(source)
    where = wheres[turn % len(wheres)] if wheres else ""
    if where and not text:
        meeting = _fallback(source, "scenario_where", turn).replace("<where>", where)
    elif role and not text and source.code == "en":
        meeting = _fallback(source, "scenario_role", turn).replace("<role>", role)
    else:
        meeting = _fallback(source, "scenario_after" if text else "scenario", turn) or _fallback(
            source, "scenario", turn
        )
    if source.code not in CUED and text:
        return text
    return f"{text} {with_macro(meeting, source)}".strip()


def write_orders(source: Source, field: str) -> str:
    """The system prompt or the reminder behind the chat: how {{char}} is to be played."""
    table = templates(source.code)
    orders: Table = table["orders"] if "orders" in table else templates("en")["orders"]
    return str(orders[field])


def _fallback(source: Source, key: str, turn: int = 0) -> str:
    """A sentence of the writer's own; where there are several, the one that falls to this source and turn."""
    given: str | list[str] = templates(source.code)["fallback"].get(key, "")
    return given if isinstance(given, str) else given[(len(source.text) + len(source.name) + turn) % len(given)]


def traits(source: Source) -> list[str]:
    """Words of character in the sentences about the character, in order, as the source has them."""
    own = " ".join(line.text for line in source.lines if source.is_main(line.about)) or source.text
    found = [word.lower() for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", own)]
    return list(dict.fromkeys(word for word in found if word in words("traits")))[:5]


def role_of(source: Source) -> str:
    """ "a young knight", as the source puts it; "" where it does not say (English only: elsewhere cases bend it)."""
    if source.code != "en":
        return ""
    if source.concept and not _is_named(source):
        return with_article(re.sub(r"^(?:a|an|the)\s", "", lower_first(source.concept)))
    for line in source.lines:
        if source.is_main(line.about):
            for match in BEING.finditer(line.text):
                if role := role_in_phrase(match[1], words("roles")):
                    return role
    return ""


BEING = re.compile(r"\b(?:is|was)\s(?:\d+ and\s|\d+, )?((?:an?|the)\s[\w'’,-]+(?:\s[\w'’,-]+){0,5})")


def role_in_phrase(phrase: str, heads: frozenset[str]) -> str:
    """ "a handsome man of fifty" up to the word that says what they are; "" where none of ``heads`` comes soon."""
    found = phrase.split()
    for place, word in enumerate(found[1:6], start=1):
        if word.lower().strip(",.;") in heads:
            return " ".join(found[: place + 1]).strip(",.;")
        if word.lower() in {"of", "and", "who", "with", "to", "in", "from", "for", "that"}:
            break
    return ""


def write_tags(source: Source, most: int | None = None, turn: int = 0) -> list[str]:
    """4 to 8 tags (at most ``most``) from the source: who, what kind, what genre, what place; never the name."""
    found = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", _introduction(source).lower())
    everywhere = re.findall(r"[^\W\d_]+", source.text.lower())
    roles = [word for word in dict.fromkeys(found) if word in words("roles")]
    if source.concept and not _is_named(source) and source.code in CUED:
        roles = [word for word in dict.fromkeys(found) if len(word) > 2]
    places = [word for word in dict.fromkeys(everywhere) if word in words("places", "tags")]
    genre = (
        []
        if source.genre == "plain"
        else [{"scifi": "sci-fi", "cosy": "slice of life"}.get(source.genre, source.genre)]
    )
    gender = {"he": ["male"], "she": ["female"]}.get(source.gender, [])
    titled = [TITLE_ROLES[word] for form in source.forms for word in form.lower().split()[:1] if word in TITLE_ROLES]
    tags = [*titled, *roles[:3], *genre, *traits(source)[:3], *places[: max(2, (most or 0) - 6)], *gender]
    if turn:
        tags = [*tags[turn % len(tags) :], *tags[: turn % len(tags)]][:-1] if len(tags) > 5 else tags
    names = (
        {part.lower() for form in source.forms for part in (form, *form.split())}
        if not source.concept
        else {source.name.lower()}
    )
    kept = [tag for tag in dict.fromkeys(tags) if tag not in names]
    least = min(most or LEAST_TAGS, LEAST_TAGS)
    spare = [*SPARE_TAGS[turn % len(SPARE_TAGS) :], *SPARE_TAGS[: turn % len(SPARE_TAGS)]]
    filled = [*kept, *(tag for tag in spare if tag not in kept)][: max(least, len(kept))]
    return filled[: min(most or MAX_TAGS, MOST_TAGS)]


SPARE_TAGS = ("original character", "roleplay", "character study", "open scenario", "original setting", "slow start")


def _introduction(source: Source) -> str:
    """What is said of who the character is: "a young knight", else the first sentences about them."""
    own = [line.text for line in source.lines if source.is_main(line.about) and not line.spoken]
    return (
        role_of(source)
        or " ".join(re.split(r"\b(?:of|with|who|to|by|from|and)\b", line)[0] for line in own[:4])
        or source.concept
    )


def write_notes(source: Source, turn: int = 0) -> str:
    """The creator's notes: what this draft is made of."""
    notes = templates(source.code)["notes"]
    short = len(source.lines) < 3
    given = notes["text"] if isinstance(notes["text"], str) else notes["text"][turn % len(notes["text"])]
    return str(given).replace("<verbatim>", str(notes["verbatim_short" if short else "verbatim"]))
