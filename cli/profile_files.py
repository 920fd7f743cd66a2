"""`cardforge profiles pull`, `push`, and `edit` in an editor: an edit that meets another's is shown beside it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cardforge_client import Cardforge, Invalid, NotFound, StaleVersion
from cli import documents, show
from cli.connect import connect
from cli.documents import Document, body_of
from cli.ends import REFUSED, Refused, answering, as_json_option, fail, told
from cli.merging import Change, compare, merge
from cli.merging import told as told_change
from cli.profile_ids import id_of, profile_argument

Profile = Mapping[str, Any]


@click.command("pull", short_help="Save a profile as a file to edit.")
@profile_argument
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@as_json_option
@answering
def pull(profile_id: str, file: Path | None, force: bool, as_json: bool) -> None:
    """Save a profile as FILE: YAML, or JSON by its name (- is standard output). `profiles push` stores it again."""
    forge = connect()
    found = forge.profiles.get(id_of(forge, profile_id))
    if str(file) == "-":
        click.echo(documents.render(found, "yaml"), nl=False)
        return
    path = file or Path(f"{file_name(found['name'])}.yaml")
    if path.exists() and not force:
        raise Refused(f"{path} is there already: choose another name, or --force to overwrite it.")
    documents.write(path, found)
    show.dump({"file": str(path), "id": found["id"], "version": found["version"]}) if as_json else show.say(str(path))


def file_name(name: str) -> str:
    """A name that any file system takes."""
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name.casefold())
    return kept.strip("-")[:60] or "profile"


@click.command("push", short_help="Store a profile from a file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Overwrite what others have changed meanwhile.")
@as_json_option
@answering
def push(file: Path, force: bool, as_json: bool) -> None:
    """Store FILE as its profile's next version; without an id in it, as a new profile.

    Where somebody else has edited the profile since, nothing is overwritten: on a terminal both edits are shown, with
    a choice; elsewhere it ends with 4.
    """
    document = documents.read(file)
    forge = connect()
    if document.profile_id is None:
        name, *rest = (document.body.get(part) for part in documents.PARTS)
        if not isinstance(name, str):
            raise Refused(f"{file}: a new profile needs a name.")
        more: Any = {part: value for part, value in zip(documents.PARTS[1:], rest, strict=True) if value is not None}
        made: Profile = forge.profiles.create(name, **more)
    elif force:
        made = forge.profiles.replace(document.profile_id, document.body, version=None)
    else:
        made = store(forge, document, file, was=None)
    documents.note(file, made)
    show.dump(made) if as_json else show.say(f"{made['id']} is version {made['version']} now.")


def edit_in_editor(forge: Cardforge, profile_id: str, kind: str) -> Profile | None:
    """Have a profile edited in $EDITOR until it can be stored; None when nothing was changed."""
    found = forge.profiles.get(profile_id)
    if found["is_builtin"]:
        remedy = f"cardforge profiles clone {profile_id} NAME"
        raise Refused(f"{found['name']} is built in and stays as it is. Make one of your own: {remedy}")
    folder = Path(tempfile.mkdtemp(prefix="cardforge-"))
    path = folder / f"{file_name(found['name'])}.{kind}"
    documents.write(path, found)
    made = edited(forge, path, found)
    shutil.rmtree(folder)
    return made


def edited(forge: Cardforge, path: Path, found: Profile) -> Profile | None:
    """The profile as it was stored from the editor. Where it is not, the text stays in ``path``."""
    while True:
        open_editor(path)
        try:
            document = documents.read(path)
            if document.body == body_of(found):
                return None
            return store(forge, document, path, was=found)
        except (Refused, Invalid) as error:
            # Fields are those of the file here, no flags.
            show.say(told(error, flags={}) if isinstance(error, Invalid) else str(error))
            if not click.confirm("Edit again?", default=True):
                raise Refused(f"Not stored. Your text is in {path}") from None


def open_editor(path: Path) -> None:
    """Open ``path`` in $EDITOR and wait. Raises `Refused` where there is none, or it gives up."""
    try:
        click.edit(filename=str(path))
    except click.ClickException as error:
        remedy = f"Set EDITOR to one that is here; or edit the file {path}, and: cardforge profiles push {path}"
        raise Refused(f"{error.message.rstrip('.')}. {remedy}") from None


# --- when two edit at one time ------------------------------------------------------------------------------------


def store(forge: Cardforge, document: Document, path: Path, was: Profile | None) -> Profile:
    """Store a document as the next version of the one that it was made of; else as the person decides.

    ``was``: the profile that it was made of, if it is at hand.
    """
    profile_id, version, body = str(document.profile_id), document.version, document.body
    while True:
        try:
            return forge.profiles.replace(profile_id, body, version=version)
        except StaleVersion:
            theirs = forge.profiles.get(profile_id)
            base = body_of(was) if was else base_of(forge, profile_id, document.version)
            changes = compare(base, body_of(theirs), body)
            choice = decide(theirs, changes, path) if changes else "theirs"
            if choice == "theirs":
                documents.write(path, theirs)
                return theirs
            if choice == "edit":
                documents.write(path, {**theirs, **filled(merge(body_of(theirs), changes))})
                open_editor(path)
                body = documents.read(path).body
            elif choice == "both":
                body = merge(body_of(theirs), changes)
            version, was = theirs["version"], theirs


def base_of(forge: Cardforge, profile_id: str, version: int | None) -> dict[str, Any]:
    """What a profile said in the version that an edit was made of, as far as that is kept."""
    try:
        found = forge.profiles.version(profile_id, version or 1)
    except NotFound:
        return {}
    return {"config": found["config"], "prompts": found["prompts"]}


def filled(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body with all its parts."""
    return {"description": "", "config": {}, "prompts": {}, **body}


def decide(theirs: Profile, changes: list[Change], path: Path) -> str:
    """Show two edits beside each other, and ask which is to be: ``mine``, ``theirs``, ``both`` or ``edit``."""
    who = f"{theirs.get('updated_by') or 'somebody'}, {show.moment(theirs.get('updated_at'))}"
    click.echo(f"Meanwhile it was edited: version {theirs['version']} ({who}).\n", err=True)
    for change in changes:
        for line in told_change(change):
            click.echo(show.clean_line(line), err=True)
    if not sys.stdin.isatty():
        fail(f"{path} is not stored: it would overwrite that. Pull again, or push with --force.", REFUSED)
    conflicts = sum(change.is_conflict for change in changes)
    show.say("\n  m  mine: all of it, as I wrote it; what they changed is undone")
    show.say("  t  theirs: drop what I wrote")
    show.say("  b  both: no field was changed by both" if not conflicts else "  b  both, and mine where we differ")
    show.say("  e  edit again, from both")
    letters = {"m": "mine", "t": "theirs", "b": "both", "e": "edit"}
    return letters[click.prompt("Which", type=click.Choice(list(letters)), default="e" if conflicts else "b")]
