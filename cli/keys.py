"""`cardforge keys`: who may ask."""

from __future__ import annotations

from typing import Any

import click

from cli import show
from cli.connect import connect
from cli.ends import answering, as_json_option


@click.group()
def keys() -> None:
    """Keep API keys (needs a key with the scope `admin`)."""


@keys.command("list", short_help="List keys, without their secrets.")
@as_json_option
@answering
def list_keys(as_json: bool) -> None:
    """List keys; the keys themselves are stored hashed and cannot be shown."""
    found = [*connect().keys.list()]
    if as_json:
        show.dump(found)
        return
    rows = [(key["key_id"], key["name"], state(key), " ".join(key["scopes"]), used(key)) for key in found]
    show.table(("key", "name", "state", "scopes", "used"), rows)


def state(key: Any) -> str:
    """Whether a key is good."""
    if key["revoked_at"]:
        return "revoked"
    return f"until {key['expires_at'][:10]}" if key["expires_at"] else "good"


def used(key: Any) -> str:
    """How long ago a key was last used."""
    return show.age(key["last_used_at"]) or "never"


@keys.command("create", short_help="Make a key, and print it this once.")
@click.argument("name_given", required=False, metavar="[NAME]")
@click.option("--name", help="The same as NAME.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "write", "admin"]),
    help="Repeat for several.",
)
@click.option("--expires-at", help="A UTC time, such as 2030-01-31T00:00:00Z.")
@as_json_option
@answering
def create_key(
    name_given: str | None, name: str | None, scopes: tuple[Any, ...], expires_at: str | None, as_json: bool
) -> None:
    """Make a key (scopes: read and write unless said) and print it: it is shown this once."""
    called = name or name_given
    if not called or (name and name_given):
        raise click.UsageError("Give the key one name, to know it by: cardforge keys create NAME.")
    made = connect().keys.create(called, scopes=scopes or ("read", "write"), expires_at=expires_at)
    print_new(made, as_json)


def print_new(made: Any, as_json: bool) -> None:
    """Print a key just made: the secret alone on standard output, to be taken by a script."""
    if as_json:
        show.dump(made)
        return
    show.say(made["key"])
    click.echo(f"{made['key_id']} ({' '.join(made['scopes'])}). The key is shown this once: keep it.", err=True)


@keys.command("rotate")
@click.argument("key_id")
@click.option(
    "--grace", type=click.IntRange(0, 604_800), metavar="SECONDS", help="How long the old secret is good as well; 0."
)
@as_json_option
@answering
def rotate_key(key_id: str, grace: int | None, as_json: bool) -> None:
    """Give a key a new secret and print it: it is shown this once."""
    print_new(connect().keys.rotate(key_id, grace_seconds=grace), as_json)


@keys.command("revoke")
@click.argument("key_id")
@as_json_option
@answering
def revoke_key(key_id: str, as_json: bool) -> None:
    """Revoke a key; requests with it are refused from now on."""
    connect().keys.revoke(key_id)
    show.dump({"id": key_id, "revoked": True}) if as_json else show.say(f"{key_id} is revoked.")
