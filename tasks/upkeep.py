"""Upkeep: every ten seconds, find what a crash or a lost message has left behind, and send it again."""

from __future__ import annotations

import logs
from models import db
from models.services import repair
from tasks import dispatch
from tasks.celery import app

log = logs.get(__name__)


@app.task(name="upkeep")
def upkeep() -> None:
    """Find work that nothing else will move, and send it. Harmless at any time and in any number."""
    with db.transaction() as session:
        found = repair.find_stranded(session)
    if found:
        log.info("upkeep_sent", jobs=dispatch.send(found))
