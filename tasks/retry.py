"""When to try again: pure arithmetic; the dice are an argument."""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 20.0
PATIENT_SECONDS = 60.0  # the longest wait for a server that only asks us to come later
SLOT_SECONDS = 5.0  # a wait of more than this gives the slot to somebody else

# Of one question that a server fails to answer. With four of ten calls failing, 14 in a row come to 3 in a million; and
# a dead server is given up after three to five minutes.
TRIES = 14
SLOW_SECONDS = 30.0  # a call that ran into its time-out counts as one more try for each of these
PATIENT_TRIES = 60  # of one that a server has only asked us to put later


def delay(tried: int, dice: float, retry_after: float | None = None, longest: float | None = None) -> float:
    """Return the seconds to wait after ``tried`` failed tries (from 1); ``dice`` is a random number in [0, 1).

    Exponential with jitter (so that workers do not come back together), never less than the server asked for.
    """
    backoff = min(longest or LONGEST_SECONDS, FIRST_SECONDS * 2 ** (min(tried, 10) - 1)) * (0.5 + dice / 2)
    return max(backoff, (retry_after or 0.0) * (1 + dice / 10))
