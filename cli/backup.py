"""`cardforge backup` and `cardforge restore`: into one file, and back into an empty database."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from cli import dump
from cli.connect import home_folder
from cli.dump import Found, Told
from cli.embedded import start_postgres
from cli.ends import Refused, answering
from cli.processes import Signals
from cli.stack import ROOT, claim, python, read_holder

SILENT_SECONDS = 60  # a worker that was seen within this time may still run
MIGRATIONS = ROOT / "migrations" / "versions"


@click.command(short_help="Back up everything into one file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@answering
def backup(file: Path) -> None:
    """Back up everything in PostgreSQL into FILE (- is standard output), also while work goes on.

    The database is that of DATABASE_URL, else the one in $CARDFORGE_HOME. Redis needs no backup. Not in it: the
    settings and secrets of your environment and of $CARDFORGE_HOME (api-key, webhook-secret, flower-auth).
    """
    began = time.monotonic()
    with database("backup") as url:
        told = dump.write_to(url, sys.stdout.buffer) if str(file) == "-" else dump.write(url, file)
    size = "" if str(file) == "-" else f", {file.stat().st_size / 1e6:,.1f} MB"
    click.echo(f"{summary(told)}{size}, in {time.monotonic() - began:.1f} s", err=True)


@click.command(short_help="Put a backup into an empty database.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True))
@click.option("--force", is_flag=True, help="Also into a database that is in use: what is in it is lost.")
@answering
def restore(file: Path, force: bool) -> None:
    """Put the backup FILE (- is standard input) into the database of DATABASE_URL, else the one in $CARDFORGE_HOME.

    Stop all workers before. Jobs that were being worked on go on when they start: what is paid for is not paid again.
    """
    if str(file) == "-":
        with tempfile.NamedTemporaryFile(prefix="cardforge-", suffix=".cfb") as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            kept.flush()
            restore_file(Path(kept.name), force)
    else:
        restore_file(file, force)


def restore_file(file: Path, force: bool) -> None:
    """Check a backup to its end, look at the database, and only then begin. Raises `Refused`."""
    told = dump.check(file)
    if told.schema > newest_schema():
        raise Refused(
            f"{file} is of schema {told.schema}, newer than this Cardforge ({newest_schema()}): install the newer one."
        )
    with database("restore") as url:
        found = dump.look(url)
        if not force:
            refuse_use(found)
        put_back(url, file, told, found)
    click.echo(f"restored: {summary(told)}. Now start everything.")


def summary(told: Told) -> str:
    """What a backup holds, in words."""
    tables = {name: told.rows.get(name, 0) for name in ("batches", "jobs", "characters", "calls")}
    rows = sum(told.rows.values())
    return f"{', '.join(f'{count:,} {name}' for name, count in tables.items())} ({rows:,} rows, schema {told.schema})"


def refuse_use(found: Found) -> None:
    """Raise `Refused` for a database that somebody works with, or has worked with."""
    if found.worker_seconds is not None and found.worker_seconds < SILENT_SECONDS:
        raise Refused(
            f"A worker was seen {found.worker_seconds:.0f} s ago: stop all workers and web servers first. If they were "
            f"killed, wait a minute, or say --force."
        )
    if found.rows:
        raise Refused(
            "The database is not empty: work or cards are in it. Take an empty one, or say --force to lose them."
        )
    if found.schema and found.schema > newest_schema():
        raise Refused(f"The database is of schema {found.schema}, newer than this Cardforge: install the newer one.")


def put_back(url: str, file: Path, told: Told, found: Found) -> None:
    """Make the schema that the backup is of, fill it, and bring it up to date."""
    if found.schema != told.schema:
        if found.schema:
            migrate(url, "downgrade", "base")
        migrate(url, "upgrade", told.schema)
    dump.read(url, file, told)
    migrate(url)


def migrate(url: str, *words: str) -> None:
    """Run migrations on the database; raises `Refused` with their last line."""
    env = {"REDIS_URL": "redis://127.0.0.1/0"} | os.environ | {"DATABASE_URL": url}  # Redis is not asked
    command = python("-m", "migrations", *words)
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Refused(f"Migrations failed: {last}")


def newest_schema() -> str:
    """The newest migration of this version."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*_*.py"))


@contextmanager
def database(command: str) -> Iterator[str]:
    """The URL of the database: the one that is set, that of the running `up`, else the home's own, started for us."""
    home = home_folder()
    running = running_services(home) if command == "backup" else {}
    if url := os.environ.get("DATABASE_URL") or running.get("DATABASE_URL"):
        yield url
    elif command == "backup" and not (home / "postgres").exists():
        raise Refused(f"Nothing to back up: DATABASE_URL is not set, and there is no database in {home}.")
    else:
        if running_services(home):
            raise Refused(f"`cardforge up` runs on {home}: stop it first.")
        with Signals() as signals, claim(home, command):
            server = start_postgres(home, guard=signals.shield)
            try:
                yield server.url
            finally:
                signals.quieten()
                server.stop()


def running_services(home: Path) -> Mapping[str, str]:
    """The addresses that the running `up` of this home has written down; empty when none runs."""
    path = home / "services.env"
    if not read_holder(home) or not path.exists():
        return {}
    words = shlex.split(path.read_text().replace("export ", ""))
    return dict(word.partition("=")[::2] for word in words)
