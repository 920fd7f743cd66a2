"""A client for Cardforge: `Cardforge`, its errors, and `verify_webhook`. Needs nothing but `requests`.

from cardforge_client import Cardforge

forge = Cardforge("http://127.0.0.1:8000", "cf_...")
batch = forge.batches.create([{"source_material": "Sir Galahad keeps watch at the chapel."}], max_cost_usd=1)
forge.batches.wait(batch["batch_id"])
forge.batches.download(batch["batch_id"], "tavernai").save("cards.zip")
"""

from cardforge_client.client import Cardforge
from cardforge_client.errors import (
    ApiError,
    BadAnswer,
    BadRequest,
    CardforgeError,
    Conflict,
    Forbidden,
    Invalid,
    InvalidSignature,
    NoApiKey,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ServerError,
    StaleVersion,
    Unauthenticated,
    Unavailable,
    Unconditional,
    Unreachable,
    WaitTimeout,
)
from cardforge_client.events import Event, Events
from cardforge_client.files import Download
from cardforge_client.pages import Page, Rows
from cardforge_client.signatures import verify_webhook

__all__ = [
    "ApiError",
    "BadAnswer",
    "BadRequest",
    "Cardforge",
    "CardforgeError",
    "Conflict",
    "Download",
    "Event",
    "Events",
    "Forbidden",
    "Invalid",
    "InvalidSignature",
    "NoApiKey",
    "NotFound",
    "Page",
    "QuotaExceeded",
    "RateLimited",
    "Rows",
    "ServerError",
    "StaleVersion",
    "Unauthenticated",
    "Unavailable",
    "Unconditional",
    "Unreachable",
    "WaitTimeout",
    "verify_webhook",
]
