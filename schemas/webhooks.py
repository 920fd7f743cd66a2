"""Webhooks on the wire: where to call back, what was sent there, and how that went."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, validate, validates

from schemas.common import Moment, PageQuery, PageSchema, Strict

MOST_CHARACTERS = 2048
PLAIN = re.compile(r"[!-\[\]-~]+")  # visible ASCII without the backslash, which programs read in different ways
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
MOST_HOST_CHARACTERS = 253
WEB_PORTS = {80, 443}
DELIVERY_STATUSES = ["waiting", "delivered", "failed"]


def faults_of(url: str) -> Iterator[str]:
    """Yield what is wrong with the form of a callback URL, each with what to do."""
    if not PLAIN.fullmatch(url):
        yield "Has blanks, backslashes or letters outside ASCII: %-encode them, and write the host in its xn-- form."
        return
    try:
        parts, port = urlsplit(url), urlsplit(url).port
    except ValueError as error:
        yield f"Is no URL that can be read: {error}."
        return
    if parts.scheme not in {"http", "https"}:
        yield "Has to start with https:// (or http://)."
        return
    if "@" in parts.netloc:
        yield "Holds a login: leave it out, and check the signature instead."
    if "#" in url:
        yield "Ends with a fragment, which is never sent: leave out what comes from # on."
    if not is_host(parts.hostname or ""):
        yield "Names no host that can be looked up."
    if port is not None and port not in WEB_PORTS and port < 1024:
        yield f"Port {port} is none of a web server: use 80, 443, or one from 1024 on."


def is_host(host: str) -> bool:
    """Say whether this (in lower case) can be a name or an address, one without a zone."""
    if ":" in host:
        return "%" not in host
    labels = host.removesuffix(".").split(".")
    return len(host) <= MOST_HOST_CHARACTERS and all(map(LABEL.fullmatch, labels))


class CallbackUrl(fields.String):
    """Where a webhook goes, in sound form. Whether it is taken here, `CalledBack` asks."""

    def __init__(self, about: str, **kwargs: Any) -> None:
        # No example: the documentation's page would send it along, and strangers would be called.
        described = {"description": f"{about} Such as `https://example.com/hooks/cardforge`.", "format": "uri"}
        super().__init__(validate=validate.Length(1, MOST_CHARACTERS), metadata=described, **kwargs)

    def _validate(self, value: Any) -> None:
        super()._validate(value)
        if why := list(faults_of(value)):
            raise ValidationError(why)


def take_all(_url: str) -> str | None:
    """Refuse no URL of sound form."""
    return None


class CalledBack(Strict):
    """A request with a `callback_url`. ``policy`` says why this installation refuses one of sound form, if it does."""

    def __init__(self, *, policy: Callable[[str], str | None] = take_all, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policy = policy

    @validates("callback_url")
    def is_taken_here(self, value: str | None, **_: Any) -> None:
        """A URL of sound form may still be none that is called from here."""
        if value is not None and (why := self.policy(value)):
            raise ValidationError(why)


class DeliveryQuery(PageQuery):
    """Which deliveries to list."""

    batch_id = fields.String(load_default=None, validate=validate.Length(1, 100))
    job_id = fields.String(load_default=None, validate=validate.Length(1, 100))
    status = fields.String(load_default=None, validate=validate.OneOf(DELIVERY_STATUSES))


class TrySchema(Schema):
    """One try of a delivery."""

    at = fields.String(metadata={"format": "date-time"})
    status = fields.Integer(allow_none=True, metadata={"description": "Of the answer; null: there was none."})
    error = fields.String(allow_none=True, metadata={"description": "Why it is no success; null: it is."})
    milliseconds = fields.Integer()


class DeliverySchema(Schema):
    """One message to a `callback_url`."""

    delivery_id = fields.String(
        attribute="id", metadata={"description": "The header webhook-id, the same at every try."}
    )
    event = fields.String(metadata={"description": "The message's type.", "example": "batch.completed"})
    batch_id = fields.String(allow_none=True)
    job_id = fields.String(allow_none=True)
    url = fields.String()
    status = fields.String(
        validate=validate.OneOf(DELIVERY_STATUSES),
        metadata={"description": "`waiting` for its next try, `delivered`, or `failed`: not tried again by itself."},
    )
    attempts = fields.Integer(metadata={"description": "Tries begun, since it was last sent anew."})
    next_try_at = Moment(allow_none=True, metadata={"description": "At the earliest; null: there is none."})
    last_status = fields.Integer(allow_none=True, metadata={"description": "Of the last answer."})
    last_error = fields.String(allow_none=True, metadata={"description": "Why the last try was no success."})
    created_at = Moment()
    delivered_at = Moment(allow_none=True)


class FullDeliverySchema(DeliverySchema):
    """One message, with all that is sent and the log of its tries."""

    body = fields.Dict(metadata={"description": "What is sent: type, timestamp, data."})
    tries = fields.List(fields.Nested(TrySchema), metadata={"description": "The last fifty, oldest first."})


class DeliveryListSchema(PageSchema):
    """A page of deliveries, newest first."""

    deliveries = fields.List(fields.Nested(DeliverySchema))


class WebhookSecretSchema(Schema):
    """What your webhooks are signed with."""

    secret = fields.String(
        metadata={
            "description": "Give this to your receiver: it is the secret of Standard Webhooks.",
            "example": "whsec_...",
        }
    )
    previous_secret = fields.String(
        allow_none=True,
        metadata={"description": "The one before, which signs as well while the server's own is being changed."},
    )
