"""What to do about a fault: pure. What was tried so far goes in, how to ask next comes out, or that it is no use.

later                rate limited, down, timed out, empty    -> the same again, after a wait
cut off              truncated                               -> with twice the cap, and less thinking
too dear             unaffordable                            -> once, with the cap that the account can pay
this model will not  filtered, context too long, no model    -> the next fallback model; a refusal first once more
somebody must act    key, credits                            -> no use
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from providers import base
from providers.base import Fault, Sampling
from tasks import retry

MOST_CAP = 64_000  # tokens; what the option max_tokens ends at too
RAISES = 3  # of the cap of one question
LEAST_AFFORDABLE = 256  # tokens, and a quarter of what was asked for: less would only be cut off
LESS_EFFORT = {"high": "medium", "medium": "low", "low": "minimal"}


@dataclass(frozen=True)
class Tried:
    """One failed try of a question, as the ledger keeps it: the fault's class and code, and what it said to go by.

    ``seconds``: how long it took. The rest: see the faults of `providers.base`.
    """

    kind: str
    code: str
    seconds: float = 0.0
    cap: int = 0
    most: int = 0
    reasoning: bool = False
    affordable: int = 0

    @classmethod
    def of(cls, fault: Fault, seconds: float) -> Tried:
        """Return the record of a fault."""
        told = {name: value for name in TOLD if (value := getattr(fault, name, None))}
        return cls(type(fault).__name__, fault.code, round(seconds, 1), **told)

    @classmethod
    def read(cls, error: Mapping[str, Any]) -> Tried:
        """Return the record that an error of the ledger is (see `to_dict`)."""
        told = {name: error[name] for name in ("seconds", *TOLD) if name in error}
        return cls(str(error.get("kind", "")), str(error.get("code", "")), **told)

    def to_dict(self) -> dict[str, Any]:
        """Return what the ledger keeps beside the code and the message."""
        told = {name: value for name in TOLD if (value := getattr(self, name))}
        return {"kind": self.kind, "seconds": self.seconds, **told}

    @property
    def fault(self) -> type[Fault]:
        """The fault's class."""
        found = getattr(base, self.kind, Fault)
        return found if isinstance(found, type) and issubclass(found, Fault) else Fault

    @property
    def weight(self) -> int:
        """How many tries it counts as: one that was waited for in vain counts for more."""
        return 1 + int(self.seconds // retry.SLOW_SECONDS) if issubclass(self.fault, base.TimedOut) else 1


TOLD = ("cap", "most", "reasoning", "affordable")


@dataclass(frozen=True)
class Course:
    """How a question is to be asked next, and what its model has used up of each patience.

    ``spent``: tries that the server failed to answer; ``limited``: those that it asked us to put later; ``raised``: how
    often the cap was; ``refused``: how often the model would not; ``most``: the largest cap that it takes, or that the
    account can pay. ``caps`` are the largest caps of models, as far as they are known.
    """

    asked: Sampling
    sampling: Sampling
    caps: Mapping[str, int] = field(default_factory=dict)
    spent: int = 0
    limited: int = 0
    raised: int = 0
    refused: int = 0
    most: int = MOST_CAP
    affordable: bool = True

    @classmethod
    def of(cls, sampling: Sampling, caps: Mapping[str, int], tried: Iterable[Tried] = ()) -> Course:
        """Return the course of a question that has been tried so far. What was no use then is asked once more."""
        course = _with_model(sampling, sampling, caps)
        for one in tried:
            course = course.after(one) or course
        return course

    def after(self, tried: Tried) -> Course | None:  # noqa: PLR0911 - one for each remedy
        """Return how to go on after a failed try; None when asking again is no use."""
        kind = tried.fault
        if issubclass(kind, base.RateLimited):
            return replace(self, limited=self.limited + 1) if self.limited + 1 < retry.PATIENT_TRIES else None
        if issubclass(kind, base.TryLater):
            spent = self.spent + tried.weight
            return replace(self, spent=spent) if spent < retry.TRIES else None
        if issubclass(kind, base.Truncated):
            return self._raise_cap(tried)
        if issubclass(kind, base.Unaffordable):
            return self._lower_cap(tried)
        if issubclass(kind, base.Refused) and not self.refused:
            return replace(self, refused=1)
        if issubclass(kind, base.GiveUp) and kind.of_model:
            return self._next_model()
        return None

    def _raise_cap(self, tried: Tried) -> Course | None:
        """Return the course with twice the cap; None if it cannot be raised: the same cap would end the same way."""
        cap = tried.cap or self.sampling.max_tokens
        most = min(self.most, tried.most or self.most)
        if self.raised >= RAISES or min(cap * 2, most) <= cap:
            return None
        sampling = replace(self.sampling, max_tokens=min(cap * 2, most))
        if tried.reasoning:
            effort = sampling.reasoning_effort
            sampling = replace(sampling, reasoning_effort=LESS_EFFORT.get(effort, effort) if effort else "low")
        return replace(self, sampling=sampling, raised=self.raised + 1, most=most)

    def _lower_cap(self, tried: Tried) -> Course | None:
        """Return the course with the cap that the account can pay, once, and if an answer may fit into it."""
        cap = tried.affordable
        if not self.affordable or cap < max(LEAST_AFFORDABLE, self.asked.max_tokens // 4):
            return None
        sampling = replace(self.sampling, max_tokens=min(cap, self.sampling.max_tokens))
        return replace(self, sampling=sampling, most=cap, affordable=False)

    def _next_model(self) -> Course | None:
        """Return the course that begins anew with the next fallback model, if there is one."""
        if not self.sampling.fallback_models:
            return None
        model, *rest = self.sampling.fallback_models
        return _with_model(self.asked, replace(self.asked, model=model, fallback_models=tuple(rest)), self.caps)


def _with_model(asked: Sampling, sampling: Sampling, caps: Mapping[str, int]) -> Course:
    """Return the course of a model that nothing was asked of yet, its cap no larger than it takes."""
    most = min(MOST_CAP, caps.get(sampling.model, MOST_CAP))
    capped = replace(sampling, max_tokens=min(sampling.max_tokens, most))
    return Course(asked, capped, caps, most=most)
