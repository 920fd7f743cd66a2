"""What PostgreSQL is asked, whoever asks it: SQLAlchemy, or our own statements, which go past it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2.extensions
from sqlalchemy import event

from models import db, statements


@contextmanager
def heard() -> Iterator[list[tuple[str, str]]]:
    """Collect the statements of the block: each as it was written, and with the values it was asked with.

    All of them in full: of one that is prepared only the name would be heard.
    """
    found: list[tuple[str, str]] = []

    class Noting(psycopg2.extensions.cursor):
        def execute(self, statement: Any, values: Any = None) -> None:
            found.append((statement, self.mogrify(statement, values).decode()))
            super().execute(statement, values)

        def executemany(self, statement: Any, rows: Any) -> None:
            for values in rows:
                self.execute(statement, values)

    def note(connection: Any, *_: Any) -> None:
        connection.cursor_factory = Noting

    event.listen(db.engine(), "checkout", note)
    before, statements.pooler.found = statements.pooler.found, True
    try:
        yield found
    finally:
        statements.pooler.found = before
        event.remove(db.engine(), "checkout", note)
        db.engine().dispose()  # its connections would go on
