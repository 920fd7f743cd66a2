"""Generation options as flags: every option of the catalogue, from the server's last copy or the one that came along.

A copy of the server's catalogue is kept in CARDFORGE_HOME/cache, so that `--help` and completion ask nobody. It is read
anew after a command that finds it an hour old, and when a flag is not in it: a newer server may know other options.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from cardforge_client import Cardforge, CardforgeError
from cli.connect import home_folder, read_key, server
from cli.options import READERS, bounds, list_of, shown

FRESH_SECONDS = 3600.0
ASK_SECONDS = 3.0  # for the catalogue, where we could do without
MARK = "option_"  # before the names of options among the parameters of a command
Catalogue = Sequence[Mapping[str, Any]]


def known() -> Catalogue:
    """The catalogue without asking anybody: the last copy of this server's, else the one that came along."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(copy_of(server()).read_text("utf-8"))["options"]
        if all({"name", "group", "type", "description", "default", "choices"} <= set(option) for option in kept):
            return list(kept)
    return list(json.loads(resources.files("cli").joinpath("options.json").read_text("utf-8")))


def copy_of(url: str) -> Path:
    """Where the copy of a server's catalogue is kept."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return home_folder() / "cache" / f"options-{name}.json"


def is_old() -> bool:
    """Whether there is a copy of this server's catalogue, and it is not fresh."""
    try:
        return time.time() - copy_of(server()).stat().st_mtime > FRESH_SECONDS
    except OSError:
        return False


def refresh() -> bool:
    """Ask the server for its catalogue and keep it; False where it cannot be had."""
    try:
        with Cardforge(server(), read_key(), timeout=ASK_SECONDS, retries=0) as forge:
            keep(forge.options())
    except (CardforgeError, OSError, KeyError):
        return False
    return True


def keep(catalogue: Iterable[Mapping[str, Any]]) -> None:
    """Keep a copy of the server's catalogue, in a home that is there already."""
    path = copy_of(server())
    if not path.parent.parent.is_dir():
        return
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"url": server(), "options": list(catalogue)}), "utf-8")
    fresh.replace(path)


class Value(click.ParamType):
    """What one option takes: read as `-o` reads it, within the bounds that the catalogue says."""

    def __init__(self, option: Mapping[str, Any]) -> None:
        self.option = option
        self.name = str(option["type"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value in the type of the option."""
        if not isinstance(value, str):
            return value
        try:
            found = READERS.get(self.name, str)(value.strip())
        except ValueError:
            self.fail(f"{value!r} is no {self.name}.", param, ctx)
        choices = self.option["choices"]
        if wrong := [
            each for each in (found if isinstance(found, list) else [found]) if choices and each not in choices
        ]:
            self.fail(f"{wrong[0]!r} is none of {', '.join(choices)}.", param, ctx)
        low, high = self.option.get("minimum"), self.option.get("maximum")
        if self.name in {"integer", "number"} and not (low is None or low <= found) & (high is None or found <= high):
            self.fail(f"{value} is not in the range {bounds(self.option)}.", param, ctx)
        return found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The choices, behind those that are there already."""
        head, comma, last = incomplete.rpartition(",") if self.name == "strings" else ("", "", incomplete)
        return [CompletionItem(f"{head}{comma}{one}") for one in self.option["choices"] if one.startswith(last)]


def flag(option: Mapping[str, Any]) -> click.Option:
    """An option of the catalogue as one of the command line."""
    name = str(option["name"])
    words = name.replace("_", "-")
    default = shown(option["default"])
    told = f"{option['description']}{f'  [{default}]' if default else ''}"
    if option["type"] == "boolean":
        return click.Option([f"--{words}/--no-{words}", MARK + name], default=None, help=told)
    several = option["type"] == "strings"
    more: dict[str, Any] = {"multiple": True} if several else {}
    return click.Option([f"--{words}", MARK + name], type=Value(option), metavar=takes(option), help=told, **more)


def takes(option: Mapping[str, Any]) -> str:
    """What stands behind a flag in the help."""
    choices = option["choices"]
    if option["type"] == "strings":
        return "WORD,..." if len(choices) > 6 else f"{'|'.join(choices)},..." if choices else "TEXT,..."
    if choices:
        return "|".join(choices)
    low, high = option.get("minimum"), option.get("maximum")
    if option["type"] in {"integer", "number"}:
        return f"{low:g}..{high:.0f}" if low is not None and high is not None else "NUMBER"
    return "TEXT"


class OptionsCommand(click.Command):
    """A command that takes every option of the catalogue as a flag; they come as one dictionary, ``chosen``.

    Flags that the command has of its own go before those of the catalogue.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then the catalogue's."""
        own = super().get_params(ctx)
        taken = {word for param in own for word in param.opts}
        flags = [one for one in self.flags(ctx) if not taken & set(one.opts)]
        return [*own[:-1], *flags, *own[-1:]]  # --help stays the last

    def flags(self, ctx: click.Context) -> list[click.Option]:
        """The flags of the catalogue, made once."""
        name = f"{__name__}.flags"
        if name not in ctx.meta:
            ctx.meta[name] = [flag(option) for option in known()]
        return list(ctx.meta[name])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags; where one is unknown, by the server's catalogue of this moment."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            if ctx.resilient_parsing or not refresh():
                raise
            ctx.meta.pop(f"{__name__}.flags", None)
            return super().parse_args(ctx, list(args))

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with what was chosen of the catalogue as one dictionary."""
        given = {name: ctx.params.pop(name) for name in list(ctx.params) if name.startswith(MARK)}
        ctx.params["chosen"] = {
            name.removeprefix(MARK): plain(value) for name, value in given.items() if was_given(value)
        }
        try:
            return super().invoke(ctx)
        finally:
            if is_old():
                refresh()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options, then the catalogue's by group."""
        mine = [param for param in super().get_params(ctx) if isinstance(param, click.Option)]
        own = [record for param in mine if (record := param.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(own)
        found = {param.name: param for param in self.get_params(ctx)}
        for group, options in groupby(known(), lambda option: option["group"]):
            flags = [found[MARK + option["name"]] for option in options if MARK + option["name"] in found]
            records = [record for param in flags if (record := param.get_help_record(ctx))]
            if records:
                with formatter.section(f"Options of the card: {group}"):
                    formatter.write_dl(records)


def was_given(value: Any) -> bool:
    """Whether a flag was on the command line."""
    return value is not None and value != ()


def plain(value: Any) -> Any:
    """A value as the API takes it; lists of one flag that came several times as one."""
    return list_of(value) if isinstance(value, tuple) else value
