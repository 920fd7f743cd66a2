"""The table of a run, for the terminal and for docs/reliability.md."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.chaos.audit import Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- last run: written by make chaos -->", "<!-- end of last run -->"
HEAD = ("scenario", "items", "kills", "recovered", "slowest recovery", "paid twice", "in flight at kills", "seconds")


def table(rows: list[Row]) -> list[str]:
    """Return the rows as a Markdown table."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    shown = [f"| {' | '.join(line)} |" for line in padded]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [shown[0], rule, *shown[1:]]


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as text."""
    return (
        row.scenario + ("" if row.passed else " (FAILED)"),
        str(row.items),
        str(row.kills),
        str(row.recovered),
        "-" if row.slowest is None else f"{row.slowest:.1f} s",
        str(row.paid_twice),
        str(row.in_flight),
        f"{row.seconds:.0f}",
    )


def notes(rows: list[Row]) -> list[str]:
    """Return what rows have to say beside their figures."""
    return [f"- {row.scenario}: {note}." for row in rows for note in row.notes]


def versions(servers: dict[str, str]) -> str:
    """Return what the run ran on."""
    found = {name: version(name) for name in ("celery", "kombu", "redis", "sqlalchemy", "psycopg2-binary")}
    found["redis-py"] = found.pop("redis")
    parts = [f"Python {platform.python_version()}", *(f"{name} {number}" for name, number in found.items())]
    parts += [f"{name} {number}" for name, number in servers.items()]
    return ", ".join(parts) + f"; {os.cpu_count()} cores"


def write(rows: list[Row], servers: dict[str, str]) -> None:
    """Put the table of a whole run into the page."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    minutes = sum(row.seconds for row in rows) / 60
    said = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {minutes:.0f} minutes. {versions(servers)}."
    body = "\n".join([BEGIN, "", said, "", *table(rows), "", *notes(rows), "", END])
    PAGE.write_text(before + body + after, "utf-8")
