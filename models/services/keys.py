"""API keys: made once, kept as hashes, found again by the secret."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    LargeBinary,
    Select,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from models import statements
from models.errors import Forbidden, NotFound, WrongState
from models.ids import new_id
from models.owners import ApiKey, Owner
from models.services.pages import Ask, Page, fetch_page

SCOPES = ("read", "write", "admin")
# A key's last use is for people who tidy up: to the minute is enough, and spares a write a request.
LAST_USED_STEP = timedelta(minutes=1)


def digest(secret: str) -> bytes:
    """Return what is stored of a key. Keys are 256 random bits, so that one plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).digest()


def new_secret() -> str:
    """Return a secret that nobody guesses."""
    return f"cf_{secrets.token_urlsafe(32)}"


def create_key(
    session: Session, owner_id: str, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key and return its row and its secret, which is shown this once and never stored."""
    secret = new_secret()
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


def owner_named(session: Session, name: str, *, make: bool) -> Owner:
    """Return the oldest owner of this name; with ``make``, made if there is none, else raises `NotFound`.

    Names are the operator's own. The caller makes sure that no two run at once.
    """
    owner = session.scalar(select(Owner).where(Owner.name == name).order_by(Owner.id).limit(1))
    if owner is None:
        if not make:
            raise NotFound("owner", name)
        owner = Owner(id=new_id("owner"), name=name)
        session.add(owner)
        session.flush()
    return owner


def revoke_all(session: Session, owner_id: str) -> int:
    """Revoke every key of an owner and return how many that were: nobody gets at what they have any more."""
    revoked = update(ApiKey).where(ApiKey.owner_id == owner_id, ApiKey.revoked_at.is_(None))
    return len(session.scalars(revoked.values(revoked_at=func.now()).returning(ApiKey.id)).all())


def create_first_key(session: Session) -> str | None:
    """Make the first admin key and return its secret; None when there is a key already."""
    if session.scalar(select(func.count()).select_from(ApiKey)):
        return None
    _, secret = create_key(session, first_owner(session).id, "first key", SCOPES)
    return secret


def grant(held: frozenset[str], asked: Sequence[str]) -> None:
    """Raise `Forbidden` when a key is to be given what the key that gives it does not have."""
    beyond = [scope for scope in asked if scope not in held]
    if beyond:
        raise Forbidden(
            f"A key cannot give what it does not have: {', '.join(beyond)}. Use a key that has these scopes.",
            details={"scopes": list(asked), "held": sorted(held)},
        )


def is_usable() -> ColumnElement[bool]:
    """Whether a key may be used now."""
    lasts = (ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > func.now())
    return ApiKey.revoked_at.is_(None) & lasts


@dataclass(frozen=True)
class Caller:
    """Whoever asks: the key, its owner and what it may do."""

    key_id: str
    owner_id: str
    scopes: frozenset[str]
    is_due: bool  # to have its use noted


@cache
def _by_secret() -> Select[Any]:
    found: BindParameter[bytes] = bindparam("digest", type_=LargeBinary)
    old = (ApiKey.old_digest == found) & (ApiKey.old_until > func.now())
    due = func.coalesce(ApiKey.last_used_at, "-infinity") < func.now() - LAST_USED_STEP
    wanted: tuple[Any, ...] = (ApiKey.id, ApiKey.owner_id, ApiKey.scopes, due)
    return select(*wanted).where((ApiKey.digest == found) | old, is_usable())


def find_caller(secret: str) -> Caller | None:
    """Return whose secret this is, if it may be used now."""
    row = statements.ask(_by_secret(), digest=digest(secret))
    return Caller(row[0], row[1], frozenset(row[2]), row[3]) if row else None


def note_use(session: Session, key_id: str) -> None:
    """Note that a key is used now; of several that do so at once, one does."""
    due = func.coalesce(ApiKey.last_used_at, "-infinity") < func.now() - LAST_USED_STEP
    used = update(ApiKey).where(ApiKey.id == key_id, due).values(last_used_at=func.now())
    session.execute(used.execution_options(synchronize_session=False))


def see_key(session: Session, owner_id: str, key_id: str) -> ApiKey:
    """Return an owner's key; raises `NotFound`."""
    key = session.scalar(select(ApiKey).where(ApiKey.id == key_id, ApiKey.owner_id == owner_id))
    if key is None:
        raise NotFound("key", key_id)
    return key


def list_keys(session: Session, owner_id: str, ask: Ask) -> Page:
    """Return one page of the owner's keys, newest first."""
    return fetch_page(session, select(ApiKey).where(ApiKey.owner_id == owner_id), ApiKey, ask)


def rotate_key(
    session: Session, owner_id: str, key_id: str, held: frozenset[str], grace: timedelta
) -> tuple[ApiKey, str]:
    """Give a key a new secret and return both; the old one is good for ``grace`` more.

    Raises `NotFound`; `Forbidden` when the caller's scopes (``held``) are less than the key's; `WrongState` when it is
    revoked or expired.
    """
    grant(held, see_key(session, owner_id, key_id).scopes)
    secret = new_secret()
    key = session.scalar(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.owner_id == owner_id, is_usable())
        .values(
            old_digest=ApiKey.digest,
            old_until=func.now() + grace,
            digest=digest(secret),
            prefix=secret[:10],
            rotated_at=func.now(),
        )
        .returning(ApiKey)
        .execution_options(populate_existing=True)
    )
    if key is None:
        raise WrongState("This key is revoked or expired: make a new one.", code="KEY_NOT_USABLE")
    return key, secret


def revoke_key(session: Session, owner_id: str, key_id: str) -> None:
    """Make a key useless from now on. Revoking it again changes nothing.

    Raises `NotFound`; `WrongState` for the owner's last admin key, without which nobody could make another.
    """
    session.execute(select(Owner.id).where(Owner.id == owner_id).with_for_update())  # of two that go at once, one waits
    key = see_key(session, owner_id, key_id)
    admins = select(ApiKey.id).where(ApiKey.owner_id == owner_id, is_usable(), ApiKey.scopes.contains(["admin"]))
    if session.scalars(admins).all() == [key_id]:
        raise WrongState(
            "This is the last key with the scope admin: make another first, or nobody could.", code="LAST_ADMIN_KEY"
        )
    if key.revoked_at is None:
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=func.now()))
