"""What the API says, in the words of the command line: commands for addresses, flags for fields; all else as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache, partial
from importlib import resources

import click

Flags = Mapping[str, str]  # a field of a request, as `name` or `options.name` -> the flag that sets it

# What the API tells to ask -> the command that does. {} is an id, or what stands for one; the more exact go first.
COMMANDS = {
    "POST /profiles/{}/clone": "profiles clone {} NAME",
    "/profiles/{}/clone": "profiles clone {} NAME",
    "GET /profiles/{}": "profiles show {}",
    "GET /profiles": "profiles list",
    "GET /options": "options",
    "GET /models/pricing": "models",
    "GET /models": "models",
    "GET /characters/{}/download/{}": "characters download {} --format {}",
    "PUT or DELETE /characters/{}/favorite": "characters favorite {}",
    "DELETE /characters/{}, or POST /characters/{}/unarchive": "characters archive {}",
}
# Sentences about a field whose flag has another name, or whose name is a word of every day or a field of cards too.
SENTENCES = {
    "the batch's max_cost_usd": "the batch's --max-cost",
    "continue_on_error is false": "--stop-on-error was given",
    "retry it with fresh": "retry it with --fresh",
    "raise alternate_greetings": "raise --alternate-greetings",
}
OF_CARDS = {"alternate_greetings", "character_version", "group_greetings", "post_history_instructions", "system_prompt"}
OF_BATCHES = {"max_concurrent": "--max-concurrent"}
# Parameters that the API calls otherwise.
CALLED = {"card": "character_card", "grace": "grace_seconds", "formats": "options.format", "format_name": "format"}
WORD = re.compile(r"(?<![\w\"'./-])[a-z]+(?:_[a-z]+)+(?![\w\"'=]|\.\w)|`[a-z_]+`")
FIELD = re.compile(r"(generations\.\d+)?\.?(?:batch_options\.)?(.+?)(?:\.\d+)?", re.DOTALL)


def pattern(address: str) -> re.Pattern[str]:
    """What finds an address in a text, with or without the part that all addresses begin with."""
    found = re.escape(address).replace(r"\{\}", r"(\{\w+\}|[\w-]+)")
    return re.compile(r"(?<![\w:/])" + re.sub(r"(^|\\ )/", r"\1(?:/api/v2)?/", found) + r"(?![\w/])")


PATTERNS = [(pattern(address), command) for address, command in COMMANDS.items()]


def of_command() -> Flags:
    """The flags of the command that runs, by the fields that they set."""
    from cli.catalogue import MARK  # noqa: PLC0415 - it tells of errors too

    context = click.get_current_context(silent=True)
    found = {}
    for param in context.command.get_params(context) if context else ():
        flag = next((word for word in param.opts if word.startswith("--")), None)
        if isinstance(param, click.Option) and param.name and flag:
            name = CALLED.get(param.name, param.name)
            found[name.replace(MARK, "options.", 1) if name.startswith(MARK) else name] = flag
    return found


@cache
def of_work() -> Flags:
    """The flags of the commands that make cards, for what is said of work long after it was asked for."""
    catalogue = json.loads(resources.files("cli").joinpath("options.json").read_text("utf-8"))
    names = [str(option["name"]) for option in catalogue]
    return {**{f"options.{name}": f"--{name.replace('_', '-')}" for name in names}, **OF_BATCHES}


def place(path: str, flags: Flags) -> str:
    """A field's path as the flag that sets it: ``generations.3 --genre`` for ``generations.3.options.genre``."""
    match = FIELD.fullmatch(path)
    flag = flags.get(match.group(2)) if match else None
    return f"{match.group(1) or ''} {flag}".strip() if match and flag else path


def text(words: str, flags: Flags) -> str:
    """A message of the API: its addresses as commands, the fields that it names as flags."""
    for found, command in PATTERNS:
        words = found.sub(partial(spelled, command), words)
    for sentence, said in SENTENCES.items():
        words = words.replace(sentence, said)
    return WORD.sub(lambda match: flag_of(match.group(), flags), words)


def spelled(command: str, match: re.Match[str]) -> str:
    """A command for the ids of an address."""
    ids = [each.strip("{}").upper() if each.startswith("{") else each for each in match.groups()]
    return f"`cardforge {command.format(*ids)}`"


def flag_of(word: str, flags: Flags) -> str:
    """The flag that sets the field ``word``; the word where there is none, or where cards have such a field."""
    name = word.strip("`")
    flag = None if name in OF_CARDS else flags.get(name) or flags.get(f"options.{name}")
    return word if flag is None else word.replace(name, flag)
