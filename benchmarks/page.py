"""docs/benchmarks.md, written from what is kept: the table, how rows are measured, what misses and why, costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import Result
from benchmarks.markdown import heading, paragraph, table
from benchmarks.rows import ROWS, Row
from benchmarks.sizes import Sizes

TITLES = ("row", "measure", "ours", "bare", "ratio", "mark", "reached")
REASONS = Path(__file__).with_name("reasons.md")
BEFORE, AFTER = "before", "after"
COSTS = (
    ("model calls", "calls"),
    ("SQL statements", "statements"),
    ("of which pings of the pool", "pings"),
    ("commits of transactions that write", "writing_commits"),
    ("of which take the batch's row, one after the other", "batch_locks"),
    ("transactions that only read", "read_only"),
    ("write-ahead log, KiB", "wal_kib"),
    ("Redis commands", "redis_commands"),
    ("Redis round trips", "redis_round_trips"),
)


INTRODUCTION = """
Each row measures us and something bare side by side, by turns, in one run; the ratio is what counts. A figure is the
median of five runs, with the least and the most behind it. `make bench` measures all and writes this page;
`python -m benchmarks P5 P6` measures some. [scaling.md](scaling.md) reckons what follows for many workers.
"""
COUNTING = """
Statements as PostgreSQL logs them, in a run of their own; commands as Redis counts them (`INFO commandstats`), round
trips as it counts reads from its clients; CPU as the system counts it for the processes of each kind. What workers do
beside jobs (heartbeats, looks at the queues) is in it.
"""


def page(kept: Mapping[str, Any], reasons: str) -> str:
    """Return the page. ``reasons``: sections named after rows that say why each misses, with the profile of it."""
    results = {name: Result.of(kept["rows"][name]) for name in ROWS if name in kept["rows"]}
    rows = [row for name, result in results.items() for row in cells(name, result)]
    parts = [
        *("# Benchmarks", ""),
        *paragraph(INTRODUCTION),
        *machine_of(results),
        *(table(TITLES, rows) if rows else []),
        *heading("How each row is measured"),
        *(line for name, row in ROWS.items() for line in how(name, row, results.get(name))),
        *missed(results, sections(reasons)),
        *costs_of(kept["costs"]),
    ]
    return "\n".join(parts)


def machine_of(results: Mapping[str, Result]) -> list[str]:
    """Return where and when it was measured: one paragraph for each date and machine that rows are from."""
    found: dict[str, list[str]] = {}
    for name in ROWS:
        if name in results:
            found.setdefault(where(results[name]), []).append(name)
    if len(found) == 1:
        return paragraph(next(iter(found)))
    return [line for told, names in found.items() for line in paragraph(f"{', '.join(names)}: {told}")]


def where(result: Result) -> str:
    """Return date, machine and versions as a sentence."""
    machine = result.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    size = f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    return f"{result.date} (UTC), {size}, Python {machine['python']}, {versions}."


def how(name: str, row: Row, result: Result | None) -> list[str]:
    """Return how a row is measured."""
    return paragraph(f"**{name}**, {row.title}. {row.how.strip()}{sizes_of(result)}")


def sizes_of(result: Result | None) -> str:
    """Return the sizes that a row was run with where they are not as they are by default."""
    if result is None:
        return " Not measured yet."
    changed = ", ".join(f"{name} {value}" for name, value in result.sizes.items())
    return f" (Measured with {changed}.)" if changed else ""


def cells(name: str, result: Result) -> Iterable[list[str]]:
    """Return the cells of a row's lines; its name stands in the first."""
    for number, line in enumerate(result.lines):
        yield [name if number == 0 else "", *line.cells()]


def sections(text: str) -> dict[str, str]:
    """Return the text below each heading of the second order."""
    parts = re.split(r"^## +(\S+).*\n", text, flags=re.MULTILINE)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def missed(results: Mapping[str, Result], reasons: Mapping[str, str]) -> list[str]:
    """Return what misses its mark, by how much, and why."""
    lines = []
    for name, result in results.items():
        wrong = [line for line in result.lines if line.miss]
        if wrong:
            told = "; ".join(f"{line.what}: {line.cells()[-1]}" for line in wrong)
            lines += [*paragraph(f"**{name}**: {told}."), *([reasons[name], ""] if name in reasons else [])]
    return [*heading("What misses its mark, and why"), *(lines or ["Nothing.", ""])]


def costs_of(kept: Mapping[str, Any]) -> list[str]:
    """Return the table of what one job costs: each load, before and after."""
    columns = [
        (load, label, kept[label]["loads"][load])
        for load in ("P1", "default")
        for label in (BEFORE, AFTER)
        if label in kept and load in kept[label]["loads"]
    ]
    if not columns:
        return []
    names = {"P1": "as in P1", "default": "default options"}
    titles = ("a job", *(f"{names[load]}, {label}" for load, label, _ in columns))
    rows = [[title, *(amount(cost.get(key)) for _, _, cost in columns)] for title, key in COSTS]
    kinds = list(dict.fromkeys(kind for _, _, cost in columns for kind in cost["cpu_ms"]))
    rows += [[f"CPU of {kind}, ms", *(amount(cost["cpu_ms"].get(kind)) for _, _, cost in columns)] for kind in kinds]
    rows.append(["CPU in all, ms", *(amount(sum(cost["cpu_ms"].values())) for _, _, cost in columns)])
    dates = "; ".join(f"{label}: {one['date']}{one.get('note', '')}" for label, one in kept.items())
    return [
        *heading("What one job costs"),
        *paragraph(f"{COUNTING} {dates}."),
        *table(titles, rows),
        *most_of("Statements", "sql", columns, names),
        *most_of("Redis commands", "redis", columns, names),
    ]


def most_of(
    title: str, key: str, columns: Iterable[tuple[str, str, Mapping[str, Any]]], names: Mapping[str, str]
) -> list[str]:
    """Return what the counts of one kind are made of, a paragraph for each column."""
    lines = []
    for load, label, cost in columns:
        if told := ", ".join(f"{name} {amount(count)}" for name, count in list(cost.get(key, {}).items())[:12]):
            lines += paragraph(f"{title}, {names[load]}, {label}: {told}.")
    return lines


def amount(value: float | None) -> str:
    """Return a number of a job's costs; nothing where it was not counted."""
    return "" if value is None else f"{value:.1f}" if value >= 0.95 or value == 0 else f"{value:.2f}"


def write(kept: Mapping[str, Any], path: Path) -> None:
    """Write the page."""
    path.write_text(page(kept, REASONS.read_text("utf-8") if REASONS.exists() else ""), "utf-8")


def changed_sizes(sizes: Sizes) -> dict[str, Any]:
    """Return the sizes that are not as they are by default."""
    default = Sizes()
    return {name: value for name, value in vars(sizes).items() if value != getattr(default, name)}
