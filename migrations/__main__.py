"""`python -m migrations`: upgrade the schema, seed the built-ins, make the first API key."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

import settings
from migrations import runner
from models import db
from models.errors import NotFound
from models.services import keys, profiles


def main() -> None:
    """Parse the command line and do it; one line for each thing done."""
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    upgrade = commands.add_parser("upgrade", help="upgrade and make ready (the default)")
    upgrade.add_argument("revision", nargs="?", help="stop there, and make nothing ready: for an older backup")
    commands.add_parser("downgrade", help="undo migrations").add_argument("revision", help="such as 0001, or base")
    commands.add_parser("revise", help="write a new migration from the tables").add_argument("message")
    new_key = commands.add_parser("new-key", help="make one more admin key, for whoever lost theirs or is new")
    new_key.add_argument("--owner", help="whose: made if there is nobody of that name (default: the first owner)")
    revoke = commands.add_parser("revoke-keys", help="revoke every key of an owner; what they have stays")
    revoke.add_argument("--owner", required=True, help="whose")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except (settings.SettingError, NotFound) as error:
        sys.exit(f"cardforge: {error}")
    except OperationalError as error:
        sys.exit(f"cardforge: the database does not answer: {str(error.orig).strip().splitlines()[0]}")


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    match arguments.command:
        case "upgrade" if arguments.revision:
            runner.upgrade(db.engine(), arguments.revision)
            say(f"schema is now at {arguments.revision}")
        case "downgrade":
            runner.downgrade(db.engine(), arguments.revision)
            say(f"schema is now at {arguments.revision}")
        case "revise":
            runner.revise(db.engine(), arguments.message)
        case "new-key":
            say(new_key(arguments.owner))
        case "revoke-keys":
            with db.transaction() as session:
                count = keys.revoke_all(session, keys.owner_named(session, arguments.owner, make=False).id)
            say(f"{count} keys of {arguments.owner} are revoked")
        case _:
            make_ready(settings.load().home)


def new_key(owner: str | None) -> str:
    """Make an admin key of ``owner`` (None: the first one) and return its secret."""
    with db.transaction() as session:
        session.execute(select(func.pg_advisory_xact_lock(runner.LOCK)))  # or two would make one owner twice
        found = keys.owner_named(session, owner, make=True) if owner else keys.first_owner(session)
        return keys.create_key(session, found.id, "made by hand", keys.SCOPES)[1]


def make_ready(home: Path) -> None:
    """Upgrade, seed, and write the first API key to ``home``/api-key (readable by its owner only)."""
    runner.upgrade(db.engine())
    say(f"schema is at {db.SCHEMA_HEAD}")
    with db.transaction() as session:
        # Several copies may start at once; the second finds everything there.
        session.execute(select(func.pg_advisory_xact_lock(runner.LOCK)))
        for name in profiles.seed_builtins(session):
            say(f"profile {name} is ready")
        secret = keys.create_first_key(session)
        if secret is None:
            return
        # Inside the transaction: if the file cannot be written, there is no key that nobody knows.
        path = write_key(home, secret)
    say(f"first API key written to {path}")


def write_key(home: Path, secret: str) -> Path:
    """Write ``secret`` to the key file, mode 0600 from its first moment on."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "api-key"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    return path


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
