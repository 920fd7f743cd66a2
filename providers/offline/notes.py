"""Notes into sentences: "wiry, grease under her nails" -> "Mara is wiry, with grease under her nails."."""

from __future__ import annotations

import re
from typing import Literal

from providers.offline.lists import words

Part = tuple[Literal["is", "has", "does"], str]

NOUN_PHRASE_ENDS = re.compile(
    r"\s(?:with|of|in|on|at|from|for|under|who|that|she|he|they|to|by|and|whose|named|called)\s"
)
ADJECTIVE = re.compile(
    r"(?:ed|ful|less|ous|ish|ive|able|ible|ical|ant|ent|y|looking|worn|born|tall|short|thin|old|young|blind|deaf|mute)$"
)
NUMBER = re.compile(r"^(?:about |around |in (?:his|her|their) )?\d{1,5}(?:\s?(?:years?|yrs?)(?: old)?|s|\s?cm|\s?m)?$")
MADE = frozenset({"built", "born", "made", "raised", "trained", "found", "sold", "taught", "adopted", "exiled"})
LABELS = {
    "age": "{name} is {value}.",
    "likes": "{name} likes {value}.",
    "dislikes": "{name} dislikes {value}.",
    "loves": "{name} loves {value}.",
    "hates": "{name} hates {value}.",
    "fears": "{name} fears {value}.",
    "fear": "{name} fears {value}.",
    "wants": "{name} wants {value}.",
    "goal": "{name} wants {value}.",
    "birthplace": "{name} was born in {value}.",
    "born": "{name} was born in {value}.",
    "home": "{name} lives in {value}.",
    "residence": "{name} lives in {value}.",
    "known for": "{name} is known for the {value}.",
    "nickname": "{name} is also called {value}.",
    "alias": "{name} is also called {value}.",
    "species": "{name} is {value}.",
    "hair": "{name} has {value} hair.",
    "eyes": "{name} has {value} eyes.",
}


def sentence_of_note(note: str, name: str) -> str:
    """The note (one line of English, without its bullet) as a sentence about ``name``."""
    note = note.strip().rstrip(";,")
    if _is_sentence(note) or _has_subject(note):
        return ended(upper_first(note))
    if ":" in note:
        return ended(upper_first(note))
    parts = _parts(note.rstrip("."))
    if _is_verb(note.split()[0]) or _opens_with_verb(note.split()):
        listed = parts and all(kind == "does" for kind, _ in parts)
        return ended(f"{name} {_joined(parts) if listed else lower_first(note)}")
    if not parts:
        return ended(upper_first(note))
    return ended(f"{name} {_joined(parts)}")


def sentence_of_label(label: str, value: str, name: str, code: str) -> str:
    """A labelled line as a sentence where the label is a known one (English), else tidied: "Height: 170 cm."."""
    value = value.strip().rstrip(".")
    key = label.casefold()
    if code != "en" or _is_sentence(value):
        return ended(value) if _is_sentence(value) else ended(f"{upper_first(label)}: {value}")
    if key in {"occupation", "job", "profession", "role", "species", "race", "class"}:
        pieces = [piece.strip() for piece in value.split(",")]
        if len(pieces) == 2 and all(0 < len(piece.split()) < 3 for piece in pieces):
            value = and_list(pieces)
        return ended(f"{name} is {with_article(lower_first(value))}")
    if key in {"personality", "traits", "appearance", "looks", "description"}:
        return sentence_of_note(lower_first(value), name)
    if key in {"voice", "speech"}:
        return _sentence_of_voice(value, name)
    template = LABELS.get(key) or _template_of(key, value, name)
    if not template or (key == "age" and not value.replace("years old", "").strip().isdigit()):
        return ended(f"{upper_first(label)}: {value}")
    if key in {"likes", "dislikes", "loves", "hates", "fears", "fear", "wants", "goal"}:
        value = re.sub(r"\s*;\s*", ", and ", value)
    if " and " not in value and ";" not in value and key not in {"wants", "birthplace", "born", "home", "residence"}:
        value = and_list([piece.strip() for piece in value.split(",")])
    if key in {"hair", "eyes"} and value.lower().endswith(key):
        value = value[: -len(key)].strip()
    return template.format(name=name, value=_small(value) + (" years old" if key == "age" and value.isdigit() else ""))


def _small(value: str) -> str:
    """The value with a small first letter, unless it opens with a name: a second capital, or a word of its own."""
    found = value.split()
    named = len(found) > 1 and (found[1][:1].isupper() or found[1][0] == "(")
    alone = len(found) == 1 and found[0][:1].isupper() and not _is_adjective(found[0])
    return value if named or alone else lower_first(value)


CLAUSE = re.compile(r"(?:he|she|they|it|i|nobody|everybody|who|that|will|would|can|cannot|if|when)\b", re.IGNORECASE)


def _template_of(key: str, value: str, name: str) -> str:
    """ "Height: 170 cm" reads "Her height is 170 cm": for labels of a word or two with a short value."""
    if len(key.split()) > 2 or len(value.split()) > 12 or ";" in value or ":" in value or not key.isascii():
        return ""
    if CLAUSE.match(value):
        return ""
    own = key.rsplit(maxsplit=1)[-1] in name.lower()
    untold = own or _is_verb(key.split(maxsplit=1)[0]) or key in words("notes", "no_trait")
    if untold or not re.fullmatch(r"[a-z]+(?: [a-z]+)?", key):
        return ""
    plural = key.endswith("s") and not key.endswith("ss")
    return f"{{name}}'s {key} {'are' if plural else 'is'} {{value}}."


def _sentence_of_voice(value: str, name: str) -> str:
    """ "low, unhurried; asks the second question first" as two sentences."""
    first, _, rest = (piece.strip() for piece in value.partition(";"))
    if len(first.split()) > 6 or not all(re.fullmatch(r"[\w-]+", piece.strip()) for piece in first.split(",")):
        return ended(f"Voice: {value}")
    told = f"{name}'s voice is {lower_first(and_list([piece.strip() for piece in first.split(',')]))}."
    return f"{told} {sentence_of_note(rest, name)}" if rest else told


def _is_sentence(note: str) -> bool:
    """Whether the note stands on its own: a capital, several words, and a stop or a finite verb early on."""
    tokens = note.split()
    if len(tokens) < 3 or not note[0].isupper():
        return False
    return note[-1] in ".!?…" or any(_is_verb(token) for token in tokens[1:4])


def _has_subject(note: str) -> bool:
    """ "page shows a signature", "nobody told her yet": a clause with a subject of its own, in small letters."""
    tokens = note.split()
    if tokens[0].lower() in {"nobody", "someone", "somebody", "everyone", "everybody", "nothing", "people"}:
        return len(tokens) > 2
    plain = not _is_verb(tokens[0]) and not _opens_with_verb(tokens) and not _is_adjective(tokens[0])
    return (
        plain
        and len(tokens) > 2
        and tokens[1].lower() in third_persons()
        and tokens[0].lower() not in words("notes", "determiners")
    )


def _opens_with_verb(tokens: list[str]) -> bool:
    """A word in -s that is no known verb but stands like one: "peels oranges", "parks facing out"."""
    word = tokens[0].lower()
    if not re.fullmatch(r"[a-z]{3,}[^s']s", word) or word in words("notes", "plurals") or len(tokens) < 2:
        return False
    after = tokens[1].lower().strip(",")
    return after in words("notes", "after_verbs") or after.endswith(("ing", "s")) or after.endswith("ly")


def _is_verb(token: str) -> bool:
    token = token.lower().strip(",")
    return token in words("verbs", "irregular") or token in third_persons()


def third_persons() -> dict[str, str]:
    """Third person singular -> base form, of the verbs in cues.toml."""
    return {third_person(base): base for base in words("verbs")}


def third_person(base: str) -> str:
    """ "carry" -> "carries"."""
    if base in {"go", "do"} or base.endswith(("s", "sh", "ch", "x", "z")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def _parts(note: str) -> list[Part]:
    """The note's pieces between commas, each with the verb that it lacks; [] where that is not clear."""
    pieces = [piece.strip() for piece in re.split(r",\s+(?:and\s+)?", note) if piece.strip()]
    found: list[Part] = []
    for piece in pieces:
        part = _part(piece)
        if part is None:
            return []
        found.append(part)
    return found


def _part(piece: str) -> Part | None:
    """The piece with the verb it lacks; None where none fits."""
    first, *rest = piece.split()
    word = first.lower()
    head = NOUN_PHRASE_ENDS.split(f"{piece} ")[0].split()
    if _is_verb(word) or _opens_with_verb(piece.split()):
        return "does", lower_first(piece)
    if word in MADE:
        return "does", f"was {lower_first(piece)}"
    if {head[-1].lower().removesuffix("s"), head[-1].lower()} & (words("roles") | words("notes", "people")):
        return "is", with_article(piece)
    described = (
        _is_adjective(word)
        and not (word.endswith("ly") and word not in words("traits"))
        and (not rest or NOUN_PHRASE_ENDS.match(f" {rest[0]} ") or _is_adjective(rest[-1]))
    )
    placed = bool(rest) and word in {"in", "at", "from", "on", "under", "always", "without"}
    if NUMBER.match(piece.lower()) or described or placed:
        return "is", lower_first(piece)
    adverb = word.endswith("ly") and not rest
    if len(head) > 5 or adverb or word in {"if", "when", "because", "but", "so", "after", "before"}:
        return None
    return "has", _countable(piece, head)


def _is_adjective(word: str) -> bool:
    word = word.lower().strip(",.")
    return (
        word in words("notes", "adjectives")
        or word in words("traits")
        or (len(word) > 4 and bool(ADJECTIVE.search(word)))
    )


def _countable(piece: str, head: list[str]) -> str:
    if head[0].lower() in {"a", "an", "the", "his", "her", "their", "no", "two", "three", "many", "several", "one"}:
        return lower_first(piece)
    last = head[-1].lower()
    bare = last.endswith("s") or last in words("notes", "mass") or head[0][0].isupper()
    return piece if bare else with_article(lower_first(piece))


def _joined(parts: list[Part]) -> str:
    """ "is short and wiry, with grease under her nails, and ...", grouped by the verb."""
    being = [text for kind, text in parts if kind == "is"]
    having = [text for kind, text in parts if kind == "has"]
    doing = [text for kind, text in parts if kind == "does"]
    clauses: list[str] = []
    if being:
        clauses.append(f"is {and_list(being)}" + (f", with {and_list(having)}" if having else ""))
    elif having:
        clauses.append(f"has {and_list(having)}")
    if doing:
        clauses.append(and_list(doing))
    return ", and ".join(clauses)


def and_list(items: list[str]) -> str:
    """ "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def with_article(phrase: str) -> str:
    """The phrase with "a" or "an" in front, unless it opens with a determiner or is a plural or a mass."""
    first = phrase.split(maxsplit=1)[0].lower() if phrase.split() else ""
    if first in {"a", "an", "the", "one", "his", "her", "their", "its", "some"} or first[:1].isdigit():
        return phrase
    vowel = first[:1] in "aeiou" and not first.startswith(("uni", "eu", "one", "use"))
    return f"{'an' if vowel or first.startswith(('hour', 'honest', 'heir')) else 'a'} {phrase}"


def ended(sentence: str) -> str:
    """The sentence with a stop at its end."""
    sentence = sentence.strip().rstrip(",;:–—-").strip()
    if (
        not sentence
        or sentence[-1] in ".!?…。！？*"
        or sentence[-2:] in {'."', '!"', '?"', ".”", "!”", "?”", "。」", "！」", "？」"}
    ):
        return sentence
    cjk = any("\u3040" <= char <= "\u9fff" for char in sentence)
    return sentence + ("。" if cjk else ".")


def upper_first(text: str) -> str:
    """The text with its first letter large; a leading macro stays as it is."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """The text with its first letter small, unless it opens with a name or an abbreviation in capitals."""
    first = text.split(maxsplit=1)[0] if text.split() else ""
    return text if len(first) > 1 and first.isupper() else text[:1].lower() + text[1:]
