"""Statements that go to the driver as they are: what every request asks, and every call of every job.

SQLAlchemy writes their text, once. What it does around each run of a statement, for any database and any type, costs
several times as much as a small question of ours to PostgreSQL; and to plan a statement costs PostgreSQL more than to
run it. So connections prepare those of jobs when they first need them (``PREPARE``), and then only name them.
"""

from __future__ import annotations

import hashlib
import logging
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import NullType

from models import db

log = logging.getLogger(__name__)

Statement = Select[Any] | UpdateBase
"""One that is the same object each time, on tables, with no lists among its values. It is kept for ever."""

PREPARED = "prepared"  # of a pooled connection: the names of what it has prepared
# SQLSTATE: what is named is not prepared, or what is to be prepared is; the columns are others than when it was.
ELSEWHERE, ALTERED = ("26000", "42P05"), "0A000"


@dataclass
class Pooler:
    """Whether something between us and PostgreSQL hands our transactions to whichever session is free (PgBouncer).

    Then this process prepares nothing any more: it would be in another session. It is found out by a statement that is
    not there though we have prepared it, or is there though we have not. That is an error which passes (`db.is_away`);
    where a statement is a transaction by itself it is run again at once.
    """

    found: bool = False


pooler = Pooler()


@dataclass(frozen=True)
class Ready:
    """A statement as the driver takes it.

    ``text``: whole; ``prepare`` and ``execute``: in two parts, by ``name``. ``given``: those of its values that are
    part of it. ``writers``: by value, how it is written if it is not passed as it is (JSON is).
    """

    text: str
    name: str
    prepare: str
    execute: str
    given: Mapping[str, Any]
    writers: Mapping[str, Callable[[Any], Any]]

    def run(self, cursor: Any, prepared: set[str], values: Mapping[str, Any]) -> None:
        """Have the cursor run the statement; ``prepared``: what its connection has prepared."""
        if pooler.found:
            self.run_whole(cursor, values)
            return
        if self.name not in prepared:
            cursor.execute(self.prepare, self.given)
            prepared.add(self.name)
        cursor.execute(self.execute, self._written(values))

    def run_whole(self, cursor: Any, values: Mapping[str, Any]) -> None:
        """Have the cursor run the statement without preparing it."""
        cursor.execute(self.text, {**self.given, **self._written(values)})

    def _written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        written = dict(values)
        for name, write in self.writers.items():
            written[name] = write(written[name])
        return written


def run(session: Session, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
    """Run a statement in a session's transaction; returns its rows, whose fields have the columns' names.

    As with `Session.execute`, what the session has still to write is written first, and what goes wrong is an error of
    SQLAlchemy. Fields are as psycopg2 has them: numbers are Decimal, JSON is read.
    """
    session.flush()
    connection = session.connection()
    driver: Any = connection.connection.dbapi_connection
    ready = _ready(statement)
    with _translated(ready.text, driver, connection.invalidate), driver.cursor() as cursor:
        try:
            ready.run(cursor, connection.info.setdefault(PREPARED, set()), values)
        except connection.dialect.loaded_dbapi.Error as error:
            if not is_pooled(error) or not driver.autocommit:
                raise
            ready.run_whole(cursor, values)  # it has done nothing
        if cursor.description is None:
            return []
        row = _row(tuple([column.name for column in cursor.description]))
        return [row(*fields) for fields in cursor]


def first(session: Session, statement: Statement, values: Mapping[str, Any]) -> Any:
    """Return the first row of what `run` returns, or None."""
    return next(iter(run(session, statement, values)), None)


def ask(statement: Select[Any], **values: Any) -> tuple[Any, ...] | None:
    """Return the first row of a statement that only reads, or None; the statement is a transaction by itself.

    It is not prepared, though PostgreSQL would answer in half the time: a web server's threads, back sooner, fight for
    the interpreter instead, and it serves a quarter less (docs/design.md).
    """
    ready = _ready(statement)
    with db.engine().connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        with (
            _translated(ready.text, driver, connection.invalidate),
            db.without_transactions(driver),
            driver.cursor() as cursor,
        ):
            ready.run_whole(cursor, values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row


def is_pooled(error: Any) -> bool:
    """Say whether an error of the driver means that there is a pooler, and note it."""
    if error.pgcode not in ELSEWHERE:
        return False
    if not pooler.found:
        pooler.found = True
        log.warning("Behind a pooler no statement is prepared (%s).", str(error).strip())
    return True


@cache
def _ready(statement: Statement) -> Ready:
    dialect = db.engine().dialect
    compiled: Any = statement.compile(dialect=dialect)
    names: Mapping[Any, str] = compiled.bind_names
    if compiled.literal_execute_params or compiled.post_compile_params:
        raise ValueError(f"a list is among the values of {compiled}")
    text = str(compiled)
    processors = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in names.items()}
    writers = {name: write for name, write in processors.items() if write is not None}
    asked = _types(names, dialect)
    given = {name: bind.effective_value for bind, name in names.items() if not bind.required}
    given = {name: writers[name](value) if name in writers else value for name, value in given.items()}
    places = {one: f"${place}" for place, one in enumerate(asked, 1)} | {one: f"%({one})s" for one in given}
    types = f" ({', '.join(asked.values())})" if asked else ""
    # Of all that it says: a session must not take another one for it, nor one of another release or other settings.
    name = "cf_" + hashlib.sha256(repr((text, types, sorted(given.items()))).encode()).hexdigest()[:16]
    return Ready(
        text=text,
        name=name,
        prepare=f"PREPARE {name}{types} AS " + text.replace("%%", "%%%%") % places,
        execute=f"EXECUTE {name}" + (f" ({', '.join(f'%({one})s' for one in asked)})" if asked else ""),
        given=given,
        writers={name: write for name, write in writers.items() if name in asked},
    )


def _types(names: Mapping[Any, str], dialect: Dialect) -> dict[str, str]:
    """Return the type of each value that is asked for, by its name; a value may stand in several places.

    All are said, for PostgreSQL would guess, and compare two numbers as texts.
    """
    found: dict[str, set[str]] = {}
    for bind, name in names.items():
        if bind.required:
            known = () if isinstance(bind.type, NullType) else (bind.type.compile(dialect=dialect),)
            found.setdefault(name, set()).update(known)
    if unsure := {name: sorted(types) for name, types in found.items() if len(types) != 1}:
        raise ValueError(f"of one type each has to be what has none or several: {unsure}")
    return {name: types.pop() for name, types in found.items()}


@cache
def _row(names: Sequence[str]) -> Callable[..., Any]:
    return namedtuple("Row", names)


@contextmanager
def _translated(text: str, driver: Any, invalidate: Callable[[BaseException], None]) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's, and have a connection dropped that the server has left."""
    dialect = db.engine().dialect
    base = dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        is_pooled(error)
        # What was prepared before a migration is of no use, and of a connection all of it is.
        gone = dialect.is_disconnect(error, driver, None) or error.pgcode == ALTERED
        if gone:
            invalidate(error)
        raise DBAPIError.instance(
            text, None, error, base, hide_parameters=True, connection_invalidated=gone, dialect=dialect
        ) from error
