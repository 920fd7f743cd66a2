"""What lasts longer than one message: entries that stay on (sticky), that pause (cooldown), that wait (delay).

Source: SillyTavern, ``public/scripts/world-info.js`` (``WorldInfoTimedEffects``). All are counted in messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from cards.errors import CardError
from cards.simulate.record import Record
from cards.simulate.settings import Effect


class Timed:
    """The effects that hold while a chat has ``count`` messages; ``sticky`` and ``cooldown`` are places in the book."""

    def __init__(self, effects: Iterable[Effect], count: int, records: Sequence[Record]) -> None:
        self.count = count
        self.sticky: set[int] = set()
        self.cooldown: set[int] = set()
        self._left: dict[tuple[str, int], Effect] = {}
        given = list(effects)
        for effect in given:
            if not 0 <= effect.entry < len(records):
                raise CardError(f"effects: there is no entry {effect.entry} in the book")
        for effect in given:
            if effect.kind == "sticky":
                self._take(effect, records[effect.entry])
        for effect in given:
            if effect.kind == "cooldown" and ("cooldown", effect.entry) not in self._left:
                self._take(effect, records[effect.entry])

    def _take(self, effect: Effect, record: Record) -> None:
        own = record.sticky if effect.kind == "sticky" else record.cooldown
        if (self.count <= effect.start and not effect.protected) or not own:
            return  # the chat did not grow, or the entry has lost the setting
        if self.count < effect.end:
            self._left[effect.kind, record.index] = effect
            (self.sticky if effect.kind == "sticky" else self.cooldown).add(record.index)
        elif effect.kind == "sticky" and record.cooldown:
            self._begin("cooldown", record, protected=True)
            self.cooldown.add(record.index)

    def _begin(self, kind: Literal["sticky", "cooldown"], record: Record, *, protected: bool = False) -> None:
        length = record.sticky if kind == "sticky" else record.cooldown
        self._left[kind, record.index] = Effect(kind, record.index, self.count, self.count + length, protected)

    def after(self, fired: Iterable[Record]) -> tuple[Effect, ...]:
        """The effects that are left when these entries have fired; firing again does not lengthen one."""
        for record in fired:
            if record.sticky and ("sticky", record.index) not in self._left:
                self._begin("sticky", record)
            if record.cooldown and ("cooldown", record.index) not in self._left:
                self._begin("cooldown", record)
        return tuple(self._left.values())
