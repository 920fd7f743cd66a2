"""The database: one engine a process, and the transaction that every change runs in."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from sqlalchemy import Engine, MetaData, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session

import settings

T = TypeVar("T")

# What the layers above name without importing SQLAlchemy: the session, "the database is away", "anything at all".
Away = OperationalError
Trouble = SQLAlchemyError

SCHEMA_HEAD = "0001"
"""The newest migration. A test holds it to the migrations folder; readiness compares the database with it."""

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The tables' common base: constraint names are made by rule, so that migrations can name them."""

    metadata = MetaData(naming_convention=NAMES)


def connect(url: str) -> Engine:
    """Return an engine for ``url`` (any spelling that `settings.database_url` takes).

    A worker process runs hundreds of threads but each holds a connection for milliseconds only, never over a
    model call: twenty serve them all. Dead connections are noticed before use (``pool_pre_ping``).
    """
    return create_engine(
        settings.database_url(url),
        pool_size=10,
        max_overflow=10,
        pool_timeout=30,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # an error's text goes to the log; what people submitted does not
        connect_args={"connect_timeout": 5, "application_name": "cardforge"},
    )


@cache
def _engine_of_process(_pid: int) -> Engine:
    return connect(settings.load().database_url)


def engine() -> Engine:
    """Return this process's engine. A forked child gets its own: sockets must not be shared (celery#1564)."""
    return _engine_of_process(os.getpid())


@contextmanager
def transaction() -> Iterator[Session]:
    """Run a block in one transaction: committed at its end, rolled back when it raises.

    Never hold one open across a network call: load, leave, call, come back.
    """
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


def probe(session: Session) -> None:
    """Ask the database something that costs nothing."""
    session.execute(text("SELECT 1"))


def schema_version(session: Session) -> str | None:
    """Return the migration that the database stands at, or None when it was never migrated."""
    if session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


OUTAGE_SECONDS = 300
"""How long a write that must not be lost waits for the database to come back."""


def patiently(write: Callable[[Session], T], *, seconds: float = OUTAGE_SECONDS) -> T:
    """Run ``write`` in a transaction; while the database is away, try again for up to ``seconds``.

    For writes whose loss would cost money or work. ``write`` may run more than once, each time in a new
    transaction, so it must do all of its work through the session.
    """
    until = time.monotonic() + seconds
    pause = 0.2
    while True:
        try:
            with transaction() as session:
                return write(session)
        except Away:
            if time.monotonic() + pause > until:
                raise
            threading.Event().wait(pause)
            pause = min(pause * 2, 5.0)
