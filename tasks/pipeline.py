"""The registry: which kinds of job there are, and the steps that each is made of.

A new kind is one entry here, a request schema, and its own steps. Engine, API and CLI read this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.db import Session
from tasks import export
from tasks.lore import expand
from tasks.work import Work
from tasks.writing import generate, roster


@dataclass(frozen=True)
class Step:
    """One step: ``work`` does it without a transaction open, ``save`` writes its result and returns the checkpoint.

    ``share`` is its part of the job's progress in percent; ``queue`` where its messages go.
    """

    name: str
    queue: str
    share: int
    work: Callable[[Work], Any]
    save: Callable[[Session, Work, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Kind:
    """One kind of job. ``schema`` is where the edge finds the schema of its requests: ``module:Class``.

    ``together`` sees all requests of a batch before they become jobs, and may mark what they have in common.
    """

    name: str
    schema: str
    steps: tuple[Step, ...]
    together: Callable[[Sequence[dict[str, Any]]], None] = lambda _: None

    def progress(self, index: int, fraction: float) -> int:
        """Return a job's progress in percent when step ``index`` is ``fraction`` (0 to 1) done."""
        before = sum(step.share for step in self.steps[:index])
        return int(before + self.steps[index].share * min(max(fraction, 0.0), 1.0))


CHARACTER_CARD = Kind(
    name="character_card",
    schema="schemas.generations:CharacterCardSchema",
    steps=(
        Step("generate", "generation", 55, generate.work, generate.save),
        Step("expand_lorebook", "lorebook", 35, expand.work, expand.save),
        Step("export", "export", 10, export.work, export.save),
    ),
    together=roster.mark,
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (CHARACTER_CARD,)}
STEPS: Mapping[str, Step] = {step.name: step for kind in KINDS.values() for step in kind.steps}
