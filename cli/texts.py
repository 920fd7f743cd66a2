"""Texts on the command line: ``first_mes=Hello``, or ``first_mes=@hello.txt`` for what a file holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cli.ends import Refused
from cli.sources import read_source


def read_text(text: str) -> str:
    """Return ``text``, or what the file holds that it names with an ``@``. Raises `SourceError`."""
    return read_source(Path(text[1:])).rstrip("\n") if text.startswith("@") else text


def read_texts(pairs: Iterable[str]) -> dict[str, str]:
    """Return the texts of ``NAME=TEXT`` pairs by their names. Raises `Refused`."""
    found = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.strip():
            raise Refused(f"{pair!r}: write NAME=TEXT, or NAME=@FILE for what a file holds.")
        found[name.strip()] = read_text(text)
    return found
