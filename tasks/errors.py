"""How a step leaves off before its end, named by what happens next."""

from __future__ import annotations

from typing import Any


class StepFailed(Exception):
    """The job cannot be finished. ``code`` is one of the stable codes of a job's error."""

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details or {}

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is stored and shown."""
        return {"code": self.code, "message": str(self), "details": self.details}


class Park(Exception):
    """The step has to wait for longer than it may hold its slot: give it back, to be begun again in ``seconds``."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds


class HandBack(Exception):
    """This worker is stopping: give the step back, for another to begin at once."""
