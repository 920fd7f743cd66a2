"""Files out: streamed to disk under the name that the server gives, made safe for any file system."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from cardforge_client.errors import Unreachable
from cardforge_client.transport import Answer, Ask, Transport, pieces

NAME_LIMIT = 200  # bytes of a file name; file systems stop at 255
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{device}{n}" for device in ("COM", "LPT") for n in range(1, 10))}
TRIES = 3


class Download:
    """A file on the server. Nothing is fetched before `save`, `read` or `stream`."""

    def __init__(self, transport: Transport, path: str, query: dict[str, str] | None = None, name: str = "") -> None:
        self._transport, self._ask = transport, Ask("GET", path, query or {}, safe=True, stream=True)
        self._fallback = name or path.rsplit("/", 1)[-1]

    def save(self, to: str | Path, *, overwrite: bool = True) -> Path:
        """Write it to ``to``: a file, or a folder that is there, under the server's name. Returns the path.

        Streamed, and there only once it is whole. Raises `FileExistsError` with ``overwrite=False``.
        """
        for left in reversed(range(TRIES)):
            try:
                with self.stream() as (name, chunks):
                    return write(Path(to) / name if Path(to).is_dir() else Path(to), chunks, overwrite)
            except Unreachable:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def read(self) -> bytes:
        """Its content."""
        return self.named()[1]

    def named(self) -> tuple[str, bytes]:
        """Its name and content."""
        with self.stream() as (name, chunks):
            return name, b"".join(chunks)

    @contextmanager
    def stream(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Give its name, and its content in pieces as they come."""
        with self._transport.send(self._ask) as answer:
            yield self._name(answer), pieces(answer, self._transport.base_url)

    def _name(self, answer: Answer) -> str:
        return file_name(answer.headers.get("Content-Disposition", ""), self._fallback)


def write(path: Path, chunks: Iterator[bytes], overwrite: bool) -> Path:
    """Write a file that is there whole or not at all."""
    if path.exists() and not overwrite:
        raise FileExistsError(17, "is there already", str(path))
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as out:
            out.writelines(chunks)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def file_name(disposition: str, fallback: str) -> str:
    """Return a safe file name out of a Content-Disposition (RFC 6266; ``filename*`` first), else ``fallback``."""
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
    """Return ``header`` split at the semicolons outside of quotes."""
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
    """Return ``name`` as one file name: no folder, no control or reserved characters or leading dot, not long."""
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
