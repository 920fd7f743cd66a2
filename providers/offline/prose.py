"""Sentences of the source made into running prose: pronouns resolved, names turned to macros, facts to first person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from providers.offline.lists import cues, words
from providers.offline.notes import ended, lower_first, third_persons, upper_first
from providers.offline.reading import FIRST, Line, Source

POSSESSIVE = {
    "en": {"his", "her", "their", "its"},
    "de": {"sein", "seine", "seinen", "seinem", "seiner", "ihr", "ihre", "ihren", "ihrem", "ihrer"},
}
SUBJECT = {
    "en": {"he", "she", "they", "it"},
    "de": {"er", "sie", "es"},
    "fr": {"il", "elle"},
    "es": {"él", "ella"},
    "it": {"lui", "lei"},
    "pt": {"ele", "ela"},
    "ru": {"он", "она"},
}
OBJECT_HER = re.compile(
    r"^(?:\s*[,.;:!?]|\s*$|\s+(?:and|or|but|to|in|on|at|from|with|for|by|when|if|as|because|of|about|that|than|up|down|out|away|alone|again|then|there|not|into|is|was)\b)"
)


def compose(lines: Sequence[Line], source: Source) -> str:
    """The lines as prose, in source order, one paragraph for each section of the source that they come from."""
    paragraphs: list[list[str]] = []
    before: Line | None = None
    names_in_a_row = 0
    for line in sorted(lines, key=lambda one: one.place):
        fresh = (
            before is None or line.section != before.section or (line.paragraph > before.paragraph and not line.note)
        )
        text = standing_alone(line, source, before=None if fresh else before)
        names_in_a_row = names_in_a_row + 1 if _opens_with_name(text, source) else 0
        if names_in_a_row > 1 and source.code == "en" and line.note and source.gender != "they":
            text = _with_pronoun(text, source)
            names_in_a_row = 0
        if fresh and (before is None or line.paragraph != before.paragraph) and not (before and _short(paragraphs[-1])):
            paragraphs.append([])
        paragraphs[-1].append(text)
        before = line
    joint = "" if source.code in {"ja", "zh"} else " "
    return "\n\n".join(joint.join(sentences) for sentences in paragraphs)


def _short(paragraph: list[str]) -> bool:
    return sum(len(sentence) for sentence in paragraph) < 120


def _opens_with_name(text: str, source: Source) -> bool:
    return text.startswith(source.forms)


def _with_pronoun(text: str, source: Source) -> str:
    for form in source.forms:
        if text.startswith((f"{form}'s ", f"{form}’s ")):
            return upper_first({"he": "his", "she": "her"}[source.gender]) + text[len(form) + 2 :]
        if text.startswith(f"{form} "):
            return upper_first(source.gender) + text[len(form) :]
    return text


def standing_alone(line: Line, source: Source, before: Line | None = None) -> str:
    """The line with its leading pronoun turned to the name it stands for, unless ``before`` already says whom."""
    text = ended(upper_first(line.text.strip()))
    if source.is_own_voice and FIRST.search(text):
        return text
    if before is None or before.place != line.place - 1:
        text = _with_thing(text, line, source)
        person = source.is_main(line.about) or any(
            noun.name == line.about and noun.kind == "person" for noun in source.nouns
        )
        if person and not line.follows and (before is None or before.about != line.about):
            text = _with_inner_name(text, line.about, source)
    if not line.follows or not line.about or (before is not None and before.about == line.about):
        return text
    return with_subject(text, line.about, source)


def _with_thing(text: str, line: Line, source: Source) -> str:
    """ "Galahad has met it twice" -> "... met the Thornhart twice", where the sentence before spoke of that."""
    if source.code != "en" or not line.thing or line.spoken or line.follows:
        return text
    head = re.match(r"(?:\S+\s){1,5}?it\b(?![’'])", text)
    if not head or any(noun.kind != "person" and noun.name in text for noun in source.nouns):
        return text
    return head.group()[:-2] + with_determiner(line.thing, source) + text[head.end() :]


def _with_inner_name(text: str, about: str, source: Source) -> str:
    """The name for the first pronoun of a sentence that has its subject further in: "In truth he is afraid"."""
    noun = next((one for one in source.nouns if about in (one.name, *one.aliases)), None)
    forms = (about, *source.forms) if source.is_main(about) else (about, *(noun.aliases if noun else ()))
    if source.code != "en" or any(form in text for form in forms) or about.rsplit(maxsplit=1)[-1] in text:
        return text
    if any(one.name in text for one in source.nouns if one.kind in {"person", "unknown"} and one is not noun):
        return text  # the pronoun may be theirs
    called = short_name(about, source)
    found = re.search(r"\b(he|she|his|her)\b", text)
    if not found or (found.group() == "her" and OBJECT_HER.match(text[found.end() :])):
        return text
    name = called if found.group() in {"he", "she"} else _genitive(called, "en")
    return text[: found.start()] + name + text[found.end() :]


def with_subject(text: str, name: str, source: Source) -> str:
    """The sentence with its leading pronoun replaced by ``name`` (as the text usually calls them)."""
    called = short_name(name, source)
    first, _, rest = text.partition(" ")
    word = first.lower().rstrip(",")
    if (match := re.match(r"(He|She|It|They)['’](s|d|ll|re|ve)$", first)) and match.group(2) in {"s", "d", "ll"}:
        return f"{called}'{match.group(2)} {rest}"
    if word in str(cues().get(source.code, {}).get("opening_verbs", "")).split():
        return f"{called} {lower_first(text)}"
    if word in SUBJECT.get(source.code, set()):
        return upper_first(f"{called} {_agreeing(word, rest)}")
    if word in POSSESSIVE.get(source.code, set()):
        return upper_first(f"{_genitive(called, source.code)} {rest}")
    return text


def _agreeing(pronoun: str, rest: str) -> str:
    """ "They are" becomes "Kim is": only where the singular is certain."""
    if pronoun != "they":
        return rest
    verb, _, tail = rest.partition(" ")
    singular = {"are": "is", "were": "was", "have": "has", "do": "does", "don't": "doesn't", "aren't": "isn't"}
    bases = {base: third for third, base in third_persons().items()}
    return f"{singular.get(verb, bases.get(verb, verb))} {tail}".strip()


def _genitive(name: str, code: str) -> str:
    if code == "de":
        return name + ("’" if name[-1] in "sxzß" else "s")
    return f"{name}'s"


def short_name(name: str, source: Source) -> str:
    """The name as the text mostly writes it: "the Order" keeps its article, the character goes by the usual form."""
    if source.is_main(name):
        return source.usual_name
    return with_determiner(name, source)


def with_determiner(name: str, source: Source) -> str:
    """ "the Lake of Glass", where the text says so; in English only: elsewhere the article changes with the case."""
    if source.code != "en":
        return name
    if name not in source.called:
        article = source.text.count(f"the {name}") + source.text.count(f"The {name}")
        source.called[name] = f"the {name}" if article * 2 > source.text.count(name) else name
    return source.called[name]


def with_macro(text: str, source: Source) -> str:
    """The text with {{char}} for every form of the character's name that is no part of a longer name."""
    return _own_names(source.forms, _names_around(source), source.code).sub(
        lambda match: match.group() if match["other"] else "{{char}}", text
    )


def _names_around(source: Source) -> tuple[str, ...]:
    """Names of others that hold one of the character's: "Ilse Voss" beside "Mara Voss"."""
    own = {word for form in source.forms for word in form.split()}
    others = {form for noun in source.nouns if not source.is_main(noun.name) for form in (noun.name, *noun.aliases)}
    return tuple(
        sorted(name for name in others - set(source.forms) if own & set(name.split()) and len(name.split()) > 1)
    )


@lru_cache(maxsize=64)
def _own_names(forms: tuple[str, ...], others: tuple[str, ...], code: str) -> re.Pattern[str]:
    """What finds the names: ``other`` those of others, which stay; whatever else it finds is the character."""
    cjk = code in {"ja", "zh", "ko"}
    joined = r"(?!\s(?:of|von|de|des|du)\s[A-ZÀ-Þ])(?![’'-]?\w)(?![’']s\s[A-Z])" if not cjk else ""
    left = "" if cjk else r"(?<![\w-])(?<!{)"
    parts = []
    for form in (one for one in forms if len(one) > 1):
        genitive = r"(?=[’']s\b(?!\s[A-Z]))|(?=s\b)" if code == "de" else r"(?=[’']s\b)"
        parts.append(rf"{left}{re.escape(form)}(?:{joined}|{genitive})")
    kept = "|".join(map(re.escape, others))
    return re.compile(
        rf"(?P<other>{left}(?:{kept})(?!\w))|{'|'.join(parts) or '(?!)'}"
        if kept
        else rf"(?P<other>(?!))|{'|'.join(parts) or '(?!)'}"
    )


# --- first person -----------------------------------------------------------------------------------------------


def in_first_person(line: Line, source: Source) -> str:
    """What the character would say of the fact in ``line``; "" where the grammar is not certain (English only)."""
    if source.code != "en" or not source.is_main(line.about) or line.spoken or len(line.text.split()) > 30:
        return ""
    if re.match(r"(?:\S+\s){1,4}(?:it|them|this|that)\b", line.text):
        return ""
    # What a story tells in the past happens now, and the pluperfect is nobody's way of speaking.
    if re.search(r"\bhad (?:\w+ )?\w+(?:ed|en|n)\b|\bnow\b", line.text) or (source.is_narrative and not line.note):
        return ""
    text = re.sub(r"^(?:He|She|They)\b", short_name(source.name, source), line.text) if line.follows else line.text
    form = next((form for form in source.forms if text.startswith(form + " ")), "")
    if not form or _speaks_of_others(text, source) or "{{" in text:
        return ""
    return _converted(text[len(form) + 1 :].strip(), source)


def _speaks_of_others(text: str, source: Source) -> bool:
    """Somebody else in the sentence makes "his" and "her" uncertain."""
    wrong = {"he": r"she|her|they|them|their", "she": r"he|him|his|they|them|their", "they": r"he|him|his|she|her"}
    if re.search(rf"\b(?:{wrong[source.gender]})\b", text, re.IGNORECASE):
        return True
    rest = text
    for form in source.forms:
        rest = rest.replace(form, "")
    people = [noun for noun in source.nouns if noun.kind == "person" and not source.is_main(noun.name)]
    named = any(form in rest for noun in people for form in (noun.name, *noun.aliases))
    return named and bool(re.search(r"\b(?:he|she|him|his|her)\b", rest, re.IGNORECASE))


def _converted(predicate: str, source: Source) -> str:
    verb, _, rest = predicate.partition(" ")
    adverb = ""
    if (
        verb.lower()
        in words("en", "habit") | {"still", "once", "secretly", "often", "really", "also", "rarely", "cannot"}
        and not verb.endswith("s")
    ) or verb in {"always", "sometimes"}:
        adverb, verb, rest = verb + " ", *(rest.partition(" ")[::2])
    first = _first_person_verb(verb)
    if not first:
        return ""
    said = f"I {adverb}{first} {_others(rest, source.gender)}".replace("I am not ", "I'm not ")
    return ended(said)


def _first_person_verb(verb: str) -> str:
    """ "is" -> "am", "carries" -> "carry"; past tenses stay; "" for what may be no verb."""
    known = {
        "is": "am",
        "has": "have",
        "was": "was",
        "does": "do",
        "doesn't": "don't",
        "isn't": "am not",
        "hasn't": "haven't",
        "wasn't": "wasn't",
    }
    if verb in known:
        return known[verb]
    if verb in third_persons():
        return third_persons()[verb]
    if verb in words("verbs", "irregular") or (verb.endswith("ed") and len(verb) > 4):
        return verb
    return ""


def _others(rest: str, gender: str) -> str:
    """The rest of the sentence with the character's pronouns, and the verbs after them, in the first person."""
    subject, possessive = {"he": ("he", "his"), "she": ("she", "her"), "they": ("they", "their")}[gender]
    objects = {"he": "him", "she": "her", "they": "them"}[gender]

    def verb_after(match: re.Match[str]) -> str:
        verb = match.group(3)
        return match.group(1) + "I " + (match.group(2) or "") + (_first_person_verb(verb) or _base(verb))

    rest = re.sub(rf"\b()(?:{subject})\s((?:always|never|often|still|really|also)\s)?([\w']+)", verb_after, rest)
    rest = re.sub(r"(, )((?:never |always )?)([a-z]+s)\b(?= )", _conjoined, rest)
    rest = re.sub(r"(,? (?:and|but|or|then) )((?:never |always |secretly |still )?)([a-z]+s)\b(?= )", _conjoined, rest)
    rest = re.sub(rf"\b{objects}self\b", "myself", rest)
    if gender == "she":
        rest = re.sub(r"\bher\b(.*?)(?=\bher\b|$)", _her, rest)
    else:
        rest = re.sub(rf"\b{possessive}\b", "my", re.sub(rf"\b{objects}\b", "me", rest))
    return rest


def _base(verb: str) -> str:
    """ "lights" -> "light", "watches" -> "watch"; what is no third person stays."""
    if not re.fullmatch(r"[a-z]{3,}[^s]s", verb) or verb in {"always", "perhaps", "was", "is", "has", "does"}:
        return verb
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-2] if verb.endswith(("shes", "ches", "xes", "zes", "sses", "oes")) else verb[:-1]


def _conjoined(match: re.Match[str]) -> str:
    base = third_persons().get(match.group(3)) or {"is": "am", "has": "have"}.get(match.group(3))
    return match.group(1) + match.group(2) + (base or match.group(3))


def _her(match: re.Match[str]) -> str:
    return ("me" if OBJECT_HER.match(match.group(1)) else "my") + match.group(1)


def pronoun(source: Source, kind: str) -> str:
    """ "his"/"her"/"their" for ``possessive``, in English."""
    table = {"he": "his", "she": "her", "they": "their"}
    return table[source.gender] if kind == "possessive" else source.gender
