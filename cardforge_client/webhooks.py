"""Webhooks: what was sent to a `callback_url`, how that went, and what it is signed with."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack, cast

from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows


class Delivery(TypedDict):
    """One message to a `callback_url`; ``delivery_id`` is its webhook-id, the same at every try."""

    delivery_id: str
    event: str
    batch_id: str | None
    job_id: str | None
    url: str
    status: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_try_at: str | None
    last_status: int | None
    last_error: str | None
    created_at: str
    delivered_at: str | None


class Try(TypedDict):
    """One try of a delivery; ``status`` of the answer, None if there was none."""

    at: str
    status: int | None
    error: str | None
    milliseconds: int


class DeliveryInFull(Delivery):
    """One message with all that is sent (``body``: type, timestamp, data) and its tries, oldest first."""

    body: dict[str, Any]
    tries: list[Try]


class Secret(TypedDict):
    """What webhooks are signed with: give ``secret`` to `verify_webhook`."""

    secret: str
    previous_secret: str | None


class DeliveryFilter(PageQuery, total=False):
    """Which deliveries to list."""

    batch_id: str
    job_id: str
    status: Literal["waiting", "delivered", "failed"]


class Webhooks(Noun):
    """What is told to a `callback_url`."""

    def list(self, **query: Unpack[DeliveryFilter]) -> Rows[Delivery]:
        """List webhooks, newest first."""
        return Rows(self._transport, route("/webhook-deliveries"), "deliveries", query)

    def get(self, delivery_id: str) -> DeliveryInFull:
        """See what one webhook says, and how each try went."""
        return cast("DeliveryInFull", self._get(route("/webhook-deliveries/{}", delivery_id)))

    def redeliver(self, delivery_id: str, *, idempotency_key: str | None = None) -> Delivery:
        """Send one webhook again, now, whether it has arrived or not."""
        path = route("/webhook-deliveries/{}/redeliver", delivery_id)
        return cast("Delivery", self._start(path, None, idempotency_key))

    def secret(self) -> Secret:
        """See what webhooks are signed with (needs a key with the scope `admin`)."""
        return cast("Secret", self._get(route("/user/webhook-secret")))
