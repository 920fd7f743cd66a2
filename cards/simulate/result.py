"""What a simulation tells: each entry and why it fired or not, and the prompt in its order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from cards.simulate.scan import Match
from cards.simulate.settings import Effect

Reason = Literal[
    "constant",
    "key",
    "sticky",
    "activate",
    "disabled",
    "trigger",
    "delay",
    "cooldown",
    "waits_for_recursion",
    "excluded_from_recursion",
    "dont_activate",
    "no_keys",
    "no_match",
    "secondary",
    "group",
    "probability",
    "budget",
]
FIRED: tuple[Reason, ...] = ("constant", "key", "sticky", "activate")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one entry; ``index`` is its place in the book, ``id`` the one it is written with.

    ``fired``: it is in the prompt. ``reason`` says why or why not, ``detail`` the same in words. ``match`` is where a
    key fired (also of entries that were then cut), ``secondary`` where the secondary keys did. ``step`` is the scan
    from 1 in which it fired; ``chain`` the entries (by place) that led to it, first one first.
    ``order`` is the insertion order, ``depth`` and ``role`` count for the position at_depth, ``outlet`` for outlet.
    ``probability`` is in percent, ``chance`` 0 to 1 to win its inclusion group. ``notes``: what was not looked at.
    """

    index: int
    id: int | str
    title: str
    fired: bool
    reason: Reason
    detail: str
    tokens: int
    order: float
    position: str
    depth: int
    role: str
    outlet: str = ""
    step: int | None = None
    match: Match | None = None
    secondary: tuple[Match, ...] = ()
    logic: str = ""
    chain: tuple[int, ...] = ()
    probability: float = 100
    chance: float | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "match": self.match.to_dict() if self.match else None,
            "secondary": [match.to_dict() for match in self.secondary],
            "chain": list(self.chain),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Block:
    """Entries that stand together in the prompt, by place in the book, first one first."""

    position: str
    entries: tuple[int, ...]
    depth: int | None = None
    role: str | None = None
    outlet: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The block as JSON."""
        return {**{name: getattr(self, name) for name in self.__dataclass_fields__}, "entries": list(self.entries)}


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The whole result. ``outcomes`` are in the order of the book, ``prompt`` in that of the prompt.

    ``tokens`` of what fired and ``budget`` are estimates of the same kind; ``steps`` is how often was scanned.
    """

    outcomes: tuple[Outcome, ...]
    prompt: tuple[Block, ...]
    tokens: int
    budget: int
    overflowed: bool
    steps: int
    scan_depth: int
    recursive: bool
    effects: tuple[Effect, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def fired(self) -> tuple[int, ...]:
        """The entries that are in the prompt, by place in the book, in the order in which they fired."""
        fired = [outcome for outcome in self.outcomes if outcome.fired]
        return tuple(outcome.index for outcome in sorted(fired, key=lambda one: one.step or 0))

    @property
    def cut(self) -> tuple[int, ...]:
        """The entries that the budget cut, by place in the book."""
        return tuple(outcome.index for outcome in self.outcomes if outcome.reason == "budget")

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON: what fired in the order of the prompt, what was cut, what did not fire."""
        shown = dict.fromkeys([*(index for block in self.prompt for index in block.entries), *self.fired])
        return {
            "activated": [self.outcomes[index].to_dict() for index in shown],
            "cut": [self.outcomes[index].to_dict() for index in self.cut],
            "skipped": [one.to_dict() for one in self.outcomes if not one.fired and one.reason != "budget"],
            "prompt": [block.to_dict() for block in self.prompt],
            "tokens": self.tokens,
            "budget": self.budget,
            "overflowed": self.overflowed,
            "steps": self.steps,
            "scan_depth": self.scan_depth,
            "recursive": self.recursive,
            "effects": [effect.to_dict() for effect in self.effects],
            "notes": list(self.notes),
        }
