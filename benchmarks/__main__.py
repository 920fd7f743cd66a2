"""`python -m benchmarks [P1 ... P10] [costs] [scaling]`: measure, show a table, and write the pages.

Without names: all rows and the costs, and the pages are written. With names: only these, and only `--write` writes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import costs, page, scaling, store
from benchmarks.figures import Result
from benchmarks.rows import ROWS
from benchmarks.services import Bed, services
from benchmarks.sizes import TINY, Sizes

OTHERS = {"costs": "what one job costs", "scaling": "calls a second by workers"}
TITLES = {name: row.title for name, row in ROWS.items()} | OTHERS


def read_arguments(given: Sequence[str] | None = None) -> tuple[argparse.Namespace, Sizes]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TITLES)}")
    parser.add_argument("--write", action="store_true", help="keep the figures and write the pages")
    parser.add_argument("--tiny", action="store_true", help="only try whether everything works")
    parser.add_argument("--label", default=page.AFTER, help="costs: what the figures are kept as: before, after")
    for one in fields(Sizes):
        kind = type(one.default)
        told = f"{one.metadata['help']} (default: {one.default})"
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=kind, help=told)
    found = parser.parse_args(given)
    if unknown := [name for name in found.names if name not in TITLES]:
        parser.error(f"there is no row {unknown[0]}")
    found.write = found.write or not (found.names or found.tiny)
    set_by_hand = {name: value for name in TINY if (value := getattr(found, name)) is not None}
    return found, Sizes(**((TINY if found.tiny else {}) | set_by_hand))


def main() -> None:
    """Measure, show, keep. A row that cannot be measured keeps its last figures, and ends the program with 1."""
    given, sizes = read_arguments()
    console = Console()
    console.width = max(console.width, 0 if console.is_terminal else 150)
    kept = store.read()
    names = given.names or [*ROWS, "costs"]
    done, began = [], time.monotonic()
    with console.status("starting servers") as status, services(sizes, lambda told: console.print(f"  {told}")) as bed:
        for number, name in enumerate(names, 1):
            status.update(f"{name} ({number} of {len(names)}), {time.monotonic() - began:.0f} s so far")
            console.print(f"{name}: {TITLES[name]}")
            try:
                measure(name, bed, kept, given.label)
            except Exception:
                console.print_exception()
                continue
            done.append(name)
            if given.write:
                store.write(kept)
    if rows := [name for name in done if name in ROWS]:
        console.print(shown(kept, rows))
    console.print(f"took {time.monotonic() - began:.0f} s")
    if given.write:
        page.write(kept, store.DOCS / "benchmarks.md")
        scaling.write(kept, store.DOCS)
        console.print("written: docs/benchmarks.json, docs/benchmarks.md, docs/scaling.md")
    sys.exit(len(done) < len(names))


def measure(name: str, bed: Bed, kept: dict[str, Any], label: str) -> None:
    """Measure one row, or one of the others, into what is kept."""
    if name == "costs":
        kept["costs"][label] = {"date": store.today(), "machine": store.machine(), "loads": costs.measure(bed)}
    elif name == "scaling":
        kept["scaling"] = {"date": store.today(), "machine": store.machine(), **scaling.measure(bed)}
    else:
        lines = ROWS[name].measure(bed)
        sizes = page.changed_sizes(bed.sizes)
        kept["rows"][name] = Result(store.today(), store.machine(), lines, sizes).to_dict()


def shown(kept: dict[str, Any], names: Sequence[str]) -> Table:
    """Return the table of these rows."""
    table = Table(*page.TITLES)
    for name in names:
        for row in page.cells(name, Result.of(kept["rows"][name])):
            table.add_row(*row, end_section=False)
        table.add_section()
    return table


if __name__ == "__main__":
    main()
