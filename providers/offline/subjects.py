"""Whom each sentence is about: names, the pronouns that stand for them, and nobody where that is not certain."""

from __future__ import annotations

import re
from collections import Counter

from cards.text import Block, ProperNoun
from providers.offline.lists import cues, words

PRONOUN_GENDER = {
    **dict.fromkeys(
        [
            "he",
            "him",
            "his",
            "himself",
            "er",
            "ihm",
            "ihn",
            "sein",
            "seine",
            "seinen",
            "seinem",
            "il",
            "lui",
            "él",
            "lui",
            "ele",
            "он",
            "его",
            "ему",
        ],
        "he",
    ),
    **dict.fromkeys(["she", "her", "hers", "herself", "elle", "ella", "lei", "ela", "она", "её", "ей"], "she"),
}
TITLE_GENDER = {
    **dict.fromkeys(
        [
            "sir",
            "lord",
            "king",
            "prince",
            "duke",
            "count",
            "baron",
            "mr",
            "father",
            "brother",
            "uncle",
            "herr",
            "don",
            "señor",
            "monsieur",
        ],
        "he",
    ),
    **dict.fromkeys(
        [
            "lady",
            "dame",
            "queen",
            "princess",
            "duchess",
            "countess",
            "contessa",
            "baroness",
            "miss",
            "mrs",
            "ms",
            "madam",
            "madame",
            "mother",
            "sister",
            "aunt",
            "frau",
            "doña",
            "señora",
        ],
        "she",
    ),
}


class Spotter:
    """Follows whom the text is about from sentence to sentence."""

    def __init__(self, nouns: tuple[ProperNoun, ...], forms: tuple[str, ...], main: str, code: str) -> None:
        self.main = main
        # Somebody named far more often than anybody else is whom a paragraph's first "he" means.
        self.own = max((noun.count for noun in nouns if noun.name in forms or main in noun.aliases), default=0)
        self.counts = {noun.name: noun.count for noun in nouns}
        self.told: Counter[str] = Counter()  # sentences about each so far
        self.names = dict.fromkeys(forms, main)
        self.kinds = {main: "person"}
        for noun in nouns:
            if noun.name in self.names or any(alias in self.names for alias in noun.aliases):
                continue
            self.kinds[noun.name] = noun.kind
            self.names.update(dict.fromkeys((noun.name, *noun.aliases), noun.name))
        ordered = sorted(self.names, key=len, reverse=True)
        edge = "" if code in {"ja", "zh", "ko"} else r"(?!\w)"
        start = "" if code in {"ja", "zh", "ko"} else r"(?<!\w)"
        self.pattern = re.compile(start + "(" + "|".join(map(re.escape, ordered)) + ")" + edge)
        self.prepositions = words("prepositions")
        table = cues().get(code, {})
        self.persons = set(str(table.get("pronouns", "")).split()) | set(str(table.get("possessives", "")).split())
        self.things = set(str(table.get("things", "")).split())
        self.code = code
        self.genders: dict[str, str] = {}
        self.subject_now, self.person, self.thing, self.paragraph = "", "", "", -1
        self.here: list[str] = []  # persons named in this paragraph, in order
        self.before: list[str] = []  # persons named in the paragraph before
        self.verbs = set(str(table.get("opening_verbs", "")).split())

    def learn_genders(self, sentences: list[str]) -> None:
        """Count the pronouns that follow each name where nobody else is named."""
        votes: dict[str, Counter[str]] = {}
        last = ""
        for sentence in sentences:
            people = list(
                dict.fromkeys(name for name in self._named(sentence) if self.kinds.get(name) in {"person", "unknown"})
            )
            opening = re.match(r"\W*(\w+)", sentence)
            if last and opening and (gender := PRONOUN_GENDER.get(opening.group(1).lower())):
                votes.setdefault(last, Counter())[gender] += 1
            if len(people) == 1:
                tail = sentence[
                    sentence.find(
                        next(form for form in self.names if self.names[form] == people[0] and form in sentence)
                    ) :
                ]
                for word in re.findall(r"\w+", tail.lower()):
                    if word in PRONOUN_GENDER:
                        votes.setdefault(people[0], Counter())[PRONOUN_GENDER[word]] += 1
            last = people[0] if len(people) == 1 else last if not people and not opening else ""
        for name, form in ((self.names[form], form) for form in self.names):
            title = form.split()[0].lower().rstrip(".")
            if title in TITLE_GENDER:
                votes.setdefault(name, Counter())[TITLE_GENDER[title]] += 5
        self.genders = {
            name: max(count, key=lambda one: count[one]) for name, count in votes.items() if _decided(count)
        }

    def _likeliest(self, fitting: list[str]) -> str:
        """The character, where nobody else who fits is named nearly as often; else "": nobody beats the wrong one."""
        rivals = [name for name in fitting if name != self.main]
        return self.main if self.main in fitting and not any(self._rivals(name) for name in rivals) else ""

    def _rivals(self, name: str) -> bool:
        """Whether somebody is spoken of nearly as much as the character."""
        return 3 * (self.counts.get(name, 0) + self.told[name]) > 2 * (self.own + self.told[self.main])

    def _named(self, sentence: str) -> list[str]:
        return [self.names[match.group()] for match in self.pattern.finditer(sentence)]

    def note_name(self, block: Block) -> str:
        """Whom a note is about: whoever the section is named for, else the character."""
        return self.names.get(block.label) or self.names.get(block.section, self.main)

    def shown(self, block: Block) -> str:
        """How a sentence made of a note names them."""
        about = self.note_name(block)
        return shown_name(about) if about == self.main else about

    def subject(self, sentence: str, block: Block) -> tuple[str, bool]:
        """The subject of ``sentence`` and whether it is only a pronoun; remembered for the next one."""
        if block.paragraph != self.paragraph:
            self.before, self.here, self.paragraph = self.here, [], block.paragraph
            self.subject_now = ""
        about, follows = self._subject(sentence, block)
        self.told[about] += 1
        named = [name for name in self._named(sentence) if self.kinds.get(name) in {"person", "unknown"}]
        self.here += ([about] if about and follows else []) + named
        self.subject_now = about or ("" if named else self.subject_now)
        if about and self._is_person(about):
            self.person = about
        elif about:
            self.thing = about
        return about, follows

    def _is_person(self, name: str) -> bool:
        return self.kinds.get(name) in {"person", "unknown"}

    def _antecedent(self, pronoun: str) -> str:
        """Whom a pronoun that opens a sentence stands for; "" where two people fit or none does."""
        gender = PRONOUN_GENDER.get(pronoun, "")

        def fits(name: str) -> bool:
            known = self.genders.get(name, "")
            if pronoun in {"they", "their"} and known:
                return False
            return self._is_person(name) and (not gender or not known or known == gender)

        if self.subject_now and fits(self.subject_now):
            return self.subject_now
        for named in (self.here, self.before):
            fitting = list(dict.fromkeys(name for name in named if fits(name)))
            fitting = [name for name in fitting if self.genders.get(name) == gender] or fitting
            if fitting:
                return fitting[0] if len(fitting) == 1 else self._likeliest(fitting)
        return self.main if fits(self.main) and self.person in {"", self.main} else ""

    def _subject(self, sentence: str, block: Block) -> tuple[str, bool]:
        opening = re.match(r"\W*([\w’']+)", sentence)
        first = opening.group(1).lower() if opening else ""
        if first in self.persons:
            return (self.note_name(block) if block.kind != "prose" else self._antecedent(first)), True
        if first in self.verbs:
            # Spanish and its sisters leave the pronoun out.
            nobody_else = self.person in {"", self.main} or not any(map(self._rivals, self._others()))
            return self._antecedent("") or (self.main if nobody_else else ""), True
        if first in {"it", "es"} and _is_expletive(sentence):
            return "", False
        if first in self.things:
            thing = self.subject_now if first in {"it", "its"} and not self._is_person(self.subject_now) else ""
            return thing, True
        return self._named_subject(sentence, block)

    def _named_subject(self, sentence: str, block: Block) -> tuple[str, bool]:
        if block.kind != "prose":
            match = self.pattern.match(sentence) if not block.label else None
            return (self.names[match.group()] if match else self.note_name(block)), False
        for match in self.pattern.finditer(sentence[:90]):
            before = sentence[: match.start()].split()
            if not before or (
                before[-1].lower().strip('"“„«,') not in self.prepositions
                and not (
                    len(before) > 1
                    and before[-1].lower() in {"the", "la", "el", "der", "dem", "den", "le"}
                    and before[-2].lower() in self.prepositions
                )
            ):
                return (self.names[match.group()], False) if len(before) < 9 else ("", False)
        if self.code in {"ja", "zh", "ko"} and not re.match(r".{1,9}?は", sentence):
            return self.main, False
        # "In truth he is afraid": a pronoun further in, where only the character can be meant.
        inner = next((word for word in re.findall(r"\w+", sentence.lower()) if word in PRONOUN_GENDER), "")
        others = [name for name in self._named(sentence) if name != self.main and self._is_person(name)]
        if inner and self.code == "en" and not others and self._antecedent(inner) == self.main:
            return self.main, False
        return "", False

    def means_main(self, pronoun: str) -> bool:
        """Whether "he said" can be nobody but the character: nobody else of that gender is named as often."""
        gender = PRONOUN_GENDER.get(pronoun, "")
        if self.genders.get(self.main) != gender:
            return False
        return not any(self._rivals(name) and self.genders.get(name, gender) == gender for name in self._others())

    def _others(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind == "person" and name != self.main]


def _decided(votes: Counter[str]) -> bool:
    return votes["he"] != votes["she"]


TIMES = (
    r"(?:week|day|night|year|month|morning|evening|winter|autumn|spring|summer|rain\w*|late|early|said|hour|o'clock"
    r"|Woche|Nacht|Tag|Abend|Herbst|Winter|spät)"
)
EXPLETIVE = re.compile(rf"(?:It|Es) (?:is|was|ist|war|has been|rains|snows|regnet)\b.*\b{TIMES}\b")


def _is_expletive(sentence: str) -> bool:
    """ "It is the last week of autumn": an "it" that stands for nothing."""
    return bool(EXPLETIVE.match(sentence))


def shown_name(name: str) -> str:
    """The name without a nickname in quotation marks, as it can stand in a sentence."""
    return re.sub(r"\s*[\"“(][^\"”)]*[\"”)]\s*", " ", name).strip() or name
