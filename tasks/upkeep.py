"""Upkeep: every few seconds, find what a crash or a lost message has left behind, and send it again."""

from __future__ import annotations

import itertools

from kombu.exceptions import OperationalError

import logs
import settings
from models import db
from models.services import repair
from tasks import dispatch, prices, queues, webhooks
from tasks.celery import app
from tasks.pipeline import KINDS

log = logs.get(__name__)


@app.task(name="upkeep")
def upkeep() -> None:
    """Find work that nothing else will move, and send it. Harmless at any time and in any number."""
    waiting = messages_waiting()
    if waiting is None:
        return  # nothing could be sent; the next tick looks again
    with db.transaction() as session:
        found = repair.find_by_kind(session, waiting)
    repaired = {kind: len(sent) for kind, sent in found.items()}
    if any(repaired.values()):
        log.info("upkeep_sent", jobs=dispatch.send(itertools.chain.from_iterable(found.values())))
    if due := webhooks.send_due(waiting.webhooks):
        log.info("upkeep_webhooks", deliveries=due)
    queues.note_upkeep(repaired | {"webhook": due})
    if days := settings.engine().retention_days:
        with db.transaction() as session:
            gone = repair.delete_old(session, days)
        if gone:
            log.info("upkeep_deleted", rows=gone)
    prices.refresh()  # last: it may wait for a server


def messages_waiting() -> repair.Waiting | None:
    """Return how many messages wait, at every priority; None when Redis does not say."""
    first = {kind.steps[0].queue for kind in KINDS.values()}
    later = {step.queue for kind in KINDS.values() for step in kind.steps[1:]} - first
    try:
        with app.connection_for_read() as connection, connection.channel() as channel:
            counts = (sum(channel._size(queue) for queue in queues) for queues in (first, later, {dispatch.WEBHOOKS}))
            return repair.Waiting(*counts)
    except (OperationalError, OSError, *app.connection_for_read().connection_errors):
        return None
