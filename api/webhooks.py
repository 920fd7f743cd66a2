"""Webhooks: what was sent to a `callback_url`, and what it is signed with."""

from __future__ import annotations

from typing import Any

from flask import g

import settings
from api import links
from api.auth import needs
from api.idempotency import Answer, answer_once
from api.json import Blueprint
from api.paging import ask_of, page_of, wanted_of
from models import db
from models.deliveries import WAITING, Delivery
from models.errors import WrongState
from models.services import deliveries
from models.services.deliveries import DeliveryFilter
from schemas.webhooks import (
    DeliveryListSchema,
    DeliveryQuery,
    DeliverySchema,
    FullDeliverySchema,
    WebhookSecretSchema,
)
from tasks import signing

blueprint = Blueprint(
    "webhooks", __name__, url_prefix="/api/v2/webhook-deliveries", description="What is told to a callback_url."
)
secrets = Blueprint("webhook-secret", __name__, url_prefix="/api/v2/user", description="What webhooks are signed with.")


@blueprint.get("")
@blueprint.arguments(DeliveryQuery, location="query")
@blueprint.response(200, DeliveryListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List webhooks, newest first: those of a batch or a job, those that failed, or all."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = deliveries.list_deliveries(session, g.owner_id, DeliveryFilter(**wanted_of(query)), ask)
    return page_of("deliveries", [show(row) for row in page.rows], ask, page.total, page.next_cursor)


@blueprint.get("/<delivery_id>")
@blueprint.response(200, FullDeliverySchema)
def read(delivery_id: str) -> Any:
    """See what one webhook says, and how each try went."""
    with db.transaction() as session:
        return show(deliveries.find_delivery(session, g.owner_id, delivery_id))


@blueprint.post("/<delivery_id>/redeliver")
@blueprint.response(202, DeliverySchema)
def redeliver(delivery_id: str) -> Any:
    """Send one webhook again, now, whether it has arrived or not: the same message under the same `webhook-id`."""

    def make(session: db.Session) -> Answer:
        delivery, sent = deliveries.redeliver(session, g.owner_id, delivery_id)
        return Answer(DeliverySchema().dump(show(delivery)), links.delivery(delivery.id), sent)

    return answer_once(make)


@secrets.get("/webhook-secret")
@needs("admin")
@secrets.response(200, WebhookSecretSchema)
def read_secret() -> Any:
    """See the secret that your webhooks are signed with, for your receiver to check them."""
    current, *previous = map(signing.show_key, keys_of(g.owner_id))
    return {"secret": current, "previous_secret": previous[0] if previous else None}


def keys_of(owner_id: str) -> list[bytes]:
    """Return the owner's signing keys, the current one first; raises `WrongState` when webhooks are off."""
    found = settings.webhooks().secrets
    if not found:
        raise WrongState("Webhooks are off: set WEBHOOK_SECRET on the server.", code="WEBHOOKS_OFF")
    return [signing.owner_key(secret, owner_id) for secret in found]


def show(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as answers show it."""
    return vars(delivery) | {"next_try_at": delivery.due_at if delivery.status == WAITING else None}
