"""The Celery app: `celery -A tasks.celery worker|beat|flower`."""

from __future__ import annotations

import sys
from typing import Any

from celery import Celery, signals

import logs
from tasks import broker_clients, broker_restart

broker_clients.install()
broker_restart.install()

app = Celery("cardforge", config_source="celeryconfig", include=["tasks.steps", "tasks.upkeep", "tasks.webhooks"])


@signals.setup_logging.connect
def configure_logging(**_: Any) -> None:
    """Celery leaves logging to us as soon as somebody listens here."""
    logs.configure(next((name for name in ("worker", "beat", "flower") if name in sys.argv), "celery"))
