"""`cardforge characters`: the finished cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli import show
from cli.connect import connect
from cli.ends import SOME_FAILED, Refused, answering, as_json_option, confirm, fail, gone, limit_option, yes_option
from cli.formats import FORMATS, format_of
from cli.offline import FRONTENDS
from cli.options import read_options
from cli.profile_ids import id_of, profile_option
from cli.texts import read_text, read_texts

LONG = 300  # letters of a field on the screen


@click.group()
def characters() -> None:
    """Keep the finished cards: list, import, check, edit, download."""


@characters.command("list")
@click.option("-q", "--search", "q", help="A part of the name.")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; repeat for several.")
@click.option("--favorite", is_flag=True, help="Only favourites.")
@click.option("--archived", is_flag=True, help="Those that were put away.")
@limit_option
@as_json_option
@answering
def list_characters(tags: tuple[str, ...], limit: int, as_json: bool, **asked: Any) -> None:
    """List characters, newest first."""
    query: Any = {name: value for name, value in {**asked, "tags": tags}.items() if value}
    found = connect().characters.list(**query).first(limit)
    if as_json:
        show.dump(found)
        return
    rows = [
        (each["id"], star(each) + each["name"], show.age(each["updated_at"]), ", ".join(each["tags"])) for each in found
    ]
    show.table(("character", "name", "edited", "tags"), rows, cut=True)


def star(character: Any) -> str:
    """What marks a favourite."""
    return "* " if character.get("favorite") else ""


@characters.command("show")
@click.argument("character_id")
@as_json_option
@answering
def show_character(character_id: str, as_json: bool) -> None:
    """Show a character: its card's fields, book, job."""
    found = connect().characters.get(character_id)
    if as_json:
        show.dump(found)
        return
    data = found["card"].get("data") or {}
    book = data.get("character_book") or {}
    greetings = data.get("alternate_greetings") or []
    facts: dict[str, Any] = {"character": found["id"], "name": found["name"], "version": found["version"]}
    facts |= {"tags": ", ".join(found["tags"])}
    facts |= {"book": f"{found['book_id']} ({len(book.get('entries') or [])} entries)" if found["book_id"] else None}
    facts |= {"job": found["job_id"], "edited": show.moment(found["updated_at"])}
    facts |= {name: short(data.get(name)) for name in ("description", "personality", "scenario", "first_mes")}
    show.facts(facts | {"more greetings": len(greetings) or None})


def short(text: Any) -> str:
    """The beginning of a text."""
    words = show.clean(text or "")
    return words if len(words) <= LONG else words[:LONG].rsplit(" ", 1)[0] + " ..."


@characters.command("import", short_help="Import cards and lorebooks of any format.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--skip-duplicates", is_flag=True, help="Leave out files that were imported before, byte for byte.")
@as_json_option
@answering
def import_files(files: tuple[Path, ...], skip_duplicates: bool, as_json: bool) -> None:
    """Import cards and lorebooks of any format; each file has its own result."""
    forge = connect()
    results = [
        result
        for start in range(0, len(files), 100)
        for result in forge.characters.import_files(files[start : start + 100], skip_duplicates=skip_duplicates)[
            "results"
        ]
    ]
    if as_json:
        show.dump(results)
    else:
        rows = [(each["status"], each["character_id"] or each["book_id"], each["file"]) for each in results]
        show.table(("status", "character or book", "file"), rows, cut=True)
        for each in results:
            for note in odd(each):
                show.say(show.clean(f"{each['file']}: {note}"))
    if any(each["status"] == "failed" for each in results):
        fail("not every file could be imported.", SOME_FAILED)


def odd(result: Any) -> list[str]:
    """What was odd about a file, or why it could not be read."""
    deviations = [f"{each['path']}: {each['message']}" for each in result["deviations"]]
    errors = [result["error"]["message"]] if result["error"] else []
    return [*errors, *result["warnings"], *deviations]


@characters.command("download")
@click.argument("character_ids", nargs=-1, required=True, metavar="CHARACTER_ID...")
@click.option(
    "--format",
    "wanted",
    type=click.Choice(FORMATS),
    help="If not said: what the file's name says (mara.charx), else tavernai.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=".", help="A folder; for one character also a file, as mara.png."
)
@click.option("--for", "frontend", type=click.Choice(FRONTENDS), help="Say what this program loses.")
@as_json_option
@answering
def download(
    character_ids: tuple[str, ...], wanted: str | None, out: Path, frontend: str | None, as_json: bool
) -> None:
    """Save characters as files, as they are now."""
    if len(character_ids) > 1 or not (out.suffix or out.exists()):
        out.mkdir(parents=True, exist_ok=True)
    format_name = wanted or ("tavernai" if out.is_dir() else named_format(out))
    forge = connect()

    def save(character_id: str) -> tuple[Any, str]:
        path = str(forge.characters.download(character_id, format_name).save(out, overwrite=not out.is_dir()))
        lost: Any = forge.characters.losses(character_id, format_name, frontend=frontend)["losses"] if frontend else []
        words = [f"  {loss['what']}: {loss['field']}: {loss['message']}" for loss in lost]
        return {"id": character_id, "file": path, "losses": lost}, "\n".join([path, *words])

    show.results(map(save, character_ids), as_json)


def named_format(out: Path) -> str:
    """The format that the name of a file says; a file must not hold another than its name tells. Raises `Refused`."""
    found = format_of(out)
    if found is None:
        raise Refused(f"{out} does not say what it is to be: name one with --format: {', '.join(FORMATS)}.")
    return found


@characters.command("lint")
@click.argument("character_id")
@as_json_option
@answering
def lint(character_id: str, as_json: bool) -> None:
    """Check a character. Ends with 1 when something is an error."""
    found = connect().characters.lint(character_id)
    show.dump(found) if as_json else print_lint(found)
    if found["counts"]["E"]:
        fail(f"{show.counted(found['counts']['E'], 'error')}.", SOME_FAILED)


def print_lint(found: Any) -> None:
    """Show what lint found, and the score."""
    rows = [(each["severity"], each["rule"], each["field"], each["message"], each["fix"]) for each in found["findings"]]
    if rows:
        show.table(("", "rule", "field", "what is wrong", "what to do"), rows)
    show.say("score: " + ", ".join(f"{group} {points}" for group, points in found["score"].items()))


@characters.command("edit", short_help="Change fields of a card.")
@click.argument("character_id")
@click.option("--set", "pairs", multiple=True, metavar="FIELD=TEXT", help="A field; FIELD=@FILE reads a file.")
@click.option("--tag", "tags", multiple=True, help="The tags, in place of those it has; repeat for several.")
@click.option("--greeting", "greetings", multiple=True, help="The other greetings, in place of those; @FILE too.")
@click.option("--version", type=click.IntRange(min=1), help="Only if it is this version still; else the newest.")
@as_json_option
@answering
def edit(
    character_id: str,
    pairs: tuple[str, ...],
    tags: tuple[str, ...],
    greetings: tuple[str, ...],
    version: int | None,
    as_json: bool,
) -> None:
    """Change fields of a character's card (name, description, first_mes, ...); all others stay."""
    lists = {"tags": list(tags), "alternate_greetings": [read_text(each) for each in greetings]}
    changes = {**read_texts(pairs), **{name: texts for name, texts in lists.items() if texts}}
    if not changes:
        raise Refused("Nothing to change: give --set, --tag or --greeting.")
    forge = connect()
    version = version or forge.characters.get(character_id)["version"]
    made = forge.characters.update(character_id, changes, version=version)
    show.dump(made) if as_json else show.say(f"{character_id} is version {made['version']} now.")


@characters.command("regenerate", short_help="Have fields written anew; all others stay.")
@click.argument("character_id")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD...")
@click.option("--instruction", help="What to do differently.")
@profile_option("How to write; else as it was made.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="Any of `cardforge options`.")
@click.option("--wait", is_flag=True, help="Wait until it is written.")
@as_json_option
@answering
def regenerate(
    character_id: str,
    fields: tuple[str, ...],
    instruction: str | None,
    profile_id: str | None,
    pairs: tuple[str, ...],
    wait: bool,
    as_json: bool,
) -> None:
    """Have fields written anew (first_mes, scenario, ...); all others stay. Prints the job's id."""
    forge = connect()
    options = read_options(pairs, forge.options()) if pairs else None
    profile = id_of(forge, profile_id) if profile_id else None
    job = forge.characters.regenerate(
        character_id, fields, instruction=instruction, options=options, profile_id=profile
    )
    if not as_json:
        show.say(job["job_id"])
    ended = forge.jobs.wait(job["job_id"]) if wait else None
    if as_json:
        show.dump(ended or job)
    if ended and ended["status"] != "completed":
        fail(show.error_of(ended) or ended["status"], SOME_FAILED)


@characters.command("archive", short_help="Put characters away, or take them back.")
@click.argument("character_ids", nargs=-1, required=True, metavar="CHARACTER_ID...")
@click.option("--undo", is_flag=True, help="Take them back.")
@as_json_option
@answering
def archive(character_ids: tuple[str, ...], undo: bool, as_json: bool) -> None:
    """Put characters away: out of the lists, and there to be taken back."""
    forge = connect()

    def put(character_id: str) -> tuple[Any, str]:
        (forge.characters.unarchive if undo else forge.characters.archive)(character_id)
        return {"id": character_id, "archived": not undo}, f"{character_id} is {'back' if undo else 'put away'}."

    show.results(map(put, character_ids), as_json)


@characters.command("favorite")
@click.argument("character_ids", nargs=-1, required=True, metavar="CHARACTER_ID...")
@click.option("--undo", is_flag=True, help="No longer.")
@as_json_option
@answering
def favorite(character_ids: tuple[str, ...], undo: bool, as_json: bool) -> None:
    """Mark characters as favourites."""
    forge = connect()

    def mark(character_id: str) -> tuple[Any, str]:
        (forge.characters.unfavorite if undo else forge.characters.favorite)(character_id)
        words = f"{character_id} is {'no longer ' if undo else ''}a favourite."
        return {"id": character_id, "favorite": not undo}, words

    show.results(map(mark, character_ids), as_json)


@characters.command("delete")
@click.argument("character_ids", nargs=-1, required=True, metavar="CHARACTER_ID...")
@yes_option
@as_json_option
@answering
def delete(character_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete characters for good, with their lorebooks."""
    forge = connect()
    confirm(f"Delete {show.counted(len(character_ids), 'character')} for good?", yes)
    show.results(gone(forge.characters.delete, character_ids), as_json)
