"""Keeping the price table fresh: take the turn (commit), ask the server, store (commit). Best effort."""

from __future__ import annotations

import logs
import settings
from models import db
from models.services import prices
from providers.base import Fault
from providers.prices import fetch_models, server_name

log = logs.get(__name__)


def server(llm: settings.Llm) -> str:
    """Return what the ledger calls the server that is set up; the offline writer is ``offline``."""
    return "offline" if llm.base_url is None else server_name(llm.base_url)


def refresh() -> bool:
    """Read the server's list of models if that is due, at most once an hour; returns whether it was stored."""
    llm = settings.load().llm
    if llm.base_url is None:
        return False
    name = server(llm)
    with db.transaction() as session:
        mine = prices.take_refresh(session, name)
    if not mine:
        return False
    try:
        models = fetch_models(llm.base_url, llm.api_key)
    except Fault as fault:
        log.warning("prices_not_read", server=name, reason=str(fault))
        with db.transaction() as session:
            prices.note_failure(session, name, str(fault))
        return False
    with db.transaction() as session:
        prices.save_models(session, name, models)
    log.info("prices_read", server=name, models=len(models))
    return True
