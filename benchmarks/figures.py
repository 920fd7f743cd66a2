"""What a row has measured: ours and the bare thing's, run by run, the ratio, and the mark that it has to reach."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

LEAST, MOST = ">=", "<="


@dataclass(frozen=True)
class Mark:
    """What has to be reached: ``of`` "ratio" or "ours", at least or at most ``bound`` (a ratio's, or in the unit)."""

    of: str
    way: str
    bound: float

    def text(self, unit: str) -> str:
        """Return the mark for people."""
        return f"{self.way} {self.bound:g}" + (f" {unit}" if self.of == "ours" else "")

    def miss(self, value: float) -> float:
        """Return by which part of the mark a value misses it; 0: it is reached."""
        over = value - self.bound if self.way == MOST else self.bound - value
        return max(0.0, over / self.bound)


@dataclass(frozen=True)
class Line:
    """One measured thing. ``ours`` and ``bare`` have a value for each run, in ``unit``; bare may be empty."""

    what: str
    unit: str
    ours: Sequence[float]
    bare: Sequence[float] = ()
    mark: Mark | None = None

    @property
    def ratios(self) -> list[float]:
        """The ratio of each run."""
        return [
            mine / theirs if theirs else math.inf for mine, theirs in zip(self.ours, self.bare, strict=bool(self.bare))
        ]

    @property
    def miss(self) -> float:
        """By which part the median misses the mark; 0: reached, or there is none."""
        if self.mark is None:
            return 0.0
        return self.mark.miss(statistics.median(self.ratios if self.mark.of == "ratio" else self.ours))

    def cells(self) -> list[str]:
        """Return what, ours, bare, ratio, mark and verdict as texts."""
        verdict = "" if self.mark is None else f"misses by {self.miss:.0%}" if self.miss else "yes"
        return [
            self.what,
            f"{spread(self.ours)} {self.unit}",
            f"{spread(self.bare)} {self.unit}" if self.bare else "",
            spread(self.ratios, 2) if self.bare else "",
            self.mark.text(self.unit) if self.mark else "",
            verdict,
        ]


def spread(values: Sequence[float], digits: int | None = None) -> str:
    """Return the median, and the least and the most where there are several; to three digits, or so many decimals."""
    shown = [
        f"{value:.{digits}f}" if digits is not None else short(value)
        for value in (statistics.median(values), min(values), max(values))
    ]
    return shown[0] if len(values) == 1 else f"{shown[0]} ({shown[1]}..{shown[2]})"


def short(value: float) -> str:
    """Return a number with about three digits that tell something; a count as it is."""
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the others do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True)
class Result:
    """A row's lines with the date, the machine, and the sizes that were not as they are by default."""

    date: str
    machine: dict[str, Any]
    lines: list[Line]
    sizes: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, read: dict[str, Any]) -> Result:
        """Return it from JSON."""
        lines = [Line(**line | {"mark": Mark(**line["mark"]) if line["mark"] else None}) for line in read["lines"]]
        return cls(**read | {"lines": lines})
