"""Webhooks: claim (commit) -> send, with no transaction open -> note what came of it (commit). Tried again for days.

The message is a hint as everywhere: the row says whether a delivery is due, and the claim gives it to one sender.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import logs
import settings
from models import db
from models.services import deliveries
from models.services.deliveries import Sending, Tried
from providers import addresses, webhook
from tasks import dispatch, signing
from tasks.celery import app

log = logs.get(__name__)

# Seconds from a failed try to the next: nine tries in two days.
PAUSES = (10, 60, 300, 1800, 7200, 18_000, 36_000, 86_400)
LONGEST_PAUSE = 86_400.0
GONE = 410
# Slow receivers must not take a worker's slots: so many at a time in a process, and so many to one host.
MOST_SENDING = 20
MOST_TO_A_HOST = 4
BUSY_SECONDS = 10.0
MOST_MESSAGES = 100  # that upkeep lets wait in the queue
SETTLING_SECONDS = 45.0  # less than a try may take: what arrived is then not sent again


@app.task(name=dispatch.DELIVER)
def deliver(delivery_id: str) -> None:
    """Try one delivery, if it is due and its receiver is not busy with others of ours."""
    with db.transaction() as session:
        url = deliveries.url_of(session, delivery_id)
    if url is None:
        return
    with slot(urlsplit(url).hostname or "") as free:
        if free:
            try_once(delivery_id)
            return
    with db.transaction() as session:
        deliveries.put_off(session, delivery_id, BUSY_SECONDS * (1 + random.random()))  # noqa: S311


def try_once(delivery_id: str) -> None:
    """Claim a delivery, send it, and note what came of it; nothing happens if it is not due."""
    with db.transaction() as session:
        sending = deliveries.claim(session, delivery_id)
    if sending is None:
        return
    began = time.monotonic()
    try:
        reply = send(sending)
    except Exception as error:  # a mistake of ours counts as a try too, or it would be made every minute for ever
        log.exception("webhook_crashed", exc_info=error, delivery_id=sending.id)
        reply = webhook.Reply(error="Something went wrong inside Cardforge; the worker's log has the details.")
    tried = Tried(reply.status, why_failed(reply), round((time.monotonic() - began) * 1000))
    again = None if reply.status == GONE else pause(sending.attempt, random.random(), reply.retry_after)  # noqa: S311
    db.patiently(lambda session: deliveries.settle(session, sending, tried, again), seconds=SETTLING_SECONDS)
    log.info(
        "webhook_failed" if tried.error else "webhook_delivered",
        delivery_id=sending.id,
        attempt=sending.attempt,
        status=tried.status,
        milliseconds=tried.milliseconds,
    )


def send(sending: Sending) -> webhook.Reply:
    """Sign a message with its owner's keys and send it; returns what came of it."""
    wanted = settings.webhooks()
    if not wanted.secrets:
        return webhook.Reply(error="Not sent, because nothing can be signed: WEBHOOK_SECRET is not set.")
    body = encode(sending.body)
    keys = [signing.owner_key(secret, sending.owner_id) for secret in wanted.secrets]
    headers = {"Content-Type": "application/json", "User-Agent": "Cardforge-Webhooks/1"}
    headers |= signing.headers(keys, sending.id, int(time.time()), body)
    return webhook.post(sending.url, body, headers, allow_private=wanted.allow_private)


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a message as it goes out: the same bytes at every try."""
    ordered = {name: body[name] for name in ("type", "timestamp", "data")}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


def why_failed(reply: webhook.Reply) -> str | None:
    """Return why an answer is no success, None when it is one."""
    if reply.status is None or 200 <= reply.status < 300:
        return reply.error
    if reply.status == GONE:
        return "The receiver answered 410 Gone: it is not tried again."
    if 300 <= reply.status < 400:
        return f"The receiver redirects ({reply.status}), which is not followed: give the address it redirects to."
    return f"The receiver answered {reply.status}."


def pause(attempt: int, dice: float, retry_after: float | None = None) -> float | None:
    """Return the seconds from failed try ``attempt`` (from 1) to the next; None: it was the last.

    Never less than the receiver asked for; ``dice`` in [0, 1) spreads them, so that not all come back together.
    """
    if attempt > len(PAUSES):
        return None
    return min(max(PAUSES[attempt - 1] * (0.8 + 0.4 * dice), retry_after or 0.0), LONGEST_PAUSE)


def send_due(waiting: int) -> int:
    """Send the messages of deliveries that are due, where ``waiting`` messages are in the queue; returns how many."""
    room = MOST_MESSAGES - waiting
    if room <= 0:
        return 0
    with db.transaction() as session:
        due = deliveries.find_due(session, room)
    return dispatch.send(due)


def why_refused(url: str) -> str | None:
    """Return why a callback URL of sound form is not taken here, with what to do; None: it is."""
    wanted, host = settings.webhooks(), urlsplit(url).hostname or ""
    if not wanted.secrets:
        return "Webhooks are off, because nothing can be signed: set WEBHOOK_SECRET on the server, or leave this out."
    address = addresses.literal(host)
    private = addresses.is_local_name(host) if address is None else not addresses.is_public(address)
    if private and not wanted.allow_private:
        return f"{host} is private: give a public address, or set WEBHOOK_ALLOW_PRIVATE=true on the server."
    return None


_sending: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def slot(host: str) -> Iterator[bool]:
    """Hold a place among those that are being sent to ``host``; false: there is none free."""
    with _lock:
        free = _sending[host] < MOST_TO_A_HOST and _sending.total() < MOST_SENDING
        _sending[host] += free
    try:
        yield free
    finally:
        with _lock:
            _sending[host] -= free
            if not _sending[host]:
                del _sending[host]
