"""What a profile may hold: each fault with its place, a code for programs, and what to do. Pure."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from marshmallow import ValidationError

from cards.errors import CardError
from cards.lint import RULES, merge_limits
from schemas.generations import disagreements
from schemas.nearest import did_you_mean
from schemas.options import OPTIONS, Option
from schemas.prompts import MAY_BE_EMPTY, PROMPTS, usual_slots

LONGEST_NAME, LONGEST_DESCRIPTION, LONGEST_PROMPT = 100, 2_000, 20_000
LONGEST_CONFIG = 100_000  # characters, as JSON
MOST_WORDS = 5_000
MEASURED = ("description", "personality", "scenario", "first_mes")
WEAK_NAMES = {
    *("profile", "my profile", "new profile", "new", "untitled", "unnamed", "name", "test", "testing", "temp", "tmp"),
    *("foo", "bar", "asdf", "qwerty", "copy", "custom", "draft", "example", "sample", "todo", "none", "null"),
}
FIELDS = ("name", "description", "config", "prompts")
BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


@dataclass(frozen=True)
class Fault:
    """One thing wrong: ``field`` is a path such as ``config.temperature``, ``code`` is stable."""

    field: str
    message: str
    code: str


# Name and description ---------------------------------------------------------------------------------------


def clean_text(value: str) -> str:
    """Return a name in one line and in one spelling: composed, blanks made one, none around it."""
    return " ".join(unicodedata.normalize("NFC", value).split())


def check_name(value: Any) -> Iterator[Fault]:
    """Yield what is wrong with a name by itself; whether it is taken, the database knows."""
    if not isinstance(value, str):
        yield Fault("name", "Give it as a text.", "WRONG_TYPE")
    elif not clean_text(value):
        yield Fault("name", "Give the profile a name.", "REQUIRED")
    elif len(clean_text(value)) > LONGEST_NAME:
        yield Fault("name", f"Has {len(clean_text(value))} characters; {LONGEST_NAME} at most.", "TOO_LONG")
    elif any(unicodedata.category(letter) == "Cc" for letter in clean_text(value)):
        yield Fault("name", "Holds control characters: take them out.", "INVALID_CHARACTERS")


def find_weakness(name: str) -> Iterator[Fault]:
    """Yield what makes a name hard to tell from others; it can be used all the same."""
    text = clean_text(name)
    if text.casefold().rstrip(" 0123456789") in {"", *WEAK_NAMES} or sum(map(str.isalpha, text)) < 2:
        yield Fault("name", "Says little: a name that says how it writes is easier to find among others.", "WEAK_NAME")


def check_description(value: Any) -> Iterator[Fault]:
    """Yield what is wrong with a description."""
    if value is not None and not isinstance(value, str):
        yield Fault("description", "Give it as a text.", "WRONG_TYPE")
    elif value and len(value) > LONGEST_DESCRIPTION:
        yield Fault("description", f"Has {len(value)} characters; {LONGEST_DESCRIPTION} at most.", "TOO_LONG")


# Config -----------------------------------------------------------------------------------------------------


def clean_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a faultless config as it is stored: without nulls, which mean what the default profile says."""
    return {
        name: BY_NAME[name].field().deserialize(value) if name in BY_NAME else value
        for name, value in config.items()
        if value is not None
    }


def check_config(config: Any) -> Iterator[Fault]:
    """Yield what is wrong with a config: options by the catalogue, and what only a profile can say."""
    if not isinstance(config, Mapping):
        yield Fault("config", "Give an object of options and their values.", "WRONG_TYPE")
        return
    if len(json.dumps(config, ensure_ascii=False)) > LONGEST_CONFIG:
        yield Fault("config", f"Is too long: {LONGEST_CONFIG} characters of JSON at most.", "TOO_LONG")
        return
    faults = [fault for name, value in config.items() if value is not None for fault in _check_setting(name, value)]
    yield from faults
    if not faults:
        usual = {option.name: option.default for option in OPTIONS}
        for name, message in disagreements({**usual, **clean_config(config)}, existing=True):
            yield Fault(f"config.{name}", message, "CONTRADICTION")


def find_config_warnings(config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what may not be meant so."""
    if config.get("name") is not None:
        yield Fault("config.name", "Every card that is written with this profile gets this name.", "SAME_FOR_ALL")


def _check_setting(name: str, value: Any) -> Iterator[Fault]:
    if name in BY_NAME:
        yield from _check_option(BY_NAME[name], value)
    elif name in OF_THE_PROFILE:
        yield from OF_THE_PROFILE[name](value)
    else:
        near = did_you_mean(name, (*BY_NAME, *OF_THE_PROFILE))
        message = f"There is no such option.{near} GET /api/v2/options lists them all."
        yield Fault(f"config.{name}", message, "UNKNOWN_OPTION")


def _check_option(option: Option, value: Any) -> Iterator[Fault]:
    try:
        option.field().deserialize(value)
    except ValidationError as error:
        for place, message in _flat(error.messages, f"config.{option.name}"):
            yield Fault(place, message, _code_of(option, value))


def _flat(messages: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flat(inner, f"{place}.{name}")
    else:
        yield from ((place, str(message)) for message in messages)


def _code_of(option: Option, value: Any) -> str:
    """Return what kind of fault it is that the option's field found."""
    if not isinstance(value, TYPES[option.type]) or (isinstance(value, bool) and option.type != "boolean"):
        return "WRONG_TYPE"
    if option.type in ("integer", "number"):
        return "OUT_OF_RANGE"
    if option.type == "pattern":
        return "INVALID_PATTERN"
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        return "WRONG_TYPE"
    if option.choices and any(text not in option.choices for text in texts):
        return "UNKNOWN_CHOICE"
    return "TOO_SHORT" if not value or not all(texts) else "TOO_LONG"


TYPES: Mapping[str, Any] = {
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "string": str,
    "pattern": str,
    "strings": list,
}


def _check_words(value: Any) -> Iterator[Fault]:
    place = "config.words"
    if not isinstance(value, Mapping):
        yield Fault(place, "Give an object: for each field the least and the most words.", "WRONG_TYPE")
        return
    for name, bounds in value.items():
        if name not in MEASURED:
            known = ", ".join(MEASURED)
            message = f"No such field is measured.{did_you_mean(name, MEASURED)} There are {known}."
            yield Fault(f"{place}.{name}", message, "UNKNOWN_FIELD")
        elif not _is_range(bounds):
            message = f"Give [least, most], two whole numbers from 1 to {MOST_WORDS}, the smaller one first."
            yield Fault(f"{place}.{name}", message, "OUT_OF_RANGE")


def _is_range(bounds: Any) -> bool:
    return (
        isinstance(bounds, list)
        and len(bounds) == 2
        and all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
        and 1 <= bounds[0] < bounds[1] <= MOST_WORDS
    )


def _check_repair_rules(value: Any) -> Iterator[Fault]:
    place = "config.repair_rules"
    if not isinstance(value, list):
        yield Fault(place, "Give a list of rules of lint, such as G05.", "WRONG_TYPE")
        return
    for index, rule in enumerate(value):
        if not isinstance(rule, str) or rule not in RULES:
            yield Fault(f"{place}.{index}", f"There is no rule {rule!r:.40}; one is G05.", "UNKNOWN_RULE")


def _check_lint(value: Any) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault("config.lint", "Give an object of sections and their thresholds.", "WRONG_TYPE")
        return
    try:
        merge_limits(value)
    except CardError as error:
        place, _, message = str(error).partition(": ")  # as `merge_limits` words it
        yield Fault(f"config.lint.{place}" if message else "config.lint", f"{message or place}.", "INVALID_LINT")


OF_THE_PROFILE: Mapping[str, Any] = {
    "words": _check_words,
    "repair_rules": _check_repair_rules,
    "lint": _check_lint,
}


# Prompts ----------------------------------------------------------------------------------------------------


def clean_prompts(prompts: Mapping[str, Any]) -> dict[str, str]:
    """Return faultless prompts as they are stored: without nulls."""
    return {name: text for name, text in prompts.items() if text is not None}


def check_prompts(prompts: Any) -> Iterator[Fault]:
    """Yield what is wrong with prompts: names, lengths, and placeholders that nothing is put into."""
    if not isinstance(prompts, Mapping):
        yield Fault("prompts", "Give an object of names and texts.", "WRONG_TYPE")
        return
    for name, text in prompts.items():
        if name not in PROMPTS:
            near = did_you_mean(name, PROMPTS)
            message = f"There is no such prompt.{near} GET /api/v2/profiles/profile_default shows them all."
            yield Fault(f"prompts.{name}", message, "UNKNOWN_PROMPT")
        elif text is not None:
            yield from _check_prompt(name, text)


def _check_prompt(name: str, text: Any) -> Iterator[Fault]:
    place = f"prompts.{name}"
    if not isinstance(text, str):
        yield Fault(place, "Give it as a text.", "WRONG_TYPE")
    elif not text.strip() and name not in MAY_BE_EMPTY:
        yield Fault(place, "Is empty: leave it out, and it is as in the default profile.", "TOO_SHORT")
    elif len(text) > LONGEST_PROMPT:
        yield Fault(place, f"Has {len(text)} characters; {LONGEST_PROMPT} at most.", "TOO_LONG")
    elif not (template := Template(text)).is_valid():
        message = "A dollar sign stands before what is no placeholder: write $$ for the sign itself."
        yield Fault(place, message, "INVALID_PLACEHOLDER")
    elif text.strip():
        yield from _check_slots(name, set(template.get_identifiers()))


def _check_slots(name: str, used: set[str]) -> Iterator[Fault]:
    known, place = PROMPTS[name], f"prompts.{name}"
    for slot in sorted(used - set(known.takes)):
        message = f"Nothing is put into ${slot} here.{did_you_mean(slot, known.takes)} Placeholders: {known.told}."
        yield Fault(place, message, "UNKNOWN_PLACEHOLDER")
    for slot in known.needs:
        if slot not in used:
            yield Fault(place, f"Has to hold ${slot}: it makes no sense without.", "MISSING_PLACEHOLDER")


def find_prompt_warnings(prompts: Mapping[str, str]) -> Iterator[Fault]:
    """Yield placeholders that the default profile's texts have and these do not: what is put there goes unsaid."""
    for name, text in prompts.items():
        missing = usual_slots(name) - set(Template(text).get_identifiers()) - set(PROMPTS[name].needs)
        for slot in sorted(missing if text.strip() else ()):
            message = f"Does not hold ${slot}: what is put there goes unsaid."
            yield Fault(f"prompts.{name}", message, "MISSING_PLACEHOLDER")
