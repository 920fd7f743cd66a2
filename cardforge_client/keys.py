"""API keys, for whoever holds one with the scope `admin`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict, Unpack, cast

from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import given

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
    rotated_at: str | None
    old_until: str | None
    last_used_at: str | None


class NewKey(Key):
    """A key with its new secret ``key``, in this answer and nowhere else (None where an Idempotency-Key came again)."""

    key: str | None


class Keys(Noun):
    """Who may ask."""

    def list(self, **query: Unpack[PageQuery]) -> Rows[Key]:
        """List the keys, newest first, without their secrets."""
        return Rows(self._transport, route("/keys"), "keys", query)

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[Scope] = ("read", "write"),
        expires_at: datetime | str | None = None,
        idempotency_key: str | None = None,
    ) -> NewKey:
        """Make a key. Where the answer was lost on the way, the key is given another secret, and that is returned."""
        when = expires_at.isoformat() if isinstance(expires_at, datetime) else expires_at
        body = {"name": name, "scopes": [*scopes], **given(expires_at=when)}
        made = cast("NewKey", self._start(route("/keys"), body, idempotency_key))
        return made if made["key"] or idempotency_key else self.rotate(made["key_id"])

    def get(self, key_id: str) -> Key:
        """See one key, without its secret."""
        return cast("Key", self._get(route("/keys/{}", key_id)))

    def rotate(self, key_id: str, *, grace_seconds: int | None = None, idempotency_key: str | None = None) -> NewKey:
        """Give a key a new secret; the old one is good for ``grace_seconds`` as well (0 if None)."""
        body, path = given(grace_seconds=grace_seconds), route("/keys/{}/rotate", key_id)
        made = cast("NewKey", self._start(path, body, idempotency_key))
        if made["key"] or idempotency_key:
            return made
        return cast("NewKey", self._start(path, body, None))  # the answer was lost on the way, and the secret with it

    def revoke(self, key_id: str) -> None:
        """Revoke a key: it is refused from the next request on."""
        self._do("DELETE", route("/keys/{}", key_id))
