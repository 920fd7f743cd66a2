"""The `cardforge` command: the service, files without a service, and a group for each noun of the API."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from cli import config, demo, offline, show
from cli.backup import backup, restore
from cli.batches import batch
from cli.books import books
from cli.characters import characters
from cli.completion import completion
from cli.connect import home_folder
from cli.doctor import doctor
from cli.ends import EPILOG, SOME_FAILED, answering
from cli.formats import BOOK_FORMATS, FORMATS
from cli.generate import generate
from cli.generation import estimate, preview
from cli.init import init
from cli.jobs import jobs
from cli.keys import keys
from cli.options import list_options
from cli.probe import port_setting
from cli.processes import Signals
from cli.profiles import profiles
from cli.stack import Stack, claim, write_holder
from cli.usage import models, usage
from cli.webhooks import webhooks
from cli.writers import writer_of

WORDS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Root(click.Group):
    """The command itself: what files set holds for as long as it runs, in completion and help too."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Tell the commands by what they are for."""
        width = max(map(len, self.commands))
        limit = formatter.width - width - 6
        for title, group in SECTIONS.items():
            with formatter.section(title):
                rows = [(str(one.name).ljust(width), one.get_short_help_str(limit)) for one in group]
                formatter.write_dl(rows)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the settings of files first."""
        added = config.apply(os.environ)
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except BaseException:
            forget(added)
            raise
        context.call_on_close(lambda: forget(added))
        return context


def forget(names: list[str]) -> None:
    """Take settings out of the environment again."""
    for name in names:
        os.environ.pop(name, None)


@click.group(
    cls=Root, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="cardforge")
def main() -> None:
    """Cardforge: role-play character cards in bulk."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # as cli/__init__.py left it
        signal.signal(signal.SIGINT, signal.default_int_handler)


# --- the service ----------------------------------------------------------------------------------


@main.command(short_help="Run everything here until Ctrl-C.")
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
        "writer": show.clean(writer_of(stack.env)),
        "Studio": f"{stack.url}/  (sign in with the API key)",
        "API": f"{stack.url}/api/v2",
        "docs": f"{stack.url}/api/v2/docs",
        "metrics": f"{stack.url}/metrics",
        "Flower": f"http://127.0.0.1:{stack.flower_port}  (user {user}, password {password})",
        "API key": str(key) if key.exists() else "none in this home: `python -m migrations new-key` makes one",
        "logs": f"{stack.home / 'logs'}/",
        "settings": f"{stack.home / 'services.env'}  (source it to reach the same database and Redis)",
    }
    show.say("\nCardforge is up")
    for name, value in lines.items():
        show.say(f"  {name:<9}{value}")
    show.say("\nCtrl-C stops everything.")


@main.command("demo", short_help="Make cards of the samples, from nothing.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="out", show_default=True)
@answering
def run_demo(out: Path) -> None:
    """Make cards of the sample sources with a service of its own (or the running `up`), then stop it."""
    with Signals() as signals:
        good = demo.run(out, signals)
    sys.exit(0 if good else SOME_FAILED)


# --- files, without a server --------------------------------------------------------------------------------------


@main.command(short_help="Write a card or lorebook in another format.")
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
@click.option("--json", "as_json", is_flag=True, help="Print what was done, and lost, as JSON.")
@answering
def convert(source: Path, out: Path, wanted: str | None, frontend: str | None, **asked: Any) -> None:
    """Write a card or lorebook in another format, and say what that loses. Needs no server.

    SOURCE is PNG, CHARX, JSON (V1 to V3, World Info, character_book, lorebook_v3) or YAML; - is standard input.
    """
    offline.convert(source, out, wanted, frontend, **asked)


@main.command(short_help="Check a card or lorebook, with a score.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@answering
def lint(file: Path, as_json: bool) -> None:
    """Check a card or lorebook: what is wrong, where, what to do, and a score. Needs no server.

    Ends with 1 when something is an error.
    """
    if not offline.lint(file, as_json):
        sys.exit(SOME_FAILED)


@main.command(short_help="Try a lorebook on a chat.")
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


# --- all of them --------------------------------------------------------------------------------------------------

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Cards": (generate, batch, estimate, preview, list_options),
    "What was made": (jobs, characters, books, profiles, webhooks),
    "Files, without a server": (convert, lint, simulate),
    "The service": (init, up, run_demo, doctor, backup, restore),
    "Use of it": (usage, models, keys, completion),
}
for commands in SECTIONS.values():
    for each in commands:
        main.add_command(each)


if __name__ == "__main__":
    main()
