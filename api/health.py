"""Health: is this process alive, and can the service do its work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
from flask import Blueprint, Response, jsonify

import settings
from models import db
from models.services import workers
from tasks.celery import app as celery

blueprint = Blueprint("health", __name__, url_prefix="/health")


class NotReady(Exception):
    """A part is missing; the message says which and what to do."""


@blueprint.get("/live")
def live() -> Response:
    """This process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/ready")
def ready() -> tuple[Response, int]:
    """Every part that the service needs, with its state and how long it took to answer; 503 names what is missing."""
    parts = {name: probe(check) for name, check in CHECKS.items()}
    failing = [name for name, part in parts.items() if part["state"] != "ok"]
    body = {
        "status": "failing" if failing else "ok",
        "failing": failing,
        "parts": parts,
        "provider": provider_name(),
    }
    return jsonify(body), 503 if failing else 200


def probe(check: Callable[[], str]) -> dict[str, Any]:
    """Run one check and time it."""
    began = time.monotonic()
    try:
        state, detail = "ok", check()
    except NotReady as error:
        state, detail = "failing", str(error)
    except Exception as error:
        state, detail = "failing", f"does not answer ({type(error).__name__})"
    return {"state": state, "detail": detail, "milliseconds": round((time.monotonic() - began) * 1000, 1)}


def provider_name() -> str:
    """Return what writes the cards: the offline writer, or a model and nothing else about it."""
    llm = settings.load().llm
    return "offline" if llm.base_url is None else llm.model


def check_database() -> str:
    """PostgreSQL answers."""
    with db.transaction() as session:
        db.probe(session)
    return "answers"


def check_migrations() -> str:
    """The schema is the one that this code was written for."""
    with db.transaction() as session:
        found = db.schema_version(session)
    if found != db.SCHEMA_HEAD:
        raise NotReady(f"schema is at {found or 'nothing'}, not {db.SCHEMA_HEAD}: run `python -m migrations`")
    return f"at {found}"


def check_redis() -> str:
    """Redis answers."""
    client = redis.Redis.from_url(settings.load().redis_url, socket_timeout=2, socket_connect_timeout=2, retry=None)
    with client:
        client.ping()
    return "answers"


def check_workers() -> str:
    """Every queue has a worker that was seen lately."""
    with db.transaction() as session:
        served = workers.served_queues(session)
    unserved = sorted({queue.name for queue in celery.conf.task_queues} - served)
    if unserved:
        raise NotReady(f"no worker for {', '.join(unserved)}")
    return f"serve {', '.join(sorted(served))}"


CHECKS: dict[str, Callable[[], str]] = {
    "database": check_database,
    "redis": check_redis,
    "migrations": check_migrations,
    "workers": check_workers,
}
