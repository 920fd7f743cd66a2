"""What can go wrong in a use case, named by its remedy. The HTTP edge turns each into a status, once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


class DomainError(Exception):
    """``code`` is for programs, the message for people, ``details`` for both."""

    code = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.details = details or {}


class NotFound(DomainError):
    """No such row, or it is somebody else's: ask for another."""

    code = "NOT_FOUND"

    def __init__(self, noun: str, row_id: str, message: str | None = None) -> None:
        super().__init__(message or f"No {noun} {row_id!r} here.", details={noun: row_id})


class WrongState(DomainError):
    """The row exists but is not in a state that allows this: wait, or do something else first."""

    code = "WRONG_STATE"


class Invalid(DomainError):
    """The values cannot be used; ``details`` maps field paths to what is wrong with each."""

    code = "VALIDATION_ERROR"


class Unauthenticated(DomainError):
    """No usable key came with the request."""

    code = "UNAUTHENTICATED"


class Forbidden(DomainError):
    """The key is good, but not for this."""

    code = "FORBIDDEN"


class StaleAttempt(DomainError):
    """The job has ended, or somebody else has it or its step by now: what this attempt brings is dropped."""

    code = "STALE_ATTEMPT"


class JobCancelled(DomainError):
    """The job is to be cancelled: leave off and end it."""

    code = "CANCELLED"


class QuotaExceeded(DomainError):
    """A day's limit is used up: come back when it begins anew."""

    code = "QUOTA_EXCEEDED"

    def __init__(self, message: str, *, resets_at: datetime) -> None:
        moment = resets_at.isoformat().replace("+00:00", "Z")
        super().__init__(f"{message} It begins anew at {moment}.", details={"resets_at": moment})
        self.resets_at = resets_at


class Busy(DomainError):
    """All places are taken for the moment: try again."""

    code = "BUSY"


class StaleVersion(DomainError):
    """Somebody else has edited the row since it was read: read it again and apply the change to that.

    ``updated_by`` is who did, where that is known; ``by`` who asks, which may be the same.
    """

    def __init__(
        self,
        noun: str,
        *,
        current: int,
        yours: int,
        updated_at: datetime,
        updated_by: str | None = None,
        by: str | None = None,
    ) -> None:
        moment = updated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        how = "changed since you read it" if updated_by in {None, by} else "modified by another user"
        super().__init__(
            f"{noun.capitalize()} has been {how}",
            code=f"{noun.upper()}_VERSION_CONFLICT",
            details={
                "current_version": current,
                "your_version": yours,
                "updated_by": updated_by,
                "updated_at": moment,
            },
        )


class Unconditional(DomainError):
    """An edit did not say which version it is of: send If-Match."""

    code = "PRECONDITION_REQUIRED"
