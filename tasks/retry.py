"""When to try again: pure arithmetic; the dice are an argument."""

from __future__ import annotations

TRIES = 5
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0


def delay(tried: int, dice: float, retry_after: float | None = None) -> float:
    """Return the seconds to wait after ``tried`` failed tries (from 1); ``dice`` is a random number in [0, 1).

    Exponential with full jitter (so that workers do not come back together), never less than the server asked for.
    """
    backoff = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (tried - 1)) * (0.5 + dice / 2)
    return max(backoff, retry_after or 0.0)
