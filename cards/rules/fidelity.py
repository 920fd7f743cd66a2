"""Rules for what a card owes to its source: names, ages and figures kept, few names made up (C)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cards.rules import Fault, Subject, texts
from cards.rules.distance import within
from cards.rules.wording import LONGEST, count_words
from cards.text import Block, blocks, proper_nouns
from cards.text_blocks import word_list

_READ = 20_000  # characters of the source that names and figures are looked for in
_AGE_LABELS = frozenset({"age", "alter", "âge", "edad", "età", "idade", "leeftijd", "возраст", "年齢", "年龄", "나이"})
_AGE = re.compile(
    r"\b(?:aged? |is |was )?(\d{1,4})[- ]years?[- ]old\b|\baged (\d{1,4})\b|\b(\d{1,3}) Jahre alt\b|\b(\d{1,3}) ans\b"
    r"|\btiene (\d{1,3}) años\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"(?<![\d.,])\d{2,}(?:[.,]\d+)*(?![\d])")
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORD = re.compile(r"[^\W\d_]+")


def kept(subject: Subject) -> Iterator[Fault]:
    """C10: the name that was asked for, the age, labelled figures and the names of the source are in the card."""
    card = subject.card
    if card is None:
        return
    yield from _name_kept(subject)
    source = subject.source[:_READ]
    if not source.strip():
        return
    told = "\n".join([card.name, card.nickname, *(text[:LONGEST] for _, text in texts(subject))])
    parts = blocks(_bounded(source))
    yield from _age_kept(subject, parts, told)
    yield from _figures_kept(subject, parts, told)
    yield from _names_kept(subject, told)


def _name_kept(subject: Subject) -> Iterator[Fault]:
    card = subject.card
    wanted = " ".join(subject.name.split())
    if card is None or not wanted or wanted.casefold() in " ".join(card.name.split()).casefold():
        return
    if wanted.casefold() != card.nickname.strip().casefold():
        yield Fault("name", f"the name {wanted!r} was asked for, the card is {card.name!r}", f"name it {wanted!r}", "E")


def _bounded(source: str) -> str:
    """The source with overlong lines broken at a blank, so that looking through a line stays quick."""
    return re.sub(r"(.{1500}) ", r"\1\n", source)


def _age_kept(subject: Subject, parts: list[Block], told: str) -> Iterator[Fault]:
    source = subject.source[:_READ]
    labelled = [block.text for block in parts if block.kind == "label" and block.label.casefold() in _AGE_LABELS]
    found = re.match(r"\D{0,12}(\d{1,4})", labelled[0]) if labelled else None
    ages = {age for match in _AGE.finditer(source) for age in match.groups() if age}
    # Without a label only one age in the whole source can be told to be the character's.
    age = found[1] if found else ages.pop() if len(ages) == 1 else ""
    # Numbers that are spelled out are known in English only.
    if age and not _says(told, age) and subject.written_in == "en":
        yield Fault("description", f"the source gives the age {age}, the card does not", f"say that the age is {age}")


def _says(told: str, figure: str) -> bool:
    """Whether the figure stands there, in digits or, below a hundred, in English words."""
    if re.search(rf"(?<!\d){re.escape(figure)}(?!\d)", told):
        return True
    if not figure.isdigit() or len(figure) > 2:
        return False
    number = int(figure)
    tens, ones = divmod(number, 10)
    spelled = _ONES[number] if number < 20 else f"{_TENS[tens]}[- ]?{_ONES[ones]}" if ones else _TENS[tens]
    return bool(re.search(rf"\b{spelled}\b", told, re.IGNORECASE))


def _figures_kept(subject: Subject, parts: list[Block], told: str) -> Iterator[Fault]:
    """Figures of labelled lines: heights, years, ranks. Those of prose may be left out."""
    labelled = [block for block in parts if block.kind == "label" and block.label.casefold() not in _AGE_LABELS]
    figures = [(block.label, match.group()) for block in labelled for match in _FIGURE.finditer(block.text)]
    for label, figure in figures[: subject.limits["fidelity"]["figures_most"]]:
        if not re.search(rf"(?<!\d){re.escape(figure)}(?!\d)", told) and not (figure.isdigit() and _says(told, figure)):
            message = f"the source gives {figure!r:.40} as {label!r:.40}, the card does not"
            yield Fault("description", message, f"keep {label}: {figure}", "I")


def _names_kept(subject: Subject, told: str) -> Iterator[Fault]:
    """What the source names often is in the card, spelled the same."""
    limits = subject.limits["fidelity"]
    present = {word.casefold() for word in _WORD.findall(told)}
    folded = told.casefold()
    often = [noun for noun in proper_nouns(_bounded(subject.source[:_READ])) if noun.count >= limits["name_mentions"]]
    for noun in often[: limits["names_most"]]:
        own = [word.casefold() for form in (noun.name, *noun.aliases) for word in _name_words(form)]
        if not own or any(word in present or word in folded for word in own):
            continue
        near = next((word for word in sorted(present) if any(_misspelt(word, each) for each in own)), "")
        if near:
            message, fix = f"the source writes {noun.name!r}, the card {near!r}", f"spell it {noun.name}"
        else:
            message = f"{noun.name!r} is in the source {noun.count} times, and not in the card"
            fix = f"say what {noun.name} is to the character"
        yield Fault("description", message, fix, None if near else "I")


def _name_words(name: str) -> list[str]:
    small = word_list("particles") | word_list("titles") | word_list("articles")
    return [word for word in _WORD.findall(name) if len(word) > 1 and word.casefold() not in small] or [name]


def _misspelt(word: str, name: str) -> bool:
    return len(name) > 4 and word != name and word[0] == name[0] and within(word, name, 1 + (len(name) > 7))


def invented(subject: Subject) -> Iterator[Fault]:
    """C11: not more of the card's names than the profile allows are missing from the source."""
    limits = subject.limits["fidelity"]
    if subject.card is None or count_words(subject.source[:LONGEST]) < limits["source_words"]:
        return
    given = {word.casefold() for word in _WORD.findall(subject.source)}
    folded = f"{subject.source} {subject.name}".casefold()
    told = "\n\n".join(text[:5_000] for field, text in texts(subject) if field != "mes_example")
    nouns = proper_nouns(_bounded(told[:_READ]))
    strange = [
        noun.name
        for noun in nouns
        if not any(word.casefold() in given or word.casefold() in folded for word in _name_words(noun.name))
        and noun.name.casefold() not in ("char", "user")
    ]
    if len(strange) >= limits["invented_from"] and len(strange) > limits["invented_share"] * len(nouns):
        field, span = _place_of(subject, strange)
        message = f"{len(strange)} of {len(nouns)} names are not in the source: {', '.join(strange[:8])}"
        yield Fault(field, message, "use the names of the source, or none", span=span)


def _place_of(subject: Subject, names: list[str]) -> tuple[str, tuple[int, int] | None]:
    """The field with most of the names, and where the first of them stands in it."""
    counted = {field: sum(name in text for name in names) for field, text in texts(subject)}
    field = max(counted, key=lambda each: counted[each])
    text = dict(texts(subject))[field]
    start, name = min(((text.find(name), name) for name in names if name in text), default=(-1, ""))
    return field, (start, start + len(name)) if name else None


def samples(subject: Subject) -> Iterator[Fault]:
    """C15: no name from the examples that prompts show."""
    given = f"{subject.source} {subject.name}".casefold()
    for sample in subject.limits["fidelity"]["sample_names"] if subject.card else ():
        if sample.casefold() in given:
            continue
        pattern = re.compile(rf"\b{re.escape(sample)}\b", re.IGNORECASE)
        for field, text in [("name", subject.card.name if subject.card else ""), *texts(subject)]:
            if match := pattern.search(text):
                message = f"{sample!r} comes from an example, not from the source"
                yield Fault(field, message, "replace the name", span=match.span())
                break
