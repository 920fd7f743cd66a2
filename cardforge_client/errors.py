"""What can go wrong, by what to do about it: one tree, every message fit for people.

CardforgeError
  ApiError              the API said no: `status`, `code`, `details`, `request_id`
    BadRequest          400, 405, 413, 415: the request itself is malformed
    Unauthenticated     401: no key, or one that is unknown, expired or revoked
    Forbidden           403: the key has not the scope, or the thing is read-only
    NotFound            404: no such thing, or somebody else's
    Conflict            409: not in a state that allows this
    StaleVersion        412: somebody else has edited it: read it again (`current_version`)
    Unconditional       428: say which version the edit is of
    Invalid             422: `details` says by field path what is wrong
    RateLimited         429: `retry_after` seconds
    QuotaExceeded       429 of the day's limit: `retry_after` seconds, until it begins anew
    ServerError         500 and the like: `request_id` finds it in the server's log
    Unavailable         502, 503, 504: something behind the API is away for the moment
  Unreachable           no answer at all
  BadAnswer             an answer, but not one of Cardforge
  WaitTimeout           waiting took too long (the work goes on)
  NoApiKey              nothing to log in with
  InvalidSignature      a webhook that is not from Cardforge
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class CardforgeError(Exception):
    """Anything that goes wrong in this package. ``message`` is for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unreachable(CardforgeError):
    """No answer: nothing listens there, the connection broke, or it took too long."""


class BadAnswer(CardforgeError):
    """Something answered, but not like Cardforge."""


class NoApiKey(CardforgeError):
    """No key was given and none is in the environment."""


class WaitTimeout(CardforgeError, TimeoutError):
    """What was waited for did not end in time. It goes on all the same: wait again."""


class InvalidSignature(CardforgeError):
    """The message is not from Cardforge, not for this secret, changed on its way, or too old."""


class ApiError(CardforgeError):
    """The API said no.

    ``code`` is stable and for programs (``JOB_NOT_TERMINAL``); ``details`` maps field paths to what is wrong with each,
    where fields are at fault; ``body`` is the whole answer; ``request_id`` finds it in the server's log.
    """

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        super().__init__(str(body.get("message") or body.get("error") or f"status {status}"))
        self.status = status
        self.body = dict(body)
        self.code = str(body.get("error") or "UNKNOWN")
        details = body.get("details")
        self.details: dict[str, Any] = dict(details) if isinstance(details, Mapping) else {}
        self.request_id = str(body.get("request_id") or "")
        self.retry_after = retry_after

    def __str__(self) -> str:
        """``CODE: message``."""
        return f"{self.code}: {self.message}"

    def problems(self) -> Sequence[tuple[str, str]]:
        """Pairs of field path and what is wrong there, for showing."""
        return [
            (str(path), " ".join(map(str, what)) if isinstance(what, list) else str(what))
            for path, what in self.details.items()
        ]


class BadRequest(ApiError):
    """The request is malformed: no JSON, the wrong media type, too large."""


class Unauthenticated(ApiError):
    """No usable key."""


class Forbidden(ApiError):
    """The key is good, but not for this."""


class NotFound(ApiError):
    """No such thing here."""


class Conflict(ApiError):
    """It is not in a state that allows this."""


class StaleVersion(ApiError):
    """Somebody else has edited it since it was read: read it again and apply the change to that."""

    @property
    def current_version(self) -> int | None:
        """The version that it has now."""
        return self._number("current_version")

    @property
    def your_version(self) -> int | None:
        """The version that the edit was of."""
        return self._number("your_version")

    @property
    def updated_by(self) -> str | None:
        """Who has edited it."""
        who = self.body.get("updated_by")
        return None if who is None else str(who)

    @property
    def updated_at(self) -> str | None:
        """When, RFC 3339."""
        when = self.body.get("updated_at")
        return None if when is None else str(when)

    def _number(self, name: str) -> int | None:
        value = self.body.get(name, self.details.get(name))
        return value if isinstance(value, int) else None


class Unconditional(ApiError):
    """The edit does not say which version it is of."""


class Invalid(ApiError):
    """The values cannot be used; ``details`` names each field and what is wrong with it."""


class RateLimited(ApiError):
    """Too many requests in a short time: come back in ``retry_after`` seconds."""


class QuotaExceeded(ApiError):
    """The day's limit is used up; it begins anew in ``retry_after`` seconds."""


class ServerError(ApiError):
    """A fault of the server's own; ``request_id`` finds it in its log."""


class Unavailable(ApiError):
    """Something behind the API is away for the moment."""


BY_CODE: Mapping[str, type[ApiError]] = {"QUOTA_EXCEEDED": QuotaExceeded}
BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: StaleVersion,
    422: Invalid,
    428: Unconditional,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def api_error(status: int, body: Mapping[str, Any], retry_after: float | None = None) -> ApiError:
    """Return the exception that an error answer is."""
    kind = BY_CODE.get(str(body.get("error"))) or BY_STATUS.get(status)
    return (kind or (ServerError if status >= 500 else BadRequest))(status, body, retry_after)
