"""What the nouns have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cardforge_client.transport import Ask, Json, Transport, path_of

PREFIX = "/api/v2"


class Noun:
    """A group of routes, on one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Json:
        return self._transport.json(Ask("GET", path, query or {}, safe=True))

    def _start(self, path: str, body: Any, key: str | None) -> Json:
        """A POST that starts work or makes a row: under an Idempotency-Key, so that a retry does not do it twice."""
        return self._transport.post_once(Ask("POST", path, json=body), key)

    def _ask(self, path: str, body: Any) -> Json:
        """A POST that changes nothing."""
        return self._transport.json(Ask("POST", path, json=body, safe=True))

    def _do(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Json:
        """A change that is the same when it comes twice."""
        return self._transport.json(Ask(method, path, query or {}, json=body, safe=True))

    def _edit(self, method: str, path: str, version: int | None, body: Any = None, **more: Any) -> Json:
        """A change of one version of something; None: of whatever version it has. Sent once: see `StaleVersion`."""
        headers = {**match(version), **more.pop("headers", {})}
        return self._transport.json(Ask(method, path, json=body, headers=headers, **more))


def match(version: int | None) -> dict[str, str]:
    """Return the header that says which version an edit is of; None: of any."""
    return {"If-Match": "*" if version is None else f'"v{version}"'}


def route(template: str, *ids: str) -> str:
    """Return the path of a route of the API with ids put in."""
    return path_of(PREFIX + template, *ids)
