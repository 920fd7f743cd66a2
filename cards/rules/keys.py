"""Rules for the keys of lorebook entries (L)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from cards.card import Entry
from cards.keys import pattern_fault
from cards.rules import Fault, Subject, entries
from cards.rules.entry import title_of
from cards.rules.patterns import pattern_of
from cards.rules.wording import LONGEST, listed, lists, unspaced, words
from cards.text_blocks import stop_words

_LONGER = re.compile(r"[^\W\d_]{3,}|[\u3040-\u9fff]+")  # the longer words within a pattern
_LETTER = re.compile(r"[^\W_]")


def form(subject: Subject) -> Iterator[Fault]:
    """L03: keys that front ends keep as they are, none twice; patterns that compile and cannot hang."""
    most = subject.limits["entry"]["key_max_characters"]
    for place, entry in entries(subject):
        for field, keys in (("keys", entry.keys), ("secondary_keys", entry.secondary_keys)):
            seen: set[str] = set()
            for index, key in enumerate(keys):
                for message, fix, span in _faults(key, entry.use_regex, most):
                    yield Fault(f"{place}.{field}[{index}]", f"{key!r:.60} {message}", fix, span=span)
                folded = key if entry.case_sensitive else key.casefold()
                if folded in seen:
                    yield Fault(f"{place}.{field}[{index}]", f"{key!r:.60} is there twice", "remove one")
                seen.add(folded)


def _faults(key: str, use_regex: bool, most: int) -> Iterator[tuple[str, str, tuple[int, int] | None]]:
    pattern = pattern_of(key, use_regex)
    if pattern is not None:
        if fault := pattern_fault(pattern):
            yield f"is no pattern to use: {fault}", "correct it or write a plain key", None
        return
    if not key.strip():
        yield "is empty", "remove it", None
    elif key != key.strip():
        yield "has a blank at its end", "remove the blank", None
    if comma := re.search("[,，、]", key):
        yield "holds a comma, where front ends split keys", "make two keys of it", comma.span()
    if len(key) > most:
        yield f"has {len(key)} characters", f"use at most {most}", (most, len(key))


def common_words(language: str) -> frozenset[str]:
    """Words of a language (ISO 639-1) that nearly every message holds, in lower case: no keys by themselves."""
    return listed(language, "common") | stop_words().get(language, frozenset())


def telling(subject: Subject) -> Iterator[Fault]:
    """L04: no key that nearly every message holds, unless a second key or whole words narrow it."""
    least, language = subject.limits["entry"]["key_min_letters"], subject.written_in
    common = common_words(language)
    for place, entry in entries(subject):
        if entry.constant or not entry.enabled or (entry.selective and any(entry.secondary_keys)):
            continue
        for index, key in enumerate(entry.keys):
            word = key.strip().casefold()
            if not word or pattern_of(key, entry.use_regex) is not None:
                continue
            letters = len(_LETTER.findall(word))
            if word in common:
                message = f"{key!r:.60} is so common that {title_of(entry)} nearly always fires"
                yield Fault(f"{place}.keys[{index}]", message, "write a more telling key, or add secondary keys")
            elif (
                letters < least and not unspaced(words(word)) and entry.extensions.get("match_whole_words") is not True
            ):
                message = f"{key!r} is so short that it is found within words"
                yield Fault(f"{place}.keys[{index}]", message, "write a longer key, or match whole words")


def names(subject: Subject) -> Iterator[Fault]:
    """L06: what people would call the thing is a key: its title, its other names, the other number of a noun."""
    for place, entry in entries(subject):
        if entry.constant or not entry.enabled or not any(key.strip() for key in entry.keys):
            continue
        title = entry.name or entry.comment
        if title and _subject_words(title, subject.written_in) and not fires_on(entry, title, subject.written_in):
            message = f"nothing of the title {title!r:.40} is a key"
            yield Fault(f"{place}.keys", message, "add the name that people would use")
        for alias in _aliases(entry.content, subject.written_in):
            if not fires_on(entry, alias, subject.written_in):
                message = f"{title_of(entry)} is called {alias!r:.40} too, which is no key"
                yield Fault(f"{place}.keys", message, f"add the key {alias}")
        if subject.written_in == "en":
            yield from _other_number(place, entry)


def _aliases(content: str, language: str) -> list[str]:
    patterns = lists(language).get("aliases", ())
    found = chain.from_iterable(re.finditer(pattern, content[:LONGEST]) for pattern in patterns)
    return list(dict.fromkeys(match[1] for match in found))[:3]


def _other_number(place: str, entry: Entry) -> Iterator[Fault]:
    """ "knight" does not fire on "knights" where whole words count."""
    keys = {key.strip().casefold() for key in entry.keys}
    used = set(words(f"{entry.name} {entry.content}"))
    for key in sorted(keys):
        other = key[:-1] if key.endswith("s") else f"{key}s"
        if len(key) > 3 and key.isalpha() and other in used and not any(other in each for each in keys):
            yield Fault(f"{place}.keys", f"the entry says {other!r:.40}, the key is {key!r:.40}", f"add {other}", "I")


def fires_on(entry: Entry, text: str, language: str) -> bool:
    """Whether a key of the entry names something in a short text; inflected forms count."""
    told = text.casefold()
    stems = {_stem(word) for word in _subject_words(text, language)}
    for key in entry.keys:
        pattern = pattern_of(key, entry.use_regex)
        if pattern is not None:
            if re.search(_parts(pattern), told):
                return True
        elif key.strip().casefold() in told or stems & {_stem(word) for word in _subject_words(key, language)}:
            return True
    return False


def _parts(pattern: str) -> str:
    """A pattern for any of the longer words in a key that is a pattern: enough to see what it is about."""
    return "|".join(re.escape(part) for part in _words_within(pattern.casefold())) or r"(?!)"


def _words_within(pattern: str) -> list[str]:
    return _LONGER.findall(re.sub(r"\\.", " ", pattern[: pattern.rfind("/")]))


def _subject_words(text: str, language: str) -> list[str]:
    """The words that mean something; pairs of characters where a script has no blanks."""
    found = words(text[:500])
    if unspaced(found):
        return [one + other for one, other in pairwise(found)] or found
    stops = stop_words().get(language, frozenset()) | {"char", "user", "entry"}
    return [word for word in found if word not in stops and len(word) > 1 and not word.isdigit()]


def _stem(word: str) -> str:
    """The start of a word that its inflected forms share."""
    return word[: max(4, len(word) - 2)]


def subject_stems(entry: Entry, language: str) -> set[str]:
    """The stems of the words of the title and of keys of one word: what the entry is about."""
    told = [entry.name, entry.comment]
    for key in entry.keys:
        pattern = pattern_of(key, entry.use_regex)
        if pattern is not None:
            told += _words_within(pattern)
        elif " " not in key.strip():
            told.append(key)
    return {_stem(word) for text in told for word in _subject_words(text, language)}


def stems_of(text: str, language: str) -> set[str]:
    """The stems of the words of a text that mean something."""
    return {_stem(word) for word in _subject_words(text, language)}
