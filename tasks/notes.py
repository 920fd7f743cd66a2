"""What a running step says: kept until the step's next transaction, which writes it along.

Each progress note had a transaction of its own, and steps say more than people can read. Nothing is shown late by it:
a step that is about to wait, for a model or for room, has a transaction right before.
"""

from __future__ import annotations

from typing import Any

from models.services.claims import Line, Said


class Notes:
    """What one step has said and nobody has written yet (``said``). Of how far it is, the last word counts."""

    def __init__(self) -> None:
        self.said = Said()

    def show(self, progress: int, detail: str) -> None:
        """Note how far the job is (percent), and what is done now."""
        self.said = Said(progress, detail, self.said.lines)

    def line(self, level: str, message: str, **details: Any) -> None:
        """Note a line for the job's log, for whoever asked for the card."""
        self.said = Said(self.said.progress, self.said.detail, [*self.said.lines, Line(level, message, details)])

    def take(self) -> Said:
        """Return what is to be written, and forget it."""
        said, self.said = self.said, Said()
        return said
