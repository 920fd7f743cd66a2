"""Signatures of webhooks, after Standard Webhooks 1.0 (standardwebhooks.com): HMAC-SHA256 of id, time and body. Pure.

Each owner has a secret of their own, derived from the installation's, so that none has to be stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

PURPOSE = b"cardforge webhooks 1\x00"


def owner_key(secret: str, owner_id: str) -> bytes:
    """Return the owner's signing key: 32 bytes."""
    return hmac.new(secret.encode(), PURPOSE + owner_id.encode(), hashlib.sha256).digest()


def show_key(key: bytes) -> str:
    """Return a key as receivers are given it: ``whsec_`` and base64."""
    return f"whsec_{base64.b64encode(key).decode()}"


def headers(keys: Sequence[bytes], message_id: str, moment: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a message sent at ``moment`` (Unix seconds), with a signature for each key."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(sign(key, message_id, moment, body) for key in keys),
    }


def sign(key: bytes, message_id: str, moment: int, body: bytes) -> str:
    """Return one signature: ``v1,`` and base64."""
    digest = hmac.new(key, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
