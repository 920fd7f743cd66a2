"""`cardforge profiles`: how cards are written."""

from __future__ import annotations

import click

from cli import show
from cli.connect import connect
from cli.ends import answering, as_json_option


@click.group()
def profiles() -> None:
    """Look at profiles (how cards are written), and make one of your own out of another."""


@profiles.command("list")
@as_json_option
@answering
def list_profiles(as_json: bool) -> None:
    """List profiles: the built-in ones and your own."""
    found = list(connect().profiles.list())
    if as_json:
        show.dump(found)
        return
    rows = [(each["id"], each["version"], each["name"], each["description"]) for each in found]
    show.table(("profile", "ver", "name", "what for"), rows, cut=True)


@profiles.command("show")
@click.argument("profile_id")
@click.option("--version", type=click.IntRange(min=1), help="As it was in this version.")
@as_json_option
@answering
def show_profile(profile_id: str, version: int | None, as_json: bool) -> None:
    """Show a profile: its settings and prompts."""
    forge = connect()
    found = forge.profiles.version(profile_id, version) if version else forge.profiles.get(profile_id)
    if as_json:
        show.dump(found)
        return
    show.facts({name: found.get(name) for name in ("id", "name", "description", "version", "updated_by")})
    show.say("")
    show.facts(show.flat(found["config"]))
    for name, text in show.flat(found["prompts"]).items():
        show.say(f"\n--- {name}\n{show.lines(str(text))}")


@profiles.command("clone")
@click.argument("profile_id")
@click.argument("name", required=False)
@as_json_option
@answering
def clone(profile_id: str, name: str | None, as_json: bool) -> None:
    """Make a profile of your own, with this NAME, out of another; prints its id."""
    made = connect().profiles.clone(profile_id, name)
    show.dump(made) if as_json else show.say(made["id"])
