"""Shapes that several nouns share. Answers are plain dictionaries: what a newer server adds is simply there too."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["queued", "processing", "completed", "failed", "cancelled"]
Priority = Literal["high", "standard", "low"]


class Fault(TypedDict):
    """Why a job failed: a stable ``code``, a ``message`` for people."""

    code: str
    message: str
    details: NotRequired[dict[str, Any]]


class Range(TypedDict):
    """A count: at least, expected, at most."""

    low: int
    expected: int
    max: int


class Cost(TypedDict):
    """US dollars: at least, expected, at most; None where nobody knows a price, and ``reason`` says why."""

    low: float | None
    expected: float | None
    max: float | None
    basis: str
    reason: NotRequired[str | None]


class Generation(TypedDict, total=False):
    """What a card is made of. ``source_material`` has to be there; ``options``: see `Cardforge.options`."""

    kind: str
    source_material: str
    profile_id: str
    character_card: dict[str, Any]
    options: dict[str, Any]
    metadata: dict[str, Any]


class Takes(TypedDict):
    """What work will take."""

    calls: Range
    prompt_tokens: Range
    completion_tokens: Range
    tokens: Range
    cost_usd: Cost


class Finding(TypedDict):
    """One thing that lint found. ``severity``: E not to be delivered so, W lowers the score, I to know."""

    rule: str
    severity: Literal["E", "W", "I"]
    field: str
    span: list[int] | None
    message: str
    fix: str


class Lint(TypedDict):
    """What lint found; ``score`` by group of rules, 100 is best."""

    score: dict[str, int]
    counts: dict[str, int]
    findings: list[Finding]


class Loss(TypedDict):
    """One thing that a format or a front end does not carry."""

    field: str
    what: str
    message: str


class ModelUsage(TypedDict):
    """What one model was used for, and what that cost in US dollars."""

    tokens: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    requests: NotRequired[int]
    wasted: NotRequired[float]


class AcceptedJob(TypedDict):
    """The answer to an accepted job."""

    job_id: str
    status: Status
    status_url: str
    events_url: NotRequired[str]
    created_at: str


def given(**values: Any) -> dict[str, Any]:
    """Return the values that were given; None is not."""
    return {name: value for name, value in values.items() if value is not None}
