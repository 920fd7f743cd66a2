"""Profiles on the command line: by their ids, or by their names."""

from __future__ import annotations

from typing import Any

import click

from cardforge_client import Cardforge
from cli import complete, show
from cli.ends import Refused

PREFIX = "profile_"  # of every id
USUAL_HELP = "How to write: fantasy, concise, ... or the name or id of yours."

profile_argument = click.argument("profile_id", metavar="PROFILE", shell_complete=complete.profiles)


def profile_option(told: str = USUAL_HELP) -> Any:
    """Return the option that names a profile; ``told`` is its help."""
    return click.option("--profile", "profile_id", metavar="PROFILE", shell_complete=complete.profiles, help=told)


def id_of(forge: Cardforge, wanted: str) -> str:
    """The id of the profile that ``wanted`` is the id or, in any case, the name of.

    What no profile is called goes on as it is: the API knows what may have been meant. Raises `Refused` where several
    are called so.
    """
    if wanted.startswith(PREFIX) or not wanted:
        return wanted
    called = [each for each in forge.profiles.list(q=wanted) if each["name"].casefold() == wanted.casefold()]
    if len(called) > 1:
        ids = ", ".join(f"{each['id']} ({each['name']})" for each in called)
        raise Refused(show.clean(f"Several profiles are called {wanted!r}; say which by its id: {ids}."))
    return called[0]["id"] if called else wanted
