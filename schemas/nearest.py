"""What somebody may have meant: the nearest of the names that there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the name that is nearest to ``given``, whatever its case; None when none is near."""
    by_case = {name.casefold(): name for name in known}
    near = get_close_matches(given.casefold()[:200], by_case, 1)
    return by_case[near[0]] if near else None


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" with the name that is nearest to ``given``; empty when none is near."""
    near = nearest(given, known)
    return f" Did you mean {near!r}?" if near else ""
