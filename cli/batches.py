"""`cardforge batch`: submit, watch, save, cancel, retry, delete."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

import click

from cardforge_client import Cardforge
from cli import saving, show
from cli.catalogue import OptionsCommand
from cli.connect import connect
from cli.ends import INTERRUPTED, SOME_FAILED, answering, as_json_option, confirm, fail, gone, limit_option, yes_option
from cli.estimates import print_estimate
from cli.formats import FORMATS, USUAL
from cli.options import read_options
from cli.profile_ids import id_of, profile_option
from cli.sources import generations

STATUSES = click.Choice(["queued", "processing", "completed", "failed", "cancelled"])
PRIORITIES = click.Choice(["high", "standard", "low"])
DOLLARS = click.FloatRange(min=0, min_open=True)
DOLLARS.name = "sum of dollars"  # as errors call it


@click.group()
def batch() -> None:
    """Submit batches and look after them."""


def source_options(command: Any) -> Any:
    """What says how the cards of a batch are to be: the same for `batch submit` and `estimate`."""
    for option in (
        click.option(
            "-o", "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="Any option below, in this form."
        ),
        profile_option(),
        click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Repeat for several."),
    ):
        command = option(command)
    return command


def read_generations(
    forge: Cardforge,
    files: tuple[Path, ...],
    *,
    formats: tuple[str, ...],
    profile_id: str | None,
    pairs: tuple[str, ...],
    chosen: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The generations that files and options make."""
    read = read_options(pairs, forge.options()) if pairs else {}
    profile = id_of(forge, profile_id) if profile_id else None
    return generations(files, {"format": list(formats or USUAL), **read, **chosen}, profile)


@batch.command(cls=OptionsCommand, short_help="Make one card of each source file.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the finished cards.")
@click.option("--name", help="A name to know the batch by.")
@click.option("--max-concurrent", type=click.IntRange(min=1), help="How many cards to work on at a time.")
@click.option(
    "--max-cost", "max_cost_usd", type=DOLLARS, metavar="USD", help="The budget: no call once this much is spent."
)
@click.option("--priority", type=PRIORITIES)
@click.option("--stop-on-error", is_flag=True, help="The first failure cancels what has not begun.")
@click.option("--skip-invalid", is_flag=True, help="An invalid item fails by itself and does not refuse the batch.")
@click.option("--callback-url", metavar="URL", help="Where to send a webhook when the batch has ended.")
@source_options
@click.option("--estimate", is_flag=True, help="Show first what it will cost, and ask; without a terminal only show.")
@yes_option
@click.option("--no-wait", is_flag=True, help="Submit, print the batch's id and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON (progress goes nowhere).")
@answering
def submit(
    files: tuple[Path, ...],
    out: Path | None,
    estimate: bool,
    yes: bool,
    no_wait: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Make one card of each source file (UTF-8 text), and save the cards' files in --out."""
    only_estimate = estimate and not yes and not sys.stdin.isatty()
    if not out and not no_wait and not only_estimate:
        raise click.UsageError("Say where the cards go with --out DIR, or do not wait for them with --no-wait.")
    forge = connect()
    ways = {name: asked.pop(name) for name in ("formats", "profile_id", "pairs", "chosen")}
    sources = read_generations(forge, files, **ways)
    options = batch_options(**asked)
    if estimate:
        print_estimate(forge.batches.estimate(sources, **options), as_json and only_estimate, as_json)
        if only_estimate:
            return
        confirm("Submit it?", yes)
    accepted = forge.batches.create(sources, **options)
    if no_wait or not out:
        show.dump(accepted) if as_json else show.say(accepted["batch_id"])
        return
    finish(forge, accepted["batch_id"], out, as_json)


def batch_options(*, stop_on_error: bool, skip_invalid: bool, **asked: Any) -> Any:
    """The options of a batch in the words of the API; what was not said is left to the service."""
    flags = {"continue_on_error": False if stop_on_error else None, "skip_invalid": skip_invalid or None}
    return {name: value for name, value in {**asked, **flags}.items() if value is not None}


@batch.command("list")
@click.option("--status", type=STATUSES)
@click.option("--name", help="Only those with this in their name.")
@limit_option
@as_json_option
@answering
def list_batches(status: str | None, name: str | None, limit: int, as_json: bool) -> None:
    """List batches, newest first."""
    query: Any = {key: value for key, value in {"status": status, "name": name}.items() if value}
    found = connect().batches.list(**query).first(limit)
    if as_json:
        show.dump(found)
        return
    rows = [
        (*(each[name] for name in ("batch_id", "status")), items(each), show.money(each["cost_usd"]), *called(each))
        for each in found
    ]
    show.table(("batch", "status", "items", "cost", "age", "name"), rows, cut=True)


def called(found: Mapping[str, Any]) -> tuple[str, str]:
    """How old a batch is, and its name."""
    return show.age(found["created_at"]), found["name"]


def items(found: Mapping[str, Any]) -> str:
    """How many items of a batch are done."""
    progress = found["progress"]
    done = sum(progress[state] for state in ("completed", "failed", "cancelled"))
    return f"{done}/{progress['total']}" + (f" ({progress['failed']} failed)" if progress["failed"] else "")


@batch.command("show")
@click.argument("batch_id")
@as_json_option
@answering
def show_batch(batch_id: str, as_json: bool) -> None:
    """Show a batch: progress, cost, its first items."""
    found = connect().batches.get(batch_id)
    show.dump(found) if as_json else print_batch(found)


def print_batch(found: Mapping[str, Any]) -> None:
    """Show a batch and its items."""
    counts = show.Counts()
    counts.update(found)
    limit = found.get("max_cost_usd")
    cost = show.money(counts.cost or 0) + (f" of {show.money(limit)}" if limit is not None else "")
    show.facts(
        {
            "batch": found["batch_id"],
            "name": found.get("name"),
            "status": found["status"],
            "items": counts.states(),
            "cost": cost,
            "wasted": show.money(found["wasted_usd"]) if found.get("wasted_usd") else None,
            "created": show.moment(found.get("created_at")),
            "finished": show.moment(found.get("finished_at")),
        }
    )
    rows = [(each["item_id"], each["status"], each.get("job_id"), show.error_of(each)) for each in found["items"]]
    show.say("")
    show.table(("item", "status", "job", "error"), rows)
    if counts.total > len(rows):
        show.say(f"... and {counts.total - len(rows)} more: cardforge batch results {found['batch_id']}")


@batch.command("watch")
@click.argument("batch_id")
@as_json_option
@answering
def watch_batch(batch_id: str, as_json: bool) -> None:
    """Follow a batch until it has ended. Ends with 1 when not every card is completed."""
    found = saving.follow(connect(), batch_id, "cards", quiet=as_json)
    if as_json:
        show.dump(found)
    sys.exit(0 if found["progress"]["completed"] == found["progress"]["total"] else SOME_FAILED)


@batch.command("download", short_help="Save the cards: as files, or as one ZIP.")
@click.argument("batch_id")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the cards' files.")
@click.option("--zip", "archive", type=click.Path(path_type=Path, dir_okay=False), help="One ZIP, with a manifest.")
@click.option("--format", "format_name", type=click.Choice(FORMATS), help="Of the ZIP: only this format.")
@as_json_option
@answering
def download_batch(
    batch_id: str, out: Path | None, archive: Path | None, format_name: str | None, as_json: bool
) -> None:
    """Wait for a batch to end and save its cards: as files in --out, or as one --zip."""
    if bool(out) == bool(archive):
        raise click.UsageError("Say where: --out DIR for files, or --zip FILE for one archive.")
    if format_name and not archive:
        raise click.UsageError("--format is for --zip; --out saves every format.")
    forge = connect()
    if out:
        finish(forge, batch_id, out, as_json)
    saving.follow(forge, batch_id, "cards", quiet=as_json)
    path = forge.batches.download(batch_id, format_name).save(cast("Path", archive))
    show.dump({"batch_id": batch_id, "file": str(path)}) if as_json else show.say(str(path))


@batch.command("results", short_help="Take what each item made, as JSON Lines.")
@click.argument("batch_id")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file; else standard output.")
@answering
def results_of_batch(batch_id: str, out: Path | None) -> None:
    """Take what each item made as JSON Lines: card, lorebook, findings, usage."""
    file = connect().batches.results_file(batch_id)
    if out:
        show.say(str(file.save(out)))
        return
    with file.stream() as (_, chunks):
        for chunk in chunks:
            click.echo(chunk, nl=False)


@batch.command("cancel", short_help="Cancel what has not ended.")
@click.argument("batch_id")
@as_json_option
@answering
def cancel_batch(batch_id: str, as_json: bool) -> None:
    """Cancel what has not ended: waiting items at once, running ones within two seconds."""
    found = connect().batches.cancel(batch_id)
    if as_json:
        show.dump(found)
        return
    counts = show.Counts()
    counts.update(found)
    show.say(f"{batch_id}: {counts.states()}")


@batch.command("retry")
@click.argument("batch_id")
@click.option("--include-cancelled", is_flag=True, help="Cancelled items too.")
@click.option("--fresh", is_flag=True, help="Ask the model anew, also what was answered and paid before.")
@click.option(
    "--max-cost", "max_cost_usd", type=DOLLARS, metavar="USD", help="The batch's budget from here on, in all."
)
@as_json_option
@answering
def retry_batch(batch_id: str, include_cancelled: bool, fresh: bool, max_cost_usd: float | None, as_json: bool) -> None:
    """Give each failed item a new job."""
    found = connect().batches.retry(
        batch_id, include_cancelled=include_cancelled, fresh=fresh, max_cost_usd=max_cost_usd
    )
    if as_json:
        show.dump(found)
        return
    items = show.counted(found["retried"], "item has", "items have")
    show.say(f"{items} a new job. Follow them: cardforge batch watch {batch_id}")


@batch.command("delete")
@click.argument("batch_id")
@yes_option
@as_json_option
@answering
def delete_batch(batch_id: str, yes: bool, as_json: bool) -> None:
    """Delete an ended batch with its jobs and files. Characters stay."""
    forge = connect()
    confirm(f"Delete {batch_id} with its jobs and files?", yes)
    show.results(gone(forge.batches.delete, [batch_id]), as_json)


def finish(forge: Cardforge, batch_id: str, out: Path, as_json: bool) -> NoReturn:
    """Follow a batch to its end, save its cards, print what came of it and end with the fitting exit code."""
    try:
        if not as_json:
            show.say(f"batch {batch_id}")
        ended = saving.follow(forge, batch_id, "cards", quiet=as_json)
        outcomes = saving.collect_all(forge, ended, out, quiet=as_json)
    except KeyboardInterrupt:
        fail(
            f"the batch goes on without us. Look: cardforge batch show {batch_id}. "
            f"Save its cards: cardforge batch download {batch_id} --out {out}",
            INTERRUPTED,
        )
    if as_json:
        show.dump({"batch_id": batch_id, "items": [outcome.as_json() for outcome in outcomes]})
    else:
        saving.print_outcomes(outcomes)
    sys.exit(0 if all(outcome.good for outcome in outcomes) else SOME_FAILED)
