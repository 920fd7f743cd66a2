"""The database: one engine a process, and the transaction that every change runs in."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar, cast

from sqlalchemy import Dialect, Engine, MetaData, Table, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

import settings

T = TypeVar("T")

# What the layers above name without importing SQLAlchemy: the session, and anything that can go wrong in one.
Trouble = SQLAlchemyError

SCHEMA_HEAD = "0005"
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


def table_of(model: type[Base]) -> Table:
    """Return a model's table. Statements on it cost half of those on the model, which a session keeps its objects by.

    What runs with every call of every job is written on tables, and built once: with SQLAlchemy, to build a statement
    takes longer than to run it.
    """
    return cast(Table, model.__table__)


LAST_USED = "last_used"  # of a pooled connection: monotonic seconds
IDLE_SECONDS = 30  # for which a connection may lie idle and still be taken to be alive

WORK, HEART = "work", "heartbeat"
POOLS = {
    # A worker process runs hundreds of threads but each holds a connection for milliseconds only, never over a model
    # call: twenty serve them all. None is overflow, which is closed when it is put back and opened again for the next.
    WORK: {"pool_size": 20, "max_overflow": 0, "pool_timeout": 30},
    # A heartbeat must not queue behind the work whose leases it renews.
    HEART: {"pool_size": 1, "max_overflow": 0, "pool_timeout": 5},
}
SOCKET = {
    "connect_timeout": 5,
    "application_name": "cardforge",
    # A database host that vanishes without a word is noticed in half a minute, not in the kernel's fifteen.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def connect(url: str, pool: str = WORK) -> Engine:
    """Return an engine for ``url`` (any spelling that `settings.database_url` takes).

    Dead connections are noticed before use (`check_alive`), without asking the server each time.
    """
    made = create_engine(
        settings.database_url(url),
        pool_recycle=1800,
        hide_parameters=True,  # an error's text goes to the log; what people submitted does not
        connect_args=SOCKET,
        **POOLS[pool],
    )
    event.listen(made, "connect", set_limits)
    event.listen(made, "checkin", note_use)
    event.listen(made, "checkout", partial(check_alive, made.dialect))
    return made


def set_limits(connection: Any, _record: object) -> None:
    """Let the server end a session whose process has frozen or vanished in the middle of a transaction.

    Ours take milliseconds. One that is left open holds a batch's row, and so everybody who works on that batch.
    """
    idle = min(10.0, settings.engine().lease / 2)
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {int(idle * 1000)}")
        # Whoever has died while it waited for a row must not be given it, to hold it for as long again.
        cursor.execute(f"SET lock_timeout = {int(idle * 1000)}")
        cursor.execute("SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3")
    connection.commit()


def note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    """Note when a connection was put back."""
    record.info[LAST_USED] = time.monotonic()


def check_alive(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _fairy: object) -> None:
    """Raise `InvalidatePoolError`, upon which the pool connects anew, for a connection whose server has gone.

    A server that ends says so, or its kernel does: then there is something to read on a connection that nobody has
    asked anything. Only one that was long idle is asked (``SELECT 1``), for a router may have dropped it in silence;
    ``pool_pre_ping`` asks each time, which was every seventh statement of a job.
    """
    if LAST_USED not in record.info:
        return  # made just now
    try:
        told = select.poll()
        told.register(connection.fileno(), select.POLLIN)
        gone = bool(told.poll(0))
        if not gone and time.monotonic() - record.info[LAST_USED] > IDLE_SECONDS:
            dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError("the server does not answer") from error
    if gone:
        raise InvalidatePoolError("the server has closed the connection")


@cache
def _engine_of_process(_pid: int, pool: str) -> Engine:
    return connect(settings.load().database_url, pool)


def engine(pool: str = WORK) -> Engine:
    """Return this process's engine. A forked child gets its own: sockets must not be shared (celery#1564)."""
    return _engine_of_process(os.getpid(), pool)


@contextmanager
def transaction(pool: str = WORK) -> Iterator[Session]:
    """Run a block in one transaction: committed at its end, rolled back when it raises.

    Never hold one open across a network call: load, leave, call, come back.
    """
    with Session(engine(pool), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def without_transactions(driver: Any) -> Iterator[None]:
    """Have each statement committed by itself, by the driver: the option isolation_level has statements of its own."""
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


@contextmanager
def autocommit(pool: str = WORK) -> Iterator[Session]:
    """Run statements each for itself, committed as it ends.

    A transaction around them would be two more trips to the server, and locks held from one to the next. For
    statements that only read, and for those that do all that has to be done together.
    """
    with engine(pool).connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        with without_transactions(driver), Session(connection, expire_on_commit=False) as session:
            yield session


# SQLSTATE classes and codes that mean "not now": connection trouble, shutting down or starting up, deadlock or
# serialization, out of resources, a read-only replica in the place of its primary, an idle transaction ended,
# a lock not had in time, a statement that is prepared in another session (`models/statements.py`).
NOT_NOW = ("08", "57P", "40", "53", "25006", "25P03", "55P03", "26000", "42P05")


def is_away(error: BaseException) -> bool:
    """Say whether an error means that the database cannot answer now, rather than that it has refused something."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "pgcode", None)
    if code is None:
        return isinstance(error, OperationalError | InterfaceError)
    return str(code).startswith(NOT_NOW)


OUTAGE_SECONDS = 300
"""How long a write that must not be lost waits for the database to come back."""


def patiently(write: Callable[[Session], T], *, seconds: float = OUTAGE_SECONDS, alone: bool = False) -> T:
    """Run ``write`` in a transaction; while the database is away, try again for up to ``seconds``.

    ``alone``: what it writes is one statement, which needs no transaction around it.

    For writes whose loss would cost money or work. ``write`` may run more than once, and once more after a commit
    whose answer was lost: it must do all of its work through the session, and find out what is done already.
    """
    until = time.monotonic() + seconds
    pause = 0.2
    while True:
        try:
            with autocommit() if alone else transaction() as session:
                return write(session)
        except SQLAlchemyError as error:
            if not is_away(error) or time.monotonic() + pause > until:
                raise
            threading.Event().wait(pause)
            pause = min(pause * 2, 5.0)


def probe(session: Session) -> None:
    """Ask the database something that costs nothing."""
    session.execute(text("SELECT 1"))


def schema_version(session: Session) -> str | None:
    """Return the migration that the database stands at, or None when it was never migrated."""
    if session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return found
