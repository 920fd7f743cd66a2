"""The documentation's page of commands, behind what page.md says: `python -m cli.page > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from inspect import cleandoc

import click

from cli.catalogue import OptionsCommand
from cli.main import SECTIONS, main

FLAGS = "And each of the [options of a card](options.md) as a flag, such as `--genre noir --no-include-book`."


def page() -> str:
    """Return the page as Markdown."""
    parts = [resources.files("cli").joinpath("page.md").read_text("utf-8")]
    for title, commands in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [part for command in commands for part in told(command, ("cardforge", str(command.name)))]
    return "\n".join(parts)


def told(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    """A command, and each one inside of it."""
    if isinstance(command, click.Group):
        yield f"### {' '.join(path)}\n\n{text_of(command)}\n"
        for name, inner in command.commands.items():
            yield from told(inner, (*path, name))
        return
    with click.Context(command, info_name=path[-1]) as context:
        usage = " ".join([*path, *command.collect_usage_pieces(context)])
        options = [param for param in click.Command.get_params(command, context) if isinstance(param, click.Option)]
        records = [
            found for option in options if "--help" not in option.opts and (found := option.get_help_record(context))
        ]
    level = "####" if len(path) > 2 else "###"
    yield f"{level} {' '.join(path)}\n\n`{usage}`\n\n{text_of(command)}\n"
    if records:
        rows = [f"| `{cell(words)}` | {cell(help_text)} |" for words, help_text in records]
        yield "\n".join(["| option | |", "|---|---|", *rows]) + "\n"
    if isinstance(command, OptionsCommand):
        yield f"{FLAGS}\n"


def text_of(command: click.Command) -> str:
    """The help of a command; what has its own lines there is a block here."""
    blocks = cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(block_of(block) for block in blocks)


def block_of(block: str) -> str:
    """A paragraph, or lines that stay as they are."""
    if not block.startswith("\b"):
        return " ".join(block.split())
    return "```\n" + "\n".join(line.removeprefix("  ") for line in block.splitlines()[1:]) + "\n```"


def cell(text: str) -> str:
    """A text in a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    assert main.name  # noqa: S101 - all commands are loaded
    print(page(), end="")  # noqa: T201 - a command
