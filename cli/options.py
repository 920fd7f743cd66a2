"""Generation options on the command line: ``-o genre=noir -o variants=2``, by the catalogue of the service. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cli.client import Json

YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class OptionError(ValueError):
    """An option that is none, or a value that it does not take; the message says what it takes."""


def read_options(pairs: Iterable[str], catalogue: Sequence[Json]) -> Json:
    """Return the options of ``NAME=VALUE`` pairs, each in its type; lists are written with commas.

    Bounds are checked by the service. Raises `OptionError`.
    """
    known = {option["name"]: option for option in catalogue}
    return dict(_read(pair, known) for pair in pairs)


def _read(pair: str, known: Mapping[str, Json]) -> tuple[str, Any]:
    name, sign, text = pair.partition("=")
    name = name.strip().replace("-", "_")
    if not sign:
        raise OptionError(f"{pair!r}: write options as NAME=VALUE, such as genre=noir.")
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise OptionError(f"There is no option {name!r}.{hint} `cardforge options` lists them all.")
    try:
        return name, READERS.get(known[name]["type"], str)(text.strip())
    except ValueError as error:
        raise OptionError(f"{name}: {text!r} is no {known[name]['type']}: {known[name]['description']}") from error


def _boolean(text: str) -> bool:
    if text.casefold() not in (*YES, *NO):
        raise ValueError(text)
    return text.casefold() in YES


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


READERS: Mapping[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": _boolean, "strings": _list}


def rows(catalogue: Iterable[Json], group: str | None) -> list[tuple[str, ...]]:
    """Return the options of a group (None: of all) as rows: name, type, range, default, what it does."""
    return [
        (option["name"], option["type"], bounds(option), shown(option["default"]), option["description"])
        for option in catalogue
        if group in (None, option["group"])
    ]


def bounds(option: Json) -> str:
    """Return what values an option takes, short."""
    if option["choices"]:
        return ", ".join(option["choices"]) if len(option["choices"]) <= 6 else f"{len(option['choices'])} choices"
    low, high = option.get("minimum"), option.get("maximum")
    if low is None and high is None:
        return ""
    return f"{_figure(low)}-{_figure(high)}"


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


def shown(value: Any) -> str:
    """Return a default for people."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
