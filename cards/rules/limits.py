"""A profile's thresholds on top of ``cards/data/lint.json``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from math import isfinite
from typing import Any

from cards.errors import CardError
from cards.rules import LIMITS, Limits

_SEVERITIES = ("E", "W", "I")
_POVS = ("", "first", "second", "third")
_REQUIRABLE = (
    *("name", "description", "personality", "scenario", "first_mes", "mes_example", "system_prompt"),
    *("post_history_instructions", "creator_notes", "creator", "nickname"),
)
_OPEN = ("cliches.phrases", "book.targets")  # tables that may get further names
_MOST_ITEMS = 1_000
_MOST_LETTERS = 200


def merged(overrides: Mapping[str, Any] | None, rules: Collection[str]) -> Limits:
    """The thresholds with ``overrides``: sections as in lint.json, and ``off``, ``severity`` and ``preset``.

    ``off`` lists ids of rules that say nothing; ``severity`` gives rules another one; ``preset`` names the lengths.
    Lists replace lists. CardError, naming the place, for names that there are not and for values of another type.
    """
    limits = deepcopy(LIMITS)
    limits["rules"] = {"off": [], "severity": {}}
    for name, value in (overrides or {}).items():
        if name == "off":
            limits["rules"]["off"] = [
                _rule(each, f"off[{index}]", rules) for index, each in enumerate(_list(value, name))
            ]
        elif name == "severity":
            limits["rules"]["severity"] = _severities(value, rules)
        elif name == "preset":
            limits["length"]["preset"] = value
        elif name == "rules" or name not in limits:
            known = ", ".join(sorted({*LIMITS, "off", "severity", "preset"}))
            raise CardError(f"{name}: there is no such section; there are {known}")
        else:
            limits[name] = _table(limits[name], value, name)
    _choose("length.preset", limits["length"]["preset"], tuple(limits["lengths"]))
    for index, field in enumerate(limits["card"]["required"]):
        if field not in _REQUIRABLE:
            listed = ", ".join(_REQUIRABLE)
            raise CardError(f"card.required[{index}]: there is no field {field!r:.40}; there are {listed}")
    _choose("greeting.pov", limits["greeting"]["pov"], _POVS)
    return limits


def _table(known: Mapping[str, Any], given: Any, place: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise CardError(f"{place}: give an object, not {given!r:.40}")
    table = dict(known)
    for name, value in given.items():
        here = f"{place}.{name}"
        if name not in known and place not in _OPEN:
            raise CardError(f"{here}: there is no such figure; there are {', '.join(known)}")
        alike: Any = next(iter(known.values()), [])  # a further name of an open table takes what the others take
        table[name] = _value(known.get(name, alike), value, here)
    return table


def _value(known: Any, given: Any, place: str) -> Any:
    if isinstance(known, Mapping):
        return _table(known, given, place)
    if isinstance(known, list):
        return _range(given, place) if known and isinstance(known[0], int) else _texts(given, place)
    if isinstance(known, str):
        if not isinstance(given, str) or len(given) > _MOST_LETTERS:
            raise CardError(f"{place}: give a text of at most {_MOST_LETTERS} characters, not {given!r:.40}")
        return given
    if isinstance(known, bool):
        if not isinstance(given, bool):
            raise CardError(f"{place}: give true or false, not {given!r:.40}")
        return given
    return _number(known, given, place)


def _number(known: float, given: Any, place: str) -> float:
    whole = isinstance(known, int)
    right = isinstance(given, int if whole else int | float) and not isinstance(given, bool)
    if not right or not isfinite(given) or given < 0:
        raise CardError(f"{place}: give a {'whole ' if whole else ''}number of 0 or more, not {given!r:.40}")
    return float(given) if not whole else int(given)


def _range(given: Any, place: str) -> list[int]:
    numbers = [int(_number(0, each, f"{place}[{index}]")) for index, each in enumerate(_list(given, place))]
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise CardError(f"{place}: give [least, most], not {given!r:.40}")
    return numbers


def _texts(given: Any, place: str) -> list[str]:
    for index, each in enumerate(_list(given, place)):
        if not isinstance(each, str) or not 0 < len(each.strip()) <= _MOST_LETTERS:
            raise CardError(f"{place}[{index}]: give a text of 1 to {_MOST_LETTERS} characters, not {each!r:.40}")
    return list(given)


def _list(given: Any, place: str) -> list[Any]:
    if not isinstance(given, list | tuple) or len(given) > _MOST_ITEMS:
        raise CardError(f"{place}: give a list of at most {_MOST_ITEMS} items, not {given!r:.40}")
    return list(given)


def _severities(given: Any, rules: Collection[str]) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise CardError(f"severity: give an object of rules and severities, not {given!r:.40}")
    for rule, severity in given.items():
        _choose(f"severity.{_rule(rule, f'severity.{rule}', rules)}", severity, _SEVERITIES)
    return dict(given)


def _rule(given: Any, place: str, rules: Collection[str]) -> str:
    if not isinstance(given, str) or given not in rules:
        raise CardError(f"{place}: there is no rule {given!r:.40}")
    return given


def _choose(place: str, given: Any, known: tuple[str, ...]) -> None:
    if not isinstance(given, str) or given not in known:
        listed = ", ".join(repr(each) for each in known)
        raise CardError(f"{place}: give one of {listed}, not {given!r:.40}")
