"""Webhooks: whether a message to a `callback_url` is really from Cardforge. Signed by Standard Webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from cardforge_client.errors import InvalidSignature

TOLERANCE = 300.0  # seconds that a message may be old, or our clock be wrong


def verify_webhook(
    secret: str,
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> dict[str, Any]:
    """Return the message in ``body``, checked; raises `InvalidSignature`.

    ``secret`` is ``whsec_...``; ``headers`` those of the request, in any case of letters; ``body`` the raw bytes,
    before anything has read them as JSON. A message may come more than once: its ``webhook-id`` header stays the same.
    """
    content = body.encode() if isinstance(body, str) else bytes(body)
    named = {name.lower(): value for name, value in headers.items()}
    message_id, stamp, signatures = (named.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (message_id and stamp and signatures):
        raise InvalidSignature("The headers webhook-id, webhook-timestamp and webhook-signature are not all there.")
    expected = sign(secret, message_id, stamp, content)
    given = [value for version, _, value in (each.partition(",") for each in signatures.split()) if version == "v1"]
    if not any(hmac.compare_digest(expected.encode(), value.encode()) for value in given):
        raise InvalidSignature("The signature does not fit: another secret, or the body is not what was sent.")
    check_age(stamp, tolerance, time.time() if now is None else now)
    message = json.loads(content)
    return message if isinstance(message, dict) else {"data": message}


def sign(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """Return the base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSignature("The secret is none: it is whsec_ and base64.") from None
    signed = f"{message_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def check_age(stamp: str, tolerance: float, now: float) -> None:
    """Raise `InvalidSignature` for a message that is too old, or from the future: somebody sends a copy of it."""
    try:
        sent = float(stamp)
    except ValueError:
        raise InvalidSignature("webhook-timestamp is not a number of seconds.") from None
    if not abs(now - sent) <= tolerance:
        raise InvalidSignature(f"The message is {abs(now - sent):.0f} s off; at most {tolerance:.0f} s are taken.")
