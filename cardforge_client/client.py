"""`Cardforge`: one server, one key, every noun of the API as an attribute."""

from __future__ import annotations

import os
from types import TracebackType

from cardforge_client.batches import Batches
from cardforge_client.books import Books
from cardforge_client.characters import Characters
from cardforge_client.errors import NoApiKey, Unreachable
from cardforge_client.generation import Generations
from cardforge_client.jobs import Jobs
from cardforge_client.keys import Keys
from cardforge_client.profiles import Profiles
from cardforge_client.service import Health, Option, Service
from cardforge_client.transport import PAUSES, Transport
from cardforge_client.usage import Models, UsageOf
from cardforge_client.validation import Validation
from cardforge_client.webhooks import Webhooks

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 60.0


class Cardforge:
    """A server of Cardforge. May be shared between threads; close it, or use it in a ``with`` block.

    ``base_url`` and ``api_key`` are those of the environment (CARDFORGE_URL, CARDFORGE_API_KEY) where not given;
    ``timeout`` is how many seconds an answer may be silent; ``retries`` how often a request is tried again (at most 5)
    where that can do nothing twice: reading always, starting work by an Idempotency-Key.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = len(PAUSES),
    ) -> None:
        url = base_url or os.environ.get("CARDFORGE_URL") or DEFAULT_URL
        key = (api_key or os.environ.get("CARDFORGE_API_KEY") or "").strip()
        if not url.startswith(("http://", "https://")):
            raise Unreachable(f"The address of Cardforge must start with http:// or https:// (found: {url}).")
        if not key:
            raise NoApiKey("No API key: give one, or set CARDFORGE_API_KEY.")
        self.base_url = url.rstrip("/")
        self._transport = Transport(self.base_url, key, timeout=timeout, retries=retries)
        self._service = Service(self._transport)
        self.batches = Batches(self._transport)
        self.generation = Generations(self._transport)
        self.jobs = Jobs(self._transport)
        self.characters = Characters(self._transport)
        self.books = Books(self._transport)
        self.profiles = Profiles(self._transport)
        self.validate = Validation(self._transport)
        self.usage = UsageOf(self._transport)
        self.models = Models(self._transport)
        self.keys = Keys(self._transport)
        self.webhooks = Webhooks(self._transport)

    def options(self) -> list[Option]:
        """The catalogue of all generation options: name, group, type, range, default, what it does."""
        return self._service.options()

    def live(self) -> bool:
        """Whether the web process answers. Raises `Unreachable` when nothing does."""
        return self._service.live()

    def ready(self) -> Health:
        """Whether every part of the service can do its work, and which cannot."""
        return self._service.ready()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Cardforge:
        """Use it in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()
