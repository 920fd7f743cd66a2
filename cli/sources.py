"""Source files in: read, checked, made into generations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli.ends import Refused


class SourceError(Refused):
    """A source file cannot be used; the message names it."""


def read_source(path: Path) -> str:
    """The text of a source file. UTF-8, with or without a byte order mark; raises `SourceError`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}.") from None
    return check_text(raw, str(path))


def check_text(raw: bytes | str, name: str) -> str:
    """The text that a source is; ``name`` says in errors where it is from. Raises `SourceError`."""
    if (b"\0" if isinstance(raw, bytes) else "\0") in raw:  # type: ignore[operator]
        raise SourceError(f"{name} is not a text file.")
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None
    if not text.strip():
        raise SourceError(f"{name} is empty.")
    return text


def generations(paths: Sequence[Path], options: dict[str, Any], profile_id: str | None = None) -> list[dict[str, Any]]:
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
