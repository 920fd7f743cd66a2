"""The cards of a batch as files: followed until they are done, saved under names of their own, told in a table."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cardforge_client import ApiError, Cardforge, Unreachable
from cli import show, spoken
from cli.formats import parted

MANY = 25  # items; saving fewer takes no time worth showing
ROWS = 100  # rows of a table on the screen
ROOMY = 100  # letters of a line that has room for file names' endings


@dataclass
class Outcome:
    """What became of one item: its card's name, its lorebook's size, the files saved, or the error."""

    item_id: str
    source: str
    status: str
    character: str = ""
    entries: int | None = None
    files: list[Path] = field(default_factory=list)
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The outcome as a JSON object; files as paths."""
        named = ("item_id", "source", "status", "character", "entries", "error")
        return {name: getattr(self, name) for name in named} | {"files": [str(path) for path in self.files]}

    @property
    def good(self) -> bool:
        """Whether the card is finished and saved."""
        return self.status == "completed" and not self.error


def follow(forge: Cardforge, batch_id: str, label: str, *, quiet: bool = False) -> Mapping[str, Any]:
    """Show the batch's progress (unless ``quiet``) until it ends; returns its last state."""
    counts = show.Counts()
    with show.progress(label, quiet=quiet) as shown:
        for batch in forge.batches.watch(batch_id):  # at least one
            counts.update(batch)
            shown(counts)
    return batch


def collect(forge: Cardforge, batch_id: str, out: Path) -> Iterator[Outcome]:
    """Save every finished card of a batch under ``out``; gives an `Outcome` an item, in order."""
    out.mkdir(parents=True, exist_ok=True)
    taken: set[Path] = set()
    for item in forge.batches.items(batch_id):
        yield save(forge, item, out, taken)


def collect_all(forge: Cardforge, batch: Mapping[str, Any], out: Path, *, quiet: bool = False) -> list[Outcome]:
    """As `collect`, with progress shown when there are so many that it takes a while."""
    total = batch["progress"]["total"]
    counts = show.Counts(total=total)
    outcomes = []
    with show.progress("saving", quiet=quiet or total < MANY) as shown:
        for outcome in collect(forge, batch["batch_id"], out):
            outcomes.append(outcome)
            counts.completed += 1
            shown(counts)
    return outcomes


def save(forge: Cardforge, item: Mapping[str, Any], out: Path, taken: set[Path]) -> Outcome:
    """Save one item's files, none over one ``taken`` (it grows). What goes wrong is told, and stops nothing else."""
    source = (item.get("metadata") or {}).get("source_file") or ""
    outcome = Outcome(item["item_id"], source, item["status"], error=show.error_of(item))
    if item["status"] != "completed":
        return outcome
    try:
        outcome.character, outcome.entries = name_and_entries(forge.jobs.result(item["job_id"]))
        for kind in sorted(item.get("downloads") or {}):
            name, content = forge.jobs.download(item["job_id"], kind).named()
            path = place(out, name, (item["item_id"], kind), content, taken)
            if not path.exists():
                path.write_bytes(content)
            outcome.files.append(path)
            taken.add(path)
    except (ApiError, Unreachable) as error:
        outcome.error = spoken.text(str(error), spoken.of_work())
    except OSError as error:
        outcome.error = f"cannot be saved: {error.strerror or error}"
    return outcome


def name_and_entries(result: Mapping[str, Any]) -> tuple[str, int | None]:
    """The character's name and the number of lorebook entries in a job's result."""
    data: Any = (result.get("card") or {}).get("data") or {}
    book = result.get("book") or data.get("character_book") or {}
    entries = book.get("entries")
    return str(data.get("name") or ""), len(entries) if isinstance(entries, (list, dict)) else 0


def place(folder: Path, name: str, marks: tuple[str, str], content: bytes, taken: Collection[Path]) -> Path:
    """Where ``content`` goes in ``folder``: ``name``, else with the item, the format, a number; nothing is overwritten.

    A file that already holds exactly this (the batch was saved before) is its own place, unless ``taken`` this time.
    """
    stem, ending = parted(Path(name).name)
    item, kind = marks
    for number in itertools.count():
        extra = ("", f"_{item}", f"_{item}_{kind}")[number] if number < 3 else f"_{item}_{kind}_{number - 1}"
        path = folder / f"{stem}{extra}{ending}"
        if path not in taken and (not path.exists() or path.read_bytes() == content):
            return path
    raise AssertionError("unreachable")


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print the table of what came of each item; of a long batch the failures and the first ones."""
    # On a terminal the folder's listing says the rest; a pipe gets the whole names.
    files = kinds if show.console().is_terminal else ", ".join
    shown = list(outcomes)
    if len(shown) > ROWS:
        failures = [outcome for outcome in outcomes if not outcome.good][:ROWS]
        shown = failures + [outcome for outcome in outcomes if outcome.good][: ROWS - len(failures)]
    rows = [
        (
            outcome.character or "-",
            outcome.source or outcome.item_id,
            outcome.status,
            "-" if outcome.entries is None else outcome.entries,
            outcome.error or files([path.name for path in outcome.files]),
        )
        for outcome in shown
    ]
    show.table(("character", "source", "status", "entries", "files / error"), rows)
    if len(shown) < len(outcomes):
        show.say(f"... and {len(outcomes) - len(shown)} more")


def kinds(names: Sequence[str]) -> str:
    """File names in short, for a terminal, where the long ones would fill the table: their endings, or how many."""
    endings = " ".join(parted(name)[1] for name in names)
    return endings if show.console().width >= ROOMY else f"{len(names)} files"
