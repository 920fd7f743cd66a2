"""A batch's files as one ZIP, packed while it is sent: in memory there is one file at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from api.items import name_item
from api.streams import read_some
from cards.formats import FORMATS, suffix
from cards.names import Folder
from models.artifacts import Artifact
from models.batches import Batch, Item
from models.jobs import Job
from models.services import artifacts, harvest
from models.states import TERMINAL, Status

MANIFEST = "manifest.json"
ITEMS_READ = 200
READABLE = 0o644 << 16


class Sink(io.RawIOBase):
    """Where a ZIP is written to, and taken from in pieces. It cannot seek, so that nothing of it is written later."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        """Say that it takes bytes."""
        return True

    def write(self, data: Any) -> int:
        """Take some bytes."""
        self.parts.append(bytes(data))
        return len(self.parts[-1])

    def take(self) -> bytes:
        """Return what has come in since the last time."""
        taken = b"".join(self.parts)
        self.parts.clear()
        return taken


def pack(owner_id: str, batch: Batch, formats: Sequence[str]) -> Generator[bytes]:
    """Yield a ZIP of a batch's files of some formats: in a folder for each format where there are several."""
    sink, names, told = Sink(), Folder(MANIFEST), []
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for item, job, files in items(owner_id, batch.id):
            packed = []
            for file in (file for file in files if file.format in formats):
                if (whole := read_some(partial(artifacts.load_file, job_id=job.id, format_name=file.format))) is None:
                    continue
                name = names.add(*name_parts(whole, folders=len(formats) > 1))
                add(archive, name, whole)
                packed.append({"format": whole.format, "file": name, "size": whole.size, "sha256": whole.sha256})
                yield sink.take()
            told.append(json.dumps(show_packed(item, job, packed, files, formats), ensure_ascii=False))
        archive.writestr(described(MANIFEST, batch), write_manifest(batch, formats, told))
    yield sink.take()


def items(owner_id: str, batch_id: str) -> Iterator[tuple[Item, Job, Sequence[Artifact]]]:
    """Yield a batch's items in order, each with its job and what is known of its files, not their content."""
    after = 0
    while rows := read_some(
        partial(harvest.next_files, owner_id=owner_id, batch_id=batch_id, after=after, most=ITEMS_READ)
    ):
        yield from rows
        after = rows[-1][0].position


def name_parts(file: Artifact, *, folders: bool) -> tuple[str, str]:
    """Return the name of a file in the archive, and its ending."""
    ending = f".{suffix(FORMATS[file.format])}"
    if not file.filename.endswith(ending):  # the pattern of its name tells formats apart
        ending = f".{FORMATS[file.format].extension}"
    stem = file.filename.removesuffix(ending)
    return f"{file.format}/{stem}" if folders else stem, ending


def add(archive: ZipFile, name: str, file: Artifact) -> None:
    """Write a file into the archive; one that is packed by itself is not packed once more."""
    packed = FORMATS[file.format].pictured
    archive.writestr(described(name, file), file.content, compresslevel=0 if packed else None)


def described(name: str, made: Artifact | Batch) -> ZipInfo:
    """Return the entry of a file, as old as what it is made of, so that the same files make the same archive."""
    entry = ZipInfo(name, made.created_at.timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = READABLE
    return entry


def show_packed(
    item: Item, job: Job, packed: Sequence[Mapping[str, Any]], files: Sequence[Artifact], formats: Sequence[str]
) -> dict[str, Any]:
    """Return what the manifest says of an item: its files, or why it has none."""
    error = job.error
    if job.status == Status.COMPLETED and not packed:
        there = ", ".join(file.format for file in files) or "none"
        error = {"code": "NO_SUCH_FORMAT", "message": f"It has no file of {', '.join(formats)}; it has: {there}."}
    return {
        "item_id": name_item(item.position),
        "position": item.position,
        "job_id": job.id,
        "status": job.status,
        "metadata": item.info,
        "error": error,
        "files": packed,
    }


def write_manifest(batch: Batch, formats: Sequence[str], items: Sequence[str]) -> str:
    """Return the manifest; ``items`` are JSON already."""
    head = {
        "batch_id": batch.id,
        "name": batch.name,
        "status": batch.status,
        "complete": batch.status in TERMINAL,
        "formats": list(formats),
    }
    return json.dumps(head, ensure_ascii=False)[:-1] + ', "items": [\n' + ",\n".join(items) + "\n]}\n"
