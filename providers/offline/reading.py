"""Reading a source: its lines, who each is about, what was said aloud, and by whom."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from cards.text import Block, ProperNoun, blocks, language, main_character, proper_nouns, split_sentences
from cards.text_blocks import stop_words, word_list
from providers.offline.clean import cleaned
from providers.offline.lists import cues, is_section, words
from providers.offline.notes import ended, lower_first, sentence_of_label, sentence_of_note, third_persons, upper_first
from providers.offline.speech import QUOTED, Quote, quotes_of
from providers.offline.subjects import TITLE_GENDER, Spotter, shown_name
from providers.offline.tidy import in_sentence_case, tidied

GENDERS = {"he": "he him his himself", "she": "she her hers herself", "they": "themself"}
IS_SPEECH = re.compile(r"[\"“”«»„「」]|^\s*[—–]")


@dataclass(frozen=True)
class Line:
    """One sentence of the source, ready to be read as prose, and what is known of where it came from.

    ``about`` is the name of its subject ("" where unclear), ``follows`` whether the subject is only a pronoun.
    """

    text: str
    place: int
    paragraph: int
    section: str = ""
    about: str = ""
    follows: bool = False
    spoken: bool = False
    thing: str = ""
    note: bool = False


@dataclass(frozen=True)
class Source:
    """A source that was read: everything the fields of a card are written from."""

    text: str
    code: str
    name: str
    forms: tuple[str, ...]
    gender: str
    genre: str
    nouns: tuple[ProperNoun, ...]
    lines: tuple[Line, ...]
    quotes: tuple[Quote, ...]
    is_own_voice: bool = False
    is_of_somebody: bool = True

    @property
    def is_narrative(self) -> bool:
        """Whether the source tells a story (much speech, many sentences) rather than describing somebody."""
        spoken = sum(line.spoken for line in self.lines)
        return spoken > 5 and spoken * 5 > len(self.lines)

    @property
    def concept(self) -> str:
        """The source itself where it is only a phrase ("grumpy dragon librarian"), else ""."""
        words_ = self.text.split()
        bare = len(self.lines) <= 1 and len(words_) <= 6 and not re.search(r"[.!?。！？:：]", self.text.strip()[:-1])
        return " ".join(words_).strip(" .!?…。！？\"'") if bare else ""

    @cached_property
    def usual_name(self) -> str:
        """The form by which the text mostly calls the character."""
        counted = {form: self.text.count(form) for form in self.forms}
        for form in self.forms:  # "Voss" stands in "Mara Voss" too
            counted[form] -= sum(self.text.count(other) for other in self.forms if form != other and form in other)
        best = max(self.forms, key=lambda form: (counted[form], form == self.name, len(form)))
        return best if counted[best] > 0 else self.name

    @cached_property
    def called(self) -> dict[str, str]:
        """Names as they were found to stand in a sentence, with their article: what `prose` has looked up so far."""
        return {}

    def is_main(self, about: str) -> bool:
        """Whether ``about`` names the character of the card."""
        return about == self.name or about in self.forms


def read(text: str, name: str | None = None) -> Source:
    """Read ``text`` as a source about ``name`` (None: whoever it is about)."""
    text, code, nouns, parts = _laid_out(text)
    own_voice = _is_own_voice(text, code)
    main = (name or "").strip() or (_who_speaks(text) if own_voice else "") or _main(text, nouns, parts)
    forms = _forms(main, nouns)
    if "{{char}}" in text:
        forms = ("{{char}}", *forms)
    spotter = Spotter(nouns, (*forms, *_by_title(text, forms, code)), main, code)
    about_somebody = is_somebody(main, nouns, parts, text)
    spotter.learn_genders([one for block in parts if block.kind == "prose" for one in split_sentences(block.text)])
    lines = _lines(parts, spotter, code, about_somebody)
    if own_voice:
        lines = [replace(line, about=main) if _tells_of_self(line) else line for line in lines]
    gender = _gender(lines, parts, main)
    return Source(
        text=text,
        code=code,
        name=main,
        forms=forms,
        gender=gender,
        genre=_genre(text),
        nouns=nouns,
        lines=tuple(lines),
        quotes=tuple(quotes_of(parts, forms, nouns, code, spotter)),
        is_own_voice=own_voice,
        is_of_somebody=about_somebody,
    )


LONG = 60_000  # characters, within which whoever a text is about has appeared
SUBJECT_FIRST = re.compile(r"\W*([^\W\d_]+(?:-\w+)?) (?:is|was) (?:an?|the) ", re.IGNORECASE)
SOMEBODY_FIRST = re.compile(
    r"\W*(?:the|an?) ((?:[a-z-]+ ){0,2}[a-z-]+?) (?:is|was|has|had|lives|lived|who|sits|stands)\b", re.IGNORECASE
)


def _main(text: str, nouns: tuple[ProperNoun, ...], parts: list[Block]) -> str:
    """Whom the text is about. Where it names nobody: the subject of its first sentence, rather than its first words."""
    found = main_character(text[:LONG]) or "Unnamed"
    noun = next((one for one in nouns if found in (one.name, *one.aliases)), None)
    if len(found.split()) == 1 and found.lower() in words("verbs"):
        named = [one for one in nouns if one is not noun]
        people = [one.name for one in named if one.kind == "person"] or [one.name for one in named]
        return people[0] if people else found
    if (
        noun is not None
        or len(text.split()) <= 6
        or found in [block.text for block in parts if block.kind == "heading"]
    ):
        return found
    if any(_is_name_label(block) for block in parts) or language(text) != "en":
        return found
    small = stop_words()["en"]
    if (match := SUBJECT_FIRST.match(text)) and match[1].lower() not in small | {"there", "it", "this"}:
        return match[1][:1].upper() + match[1][1:]
    if (match := SOMEBODY_FIRST.match(text)) and not set(match[1].lower().split()[:-1]) & small:
        return match[1].title()
    return found


@lru_cache(maxsize=4)
def _laid_out(text: str) -> tuple[str, str, tuple[ProperNoun, ...], list[Block]]:
    """The text fit for a card, its language, its names and its parts: the same, whoever it is read for."""
    text = in_sentence_case(cleaned(text))
    return text, language(text), _nouns(text), blocks(text)


def _tells_of_self(line: Line) -> bool:
    return bool(FIRST.search(line.text)) and not line.about and not line.follows


SELF = re.compile(r"(?<![\w.(/])I(?:['’](?:m|ve|d|ll))?(?= [a-z])")
FIRST = re.compile(r"\b(?:I|I['’](?:m|ve|d|ll)|my|me|myself)\b")
NAMED_SELF = re.compile(
    r"\b(?:[Mm]y name (?:is|was)|I (?:am|was) called|I['’]m called|(?:[Cc]|[Tt]hey c|[Pp]eople c)all me|I am|I['’]m)"
    r"\s((?:[A-Z][\w'’-]+\s?){1,3})"
)
PRONOUN = re.compile(r"\b(?:he|she|his|her|him)\b", re.IGNORECASE)
NUMBER = re.compile(
    r"(?:(?:twen|thir|for|fif|six|seven|eigh|nine)ty|one|two|three|four|five|six|seven|eight|nine|ten)(?:-\w+)?$", re.I
)
FEAST = re.compile(r"(?:Hallows|Eve|Day|Night|Festival|Solstice)$")


def _nouns(text: str) -> tuple[ProperNoun, ...]:
    """The names of the text: whoever has a title is a person, feasts are none, and numbers are no names."""
    found = []
    for noun in proper_nouns(text):
        first, kind = noun.name.split()[0].lower().rstrip("."), noun.kind
        if first in TITLE_GENDER and len(noun.name.split()) > 1 and kind in {"unknown", "thing", "place"}:
            kind = "person"
        if FEAST.search(noun.name) and kind == "person":
            kind = "thing"
        if noun.name.lower() in words("verbs") and noun.count < 4 and kind != "person":
            continue  # "Tell her": an order at the start of a sentence
        if not NUMBER.match(noun.name) and not re.search(r"\{\{|['’](?:d|ll|ve|re|m|s)$", noun.name):
            found.append(noun if kind == noun.kind else replace(noun, kind=kind))
    return (*found, *_labelled(text, found))


def _labelled(text: str, found: list[ProperNoun]) -> list[ProperNoun]:
    """People who head a note of their own under "Contacts" and the like: "Fitch: night clerk at the hotel"."""
    known = {form for noun in found for form in (noun.name, *noun.aliases)}
    return [
        ProperNoun(block.label, 1, (), "person", (f"{block.label}: {block.text}",))
        for block in blocks(text)
        if block.kind == "label"
        and is_section(block.section, "people")
        and re.fullmatch(r"(?:[A-ZÀ-Þ][\w'’-]+\s?){1,3}", block.label)
        and block.label not in known
    ]


def _is_own_voice(text: str, code: str) -> bool:
    """Whether somebody tells of themselves: a good part of the sentences outside of speech say I or my (English)."""
    if code != "en":
        return False
    told = [one for one in split_sentences(QUOTED.sub(" ", text[:40_000])) if len(one.split()) > 2]
    return len(told) > 1 and sum(bool(SELF.search(one)) for one in told) * 3 >= len(told)


def _who_speaks(text: str) -> str:
    """The name that somebody who says I goes by, where they tell it."""
    match = NAMED_SELF.search(text)
    return match[1].strip() if match and match[1].split()[0] not in {"I", "The", "A"} else "Narrator"


TECHNICAL = re.compile(
    r"https?://|\w_\w|\w\(\)|::|--\w|[{}<>]|\w@\w|#\d|\d\.\d|\bversion\b|\b(?:file|package|licen[sc]e|default|option)s?\b",
    re.I,
)


def _is_technical(text: str) -> bool:
    """Whether a good part of the lines are those of a manual, a licence or a list of changes."""
    rows = [row for row in text[:20_000].split("\n") if row.strip()]
    return len(rows) > 3 and sum(bool(TECHNICAL.search(row)) for row in rows) * 6 > len(rows)


def is_somebody(main: str, nouns: tuple[ProperNoun, ...], parts: list[Block], text: str) -> bool:
    """Whether the text is about a living being rather than, say, a program: then notes are notes on them."""
    if any(_is_name_label(block) for block in parts):
        return True
    noun = next((one for one in nouns if main in (one.name, *one.aliases)), None)
    about = " ".join(noun.sentences) if noun else text
    if _is_technical(text) or re.fullmatch(r"[A-Z][a-z]+(?:ed|ing)", main) or main.lower() in words("verbs"):
        return len(PRONOUN.findall(about)) > 1
    if PRONOUN.search(about) or (noun and noun.kind == "person" and not main.isupper()):
        return True
    top = parts[0].text if parts and parts[0].kind == "heading" else ""
    return top.casefold() == main.casefold() or len(parts) < 12


def _forms(main: str, nouns: tuple[ProperNoun, ...]) -> tuple[str, ...]:
    """All the ways the text names ``main``, longest first."""
    forms = {main, shown_name(main)}
    if shown_name(main) != main:
        forms |= {*re.findall(r"[\"“](\w+)[\"”]", main), shown_name(main).split()[0], shown_name(main).split()[-1]}
    own = {word.casefold() for word in main.split()}
    for noun in nouns:
        known = [noun.name, *noun.aliases]
        folded = {form.casefold() for form in known}
        shares = noun.kind in {"person", "unknown"} and own & {word for form in folded for word in form.split()[-2:]}
        if main.casefold() in folded or (shares and noun.kind == "person" and _same_person(main, noun)):
            forms.update(known)
            break
    forms |= _real_names(forms, nouns)
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


NO_OFFICE = frozenset(
    {
        *(
            "sir",
            "lord",
            "mr",
            "mrs",
            "ms",
            "miss",
            "dr",
            "st",
            "saint",
            "herr",
            "frau",
            "don",
            "doña",
            "señor",
            "señora",
        ),
        *("father", "mother", "brother", "sister", "aunt", "uncle"),
    }
)
ARTICLES = {
    "en": ("The", "the"),
    "es": ("La", "la", "El", "el"),
    "it": ("La", "la", "Il", "il"),
    "fr": ("La", "la", "Le", "le"),
}


def _by_title(text: str, forms: tuple[str, ...], code: str) -> list[str]:
    """ "The captain", in a text about Captain Rourke, where nobody else has that title."""
    named = "|".join(map(re.escape, forms))
    own = {match.lower() for match in re.findall(rf"\b([^\W\d_]+) (?:{named})\b", text)}
    own |= {form.split()[0].lower() for form in forms if len(form.split()) > 1}
    found = []
    for title in own & (word_list("titles") - NO_OFFICE):
        bearers = set(re.findall(rf"\b{title} ([A-ZÀ-Þ]\w+)", text, re.IGNORECASE)) - {"The"}
        known = " ".join(forms).casefold()
        if all(bearer.casefold() in known for bearer in bearers if bearer[0].isupper()):
            found += [f"{article} {title}" for article in ARTICLES.get(code, ())]
    return found


def _real_names(forms: set[str], nouns: tuple[ProperNoun, ...]) -> set[str]:
    """ "la capitana se llama Remedios Aldana", in a text about "la capitana Lluvia": the same person."""
    named = r"(?:se llama|se llamaba|heißt|hieß|s'appelle|real name is|true name is|real name was)"
    if not any(re.search(named, line) for noun in nouns for line in noun.sentences):
        return set()
    titles = {
        word.lower()
        for noun in nouns
        for line in noun.sentences
        for form in forms
        if form in line
        for word in re.findall(rf"(\w+) {re.escape(form)}\b", line)
    } & word_list("titles")
    return {
        noun.name
        for noun in nouns
        for line in noun.sentences
        if noun.name in line
        and re.search(rf"{named} {re.escape(noun.name)}", line)
        and titles & set(line.lower().split())
    }


def _same_person(main: str, noun: ProperNoun) -> bool:
    own = main.casefold().split()
    return any(
        form.casefold().split() in ([own[0]], [own[-1]])
        or main.casefold() in form.casefold()
        or form.casefold() in main.casefold()
        for form in (noun.name, *noun.aliases)
    )


# --- lines ------------------------------------------------------------------------------------------------------


def _lines(parts: list[Block], spotter: Spotter, code: str, about_somebody: bool) -> list[Line]:
    """Every sentence of the text with its subject; notes on somebody are written out first."""
    found: list[Line] = []
    for block in parts:
        if block.kind == "heading" or _is_name_label(block) or _is_quote_section(block):
            continue
        dialogue = block.kind == "prose" and bool(re.match(r"\s*[—–]\s*\S", block.text))
        for sentence in _sentences_of(block, spotter.shown(block), code if about_somebody else ""):
            raw = tidied(sentence)
            if raw.endswith((":.", ":")) or not re.search(r"\w", raw):
                continue
            spoken = dialogue or _is_spoken(raw)
            thing = spotter.thing if spotter.paragraph == block.paragraph else ""
            about, follows = spotter.subject(raw, block)
            note = block.kind != "prose"
            found.append(Line(raw, len(found), block.paragraph, block.section, about, follows, spoken, thing, note))
    if not found:
        found = [Line(ended(tidied(block.text)), place, 0) for place, block in enumerate(parts) if len(parts) > 1]
    return found


def _is_spoken(sentence: str) -> bool:
    """Whether somebody speaks in the sentence. A word or two in quotation marks is no speech."""
    said = [next(filter(None, match.groups())) for match in QUOTED.finditer(sentence)]
    if said:
        return any(len(one.split()) > 2 or one[-1] in ",.!?…" or (not one.isascii() and len(one) > 6) for one in said)
    return bool(re.match(r"\s*[—–]\s", sentence)) or len(re.findall(r"[\"“”]", sentence)) % 2 == 1


def _is_name_label(block: Block) -> bool:
    return (block.kind == "label" and block.label.casefold().endswith("name")) or block.label in {
        "名前",
        "姓名",
        "名字",
        "이름",
        "Nombre",
        "Nom",
        "Имя",
    }


def _is_quote_section(block: Block) -> bool:
    return block.kind != "prose" and is_section(f"{block.section} {block.label}", "quotes")


def _sentences_of(block: Block, name: str, code: str) -> list[str]:
    if block.kind == "label":
        return [sentence_of_label(block.label, block.text, name, code)]
    if block.kind == "bullet" and is_section(f"{block.section} {block.label}", "world"):
        return [ended(upper_first(block.text))]
    if block.kind == "bullet":
        if len(split_sentences(block.text)) > 1:
            return [ended(upper_first(one)) for one in split_sentences(block.text)]
        if code == "en" and ":" not in block.text and ";" in block.text:
            return [sentence_of_note(one, name) for one in re.split(r";\s+", block.text) if one.strip()]
        return [sentence_of_note(block.text, name) if code == "en" else ended(upper_first(block.text))]
    found = split_sentences(block.text)
    # "Her crew of four includes:" leads up to a list that is read on its own.
    return [_with_subject(ended(one), name, code) for one in found if not one.endswith((":", "："))]


def _with_subject(sentence: str, name: str, code: str) -> str:
    """ "Talks to the dough." with the name that a note in sentences leaves out (English)."""
    first = sentence.split(maxsplit=1)[0].lower().strip(".,") if sentence.split() else ""
    told = first in third_persons() or first in {"has", "is", "was", "can't", "cannot", "never"}
    if code == "en" and told and len(sentence.split()) > 2 and not sentence.endswith("?"):
        return f"{name} {lower_first(sentence)}"
    if (
        code == "en"
        and first in {"afraid", "scared", "good", "bad", "fond", "allergic"}
        and sentence.split()[1] in PREPOSITION
    ):
        return f"{name} is {lower_first(sentence)}"
    return sentence


PREPOSITION = frozenset({"of", "at", "with", "to", "in"})


def _gender(lines: list[Line], parts: list[Block], main: str) -> str:
    """ "he", "she" or "they": by the pronouns of the sentences about the character."""
    own = " ".join(line.text for line in lines if line.about == main) or " ".join(line.text for line in lines)
    found = Counter(word.lower() for word in re.findall(r"[^\W\d_]+", own))
    score = {gender: sum(found[word] for word in forms.split()) for gender, forms in GENDERS.items()}
    labels = [block.text.casefold() for block in parts if block.label.casefold() in {"gender", "sex", "pronouns"}]
    for label in labels:
        if label.startswith(("female", "woman", "she")):
            return "she"
        if label.startswith(("male", "man", "he")):
            return "he"
    best = max(score, key=lambda gender: score[gender])
    return best if score[best] else "they"


def _genre(text: str) -> str:
    found = Counter(re.findall(r"[^\W\d_]+", text[:30_000].lower()))
    scores = {
        genre: sum(min(found[word], 3) for word in set(str(listed).split()))
        for genre, listed in cues()["genre"].items()
    }
    best = max(scores, key=lambda genre: scores[genre])
    return best if scores[best] else "plain"


def in_section(line: Line, kind: str) -> bool:
    """Whether the heading over the line is one of ``kind`` (cues.toml, [sections])."""
    return is_section(line.section, kind)
