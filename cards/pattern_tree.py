"""What a regular expression consists of, and how Python's ``re`` writes it. Groups capture nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Letter:
    """One character as it is."""

    char: str


@dataclass(frozen=True)
class Chars:
    """Any one of some characters, as Python writes it: ``[0-9]``."""

    source: str


@dataclass(frozen=True)
class Place:
    """A place between characters, as Python writes it: an end, the edge of a word."""

    source: str


@dataclass(frozen=True)
class Look:
    """What must or must not stand before or behind; ``opening`` is as in ``(?=``."""

    opening: str
    body: Node


@dataclass(frozen=True)
class Repeat:
    """The body ``least`` to ``most`` times (None: no end)."""

    body: Node
    least: int
    most: int | None
    lazy: bool = False


@dataclass(frozen=True)
class Run:
    """Parts one after another."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of the options."""

    options: tuple[Node, ...]


Node = Letter | Chars | Place | Look | Repeat | Run | Choice


def python_source(node: Node) -> str:
    """The tree as Python's ``re`` writes it (its flag is IGNORECASE for i; the others are in the source)."""
    match node:
        case Letter(char):
            return re.escape(char)
        case Chars(source) | Place(source):
            return source
        case Look(opening, body):
            return f"{opening}{python_source(body)})"
        case Repeat(body, least, most, lazy):
            counts = f"{{{least},{'' if most is None else most}}}"
            return f"(?:{python_source(body)}){counts}{'?' if lazy else ''}"
        case Run(parts):
            return "".join(map(python_source, parts))
        case Choice(options):
            return f"(?:{'|'.join(map(python_source, options))})"


def parts_of(node: Node) -> Sequence[Node]:
    """The parts of a run; of anything else itself."""
    return node.parts if isinstance(node, Run) else (node,)
