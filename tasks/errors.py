"""How a step ends a job: with a stable code and a message for people."""

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
