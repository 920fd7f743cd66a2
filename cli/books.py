"""`cardforge books`: lorebooks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli import show
from cli.characters import import_files, print_lint
from cli.connect import connect
from cli.ends import SOME_FAILED, answering, as_json_option, confirm, fail, gone, limit_option, yes_option
from cli.formats import BOOK_FORMATS

MARKS = {"activated": "fires", "cut": "cut", "skipped": "-"}


@click.group()
def books() -> None:
    """Keep lorebooks: list, search, try on a chat, check, download."""


books.add_command(import_files)


@books.command("list")
@click.option("-q", "--search", "q", help="Words of the name, description or entries.")
@click.option("--character", "character_id", help="Only that of this character.")
@click.option("--standalone", is_flag=True, help="Only those of no character.")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; repeat for several.")
@limit_option
@as_json_option
@answering
def list_books(limit: int, as_json: bool, **asked: Any) -> None:
    """List lorebooks, newest first."""
    query: Any = {name: value for name, value in asked.items() if value}
    found = connect().books.list(**query).first(limit)
    if as_json:
        show.dump(found)
        return
    rows = [(each["id"], *size(each), show.age(each["metadata"]["updated_at"]), each["name"]) for each in found]
    show.table(("book", "entries", "tokens", "edited", "name"), rows, cut=True)


def size(book: Mapping[str, Any]) -> tuple[str, str]:
    """How many entries and tokens a book has."""
    return f"{book['metadata']['total_entries']:,}", f"{book['metadata']['total_tokens']:,}"


@books.command("show")
@click.argument("book_id")
@click.option("--texts", is_flag=True, help="With the text of each entry.")
@as_json_option
@answering
def show_book(book_id: str, texts: bool, as_json: bool) -> None:
    """Show a lorebook and its entries."""
    found = connect().books.get(book_id)
    if as_json:
        show.dump(found)
        return
    entries, tokens = size(found)
    facts: dict[str, Any] = {"book": found["id"], **{name: found[name] for name in ("name", "description", "version")}}
    facts |= {"character": found["character_id"], "entries": f"{entries}, {tokens} tokens"}
    facts |= {"token budget": found["token_budget"], "scan depth": found["scan_depth"]}
    show.facts(facts)
    show.say("")
    if texts:
        for each in found["entries"]:
            show.say(f"--- {show.clean(each['name'])}: {show.clean(', '.join(each['keywords'])) or 'always'}")
            show.say(f"{show.lines(each['content'])}\n")
        return
    rows = [(each["name"], each["category"], each["metadata"]["tokens"], keys(each)) for each in found["entries"]]
    show.table(("entry", "category", "tokens", "keys"), rows, cut=True)


def keys(entry: Mapping[str, Any]) -> str:
    """What an entry fires by."""
    words = "always" if entry["constant"] else ", ".join(entry["keywords"])
    return words if entry["enabled"] else f"(off) {words}"


@books.command("search", short_help="Find entries by words or keys.")
@click.argument("book_id")
@click.argument("query")
@click.option("--category", help="Only entries of this category.")
@limit_option
@as_json_option
@answering
def search(book_id: str, query: str, category: str | None, limit: int, as_json: bool) -> None:
    """Find entries by words of their texts and names, or by keys that are in QUERY; best first."""
    found = connect().books.search(book_id, query, category=category, limit=min(limit, 100))
    if as_json:
        show.dump(found)
        return
    rows = [(hit["entry"]["name"], marked(hit)) for hit in found["results"]]
    show.table(("entry", "where"), rows, cut=True)


def marked(hit: Mapping[str, Any]) -> str:
    """Where the words are: between asterisks in the text, or the keys."""
    text = str(hit["highlight"]).replace("<mark>", "*").replace("</mark>", "*")
    return text if "*" in text or not hit["matched_keywords"] else f"key: {', '.join(hit['matched_keywords'])}"


@books.command("simulate", short_help="Try a lorebook on a chat: what fires, and why.")
@click.argument("book_id")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--scan-depth", type=click.IntRange(0, 1000), help="How many of the last messages to look through.")
@click.option("--token-budget", type=click.IntRange(0, 1_000_000), help="What entries may take up together.")
@click.option("--recursive/--no-recursive", default=None, help="Whether entries fire other entries.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Roll the dice of chance with this seed.")
@as_json_option
@answering
def simulate(book_id: str, texts: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Try a lorebook on a chat: which entries fire, why, what the budget cuts. TEXT: messages, oldest first."""
    settings = {name: value for name, value in asked.items() if value is not None}
    settings |= {"chances": "roll"} if "seed" in settings else {}
    found = connect().books.simulate(book_id, texts, **settings)
    if as_json:
        show.dump(found)
        return
    sides: Mapping[str, Any] = found
    rows = [
        (mark, each["title"], each["position"] if each["fired"] else "", each["tokens"], each["detail"])
        for side, mark in MARKS.items()
        for each in sides[side]
    ]
    show.table(("", "entry", "place", "tokens", "why"), rows)
    for note in found["notes"]:
        show.say(f"note: {show.clean(note)}")
    counts = f"{len(found['activated'])} of {len(rows)} entries fire, {len(found['cut'])} are cut"
    show.say(f"{counts}: {found['tokens']:,} of {found['budget']:,} tokens.")


@books.command("lint")
@click.argument("book_id")
@as_json_option
@answering
def lint(book_id: str, as_json: bool) -> None:
    """Check a lorebook. Ends with 1 when something is an error."""
    found = connect().books.lint(book_id)
    show.dump(found) if as_json else print_lint(found)
    if found["counts"]["E"]:
        fail(f"{show.counted(found['counts']['E'], 'error')}.", SOME_FAILED)


@books.command("download")
@click.argument("book_ids", nargs=-1, required=True, metavar="BOOK_ID...")
@click.option("--format", "format_name", type=click.Choice(BOOK_FORMATS), default="worldinfo", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default=".", help="A folder; for one book also a file, as lore.json."
)
@as_json_option
@answering
def download(book_ids: tuple[str, ...], format_name: str, out: Path, as_json: bool) -> None:
    """Save lorebooks as files, as they are now."""
    if len(book_ids) > 1 or not (out.suffix or out.exists()):
        out.mkdir(parents=True, exist_ok=True)
    forge = connect()

    def save(book_id: str) -> tuple[Any, str]:
        path = str(forge.books.download(book_id, format_name).save(out, overwrite=not out.is_dir()))
        return {"id": book_id, "file": path}, path

    show.results(map(save, book_ids), as_json)


@books.command("delete")
@click.argument("book_ids", nargs=-1, required=True, metavar="BOOK_ID...")
@yes_option
@as_json_option
@answering
def delete(book_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete lorebooks with their entries."""
    confirm(f"Delete {show.counted(len(book_ids), 'lorebook')} for good?", yes)
    forge = connect()
    show.results(gone(partial(forge.books.delete, version=None), book_ids), as_json)
