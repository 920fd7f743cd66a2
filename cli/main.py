"""The `cardforge` command: run the service, submit batches, look at jobs, keep keys."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from cli import batches, demo, offline, show
from cli.client import ApiError, Client, Json, home_folder
from cli.options import OptionError, read_options, rows
from cli.probe import port_setting
from cli.processes import Signals, StartError
from cli.stack import Stack, claim, write_holder

SOME_FAILED, FAULT, INTERRUPTED = 1, 2, 130
FORMATS = ("json", "v1", "v2", "v3", "tavernai", "charx", "worldinfo", "yaml", "markdown")
BOOK_FORMATS = ("worldinfo", "character_book", "lorebook_v3")
EPILOG = """\b
Exit codes
  0    done; every item completed
  1    some items failed, or the service could not be started
  2    wrong usage, no connection, no permission, or refused by the API
  130  interrupted with Ctrl-C

Settings are environment variables: CARDFORGE_URL and CARDFORGE_API_KEY say where to talk (else http://127.0.0.1:8000
and the key in $CARDFORGE_HOME/api-key); the file .env.example lists them all.
"""

P = ParamSpec("P")
R = TypeVar("R")


def fail(message: str, code: int) -> NoReturn:
    """Say ``message`` on stderr and end with exit code ``code``."""
    click.echo(f"cardforge: {message}", err=True)
    sys.exit(code)


def told(error: ApiError) -> str:
    """An API error in words: code, message, and the first details that say more."""
    lines = [f"{error.code}: {error.message}" if error.status else error.message]
    for place, what in list(error.details.items())[:10] if isinstance(error.details, dict) else ():
        words = show.clean(" ".join(map(str, what)) if isinstance(what, list) else what)
        if words not in error.message:
            lines.append(f"  {place}: {words}")
    return "\n".join(lines)


def answering(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what can go wrong into one message and its exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ApiError as error:
            fail(told(error), FAULT)
        except (batches.SourceError, offline.Refused, OptionError) as error:
            fail(str(error), FAULT)
        except StartError as error:
            fail(str(error), SOME_FAILED)
        except KeyboardInterrupt:
            fail("interrupted.", INTERRUPTED)
        except BrokenPipeError:  # our reader has seen enough; click ends quietly
            raise
        except OSError as error:  # a home or folder that cannot be written
            fail(f"{error.filename or ''}: {error.strerror or error}.".removeprefix(": "), SOME_FAILED)

    return wrapped


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="cardforge")
def main() -> None:
    """Cardforge: role-play character cards in bulk."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # as cli/__init__.py left it
        signal.signal(signal.SIGINT, signal.default_int_handler)


# --- the service ----------------------------------------------------------------------------------


@main.command()
@answering
def up() -> None:
    """Run everything here until Ctrl-C: services, API (PORT), workers, beat, Flower (FLOWER_PORT).

    PostgreSQL and Redis are started in $CARDFORGE_HOME (.cardforge) unless DATABASE_URL / REDIS_URL are set.
    """
    home = home_folder()
    port = port_setting(os.environ.get("PORT"), 8000, "PORT")
    flower_port = port_setting(os.environ.get("FLOWER_PORT"), 5555, "FLOWER_PORT")
    with Signals() as signals, claim(home, "up"):
        stack = Stack(home, port, signals, show.say, flower_port)
        try:
            stack.start()
            write_holder(home, "up", stack.url)
            announce(stack)
            stack.supervise()
        except KeyboardInterrupt:
            if not stack.ready:
                raise
        finally:
            stack.stop()


def announce(stack: Stack) -> None:
    """Say where everything is."""
    user, _, password = stack.login.partition(":")
    key = stack.home / "api-key"
    lines = {
        "API": f"{stack.url}/api/v2",
        "docs": f"{stack.url}/api/v2/docs",
        "Flower": f"http://127.0.0.1:{stack.flower_port}  (user {user}, password {password})",
        "API key": str(key) if key.exists() else "none in this home: `python -m migrations new-key` makes one",
        "logs": f"{stack.home / 'logs'}/",
        "settings": f"{stack.home / 'services.env'}  (source it to reach the same database and Redis)",
    }
    show.say("\nCardforge is up")
    for name, value in lines.items():
        show.say(f"  {name:<9}{value}")
    show.say("\nCtrl-C stops everything.")


@main.command("demo")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="out", show_default=True)
@answering
def run_demo(out: Path) -> None:
    """Make cards of the sample sources with a service of its own (or the running `up`), then stop it."""
    with Signals() as signals:
        good = demo.run(out, signals)
    sys.exit(0 if good else SOME_FAILED)


# --- batches --------------------------------------------------------------------------------------


@main.command()
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--to",
    "wanted",
    type=click.Choice(sorted({*FORMATS, *BOOK_FORMATS})),
    help="The format, where the name of OUT does not say it (.json is V3, .v2.json is V2).",
)
@click.option("--for", "frontend", type=click.Choice(offline.FRONTENDS), help="Say also what this program loses.")
@click.option("--style", default="tarot", show_default=True, help="How to draw the portrait, if the card has none.")
@click.option("--force", is_flag=True, help="Overwrite OUT.")
@answering
def convert(source: Path, out: Path, wanted: str | None, frontend: str | None, style: str, force: bool) -> None:
    """Write a card or lorebook in another format, and say what that loses. Needs no server.

    SOURCE is PNG, CHARX, JSON (V1 to V3, World Info, character_book, lorebook_v3) or YAML; - is standard input.
    """
    offline.convert(source, out, wanted, frontend, style, force)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@answering
def lint(file: Path, as_json: bool) -> None:
    """Check a card or lorebook: what is wrong, where, what to do, and a score. Needs no server.

    Ends with 1 when something is an error.
    """
    if not offline.lint(file, as_json):
        sys.exit(SOME_FAILED)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--scan-depth", type=click.IntRange(0, 1000), help="How many of the last messages to look through.")
@click.option("--token-budget", type=click.IntRange(0, 1_000_000), help="What entries may take up together.")
@click.option("--recursive/--no-recursive", default=None, help="Whether entries fire other entries.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Roll the dice of chance with this seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@answering
def simulate(file: Path, texts: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Try a lorebook on a chat: which entries fire, why, what the budget cuts. Needs no server.

    TEXT is one message or several, oldest first. The book is that of a card, or a file of its own.
    """
    offline.simulate(file, texts, asked, as_json)


@main.group()
def batch() -> None:
    """Submit batches and look at them."""


@batch.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the finished cards.")
@click.option("--name", help="A name to know the batch by.")
@click.option("--max-concurrent", type=click.IntRange(min=1), help="How many cards to work on at a time.")
@click.option("--priority", type=click.Choice(["high", "standard", "low"]))
@click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Repeat for several.")
@click.option("--profile", "profile_id", help="How to write: profile_fantasy, profile_concise, ... or one of yours.")
@click.option("-o", "--option", "pairs", multiple=True, metavar="NAME=VALUE", help="Any of `cardforge options`.")
@click.option("--no-wait", is_flag=True, help="Submit, print the batch's id and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON (progress goes nowhere).")
@answering
def submit(
    files: tuple[Path, ...],
    out: Path | None,
    name: str | None,
    max_concurrent: int | None,
    priority: str | None,
    formats: tuple[str, ...],
    profile_id: str | None,
    pairs: tuple[str, ...],
    no_wait: bool,
    as_json: bool,
) -> None:
    """Make one card of each source file (UTF-8 text), and save the cards' files in --out."""
    if not out and not no_wait:
        raise click.UsageError("Say where the cards go with --out DIR, or do not wait for them with --no-wait.")
    client = Client.from_environment()
    chosen = read_options(pairs, client.options()) if pairs else {}
    sources = batches.generations(files, {"format": list(formats or demo.FORMATS), **chosen}, profile_id)
    options = {"name": name, "max_concurrent": max_concurrent, "priority": priority}
    batch = client.submit(sources, {key: value for key, value in options.items() if value is not None})
    if no_wait or not out:
        show.dump(batch) if as_json else show.say(batch["batch_id"])
        return
    finish(client, batch["batch_id"], out, as_json)


@batch.command("download")
@click.argument("batch_id")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--json", "as_json", is_flag=True)
@answering
def download_batch(batch_id: str, out: Path, as_json: bool) -> None:
    """Wait for a batch to end and save its cards in --out."""
    finish(Client.from_environment(), batch_id, out, as_json)


def finish(client: Client, batch_id: str, out: Path, as_json: bool) -> NoReturn:
    """Follow a batch to its end, save its cards, print what came of it and end with the fitting exit code."""
    try:
        if not as_json:
            show.say(f"batch {batch_id}")
        batch = batches.follow(client, batch_id, "cards", quiet=as_json)
        outcomes = batches.collect_all(client, batch, out, quiet=as_json)
    except KeyboardInterrupt:
        fail(
            f"the batch goes on without us. Look: cardforge batch show {batch_id}. "
            f"Save its cards: cardforge batch download {batch_id} --out {out}",
            INTERRUPTED,
        )
    if as_json:
        show.dump({"batch_id": batch_id, "items": [outcome.as_json() for outcome in outcomes]})
    else:
        batches.print_outcomes(outcomes)
    sys.exit(0 if all(outcome.good for outcome in outcomes) else SOME_FAILED)


@batch.command("show")
@click.argument("batch_id")
@click.option("--json", "as_json", is_flag=True)
@answering
def show_batch(batch_id: str, as_json: bool) -> None:
    """Show a batch: progress, cost, its first items."""
    found = Client.from_environment().batch(batch_id)
    if as_json:
        show.dump(found)
        return
    counts = show.Counts()
    counts.update(found)
    facts = {"batch": found["batch_id"], "name": found.get("name"), "status": found["status"]}
    facts |= {"items": counts.states(), "cost": show.money(counts.cost or 0), "created": found.get("created_at")}
    show.facts(facts)
    rows = [(item["item_id"], item["status"], item.get("job_id"), error_of(item)) for item in found.get("items", [])]
    show.say("")
    show.table(("item", "status", "job", "error"), rows)


def error_of(thing: Json) -> str:
    """The error of an item or job in words; empty without one."""
    error = thing.get("error") or {}
    return f"{error.get('code')}: {error.get('message')}" if error else ""


@main.command("options")
@click.argument("group", required=False)
@click.option("--json", "as_json", is_flag=True)
@answering
def list_options(group: str | None, as_json: bool) -> None:
    """List what a card can be asked for with: all options, or those of GROUP (content, lorebook, quality, ...)."""
    catalogue = Client.from_environment().options()
    groups = list(dict.fromkeys(option["group"] for option in catalogue))
    if group and group not in groups:
        raise click.UsageError(f"There is no group {group!r}; there are {', '.join(groups)}.")
    if as_json:
        show.dump([option for option in catalogue if group in (None, option["group"])])
        return
    for name in [group] if group else groups:
        show.say(f"\n{name}")
        show.table(("option", "type", "takes", "default", "what it does"), rows(catalogue, name))


# --- jobs -----------------------------------------------------------------------------------------


@main.group()
def jobs() -> None:
    """Look at jobs: one job is one card."""


@jobs.command("list")
@click.option("--status", type=click.Choice(["queued", "processing", "completed", "failed", "cancelled"]))
@click.option("--batch", "batch_id", help="Only this batch's.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@answering
def list_jobs(status: str | None, batch_id: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    found = Client.from_environment().jobs(limit=limit, status=status, batch_id=batch_id)
    if as_json:
        show.dump(found)
        return
    rows = [(job["job_id"], job["status"], job.get("created_at"), error_of(job)) for job in found]
    show.table(("job", "status", "created", "error"), rows)


@jobs.command("show")
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True)
@answering
def show_job(job_id: str, as_json: bool) -> None:
    """Show a job: state, steps, cost, error, log."""
    client = Client.from_environment()
    job = client.job(job_id)
    if as_json:
        show.dump(job)
        return
    facts: dict[str, Any] = {
        "job": job["job_id"],
        "status": job["status"],
        "progress": f"{job.get('progress')} %",
    }
    facts |= {"batch": job.get("batch_id"), "created": job.get("created_at"), "error": error_of(job)}
    facts["cost"] = show.money(float(job.get("cost_usd") or 0))
    show.facts(facts)
    steps = [
        (step.get("name"), step.get("status") or step.get("state"), step.get("attempts"))
        for step in job.get("steps", [])
    ]
    if steps:
        show.say("")
        show.table(("step", "status", "attempts"), steps)
    show.say("")
    for entry in client.logs(job_id):
        when = entry.get("at") or entry.get("created_at") or entry.get("timestamp") or ""
        show.say(show.clean(f"{when}  {entry.get('level', '')}  {entry.get('message', '')}"))


# --- keys -----------------------------------------------------------------------------------------


@main.group()
def keys() -> None:
    """Keep API keys (needs a key with the scope `admin`)."""


@keys.command("list")
@click.option("--json", "as_json", is_flag=True)
@answering
def list_keys(as_json: bool) -> None:
    """List keys; the keys themselves are stored hashed and cannot be shown."""
    found = Client.from_environment().keys()
    if as_json:
        show.dump(found)
        return
    columns = ("key_id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    rows = [[" ".join(key["scopes"]) if c == "scopes" else key.get(c) or "-" for c in columns] for key in found]
    show.table([column.removesuffix("_at") for column in columns], rows)


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "write", "admin"]),
    help="Repeat for several.",
)
@click.option("--expires-at", help="A UTC time, such as 2030-01-31T00:00:00Z.")
@click.option("--json", "as_json", is_flag=True)
@answering
def create_key(name: str, scopes: tuple[str, ...], expires_at: str | None, as_json: bool) -> None:
    """Make a key (scopes: read and write unless said) and print it: it is shown this once."""
    made = Client.from_environment().create_key(name, scopes or ("read", "write"), expires_at)
    if as_json:
        show.dump(made)
        return
    show.say(made["key"])
    click.echo(f"{made['key_id']} ({' '.join(made['scopes'])}). The key is shown this once: keep it.", err=True)


@keys.command("revoke")
@click.argument("key_id")
@answering
def revoke_key(key_id: str) -> None:
    """Revoke a key; requests with it are refused from now on."""
    Client.from_environment().revoke_key(key_id)
    show.say(f"{key_id} is revoked.")


if __name__ == "__main__":
    main()
