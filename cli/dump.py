"""The whole of PostgreSQL in one file, by COPY: any version of the server, and no other program is needed.

The file is gzip of lines: a header (JSON), then for each table a line that names it and its columns, its rows as
PostgreSQL's COPY writes them, and the line ``\\.``; at the end the counts and the SHA-256 of everything before. All is
of one snapshot, so it may be taken while work goes on. Redis needs no backup: its messages are hints, and upkeep sends
them again.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psycopg2

from cli.ends import Refused
from cli.probe import masked, postgres_reason

FORMAT = 1
END = b"\\.\n"
# Who works at the moment, and which migration this is: neither is true of the database that it is restored into.
LEFT_OUT = {"workers", "alembic_version"}


@dataclass
class Told:
    """What is in a backup: when it was made, of which schema, and how many rows of which table."""

    made_at: str
    schema: str
    rows: dict[str, int] = field(default_factory=dict)


# --- writing ------------------------------------------------------------------------------------------------------


def write(url: str, path: Path) -> Told:
    """Back up the database at ``url`` into ``path``, which appears only when it is complete. Raises `Refused`."""
    fresh = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds everybody's cards
        with os.fdopen(descriptor, "wb") as file:
            told = write_to(url, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return told


def write_to(url: str, file: IO[bytes]) -> Told:
    """Back up the database at ``url`` into an open file."""
    with connected(url) as connection, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=4, mtime=0) as packed:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            told = Told(datetime.now(UTC).isoformat(timespec="seconds"), schema_of(cursor) or "")
            if not told.schema:
                raise Refused("This database holds no Cardforge: there is nothing to back up.")
            into = Digesting(packed)
            into.line({"cardforge": "backup", "format": FORMAT, "made_at": told.made_at, "schema": told.schema})
            for table in tables(cursor):
                told.rows[table] = write_table(cursor, table, into)
            into.line({"sequences": sequences(cursor)})
            packed.write(encode({"end": True, "rows": told.rows, "sha256": into.digest.hexdigest()}))
    return told


def write_table(cursor: Any, table: str, into: Digesting) -> int:
    """Write one table; returns its rows."""
    columns = columns_of(cursor, table)
    into.line({"table": table, "columns": columns})
    cursor.copy_expert(f"COPY {quoted(table)} ({', '.join(map(quoted, columns))}) TO STDOUT", into)
    count = int(cursor.rowcount)
    into.write(END)
    return count


class Digesting:
    """Writes on, and digests what it writes."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self.digest.update(data)
        self.file.write(data)
        return len(data)

    def line(self, value: dict[str, Any]) -> None:
        """Write a value as a line."""
        self.write(encode(value))


def encode(value: dict[str, Any]) -> bytes:
    """A value as one line of JSON."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


# --- reading ------------------------------------------------------------------------------------------------------


def check(path: Path) -> Told:
    """Read a backup to its end; raises `Refused` when it is none, is cut off or was changed. Touches no database."""
    broken = f"{path} is broken: it is not as it was written. Take another backup."
    try:
        with gzip.open(path) as file:
            told, digest, line = header(path, file), hashlib.sha256(), b""
            file.seek(0)
            for line in file:
                if line.startswith(b'{"end":'):
                    break
                digest.update(line)
            end = json.loads(line) if line.startswith(b'{"end":') else {}
            if end.get("sha256") != digest.hexdigest() or file.read(1):
                raise Refused(broken)
    except (EOFError, zlib.error, ValueError, gzip.BadGzipFile) as error:
        raise Refused(broken) from error
    told.rows = {str(table): int(count) for table, count in end["rows"].items()}
    return told


def header(path: Path, file: Any) -> Told:
    """Read the first line; raises `Refused` when it is no backup that this version can read."""
    none = f"{path} is no backup of Cardforge."
    try:
        first = json.loads(file.readline(10_000))
        if first["cardforge"] != "backup":
            raise Refused(none)
        if first["format"] > FORMAT:
            raise Refused(f"{path} was written by a newer Cardforge: install that, then restore.")
        return Told(first["made_at"], str(first["schema"]))
    except (ValueError, KeyError, TypeError, gzip.BadGzipFile) as error:
        raise Refused(none) from error


def read(url: str, path: Path, told: Told) -> None:
    """Put the rows of a checked backup in the place of those that are there, in one transaction: all or nothing."""
    with connected(url) as connection, gzip.open(path) as file, connection.cursor() as cursor:
        header(path, file)
        if (found := schema_of(cursor)) != told.schema:
            raise Refused(f"The database is at schema {found}, the backup at {told.schema}.")
        cursor.execute(f"TRUNCATE {', '.join(map(quoted, [*told.rows, 'workers']))} RESTART IDENTITY CASCADE")
        for line in file:
            part = json.loads(line)
            if "table" in part:
                columns = ", ".join(map(quoted, part["columns"]))
                cursor.copy_expert(f"COPY {quoted(part['table'])} ({columns}) FROM STDIN", Rows(file))
            for name, last in part.get("sequences", {}).items():
                cursor.execute("SELECT setval(%s, %s)", (name, last))
        connection.commit()
        # Or the first queries would be planned for empty tables.
        connection.autocommit = True
        cursor.execute("ANALYZE")


class Rows(io.RawIOBase):
    """The rows of one table, up to the line that ends them."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.rest = b""
        self.ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes of rows; nothing at their end."""
        parts, length = [self.rest], len(self.rest)
        while not self.ended and (size < 0 or length < size):
            line = self.file.readline()
            self.ended = line in {END, b""}
            if not self.ended:
                parts.append(line)
                length += len(line)
        found = b"".join(parts)
        self.rest = b"" if size < 0 else found[size:]
        return found if size < 0 else found[:size]


# --- what is there ------------------------------------------------------------------------------------------------


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection to the database; raises `Refused` when it cannot be had or is lost."""
    plain = "postgresql://" + url.partition("://")[2]
    try:
        connection = psycopg2.connect(plain, connect_timeout=5, application_name="cardforge-backup")
    except psycopg2.Error as error:
        raise Refused(f"The database {masked(url)} cannot be reached: {postgres_reason(str(error))}") from None
    try:
        yield connection
    except psycopg2.Error as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise Refused(f"The database did not do it: {reason}") from None
    finally:
        connection.close()


@dataclass(frozen=True)
class Found:
    """What a database holds: its schema (None: nothing), rows that somebody made, seconds since a worker was seen."""

    schema: str | None
    rows: int
    worker_seconds: float | None


def look(url: str) -> Found:
    """See what is in the database at ``url``."""
    with connected(url) as connection, connection.cursor() as cursor:
        schema = schema_of(cursor)
        if schema is None:
            return Found(None, 0, None)
        rows = 0
        for table in ("batches", "jobs", "characters", "books", "calls"):
            cursor.execute(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT 1000) AS made")  # noqa: S608
            rows += cursor.fetchone()[0]
        cursor.execute("SELECT extract(epoch FROM min(now() - seen_at)) FROM workers")
        seen = cursor.fetchone()[0]
        return Found(schema, rows, None if seen is None else float(seen))


def schema_of(cursor: Any) -> str | None:
    """The migration that the database stands at."""
    cursor.execute("SELECT to_regclass('alembic_version')")
    if cursor.fetchone()[0] is None:
        return None
    cursor.execute("SELECT version_num FROM alembic_version")
    row = cursor.fetchone()
    return str(row[0]) if row else None


def tables(cursor: Any) -> list[str]:
    """Every table, each after those that its foreign keys lead to."""
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
    left = [name for (name,) in cursor.fetchall() if name not in LEFT_OUT]
    cursor.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f' AND conrelid <> confrelid AND connamespace = current_schema()::regnamespace"
    )
    needs = cursor.fetchall()
    found: list[str] = []
    while left:
        free = [name for name in left if not any(a == name and b in left for a, b in needs)]
        if not free:
            raise Refused(f"Foreign keys go in a circle: {', '.join(left)}.")
        found += free
        left = [name for name in left if name not in free]
    return found


def columns_of(cursor: Any, table: str) -> list[str]:
    """The columns of a table, but for those that the database works out by itself."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "AND attgenerated = '' ORDER BY attnum",
        (quoted(table),),
    )
    return [name for (name,) in cursor.fetchall()]


def sequences(cursor: Any) -> dict[str, int]:
    """Where the counters stand, so that no number is given out twice."""
    cursor.execute(
        "SELECT sequencename, last_value FROM pg_sequences "
        "WHERE schemaname = current_schema() AND last_value IS NOT NULL"
    )
    return dict(cursor.fetchall())


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
