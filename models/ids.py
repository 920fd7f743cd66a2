"""Ids: a type prefix and a time-ordered UUID (RFC 9562, version 7), opaque to clients."""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a UUID of version 7: 48 bits of Unix milliseconds, 12 bits of their fraction, 62 random bits.

    The fraction (RFC 9562, 6.2, method 3) keeps ids in order that one process makes within a millisecond. In the
    standard library from Python 3.14.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)


def new_id(prefix: str) -> str:
    """Return a new id such as ``job_0193f0c2...``; ids of one prefix sort by the time they were made."""
    return f"{prefix}_{uuid7().hex}"
