"""Ids: a type prefix and a time-ordered UUID (RFC 9562, version 7), opaque to clients."""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a UUID of version 7: 48 bits of Unix milliseconds, then 74 random bits.

    In the standard library from Python 3.14.
    """
    milliseconds = time.time_ns() // 1_000_000
    raw = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return uuid.UUID(bytes=bytes(raw))


def new_id(prefix: str) -> str:
    """Return a new id such as ``job_0193f0c2...``; ids of one prefix sort by the time they were made."""
    return f"{prefix}_{uuid7().hex}"
