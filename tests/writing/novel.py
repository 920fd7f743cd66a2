"""A long source of the tests' own making, and a model that writes from what it is told of it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

PEOPLE = ("Ottoline Marsh", "Bram Tolliver", "Ysolde Fenn", "Casimir Rook", "Petra Lindqvist")
PLACES = ("Gull Rock", "Saltmarket", "the Tarred Ship", "Candle Stair", "Fennwick", "Harrow Mole")
DEEDS = (
    "mended the lamp of {place} with wire and patience",
    "counted {number} barrels into the cellar of {place}",
    "walked from {place} to {other} without saying a word to {friend}",
    "sold {number} lanterns to {friend} in the winter of {year}",
    "swore by the bell of {place} never to lie to {friend} again",
    "lost the key of {place}, and found it {number} days later in a herring",
    "taught {friend} to read the tide tables that hang in {place}",
)
WEATHER = ("Rain came in from the sea.", "The fog stood in the lanes.", "A wind got up and died again.")


def novel(characters: int) -> str:
    """Return a source of about so many characters, in chapters and paragraphs; always the same."""
    dice = random.Random(11)
    parts = ["# The Keepers of Gull Rock"]
    length, chapter = len(parts[0]), 0
    while length < characters:
        chapter += 1
        paragraphs = [f"## Chapter {chapter}", *(_paragraph(dice) for _ in range(12))]
        parts += paragraphs
        length += sum(len(paragraph) + 2 for paragraph in paragraphs)
    return "\n\n".join(parts)[:characters]


def _paragraph(dice: random.Random) -> str:
    sentences = [dice.choice(WEATHER)]
    for _ in range(dice.randint(3, 6)):
        who, friend = dice.sample(PEOPLE, 2)
        place, other = dice.sample(PLACES, 2)
        told = {"place": place, "other": other, "friend": friend, "number": dice.randint(12, 98)}
        sentences.append(f"{who} {dice.choice(DEEDS).format(**told, year=dice.randint(1840, 1899))}.")
    return " ".join(sentences)


def source_of(body: Mapping[str, Any]) -> str:
    """Return the source that a question holds."""
    found = re.search(r"<source>\n(.*)\n</source>", body["messages"][1]["content"], re.DOTALL)
    assert found is not None
    return found[1]


def read_facts(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `extract_facts`: some sentences of the part, each with its words as the quote, and one made up."""
    found = []
    for who in PEOPLE:
        for sentence in re.findall(rf"{who} [a-z][^.]*\.", source_of(body))[:3]:
            found.append({"about": who, "fact": sentence, "quote": " ".join(sentence.split()[:8])})
    made_up = {"about": PEOPLE[0], "fact": "She owns 77 cats.", "quote": "seventy-seven cats in the attic"}
    return {"facts": [*found, made_up]}


def told_of(name: str, body: Mapping[str, Any]) -> list[str]:
    """Return what a question says of somebody, sentence by sentence."""
    return re.findall(rf"{name} [a-z][^.\n]*\.", source_of(body))


def write_core(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `write_core` from what is told, with a figure and a name that nobody gave."""
    said = body["messages"][1]["content"]
    named = re.search(r"The character's name is ([^.]+)\.", said)
    name = named[1] if named else PEOPLE[0]
    deeds = list(dict.fromkeys(told_of(name, body)))
    about = " ".join(deeds[:6]).replace(name, "{{char}}")
    fields = {
        "name": name,
        "description": f"{about} {{{{char}}}} was born in 1999 in Zorblax Prime and is known all along the coast.",
        "personality": "Patient, dry and stubborn. {{char}} counts under the breath when afraid and never says why.",
        "scenario": "A storm has taken the mail boat, and {{user}} stands at the door with it in pieces.",
        "tags": ["keeper", "sea", "lantern", "mystery"],
        "creator_notes": "A quiet card for slow evenings. Start with the storm.",
    }
    return {field: fields[field] for field in schema["properties"]}


def repair(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `repair_field`: the text without what was not in the source."""
    said = body["messages"][1]["content"]
    current = said.split("The field as it stands:\n", 1)[1].split("\n\nWhat it has to be:", 1)[0]
    (field,) = schema["properties"]
    return {field: re.sub(r" \{\{char\}\} was born in 1999[^.]*\.", "", current).strip()}
