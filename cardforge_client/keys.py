"""API keys, for whoever holds one with the scope `admin`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, cast

from cardforge_client.noun import Noun, route
from cardforge_client.shapes import given
from cardforge_client.transport import Ask

Scope = Literal["read", "write", "admin"]


class Key(TypedDict):
    """A key as lists show it."""

    key_id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class NewKey(Key):
    """A key just made; ``key`` is the secret, in this answer and nowhere else."""

    key: str


class Keys(Noun):
    """Who may ask."""

    def list(self) -> Sequence[Key]:
        """List the keys, without their secrets."""
        return cast("list[Key]", self._get(route("/keys"))["keys"])

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[Scope] = ("read", "write"),
        expires_at: datetime | str | None = None,
    ) -> NewKey:
        """Make a key. Sent once: a secret lost on the way cannot be had again, so revoke that key and make another."""
        when = expires_at.isoformat() if isinstance(expires_at, datetime) else expires_at
        body = {"name": name, "scopes": [*scopes], **given(expires_at=when)}
        return cast("NewKey", self._once("POST", route("/keys"), body))

    def rotate(self, key_id: str, **options: Any) -> NewKey:
        """Make a new secret for a key; the old one is good for a while."""
        return cast("NewKey", self._once("POST", route("/keys/{}/rotate", key_id), options))

    def revoke(self, key_id: str) -> None:
        """Revoke a key: it is refused from the next request on."""
        self._do("DELETE", route("/keys/{}", key_id))

    def _once(self, method: str, path: str, body: Any) -> dict[str, Any]:
        return self._transport.json(Ask(method, path, json=body))
