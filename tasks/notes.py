"""What a running step says: kept until the step is about to wait, for a model or for room, or ends.

Then it is written in one statement. Each note had a transaction of its own, and steps say more than people can read;
nothing is shown late by it, for a step that does not wait is done in a moment.
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
