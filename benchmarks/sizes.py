"""How large the rows are. Each size is an option of `python -m benchmarks`; the page names those that were used."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


def size(default: Any, help_text: str, tiny: Any = None) -> Any:
    """Return a field with its help, and what it is in a run that only tries whether everything works."""
    return field(default=default, metadata={"help": help_text, "tiny": default if tiny is None else tiny})


@dataclass(frozen=True)
class Sizes:
    """What can be set. Seconds where nothing else is said."""

    runs: int = size(5, "runs of each row; the median counts", 1)
    jobs: int = size(300, "P1: jobs a run", 10)
    slots: int = size(50, "P1: threads of the generation worker, and the batch's window", 10)
    calls: int = size(500, "P2: calls in flight", 10)
    workers: int = size(4, "P3: generation workers, each with so many calls in flight", 2)
    latency: float = size(5.0, "P2, P3: what the model server takes for an answer", 0.3)
    rounds: int = size(1, "P2, P3: jobs a run for each call in flight", 1)
    items: int = size(10_000, "P4, P5: items of the large batch", 200)
    reads: int = size(200, "P5, P8: requests a run", 20)
    clients: int = size(16, "P6: connections that ask at one time", 4)
    seconds: float = size(5.0, "P6: how long each side is asked", 0.5)
    exports: int = size(50, "P7: cards a run", 10)
    few: int = size(1_000, "P8: jobs that are there at first", 100)
    many: int = size(100_000, "P8: jobs that are there then", 300)
    watchers: int = size(300, "P10: subscribers", 10)
    watched: int = size(40, "P10: items of the watched batch", 5)
    watch_latency: float = size(1.5, "P10: what the model server takes for an answer", 0.2)
    counted: int = size(100, "costs: jobs that are counted", 5)
    scale_threads: int = size(4, "scaling: calls in flight of each worker", 2)
    scale_latency: float = size(2.0, "scaling: what the model server takes for an answer", 0.2)
    scale_rounds: int = size(3, "scaling: jobs for each call in flight", 1)
    scale_most: int = size(8, "scaling: most workers", 2)


TINY = {one.name: one.metadata["tiny"] for one in fields(Sizes)}
