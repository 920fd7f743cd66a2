"""The rule that {{user}} belongs to the player (G04): no greeting tells what {{user}} says, feels or decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

from cards.rules import Fault, Subject, greetings
from cards.rules.speech import MASK, narration, spoken
from cards.rules.view import tenses
from cards.rules.wording import LONGEST, any_word, listed, lists

_SPEAKER = re.compile(r"^[ \t*_]*(?:\{\{user\}\}|<user>)[ \t*_]*[:：]", re.IGNORECASE | re.MULTILINE)
_USER = r"\{\{user\}\}|<user>"
_CLAUSE_STARTS = tuple(f'.!?…;:,—–-*_([{MASK}"“”«»。，！？；、')
_LAST_WORD = re.compile(r"[\w'’]+\Z")
_NEXT_WORDS = re.compile(r"[ \t]+([\w'’{}]+)((?:[ \t]+[\w'’-]+){0,5})")
_SENTENCE_END = re.compile(r"[.!?…。！？\n]")
_PERCEIVES = (
    "see sees saw watch watches watched hear hears heard feel feels felt notice notices find finds let lets make makes"
)
_STOPS = "he she they it i we who that which as while when if to before her him them until into"
_ENOUGH = 50  # claims of one greeting that are looked at
_REACH = 300  # characters to either side that a sentence is looked for in


@dataclass(frozen=True)
class _Claims:
    """What makes a claim about {{user}} in one language: the subject, then what follows it directly."""

    subject: re.Pattern[str]
    you_acts: re.Pattern[str]
    user_acts: re.Pattern[str]
    bare: re.Pattern[str] | None


def agency(subject: Subject) -> Iterator[Fault]:
    """G04: perception, arrival, conditions, questions and what the source says of {{user}} are allowed."""
    source = " ".join(subject.source.split()).casefold()
    for field, text in greetings(subject):
        message = text[:LONGEST]
        for match in _SPEAKER.finditer(message):
            yield _fault(field, message, match.span())
        language = subject.language_of(message)
        chatting = _is_chat(message, language)
        for start, end in islice(_claims(narration(message), language), _ENOUGH):
            if chatting and message[start] not in "{<":
                continue
            if not _is_given(message[start:end], message[end : end + 60], source):
                yield _fault(field, message, (start, end))


def _is_chat(message: str, language: str) -> bool:
    """Whether it is all said, without any marks: then "you" is spoken to, not told about."""
    first = any_word(language, "first")
    return bool(first and first.search(message)) and not spoken(message)


def _fault(field: str, text: str, span: tuple[int, int]) -> Fault:
    words = " ".join(text[slice(*span)].split())
    fix = "leave to {{user}} what {{user}} says, feels, decides and agrees to; tell what {{char}} does and perceives"
    return Fault(field, f"decides for {{{{user}}}}: {words!r:.60}", fix, span=span)


def _claims(told: str, language: str) -> Iterator[tuple[int, int]]:
    """Where the narration claims something of {{user}}, from subject to verb."""
    past, present = tenses(told, language)
    claims = _patterns(language, past > present)
    if claims is None:
        return
    for match in claims.subject.finditer(told):
        named = match.group()[0] in "{<"
        found = (claims.user_acts if named else claims.you_acts).match(told, match.end())
        if found and _asserts(told, match.start(), found.end(), language) and not _perceives(told, found, language):
            yield match.start(), found.end()
    for match in claims.bare.finditer(told) if claims.bare else ():
        start, end = match.span("verb")
        if _asserts(told, start, end, language) and not _perceives(told, match, language):
            yield start, end


@cache
def _patterns(language: str, in_past: bool) -> _Claims | None:
    known = lists(language)
    if "acts" not in known:
        return None
    gap = r"\s*" if language in ("zh", "ja") else r"\s+"
    edge = "" if language in ("zh", "ja") else r"\b"
    softeners = [re.escape(phrase) for phrase in known.get("softeners", ())] + [r"\w+ly"] * (language == "en")
    between = rf"(?:{gap}(?:{'|'.join(softeners)}){edge}){{0,3}}"

    def after(names: tuple[str, ...]) -> re.Pattern[str]:
        verbs = frozenset[str]().union(*(listed(language, name) for name in names))
        direct = rf"{between}{gap}(?P<verb>{_any(verbs)}){edge}"
        joined = verbs - listed(language, "also_nouns")
        if language != "en":
            return re.compile(direct, re.IGNORECASE)
        # "steps closer and nods": a few words that bring in nobody else, then another verb of the same subject
        stops = rf"(?!(?:{_any(_STOPS.split())})\b)"
        step = rf"\s+(?!(?:{_any(_PERCEIVES.split())})\b){stops}[a-z'’-]+(?:\s+{stops}[a-z'’-]+){{0,5}}?,?\s+and"
        return re.compile(rf"{direct}|{step}{between}\s+(?P<joined>{_any(joined)})\b", re.IGNORECASE)

    you = ("acts", "acts_past") if in_past else ("acts",)
    user = ("user_acts", "acts_past") if in_past else ("user_acts",)
    bare = listed(language, "bare_acts")
    return _Claims(
        re.compile(rf"{_USER}|{edge}(?:{_any(listed(language, 'subjects'))}){edge}", re.IGNORECASE),
        after(you),
        after(user),
        re.compile(rf"\b(?P<verb>{_any(bare)})\b", re.IGNORECASE) if bare else None,
    )


def _any(words: frozenset[str] | list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _asserts(told: str, start: int, end: int, language: str) -> bool:
    """Whether the clause states something: it opens here, it is no condition, no question, no part of another."""
    before = told[max(0, start - _REACH) : start]
    bare = before.rstrip()
    opens = not bare or bare.endswith(_CLAUSE_STARTS) or "\n" in before[len(bare) :]
    word = _LAST_WORD.search(bare[-30:])
    previous = word.group().casefold() if word else ""
    if not opens and not previous.endswith("ly") and previous not in listed(language, "joins"):
        return False
    sentence = before[max(before.rfind(mark) for mark in ".!?…\n。！？") + 1 :].casefold()
    if any(condition in _words_of(sentence, language) for condition in listed(language, "conditions")):
        return False
    close = _SENTENCE_END.search(told, end, end + _REACH)
    return not (close and close.group() in "?？")


def _words_of(sentence: str, language: str) -> frozenset[str] | str:
    return sentence if language in ("zh", "ja") else frozenset(re.findall(r"[\w'’]+", sentence))


def _perceives(told: str, found: re.Match[str], language: str) -> bool:
    """ "You feel the wind", "you answer the door": no feeling, no answer."""
    verb = (found["verb"] or "").casefold()
    after = _NEXT_WORDS.match(told, found.end())
    if not after:
        return False
    if verb.startswith("answer"):
        return after[1].casefold() in ("the", "a", "an", "her", "his", "their")
    if verb not in listed(language, "feels"):
        return False
    felt = {word.casefold() for word in after[2].split()}
    return after[1].casefold() in listed(language, "touched") and not felt & listed(language, "feelings")


def _is_given(claim: str, after: str, source: str) -> bool:
    """Whether the source (folded, single blanks) says the same of {{user}}: the verb with the two words behind it."""
    if not source or not claim.strip():
        return False
    verb = claim.rsplit(maxsplit=1)[-1]
    following = re.findall(r"[\w'’]+", after)[:2]
    return len(following) == 2 and " ".join([verb, *following]).casefold() in source
