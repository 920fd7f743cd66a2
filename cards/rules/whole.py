"""Rules for the card as a whole: name, required fields, sizes, tags, notes (C)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cards.card import Card
from cards.rules import Fault, Severity, Subject
from cards.rules.wording import count_words
from cards.text import estimate_tokens

PERMANENT = ("name", "description", "personality", "scenario")  # what a front end sends with every message


def name(subject: Subject) -> Iterator[Fault]:
    """C01: a name, one line, of reasonable length, without macros."""
    card = subject.card
    if card is None:
        return
    most = subject.limits["card"]["name_max_characters"]
    if not card.name.strip():
        yield Fault("name", "the name is empty: the card imports but is not shown", "give the character a name")
    if len(card.name) > most:
        yield Fault(
            "name", f"the name has {len(card.name)} characters", f"use at most {most}", span=(most, len(card.name))
        )
    if "{{" in card.name or "}}" in card.name:
        yield Fault("name", "the name holds a macro; it is itself the value of {{char}}", "write the name out")
    if len(card.name.splitlines()) > 1:
        yield Fault("name", "the name has a line break", "write it on one line")


def required(subject: Subject) -> Iterator[Fault]:
    """C02: no empty field where a chat cannot start without one."""
    for field in subject.limits["card"]["required"] if subject.card else ():
        if not str(getattr(subject.card, field)).strip():
            yield Fault(field, f"{field} is empty", f"write the {field}")


def sizes(subject: Subject) -> Iterator[Fault]:
    """C03: what is sent with every message leaves room for the chat; each field has the length of the preset."""
    card, limits = subject.card, subject.limits["card"]
    if card is None:
        return
    tokens = {field: estimate_tokens(getattr(card, field)) for field in PERMANENT}
    total, longest = sum(tokens.values()), max(tokens, key=lambda field: tokens[field])
    if total > limits["tokens_most"]:
        severity: Severity = "E" if total > limits["tokens_limit"] else "W"
        message = f"about {total} tokens are sent with every message, {tokens[longest]} of them this field"
        fix = f"shorten it, or move lore into the lorebook, so that all is at most {limits['tokens_most']}"
        yield Fault(longest, message, fix, severity)
    elif total < limits["tokens_least"] and card.description.strip():
        fix = f"add looks, background and abilities: at least {limits['tokens_least']} tokens in all"
        yield Fault("description", f"the card is only about {total} tokens: a model has little to go by", fix, "I")
    preset = _preset(subject)
    for field in PERMANENT[1:]:
        least, most = preset[field]
        count = count_words(getattr(card, field))
        if count > most or (count < least and getattr(card, field).strip()):
            yield Fault(field, f"{field} has {count} words", f"make it {least} to {most} words long")


def _preset(subject: Subject) -> Mapping[str, Any]:
    preset: Mapping[str, Any] = subject.limits["lengths"][subject.limits["length"]["preset"]]
    return preset


def shares(subject: Subject) -> Iterator[Fault]:
    """C04: the description carries the card; the first message does not outgrow it."""
    card, limits = subject.card, subject.limits["card"]
    if card is None or not card.description.strip():
        return
    described = estimate_tokens(card.description)
    total = sum(estimate_tokens(getattr(card, field)) for field in PERMANENT)
    if total >= limits["share_from_tokens"] and described < total * limits["description_share"]:
        fix = "say more of looks, background and abilities there, or shorten personality and scenario"
        yield Fault("description", f"the description is {described} of {total} tokens", fix)
    greeting = estimate_tokens(card.first_mes)
    if greeting >= limits["greeting_from_tokens"] and greeting > described * limits["greeting_by_description"]:
        message = f"the first message has {greeting} tokens, the description {described}"
        yield Fault("first_mes", message, "shorten it, or move facts about the character into the description")


def tags(subject: Subject) -> Iterator[Fault]:
    """C13: enough tags, short, lower-case, different, and not the name."""
    card = subject.card
    if card is None:
        return
    least, most = _preset(subject)["tags"]
    if not least <= len(card.tags) <= most:
        yield Fault("tags", f"there are {len(card.tags)} tags", f"give {least} to {most}")
    seen: set[str] = set()
    for index, tag in enumerate(card.tags):
        for message, fix in _tag_faults(tag, card, seen, subject.limits["card"]["tag_max_words"]):
            yield Fault(f"tags[{index}]", f"{tag!r:.60} {message}", fix)
        seen.add(tag.strip().casefold())


def _tag_faults(tag: str, card: Card, seen: set[str], most: int) -> Iterator[tuple[str, str]]:
    words = len(tag.split())
    if not 1 <= words <= most:
        yield f"has {words} words", f"use 1 to {most}"
    if tag != tag.lower():
        yield "is not in lower case", "write it in lower case"
    if tag.strip().casefold() in seen:
        yield "is there twice", "remove one"
    if tag.strip() and tag.strip().casefold() == card.name.strip().casefold():
        yield "is the character's name", "remove it"


def notes(subject: Subject) -> Iterator[Fault]:
    """C14: notes for the one who imports the card, and a version."""
    card = subject.card
    if card is None:
        return
    least, most = subject.limits["card"]["notes_words"]
    count = count_words(card.creator_notes)
    if not least <= count <= most:
        fix = f"tell in {least} to {most} words what the card offers and what it needs"
        yield Fault("creator_notes", f"the creator's notes have {count} words", fix)
    if not card.character_version.strip():
        yield Fault("character_version", "there is no version", "write one, as 1.0")
