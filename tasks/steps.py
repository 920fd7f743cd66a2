"""Celery's labels on the steps: one task for each step name in the registry."""

from __future__ import annotations

from typing import Any

from celery.exceptions import Ignore

from tasks import heartbeat
from tasks.celery import app
from tasks.pipeline import STEPS
from tasks.run import run_step


def label(name: str) -> Any:
    """Return the Celery task of the step ``name``. Ignoring a message also ends its chain."""

    @app.task(name=name)
    def task(job_id: str, attempt: int) -> None:
        if not run_step(name, job_id, attempt, heartbeat.heart()):
            raise Ignore

    return task


TASKS = {name: label(name) for name in STEPS}
