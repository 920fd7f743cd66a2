"""What one step makes of one entry, and how full the budget is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from cards.simulate.record import Record
from cards.simulate.result import FIRED, Reason
from cards.simulate.scan import Match


@dataclass(frozen=True)
class Verdict:
    """What a step makes of one entry."""

    reason: Reason
    detail: str
    match: Match | None = None
    secondary: tuple[Match, ...] = ()
    step: int = 0
    chance: float | None = None

    @property
    def fires(self) -> bool:
        """Whether it goes on to groups, dice and budget."""
        return self.reason in FIRED


class Tokens:
    """A growing estimate, the same as `cards.text.estimate_tokens` of the joined texts."""

    def __init__(self) -> None:
        self.wide, self.other = 0, 0

    def add(self, records: Iterable[Record]) -> None:
        """Count the contents, each with a line end."""
        for record in records:
            self.wide += record.wide
            self.other += len(record.content) - record.wide + 1

    def __int__(self) -> int:
        return self.wide + ceil(self.other / 4)


def where(match: Match, records: Sequence[Record]) -> str:
    """In words where a key fired."""
    if match.place == "card":
        return f"the {match.source.replace('_', ' ')}"
    if match.place == "entry" and match.index is not None:
        title = records[match.index].title
        return f"entry {title!r:.40}" if title else f"entry no. {match.index}"
    if match.index is None:
        return "any text"
    return f"message {match.index}" if match.place == "message" else f"the speaker's name of message {match.index}"
