"""What people see: a live bar and tables on a terminal; plain lines, the same facts, everywhere else."""

from __future__ import annotations

import json
import sys
import textwrap
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from cli import spoken

LINE_SECONDS = 2.0  # plain progress: a line at most this often
LEAST = 12  # letters of a column that is cut or broken
WHOLE = 44  # letters; a longer word is broken where it has to be
FIGURES = {
    "entries",
    "jobs",
    "ver",
    "cost",
    "tokens",
    "calls",
    "low",
    "expected",
    "max",
    "order",
    "requests",
    "items",
    "version",
}
COLOURS = {
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
    "processing": "cyan",
    "queued": "dim",
    "E": "red",
    "W": "yellow",
    "I": "dim",
    "fires": "green",
    "cut": "yellow",
}


def console() -> Console:
    """A console on the standard output of this moment."""
    return Console(file=sys.stdout, highlight=False)


def clean(text: object) -> str:
    """``text`` on one line and without control characters: a card's name must not steer the terminal."""
    joined = " ".join(str(text).split())
    return "".join(character for character in joined if unicodedata.category(character) not in {"Cc", "Cf"})


def money(dollars: float) -> str:
    """A sum in dollars: cents, and four places below a dollar."""
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


def duration(seconds: float) -> str:
    """A time span: ``8 s``, ``2:05``, ``1:02:05``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def exact(seconds: float) -> str:
    """A time span as `duration` has it, but with tenths where it is short: ``0.4 s``."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def dump(value: Any, *, lines: bool = False) -> None:
    """Print ``value`` as JSON; with ``lines`` on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=None if lines else 2))


def lines(text: str) -> str:
    """``text`` with its lines, and without what could steer the terminal."""
    return "\n".join(clean_line(line) for line in text.splitlines())


def clean_line(text: str) -> str:
    """A line as it is, tabs and all, without control characters."""
    return "".join(each for each in text if each == "\t" or unicodedata.category(each) not in {"Cc", "Cf"})


def flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested objects as one, with paths for names: ``sampling.temperature``."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= flat(inner, f"{path}{name}.")
        else:
            found[path + name] = ", ".join(map(str, inner)) if isinstance(inner, list) else yes_or_no(inner)
    return found


def yes_or_no(value: Any) -> Any:
    """``value`` as people say it, if it is true or false."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, cut: bool = False) -> None:
    """Print a table. Cells are plain text; a cell that is a status or severity is coloured on a terminal.

    A column of ids, of words without blanks or of short texts is never broken. With ``cut``, the last column is cut to
    one line each.
    """
    out = console()
    texts = [["-" if cell is None else clean(cell) for cell in row] for row in rows]
    if not out.is_terminal:
        widths = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
        for line in ([*headings], *texts):
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        return
    if not texts:
        say("none")
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading, column in zip(headings, zip(*texts, strict=True) if texts else [()] * len(headings), strict=True):
        whole = all(len(cell) <= (LEAST if " " in cell else WHOLE) for cell in column)
        justify: Any = "right" if heading in FIGURES else "left"
        drawn.add_column(heading, overflow="fold", no_wrap=whole, justify=justify)
    drawn.columns[-1].no_wrap = drawn.columns[-1].no_wrap or cut
    rows_shown = cut_rows(headings, texts, out.width) if cut else texts
    for row in rows_shown:
        drawn.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    # On a terminal too narrow for the ids, lines run on: half an id is of no use.
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows_shown, strict=True)]
    columns = zip(widths, drawn.columns, strict=True)
    least = sum(width if column.no_wrap else min(width, LEAST) for width, column in columns)
    out.width = max(out.width, least + 2 * (len(widths) - 1))
    out.print(drawn)


def cut_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The rows with their last cells cut to what the other columns leave of ``width``, but not below `LEAST`."""
    others = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)][:-1]
    last = [Text(row[-1]) for row in rows]
    for text in last:
        text.truncate(max(width - sum(others) - 2 * len(others), LEAST), overflow="ellipsis")
    return [[*row[:-1], text.plain] for row, text in zip(rows, last, strict=True)]


def error_of(thing: Mapping[str, Any]) -> str:
    """The error of an item or job in words; empty without one."""
    error = thing.get("error") or {}
    return f"{error.get('code')}: {spoken.text(str(error.get('message')), spoken.of_work())}" if error else ""


def moment(text: str | None) -> str | None:
    """A time of the API in the reader's own zone, to the second."""
    return None if not text else f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def between(start: str | None, end: str | None) -> str:
    """The time between two times of the API."""
    if not (start and end):
        return ""
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return exact(seconds)


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago a time of the API was, in one unit: ``40 s``, ``5 min``, ``3 h``, ``2 d``."""
    if not text:
        return ""
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(text)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


@dataclass
class Counts:
    """A batch's progress as shown: numbers of items and the money spent (US dollars; None: of no interest)."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    processing: int = 0
    cost: float | None = None
    before: int | None = None  # done at the first look: the rate is of what we saw happen
    began: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Items that will not change any more."""
        return self.completed + self.failed + self.cancelled

    def update(self, batch: Mapping[str, Any]) -> None:
        """Take over what the API says of the batch."""
        progress = batch["progress"]
        self.total = progress["total"]
        self.completed, self.failed = progress["completed"], progress["failed"]
        self.cancelled, self.processing = progress["cancelled"], progress["processing"]
        self.cost = float(batch.get("cost_usd") or 0)
        if self.before is None:
            self.before = self.done

    def states(self) -> str:
        """How many items are in which state."""
        named = {name: getattr(self, name) for name in ("completed", "failed", "cancelled", "processing")}
        return ", ".join([f"{self.total} in all", *(f"{count} {name}" for name, count in named.items() if count)])

    def words(self) -> str:
        """Counts, rate, elapsed time and cost on one line."""
        if not self.total:
            return ""
        elapsed = time.monotonic() - self.began
        parts = [f"{self.done}/{self.total} done"]
        parts += [
            f"{count} {name}" for name, count in (("failed", self.failed), ("cancelled", self.cancelled)) if count
        ]
        if self.processing and self.done < self.total:
            parts.append(f"{self.processing} in work")
        if seen := self.done - (self.before or 0):
            rate = seen / max(elapsed, 0.1)
            parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.0f}/min")
        parts.append(duration(elapsed))
        if seen and self.done < self.total:
            parts.append(f"{duration((self.total - self.done) / rate)} left")
        if self.cost is not None:
            parts.append(money(self.cost))
        return ", ".join(parts)


class ShowCounts(Protocol):
    """Shows a state of progress."""

    def __call__(self, counts: Counts) -> None: ...  # noqa: D102


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[ShowCounts]:
    """Give a function that shows a `Counts`: a live bar on a terminal, a line now and then elsewhere."""
    out = console()
    if quiet:
        yield lambda counts: None
        return
    if not out.is_terminal:
        yield plain_progress(label)
        return
    bar = BarColumn(bar_width=bar_width(out.width))
    with Progress(TextColumn("{task.description}"), bar, CountsColumn(), console=out) as drawn:
        task = drawn.add_task(clean(label), total=None, counts=Counts())

        def show(counts: Counts) -> None:
            drawn.update(task, total=counts.total or None, completed=counts.done, counts=counts)

        yield show


class ShowSteps(Protocol):
    """Shows how far one thing is: percent, and words made anew at each refresh."""

    def __call__(self, percent: int, words: Callable[[], str]) -> None: ...  # noqa: D102


@contextmanager
def steps() -> Iterator[ShowSteps]:
    """Give a function that shows the steps of one thing: a live bar on a terminal, a line each elsewhere."""
    out = console()
    if not out.is_terminal:
        yield plain_steps()
        return
    bar_column = BarColumn(bar_width=bar_width(out.width))
    with Progress(bar_column, TextColumn("{task.percentage:>3.0f}%"), WordsColumn(), console=out) as bar:
        task = bar.add_task("", total=100, words=lambda: "")
        yield lambda percent, words: bar.update(task, completed=percent, words=words)


def plain_steps() -> ShowSteps:
    """Lines instead of a bar, each thing said once."""
    last = ""

    def show(percent: int, words: Callable[[], str]) -> None:
        nonlocal last
        step = words()
        if (told := step.split(", ")[0]) != last:
            click.echo(f"{percent:>3} %  {step}")
            last = told

    return show


class WordsColumn(ProgressColumn):
    """The words beside the bar of a single thing."""

    def render(self, task: Task) -> Text:
        """Render the words of ``task``."""
        return Text(task.fields["words"](), no_wrap=True, overflow="ellipsis")


def bar_width(width: int) -> int:
    """What the words beside a bar leave of a line of ``width`` letters."""
    return max(10, min(32, width - 70))


class CountsColumn(ProgressColumn):
    """The words beside the bar; rebuilt at each refresh, so that the clock runs between two answers."""

    def render(self, task: Task) -> Text:
        """Render the counts of ``task``."""
        return Text(task.fields["counts"].words(), no_wrap=True, overflow="ellipsis")


def plain_progress(label: str) -> ShowCounts:
    """Lines instead of a bar: the first state, every change at most each `LINE_SECONDS`, and the last."""
    last: tuple[float, tuple[int, ...]] = (float("-inf"), ())

    def show(counts: Counts) -> None:
        nonlocal last
        now, state = time.monotonic(), (counts.done, counts.failed, counts.processing)
        ended = bool(counts.total) and counts.done >= counts.total
        if state != last[1] and (ended or now - last[0] >= LINE_SECONDS):
            click.echo(f"{clean(label)}: {counts.words()}")
            last = (now, state)

    return show


def results(done: Iterable[tuple[Any, str]], as_json: bool) -> None:
    """Tell what is done as it comes, in words; as JSON all of it at the end, also where something went wrong."""
    found = []
    try:
        for value, words in done:
            found.append(value)
            if not as_json:
                say(words)
    finally:
        if as_json:
            dump(found)


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def say(text: str) -> None:
    """Print one line for people."""
    click.echo(text)


def facts(named: Mapping[str, Any]) -> None:
    """Print ``named`` one a line; what is missing or empty is left out."""
    shown = {name: clean(value) for name, value in named.items() if value not in (None, "")}
    width = max(map(len, shown), default=0)
    room = console().width - width - 2 if console().is_terminal else 10_000
    for name, value in shown.items():
        first, *rest = textwrap.wrap(value, max(room, 20), break_long_words=False, break_on_hyphens=False) or [""]
        click.echo(f"{name:<{width}}  {first}")
        for line in rest:
            click.echo(f"{'':<{width}}  {line}")
