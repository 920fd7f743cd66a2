"""`cardforge profiles`: how cards are written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from cardforge_client import Cardforge
from cli import show
from cli.connect import connect
from cli.documents import ordered
from cli.ends import Refused, answering, as_json_option, confirm, gone, yes_option
from cli.options import read_options
from cli.profile_files import edit_in_editor, pull, push
from cli.profile_ids import id_of, profile_argument
from cli.texts import read_texts

NO_TERMINAL = (
    "Nothing to change is given, and an editor needs a terminal. Give --option, --prompt, --unset, --name or"
    " --description; or take it as a file, and store that: cardforge profiles pull PROFILE FILE, then"
    " cardforge profiles push FILE."
)


@click.group()
def profiles() -> None:
    """Look at profiles, which say how cards are written. Make one of your own out of another, and edit it."""


@profiles.command("list")
@as_json_option
@answering
def list_profiles(as_json: bool) -> None:
    """List profiles: the built-in ones and your own."""
    found = list(connect().profiles.list())
    if as_json:
        show.dump(found)
        return
    found.sort(key=lambda each: (not each["is_builtin"], each["name"] != "default", each["name"].casefold()))
    rows = [(each["id"], each["version"], each["name"], each["description"]) for each in found]
    show.table(("profile", "ver", "name", "what for"), rows, cut=True)


@profiles.command("show")
@profile_argument
@click.option("--version", type=click.IntRange(min=1), help="As it was in this version.")
@as_json_option
@answering
def show_profile(profile_id: str, version: int | None, as_json: bool) -> None:
    """Show a profile: its settings and prompts."""
    forge = connect()
    profile_id = id_of(forge, profile_id)
    found = forge.profiles.version(profile_id, version) if version else forge.profiles.get(profile_id)
    if as_json:
        show.dump(found)
        return
    show.facts({name: found.get(name) for name in ("id", "name", "description", "version", "updated_by")})
    show.say("")
    show.facts(show.flat(ordered(found["config"])))
    for name, text in show.flat(found["prompts"]).items():
        show.say(f"\n--- {name}\n{show.lines(str(text))}")


@profiles.command("clone", short_help="Make a profile of your own out of another.")
@profile_argument
@click.argument("name", required=False)
@as_json_option
@answering
def clone(profile_id: str, name: str | None, as_json: bool) -> None:
    """Make a profile of your own, with this NAME, out of another; prints its id."""
    forge = connect()
    made = forge.profiles.clone(id_of(forge, profile_id), name)
    show.dump(made) if as_json else show.say(made["id"])


@profiles.command("edit", short_help="Change a profile: its next version.")
@profile_argument
@click.option("--name", help="Another name.")
@click.option("--description", help="Another description.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="Any of `cardforge options`.")
@click.option("--prompt", "prompts", multiple=True, metavar="NAME=TEXT", help="A prompt; NAME=@FILE reads a file.")
@click.option("--unset", multiple=True, metavar="NAME", help="As in the default profile again; prompts.NAME: a prompt.")
@click.option("--version", type=click.IntRange(min=1), help="Only if it is this version still; else the newest.")
@click.option("--as", "kind", type=click.Choice(["yaml", "json"]), default="yaml", help="How the editor shows it.")
@as_json_option
@answering
def edit(profile_id: str, version: int | None, kind: str, as_json: bool, **asked: Any) -> None:
    """Write a profile's next version: what is given here changes, all else stays.

    With nothing given, the whole profile opens in $EDITOR. Scripts use `profiles pull` and `profiles push`.
    """
    given = any(asked.values())
    if not given and not sys.stdin.isatty():
        raise Refused(NO_TERMINAL)
    forge = connect()
    profile_id = id_of(forge, profile_id)
    made = change(forge, profile_id, version, **asked) if given else edit_in_editor(forge, profile_id, kind)
    if made is None:
        show.say("Nothing was changed.")
        return
    show.dump(made) if as_json else show.say(f"{profile_id} is version {made['version']} now.")


def change(forge: Cardforge, profile_id: str, version: int | None, **asked: Any) -> Mapping[str, Any]:
    """Change some fields of a profile."""
    catalogue = forge.options() if asked["pairs"] else []
    changes = changes_of(**{**asked, "pairs": read_options(asked["pairs"], catalogue)})
    return forge.profiles.update(profile_id, changes, version=version or forge.profiles.get(profile_id)["version"])


def changes_of(
    *,
    name: str | None,
    description: str | None,
    pairs: Mapping[str, Any],
    prompts: tuple[str, ...],
    unset: tuple[str, ...],
) -> dict[str, Any]:
    """What to change of a profile, as JSON Merge Patch: a member that is null is taken out."""
    out = {each.removeprefix("prompts.") for each in unset if each.startswith("prompts.")}
    changes = {
        "name": name,
        "description": description,
        "config": {**dict.fromkeys(each for each in unset if not each.startswith("prompts.")), **pairs},
        "prompts": {**dict.fromkeys(out), **read_texts(prompts)},
    }
    return {field: value for field, value in changes.items() if value not in (None, {})}


@profiles.command("delete")
@profile_argument
@yes_option
@as_json_option
@answering
def delete(profile_id: str, yes: bool, as_json: bool) -> None:
    """Delete a profile. Its jobs run on, and its versions can still be read."""
    forge = connect()
    profile_id = id_of(forge, profile_id)
    found = forge.profiles.get(profile_id)
    confirm(f"Delete the profile {show.clean(found['name'])!r}?", yes)
    show.results(gone(partial(forge.profiles.delete, version=found["version"]), [profile_id]), as_json)


profiles.add_command(pull)
profiles.add_command(push)
