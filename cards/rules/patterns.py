"""Which keys are meant as patterns."""

from __future__ import annotations

import re

from cards.entry import escaped

_DELIMITED = re.compile(r"/.+/[a-zA-Z]*", re.DOTALL)


def pattern_of(key: str, use_regex: bool) -> str | None:
    """The key as ``/pattern/flags``, the way front ends tell patterns; None for a plain key."""
    if _DELIMITED.fullmatch(key.strip()):
        return key.strip()
    return f"/{escaped(key)}/" if use_regex and key.strip() else None
