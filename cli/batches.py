"""A batch from files to files: read the sources, submit, follow, save the cards, say what came of each."""

from __future__ import annotations

import itertools
import time
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cli import show
from cli.client import ApiError, Client, Json

POLL_SECONDS = (0.2, 2.0)  # first and longest pause between two looks at a batch
NAME_LIMIT = 200  # bytes of a file name; file systems stop at 255
MANY = 25  # items; saving fewer takes no time worth showing
ROWS = 100  # rows of a table on the screen
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{device}{n}" for device in ("COM", "LPT") for n in range(1, 10))}


class SourceError(ValueError):
    """A source file cannot be used; the message names it."""


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

    def as_json(self) -> Json:
        """The outcome as a JSON object; files as paths."""
        named = ("item_id", "source", "status", "character", "entries", "error")
        return {name: getattr(self, name) for name in named} | {"files": [str(path) for path in self.files]}

    @property
    def good(self) -> bool:
        """Whether the card is finished and saved."""
        return self.status == "completed" and not self.error


def read_source(path: Path) -> str:
    """The text of a source file. UTF-8, with or without a byte order mark; raises `SourceError`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}.") from None
    if b"\0" in raw:
        raise SourceError(f"{path} is not a text file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None
    if not text.strip():
        raise SourceError(f"{path} is empty.")
    return text


def generations(paths: Sequence[Path], options: Json, profile_id: str | None = None) -> list[Json]:
    """One generation a file; its name travels along as metadata. Raises `SourceError`."""
    profile = {"profile_id": profile_id} if profile_id else {}
    return [
        {
            "source_material": read_source(path),
            "options": options,
            "metadata": {"source_file": path.name},
            **profile,
        }
        for path in paths
    ]


def follow(client: Client, batch_id: str, label: str, *, quiet: bool = False) -> Json:
    """Show the batch's progress (unless ``quiet``) until it ends; returns its last state."""
    counts, pause = show.Counts(), POLL_SECONDS[0]
    with show.progress(label, quiet=quiet) as shown:
        while True:
            batch, before = client.batch(batch_id), counts.done
            counts.update(batch)
            shown(counts)
            if counts.total and counts.done >= counts.total:
                return batch
            # Look often while things happen, seldom while a model thinks.
            pause = POLL_SECONDS[0] if counts.done != before else min(pause * 1.3, POLL_SECONDS[1])
            time.sleep(pause)


def collect(client: Client, batch_id: str, out: Path) -> Iterator[Outcome]:
    """Save every finished card of a batch under ``out``; gives an `Outcome` an item, in order."""
    out.mkdir(parents=True, exist_ok=True)
    taken: set[Path] = set()
    for item in client.items(batch_id):
        yield save(client, item, out, taken)


def collect_all(client: Client, batch: Json, out: Path, *, quiet: bool = False) -> list[Outcome]:
    """As `collect`, with progress shown when there are so many that it takes a while."""
    total = batch["progress"]["total"]
    counts = show.Counts(total=total)
    outcomes = []
    with show.progress("saving", quiet=quiet or total < MANY) as shown:
        for outcome in collect(client, batch["batch_id"], out):
            outcomes.append(outcome)
            counts.completed += 1
            shown(counts)
    return outcomes


def save(client: Client, item: Json, out: Path, taken: set[Path]) -> Outcome:
    """Save one item's files, none over one ``taken`` (it grows). What goes wrong is told, and stops nothing else."""
    source = (item.get("metadata") or {}).get("source_file") or ""
    outcome = Outcome(item["item_id"], source, item["status"])
    if error := item.get("error"):
        outcome.error = f"{error.get('code', '')}: {error.get('message', '')}".strip(": ")
    if item["status"] != "completed":
        return outcome
    try:
        result = client.result(item["job_id"])
        outcome.character, outcome.entries = name_and_entries(result)
        for kind, url in sorted((item.get("downloads") or {}).items()):
            disposition, content = client.download(url)
            name = file_name(disposition, fallback=f"{item['item_id']}.{kind}")
            path = place(out, name, (item["item_id"], kind), content, taken)
            if not path.exists():
                path.write_bytes(content)
            outcome.files.append(path)
            taken.add(path)
    except ApiError as error:
        outcome.error = f"{error.code}: {error.message}"
    except OSError as error:
        outcome.error = f"cannot be saved: {error.strerror or error}"
    return outcome


def name_and_entries(result: Json) -> tuple[str, int | None]:
    """The character's name and the number of lorebook entries in a job's result."""
    data: Any = (result.get("card") or {}).get("data") or {}
    book = result.get("book") or data.get("character_book") or {}
    entries = book.get("entries")
    return str(data.get("name") or ""), len(entries) if isinstance(entries, (list, dict)) else 0


def file_name(disposition: str, fallback: str) -> str:
    """A safe file name out of a Content-Disposition (RFC 6266; ``filename*`` first), else ``fallback``."""
    parts = [part.strip() for part in split_parameters(disposition)]
    named = dict(part.split("=", 1) for part in parts if "=" in part)
    named = {name.strip().lower(): value.strip() for name, value in named.items()}
    if "filename*" in named and named["filename*"].count("'") >= 2:
        charset, _, value = named["filename*"].split("'", 2)
        try:
            return safe_name(unquote(value, encoding=charset or "utf-8")) or fallback
        except LookupError:
            pass
    plain = named.get("filename", "")
    if plain.startswith('"'):
        plain = plain.strip('"').replace('\\"', '"').replace("\\\\", "\\")
    return safe_name(plain) or fallback


def split_parameters(header: str) -> list[str]:
    """``header`` split at the semicolons outside of quotes."""
    parts, quoted, start, at = [], False, 0, 0
    while at < len(header):
        if header[at] == "\\" and quoted:
            at += 1
        elif header[at] == '"':
            quoted = not quoted
        elif header[at] == ";" and not quoted:
            parts.append(header[start:at])
            start = at + 1
        at += 1
    return [*parts, header[start:]]


def safe_name(name: str) -> str:
    """``name`` as one file name: no folder, no control or reserved characters or leading dot, not long."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join("_" if c in '<>:"|?*' else c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    stem, dot, extension = kept.strip(" .").rpartition(".")
    if not dot:
        stem, extension = extension, ""
    if stem.upper() in RESERVED:
        stem += "_"
    room = NAME_LIMIT - len(dot + extension)
    stem = stem.encode()[: max(room, 1)].decode(errors="ignore")
    return f"{stem}{dot}{extension}"[:NAME_LIMIT] if stem else ""


def place(folder: Path, name: str, marks: tuple[str, str], content: bytes, taken: Collection[Path]) -> Path:
    """Where ``content`` goes in ``folder``: ``name``, else with the item, the format, a number; nothing is overwritten.

    A file that already holds exactly this (the batch was saved before) is its own place, unless ``taken`` this time.
    """
    stem, suffix = Path(name).stem, Path(name).suffix
    item, kind = marks
    for number in itertools.count():
        extra = ("", f"_{item}", f"_{item}_{kind}")[number] if number < 3 else f"_{item}_{kind}_{number - 1}"
        path = folder / f"{stem}{extra}{suffix}"
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
    """File names in short, for a terminal, where the long ones would fill the table: their extensions."""
    return " ".join(f".{name.partition('.')[2]}" for name in names)
