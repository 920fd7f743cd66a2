"""`/metrics` for Prometheus: what this web server has answered, and what PostgreSQL and Redis say of the work."""

from __future__ import annotations

import hmac

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

import settings
from api import counting
from api.figures import Figures
from models.errors import Unauthenticated

blueprint = Blueprint("metrics", __name__)

LOOPBACK = {"127.0.0.1", "::1"}
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def register(app: Flask) -> None:
    """Count every request, and have something to show."""
    counting.register(app)
    registry = app.extensions["metrics"] = CollectorRegistry()
    registry.register(counting.Counts())
    registry.register(Figures())


@blueprint.get("/metrics")
def show() -> Response:
    """Everything, as Prometheus reads it."""
    check_caller()
    return Response(generate_latest(current_app.extensions["metrics"]), content_type=CONTENT_TYPE_LATEST)


def check_caller() -> None:
    """Let in whoever has METRICS_TOKEN; without one, whoever asks from this machine and not through a proxy."""
    if token := settings.metrics_token():
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise Unauthenticated("Metrics need the METRICS_TOKEN of this server: send 'Authorization: Bearer ...'.")
    elif request.remote_addr not in LOOPBACK or any(name in request.headers for name in FORWARDED):
        raise Unauthenticated("Metrics are for this machine only: to read them from elsewhere, set METRICS_TOKEN.")
