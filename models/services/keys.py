"""API keys: made once, kept as hashes, found again by the secret."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.ids import new_id
from models.owners import ApiKey, Owner

SCOPES = ("read", "write", "admin")
# A key's last use is for people who tidy up: to the minute is enough, and spares a write a request.
LAST_USED_STEP = timedelta(minutes=1)


def digest(secret: str) -> bytes:
    """Return what is stored of a key. Keys are 256 random bits, so that one plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).digest()


def create_key(
    session: Session, owner_id: str, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key and return its row and its secret, which is shown this once and never stored."""
    secret = f"cf_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        id=new_id("key"),
        owner_id=owner_id,
        name=name,
        prefix=secret[:10],
        digest=digest(secret),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, secret


def first_owner(session: Session) -> Owner:
    """Return the installation's first owner, made if there is none."""
    owner = session.scalar(select(Owner).order_by(Owner.id).limit(1))
    if owner is None:
        owner = Owner(id=new_id("owner"), name="first owner")
        session.add(owner)
        session.flush()
    return owner


def create_first_key(session: Session) -> str | None:
    """Make the first admin key and return its secret; None when there is a key already."""
    if session.scalar(select(func.count()).select_from(ApiKey)):
        return None
    _, secret = create_key(session, first_owner(session).id, "first key", SCOPES)
    return secret


def find_key(session: Session, secret: str) -> ApiKey | None:
    """Return the key whose secret this is, if it may be used now, and note its use."""
    usable = (ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > func.now())
    key = session.scalar(select(ApiKey).where(ApiKey.digest == digest(secret), ApiKey.revoked_at.is_(None), usable))
    if key is not None:
        session.execute(
            update(ApiKey)
            .where(
                ApiKey.id == key.id,
                func.coalesce(ApiKey.last_used_at, "-infinity") < func.now() - LAST_USED_STEP,
            )
            .values(last_used_at=func.now())
            .execution_options(synchronize_session=False)
        )
    return key


def list_keys(session: Session, owner_id: str) -> Sequence[ApiKey]:
    """Return the owner's keys, newest first."""
    return session.scalars(select(ApiKey).where(ApiKey.owner_id == owner_id).order_by(ApiKey.id.desc())).all()


def revoke_key(session: Session, owner_id: str, key_id: str) -> None:
    """Make a key useless from now on. Revoking it again changes nothing; raises `NotFound`."""
    hit = session.scalar(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.owner_id == owner_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        .returning(ApiKey.id)
    )
    if hit is None:
        raise NotFound("key", key_id)
