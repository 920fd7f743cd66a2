"""Zip files of doubtful origin, read in memory: nothing that a header claims is believed, nothing goes to disk.

Source: APPNOTE.TXT, the .ZIP file format specification (end record, central directory, local headers).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from cards.errors import CardError

MAX_ZIP = 64 * 1024 * 1024  # bytes of a file that we look into
MAX_ENTRIES = 10_000
MAX_UNPACKED = 96 * 1024 * 1024  # bytes of all files of a zip together
MAX_FILE = 50 * 1024 * 1024  # bytes of one file in it

END, CENTRAL, LOCAL, LOCATOR_64 = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04", b"PK\x06\x07"
END_RECORD = struct.Struct("<4s4H2LH")
CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
END_TRIES = 100  # places that look like an end record
DAMAGED = "the zip's directory is damaged: download or export it again"

STORED, DEFLATED = 0, 8
ENCRYPTED, UTF8 = 1 << 0 | 1 << 6 | 1 << 13, 1 << 11


class Entry(NamedTuple):
    """A file in a zip: its path as written, and where its packed bytes lie (``start``: its local header)."""

    path: str
    flags: int
    method: int
    checksum: int
    start: int
    body: int
    end: int


class Directory(NamedTuple):
    """Where the list of files lies, of how many, and how many bytes stand before the zip."""

    files: int
    start: int
    end: int
    before: int


class Archive:
    """The files of a zip, which may stand behind other bytes (a picture), up to 96 MiB unpacked."""

    def __init__(self, content: bytes) -> None:
        """Read the directory of the zip; CardError for what is no zip, or is made to deceive."""
        if len(content) > MAX_ZIP:
            raise CardError(f"the zip has {len(content):,} bytes; {MAX_ZIP:,} at most: leave assets out")
        self._content = content
        self._left = MAX_UNPACKED
        self.entries = _entries(content)
        self.start = min((entry.start for entry in self.entries), default=len(content))

    def read(self, entry: Entry) -> bytes:
        """The unpacked file; CardError when it is encrypted, damaged, or unpacks to too much."""
        if entry.flags & ENCRYPTED:
            raise CardError("it is encrypted: export it without a password")
        if entry.method not in {STORED, DEFLATED}:
            raise CardError(f"it is packed by method {entry.method}: pack it as deflate, as zip programs do by default")
        content = self._unpack(entry)
        if zlib.crc32(content) != entry.checksum:
            raise CardError("its checksum is wrong: it is damaged; download or export it again")
        return content

    def _unpack(self, entry: Entry) -> bytes:
        packed = memoryview(self._content)[entry.body : entry.end]
        most = min(MAX_FILE, self._left)
        if entry.method == STORED:
            content, whole = bytes(packed[: most + 1]), True
        else:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = inflater.decompress(packed, most + 1)
            except zlib.error as error:
                self._left -= most  # how far it came is not told
                raise CardError("it is damaged: download or export it again") from error
            whole = inflater.eof
        self._left -= len(content)
        if self._left < 0:
            raise Bomb(f"the zip unpacks to over {MAX_UNPACKED:,} bytes: leave assets out")
        if len(content) > most:
            raise CardError(f"it unpacks to over {MAX_FILE:,} bytes: make it smaller")
        if not whole:
            raise CardError("it is cut off: download or export it again")
        return content


class Bomb(CardError):
    """The whole zip, not one file of it, is to be refused."""


def has_end(content: bytes) -> bool:
    """Whether the bytes end in a zip's directory."""
    return _find_end(content) is not None


def _find_end(content: bytes) -> Directory | None:
    """The directory of the last end record that fits."""
    at = len(content)
    for _ in range(END_TRIES):
        at = content.rfind(END, 0, at + 3)
        if at < 0:
            return None
        if at + END_RECORD.size > len(content):
            continue
        _, disk, first_disk, here, count, size, offset, _ = END_RECORD.unpack_from(content, at)
        start = at - size
        if disk or first_disk or here != count or start < offset:
            continue
        if content.startswith(CENTRAL if count else END, start):
            return Directory(count, start, at, start - offset)
    return None


def _entries(content: bytes) -> list[Entry]:
    locator = content.rfind(LOCATOR_64)
    if locator >= 0 and content.startswith(END, locator + 20):
        raise CardError("the zip is of the 64-bit kind: pack it again as a plain zip, with fewer files")
    found = _find_end(content)
    if found is None:
        raise CardError("the zip has no directory at its end: it was cut off; download or export it again")
    if found.files > MAX_ENTRIES:
        raise CardError(f"the zip holds {found.files:,} files; {MAX_ENTRIES:,} at most: leave assets out")
    entries = []
    at = found.start
    for _ in range(found.files):
        if at + CENTRAL_HEADER.size > found.end or not content.startswith(CENTRAL, at):
            raise CardError(DAMAGED)
        _, _, _, flags, method, _, _, checksum, size, _, name, extra, comment, *_, offset = CENTRAL_HEADER.unpack_from(
            content, at
        )
        path = content[at + CENTRAL_HEADER.size : at + CENTRAL_HEADER.size + name]
        body = _body(content, offset + found.before, path)
        start, end = offset + found.before, body + size
        entries.append(Entry(_decode(path, flags), flags, method, checksum, start, body, end))
        at += CENTRAL_HEADER.size + name + extra + comment
    last = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.end > found.start:
            raise CardError(DAMAGED)
        if entry.start < last:
            raise CardError("files in the zip overlap, as in zip bombs: pack it again")
        last = entry.end
    return entries


def _body(content: bytes, at: int, path: bytes) -> int:
    """Where the packed bytes begin that belong to the local header at ``at``."""
    if at + LOCAL_HEADER.size > len(content) or not content.startswith(LOCAL, at):
        raise CardError(DAMAGED)
    *_, name, extra = LOCAL_HEADER.unpack_from(content, at)
    start = at + LOCAL_HEADER.size
    if content[start : start + name] != path:
        raise CardError("a file in the zip has two names, as in files made to deceive: pack it again")
    return start + int(name) + int(extra)


def _decode(path: bytes, flags: int) -> str:
    if flags & UTF8:
        return path.decode("utf-8", "replace")
    try:
        return path.decode("utf-8")  # many programs forget the flag
    except UnicodeDecodeError:
        return path.decode("cp437")
