"""Values that a shell completes by asking the server: quick, or not at all."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from cardforge_client import Cardforge, CardforgeError
from cli.connect import read_key, server

ASK_SECONDS = 1.0


def profiles(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    """The ids of profiles, with their names."""
    try:
        with Cardforge(server(), read_key(), timeout=ASK_SECONDS, retries=0) as forge:
            found = forge.profiles.list().page().rows
    except (CardforgeError, OSError):
        return []
    return [CompletionItem(each["id"], help=each["name"]) for each in found if each["id"].startswith(start)]
