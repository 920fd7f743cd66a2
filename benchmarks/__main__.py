"""`python -m benchmarks`: run every row, print the table, and write it to docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.services import services

TITLES = ("measure", "ours", "bare", "ratio", "mark")
PACKAGES = ("celery", "kombu", "redis", "sqlalchemy", "psycopg2-binary", "flask")
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Run, show, write."""
    console = Console()
    with services() as running:
        from benchmarks.rows import ROWS  # noqa: PLC0415 - reads the addresses that `services` sets
        from migrations import runner  # noqa: PLC0415
        from models import db  # noqa: PLC0415
        from models.services import profiles  # noqa: PLC0415

        runner.upgrade(db.engine())
        with db.transaction() as session:
            profiles.seed_builtins(session)
        cells = []
        for measure in ROWS:
            console.print(f"measuring {measure.__name__} ...")
            cells.append(measure(running).cells())
        db.engine().dispose()
    table = Table(*TITLES)
    for row in cells:
        table.add_row(*row)
    console.print(table)
    PAGE.write_text(page(cells), "utf-8")


def page(cells: list[list[str]]) -> str:
    """Return the table as the documentation shows it, with the machine and the versions it was measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "# Benchmarks",
        "",
        "Each row measures us and something bare side by side in one run; the ratio is what counts.",
        "Written by `make bench`.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}.",
        "",
        "| " + " | ".join(TITLES) + " |",
        "|" + "---|" * len(TITLES),
        *("| " + " | ".join(row) + " |" for row in cells),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
