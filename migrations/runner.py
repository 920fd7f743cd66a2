"""Runs migrations from code: one connection, one advisory lock, so that starting several copies at once is safe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

LOCK = 0x0CA4DF04  # any number of our own: pg_advisory_lock is shared by everybody in the database


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to ``connection`` where one is needed."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = connection
    return made


@contextmanager
def locked(engine: Engine) -> Iterator[Config]:
    """Give a configuration whose connection holds the migration lock and commits at the end."""
    with engine.connect() as connection:
        # Another copy may be at it, and a migration takes as long as it takes.
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        try:
            yield config(connection)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to ``revision``."""
    with locked(engine) as made:
        command.upgrade(made, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema down to ``revision`` (``base``: nothing is left)."""
    with locked(engine) as made:
        command.downgrade(made, revision)


def revise(engine: Engine, message: str) -> None:
    """Write a new migration from the difference between the tables and the database (for developers)."""
    with locked(engine) as made:
        script = ScriptDirectory.from_config(made)
        number = f"{len(list(script.walk_revisions())) + 1:04d}"
        command.revision(made, message, autogenerate=True, rev_id=number)


def head() -> str | None:
    """Return the newest migration in the folder."""
    return ScriptDirectory.from_config(config()).get_current_head()
