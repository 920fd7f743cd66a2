"""`cardforge jobs`: what becomes of each card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cardforge_client import Cardforge
from cli import show, spoken
from cli.batches import STATUSES
from cli.catalogue import OptionsCommand
from cli.connect import connect
from cli.ends import answering, as_json_option, confirm, gone, limit_option, yes_option
from cli.options import read_options
from cli.profile_ids import id_of, profile_option


@click.group()
def jobs() -> None:
    """Look at jobs: one job is one card."""


@jobs.command("list")
@click.option("--status", type=STATUSES)
@click.option("--batch", "batch_id", help="Only this batch's.")
@profile_option("Only those written by this profile.")
@click.option("-q", "--search", "q", help="Words of the character's or batch's name, or the code of an error.")
@limit_option
@as_json_option
@answering
def list_jobs(limit: int, as_json: bool, profile_id: str | None, **asked: str | None) -> None:
    """List jobs, newest first."""
    forge = connect()
    profile = id_of(forge, profile_id) if profile_id else None
    query: Any = {name: value for name, value in {**asked, "profile_id": profile}.items() if value}
    found = forge.jobs.list(**query).first(limit)
    if as_json:
        show.dump(found)
        return
    rows = [(job["job_id"], job["status"], show.age(job["created_at"]), came_of(job)) for job in found]
    show.table(("job", "status", "age", "card or error"), rows, cut=True)


def came_of(job: Mapping[str, Any]) -> str:
    """The name of the card that a job made, or why there is none."""
    return show.error_of(job) or str(job.get("character_name") or "")


@jobs.command("show", short_help="Show a job: state, steps, cost, error, log.")
@click.argument("job_id")
@as_json_option
@answering
def show_job(job_id: str, as_json: bool) -> None:
    """Show a job: state, what it waits for, its character, steps, cost, error, log."""
    forge = connect()
    job = forge.jobs.get(job_id)
    if as_json:
        show.dump(job)
        return
    show.facts(facts_of(job) | character_of(forge, job))
    show.say("")
    steps = [(step["name"], step["status"], step["attempts"], took(step)) for step in job["steps"]]
    show.table(("step", "status", "attempts", "took"), steps)
    show.say("")
    print_log(forge, job_id)


def facts_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to know of a job."""
    return {
        "job": job["job_id"],
        "status": job["status"],
        "progress": f"{job['progress']} %",
        "now": now(job),
        "waits": waits(job),
        "batch": job["batch_id"],
        "profile": f"{job['profile_id']} (version {job['profile_version']})",
        "retry of": job["retry_of"],
        "retried by": job["retried_by"],
        "created": show.moment(job["created_at"]),
        "finished": show.moment(job["finished_at"]),
        "cost": show.money(job["cost_usd"]) + wasted(job),
        "error": show.error_of(job),
    }


def now(job: Mapping[str, Any]) -> str:
    """What a job is at."""
    step = job.get("current_step")
    return f"{step['name']} ({step['index']} of {step['total']}): {step['detail'] or '...'}" if step else ""


def waits(job: Mapping[str, Any]) -> str:
    """What a job waits for."""
    if job.get("cancel_requested_at") and job["status"] == "processing":
        return "it is being cancelled"
    if job.get("waiting_until"):
        return f"for its model server, until {show.moment(job['waiting_until'])}"
    return "for a free place" if job["status"] == "queued" else ""


def wasted(job: Mapping[str, Any]) -> str:
    """What failed tries cost, if anything."""
    return f" ({show.money(job['wasted_usd'])} of it for failed tries)" if job.get("wasted_usd") else ""


def character_of(forge: Cardforge, job: Mapping[str, Any]) -> dict[str, str]:
    """The character that a finished job made."""
    if job["status"] != "completed":
        return {}
    made = forge.jobs.result(job["job_id"])
    return {
        "character": f"{made['name']} ({made['character_id']})",
        "files": " ".join(sorted(job["links"]["downloads"])),
    }


def took(step: Mapping[str, Any]) -> str:
    """How long a step took."""
    return show.between(step.get("started_at"), step.get("finished_at"))


@jobs.command("logs")
@click.argument("job_id")
@click.option("--level", type=click.Choice(["info", "warning", "error"]), help="Only lines of this level.")
@click.option("--follow", "-f", is_flag=True, help="Go on as lines are written, until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as a JSON object.")
@answering
def logs_of_job(job_id: str, level: str | None, follow: bool, as_json: bool) -> None:
    """Read a job's log, oldest line first."""
    forge = connect()
    if not follow:
        print_log(forge, job_id, level, as_json)
        return
    for event in forge.jobs.events(job_id):
        if event.kind == "log" and level in (None, event.data.get("level")):
            print_line(event.data, as_json)


def print_log(forge: Cardforge, job_id: str, level: str | None = None, as_json: bool = False) -> None:
    """Print the log of a job."""
    for line in forge.jobs.logs(job_id, level=level):
        print_line(line, as_json)


def print_line(line: Mapping[str, Any], as_json: bool) -> None:
    """Print one line of a log."""
    if as_json:
        show.dump(line, lines=True)
        return
    message = spoken.text(str(line.get("message", "")), spoken.of_work())
    show.say(f"{show.moment(line.get('at'))}  {line.get('level', ''):<7}  {show.clean(message)}")


@jobs.command("cancel", short_help="Cancel jobs that have not ended.")
@click.argument("job_ids", nargs=-1, required=True, metavar="JOB_ID...")
@as_json_option
@answering
def cancel_jobs(job_ids: tuple[str, ...], as_json: bool) -> None:
    """Cancel jobs: waiting ones at once, running ones within two seconds."""
    forge = connect()

    def cancel(job_id: str) -> tuple[Any, str]:
        job = forge.jobs.cancel(job_id)
        return job, f"{job_id}: {'cancelled' if job['status'] == 'cancelled' else 'it is being cancelled'}"

    show.results(map(cancel, job_ids), as_json)


@jobs.command("retry", cls=OptionsCommand, short_help="Open a new job with the request of an ended one.")
@click.argument("job_id")
@click.option("--fresh", is_flag=True, help="Ask the model anew, also what was answered and paid before.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="Any option below, in this form.")
@as_json_option
@answering
def retry_job(job_id: str, fresh: bool, pairs: tuple[str, ...], chosen: Mapping[str, Any], as_json: bool) -> None:
    """Open a new job with the request of an ended one, and print its id. Options that are given replace its own."""
    forge = connect()
    read = read_options(pairs, forge.options()) if pairs else {}
    new = forge.jobs.retry(job_id, options={**read, **chosen} or None, fresh=fresh)
    show.dump(new) if as_json else show.say(new["job_id"])


@jobs.command("export")
@click.argument("job_id")
@click.option("--format", "format_name", type=click.Choice(["json", "yaml", "csv"]), default="json", show_default=True)
@click.option("--debug", is_flag=True, help="With every prompt and answer.")
@click.option("--out", type=click.Path(path_type=Path), help="A file or folder; else standard output.")
@answering
def export_job(job_id: str, format_name: str, debug: bool, out: Path | None) -> None:
    """Take everything about a job: request, steps, calls, log, result."""
    file = connect().jobs.export(job_id, format_name, debug=debug or None)
    if out:
        show.say(str(file.save(out)))
    else:
        click.echo(file.read(), nl=False)


@jobs.command("stats")
@click.option("--batch", "batch_id", help="Only this batch's.")
@as_json_option
@answering
def statistics(batch_id: str | None, as_json: bool) -> None:
    """Show how many jobs are where, how long they take, what they cost."""
    found = connect().jobs.statistics(**({"batch_id": batch_id} if batch_id else {}))
    show.dump(found) if as_json else print_statistics(found)


def print_statistics(found: Mapping[str, Any]) -> None:
    """Print figures over jobs: in all, and by kind, profile and model."""
    states = ", ".join(f"{count} {name}" for name, count in found["by_status"].items() if count)
    wasted = f" ({show.money(found['wasted_usd'])} of it for failed tries)" if found.get("wasted_usd") else ""
    show.facts(
        {
            "jobs": f"{found['total']}: {states}" if states else "none",
            "took": durations(found["duration"]),
            "cost": show.money(found["cost_usd"]) + wasted,
            "tokens": f"{found['tokens']['total']:,}",
        }
    )
    for noun in ("kind", "profile"):
        rows = [(name, *figures(part)) for name, part in found.get(f"by_{noun}", {}).items()]
        if len(rows) > 1:
            show.say("")
            show.table((noun, "jobs", "completed", "failed", "took", "cost"), rows)


def figures(part: Mapping[str, Any]) -> tuple[object, ...]:
    """The figures of one kind or profile."""
    mean = part["duration"]["mean_seconds"]
    states = (part["by_status"][name] for name in ("completed", "failed"))
    return (part["total"], *states, "" if mean is None else show.exact(mean), show.money(part["cost_usd"]))


def durations(found: Mapping[str, float | None]) -> str:
    """How long jobs took."""
    mean, half, most = (found.get(f"{name}_seconds") for name in ("mean", "p50", "p95"))
    if mean is None or half is None or most is None:
        return ""
    return f"{show.exact(mean)} on average; half within {show.exact(half)}, 95 in 100 within {show.exact(most)}"


@jobs.command("delete")
@click.argument("job_ids", nargs=-1, metavar="[JOB_ID...]")
@click.option("--ended", is_flag=True, help="All that have ended, completed or not. A batch goes with its last job.")
@yes_option
@as_json_option
@answering
def delete_jobs(job_ids: tuple[str, ...], ended: bool, yes: bool, as_json: bool) -> None:
    """Delete ended jobs with their logs and files. Their characters stay."""
    if ended == bool(job_ids):
        raise click.UsageError("Name jobs, or say --ended for all that have ended.")
    forge = connect()
    every = "all jobs that have ended, completed or not, and their batches"
    confirm(f"Delete {every if ended else show.counted(len(job_ids), 'job')}?", yes)
    if ended:
        count = forge.jobs.delete_completed()
        show.dump({"deleted": count}) if as_json else show.say(f"{show.counted(count, 'job is', 'jobs are')} deleted.")
        return
    show.results(gone(forge.jobs.delete, job_ids), as_json)
