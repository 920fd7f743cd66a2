"""`cardforge generate`: one card, from a file, standard input or a text."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from cardforge_client import ApiError, BadAnswer, Cardforge, Unreachable
from cli import offline, saving, show
from cli.batches import PRIORITIES
from cli.catalogue import OptionsCommand
from cli.connect import connect
from cli.ends import INTERRUPTED, SOME_FAILED, Refused, answering, confirm, fail, yes_option
from cli.estimates import print_takes
from cli.formats import USUAL
from cli.options import read_options
from cli.profile_ids import id_of, profile_option
from cli.sources import SourceError, check_text, read_source

FILE_NAME = re.compile(r"\.\w{1,5}$")


@click.command(cls=OptionsCommand, short_help="Make one card: of a file, standard input or a text.")
@click.argument("source", required=False, metavar="[FILE|-|TEXT]")
@click.option("--text", help="The source as a text, whatever it looks like.")
@profile_option()
@click.option(
    "--card", type=click.Path(path_type=Path, dir_okay=False), help="A card to bring up to date (any format)."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="Folder for the files; this one."
)
@click.option("-o", "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="Any option below, in this form.")
@click.option("--priority", type=PRIORITIES)
@click.option("--callback-url", metavar="URL", help="Where to send a webhook when it has ended.")
@click.option("--estimate", is_flag=True, help="Show first what it will cost, and ask; without a terminal only show.")
@yes_option
@click.option(
    "--watch/--no-wait", default=True, help="Show its steps and save its files; or print the job's id and end."
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON (progress goes nowhere).")
@answering
def generate(source: str | None, text: str | None, as_json: bool, **asked: Any) -> None:
    """Make one card of a FILE, of standard input (-), or of a TEXT with blanks in it.

    \b
      cardforge generate mara.md --genre noir --variants 2
      cardforge generate "Sir Galahad keeps watch at the chapel." --out cards
      pandoc notes.docx -t plain | cardforge generate - --profile fantasy
    """
    words, metadata = read(source, text)
    forge = connect()
    more = arguments(forge, metadata, **{name: asked[name] for name in ("profile_id", "card", "pairs", "chosen")})
    if asked["estimate"] and not agreed(forge, words, more, asked["yes"], as_json):
        return
    ways = {name: asked[name] for name in ("priority", "callback_url") if asked[name]}
    job_id = forge.generation.create(words, **more, **ways)["job_id"]
    if not asked["watch"]:
        show.dump({"job_id": job_id}) if as_json else show.say(job_id)
        return
    finish(forge, job_id, asked["out"], metadata.get("source_file", ""), as_json)


def read(source: str | None, text: str | None) -> tuple[str, dict[str, str]]:
    """The source and its metadata. Raises `SourceError`, and click's `UsageError` where it is not one source."""
    if (source is None) == (text is None) and (text is not None or sys.stdin.isatty()):
        raise click.UsageError("Give one source: a FILE, a TEXT, or - for standard input.")
    if text is not None:
        return check_text(text, "--text"), {}
    if source in {None, "-"}:
        return check_text(sys.stdin.buffer.read(), "standard input"), {}
    path = Path(str(source))
    try:
        there = path.exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        there = False
    if there or not is_text(str(source)):
        if not there:
            raise SourceError(f"{source}: there is no such file. A text is given with --text.")
        return read_source(path), {"source_file": path.name}
    return check_text(str(source), "The text"), {}


def is_text(source: str) -> bool:
    """Whether an argument that is no file was meant as the source itself."""
    return " " in source.strip() and not FILE_NAME.search(source)


def arguments(
    forge: Cardforge,
    metadata: Mapping[str, str],
    *,
    profile_id: str | None,
    card: Path | None,
    pairs: tuple[str, ...],
    chosen: Mapping[str, Any],
) -> Any:
    """What a generation is told beside its source, in the words of the API."""
    read_pairs = read_options(pairs, forge.options()) if pairs else {}
    found: dict[str, Any] = {"options": {"format": list(USUAL), **read_pairs, **chosen}, "metadata": metadata}
    if profile_id:
        found["profile_id"] = id_of(forge, profile_id)
    if card:
        found["character_card"] = card_of(card)
    return found


def card_of(path: Path) -> dict[str, Any]:
    """The card in a file of any format, as a V3 card."""
    from cards.formats import render  # noqa: PLC0415 - other commands start faster without it

    reading = offline.read(path)
    if reading.card is None:
        raise Refused(f"{path} is a lorebook, no card.")
    return dict(json.loads(render(reading.card, "v3", reading.media)))


def agreed(forge: Cardforge, text: str, more: Any, yes: bool, as_json: bool) -> bool:
    """Show what the card will take; whether to go on."""
    only_show = not yes and not sys.stdin.isatty()
    found = forge.generation.estimate(text, **more)
    if as_json and only_show:
        show.dump(found)
    elif not as_json:
        print_takes(found, "1 card", found.get("estimated_seconds"))
    if only_show:
        return False
    confirm("Make it?", yes)
    return True


# --- watching -----------------------------------------------------------------------------------------------------


@dataclass
class Now:
    """Where a job stands, as shown: percent, step (``2 of 3``), what it does, US dollars."""

    progress: int = 0
    place: str = ""
    detail: str = "waiting for a free place"
    cost: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take over what an event says."""
        self.progress = max(self.progress, int(data.get("progress") or 0))
        self.cost = float(data.get("cost_usd") or self.cost)
        if kind == "step" and data.get("status") == "processing":
            self.place = f"{data.get('index')} of {data.get('total')}"
            self.detail = STEPS.get(str(data.get("name")), str(data.get("name")))
        elif kind == "progress" and data.get("detail"):
            self.detail = str(data["detail"])

    def see(self, job: Mapping[str, Any]) -> None:
        """Take over what a look at the job says."""
        step = job.get("current_step") or {}
        self.hear("step", {**job, **step, "status": "processing"} if step else job)
        self.hear("progress", step)

    def words(self) -> str:
        """Step, what it does, elapsed time and cost, on one line."""
        cost = [show.money(self.cost)] if self.cost else []
        place = f"step {self.place}: " if self.place else ""
        return place + ", ".join([show.clean(self.detail), show.duration(time.monotonic() - self.began), *cost])


STEPS = {"generate": "writing the card", "expand_lorebook": "writing the lorebook", "export": "making the files"}


def follow(forge: Cardforge, job_id: str, *, quiet: bool) -> Mapping[str, Any]:
    """Show a job's steps as they come until it has ended; returns it."""
    if quiet:
        return forge.jobs.wait(job_id)
    now = Now()
    with show.steps() as shown:
        try:
            for event in forge.jobs.events(job_id):
                now.hear(event.kind, event.data)
                shown(now.progress, now.words)
        except (ApiError, BadAnswer, Unreachable):
            pass  # looking says whether it is only the events that cannot be had
        for job in forge.jobs.watch(job_id):
            now.see(job)
            shown(now.progress, now.words)
    return job


def finish(forge: Cardforge, job_id: str, out: Path, source: str, as_json: bool) -> None:
    """Follow a job to its end, save its card, say what came of it; ends with 1 where there is no card."""
    if not as_json:
        show.say(f"job {job_id}")
    try:
        job = follow(forge, job_id, quiet=as_json)
        outcome = saved(forge, job, out, source)
    except KeyboardInterrupt:
        remedy = f"Look: cardforge jobs show {job_id}. End it: cardforge jobs cancel {job_id}"
        fail(f"the card is being made without us. {remedy}", INTERRUPTED)
    if as_json:
        show.dump(as_object(job, outcome))
    else:
        show.facts(told_of(forge, job, outcome))
        for path in outcome.files:
            show.say(f"saved     {path}")
    if not outcome.good:
        sys.exit(SOME_FAILED)


def saved(forge: Cardforge, job: Mapping[str, Any], out: Path, source: str) -> saving.Outcome:
    """Save the files of an ended job under ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    item = {**job, "item_id": job["job_id"][-6:], "metadata": {"source_file": source}}
    return saving.save(forge, {**item, "downloads": job["links"]["downloads"]}, out, set())


def as_object(job: Mapping[str, Any], outcome: saving.Outcome) -> dict[str, Any]:
    """What came of a card, for programs."""
    told = outcome.as_json()
    facts = {name: job[name] for name in ("job_id", "status", "cost_usd", "error")}
    return facts | {name: told[name] for name in ("character", "entries", "files")}


def told_of(forge: Cardforge, job: Mapping[str, Any], outcome: saving.Outcome) -> dict[str, Any]:
    """What came of a card, for people."""
    facts: dict[str, Any] = {"job": job["job_id"], "status": job["status"], "error": outcome.error}
    if job["status"] == "completed":
        made = forge.jobs.result(job["job_id"])
        score = ", ".join(f"{group} {points}" for group, points in (made.get("score") or {}).items())
        facts = {"card": f"{made['name']} ({made['character_id']})", "lorebook": f"{outcome.entries} entries"}
        facts |= {"score": score, "error": outcome.error}
    return {**facts, "cost": show.money(job["cost_usd"]) if job["cost_usd"] else None}
