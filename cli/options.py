"""Generation options on the command line: ``-o genre=noir -o variants=2``, by the catalogue of the service."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from cli import show
from cli.connect import connect
from cli.ends import Refused, answering, as_json_option

YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class OptionError(Refused):
    """An option that is none, or a value that it does not take; the message says what it takes."""


def read_options(pairs: Iterable[str], catalogue: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the options of ``NAME=VALUE`` pairs, each in its type; lists are written with commas.

    Bounds are checked by the service. Raises `OptionError`.
    """
    known = {option["name"]: option for option in catalogue}
    return dict(_read(pair, known) for pair in pairs)


def _read(pair: str, known: Mapping[str, Mapping[str, Any]]) -> tuple[str, Any]:
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


def list_of(parts: Iterable[Iterable[str]]) -> list[str]:
    """Lists as one, each word once."""
    return list(dict.fromkeys(word for part in parts for word in part))


READERS: Mapping[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": _boolean, "strings": _list}


def rows(catalogue: Iterable[Mapping[str, Any]], group: str | None) -> list[tuple[str, ...]]:
    """Return the options of a group (None: of all) as rows: name, type, range, default, what it does."""
    return [
        (option["name"], option["type"], bounds(option), shown(option["default"]), option["description"])
        for option in catalogue
        if group in (None, option["group"])
    ]


def bounds(option: Mapping[str, Any]) -> str:
    """Return what values an option takes, short."""
    if option["choices"]:
        return ", ".join(option["choices"]) if len(option["choices"]) <= 6 else f"{len(option['choices'])} choices"
    low, high = option.get("minimum"), option.get("maximum")
    if option["type"] not in {"integer", "number"}:
        return f"{_figure(high)} letters" if high else ""
    if low is None and high is None:
        return ""
    return f"{_figure(low)} to {_figure(high)}" if (low or 0) < 0 else f"{_figure(low)}-{_figure(high)}"


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


def shown(value: Any) -> str:
    """Return a default for people."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


@click.command("options", short_help="List all that a card can be asked for with.")
@click.argument("group", required=False)
@as_json_option
@answering
def list_options(group: str | None, as_json: bool) -> None:
    """List what a card can be asked for with: all options, or those of GROUP (content, lorebook, quality, ...)."""
    catalogue = connect().options()
    groups = list(dict.fromkeys(option["group"] for option in catalogue))
    if group and group not in groups:
        raise click.UsageError(f"There is no group {group!r}; there are {', '.join(groups)}.")
    if as_json:
        show.dump([option for option in catalogue if group in (None, option["group"])])
        return
    for name in [group] if group else groups:
        show.say(f"\n{name}")
        show.table(("option", "type", "takes", "default", "what it does"), rows(catalogue, name))
