"""Writing profiles: made, edited under a version, cloned, archived. Versions are added, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.errors import Forbidden, StaleVersion, WrongState
from models.ids import new_id
from models.profiles import Profile, ProfileVersion
from models.services.profiles import Content, content_of, find_profile, find_version, name_taken, said

LONGEST_NAME = 100


def create_profile(session: Session, owner_id: str, by: str, content: Content) -> Profile:
    """Make a profile with its first version; ``by`` is the id of the key. Raises `WrongState` for a name in use."""
    profile = Profile(id=new_id("profile"), owner_id=owner_id, version=1, created_by=by, updated_by=by)
    _write(session, profile, by, content)
    return profile


def clone_profile(
    session: Session,
    owner_id: str,
    by: str,
    profile_id: str,
    *,
    version: int | None = None,
    name: str | None = None,
    description: str | None = None,
) -> Profile:
    """Make a profile that says what another one does, or did at ``version``.

    Without ``name`` it is called a copy. Raises `NotFound`, and `WrongState` for a name in use.
    """
    profile = find_profile(session, owner_id, profile_id)
    content = content_of(session, profile)
    if version is not None:
        old = find_version(session, owner_id, profile_id, version)
        content = replace(content, config=said(old.config), prompts=said(old.prompts))
    wanted = name or _copy_name(session, owner_id, profile.name)
    told = content.description if description is None else description
    return create_profile(session, owner_id, by, replace(content, name=wanted, description=told))


def find_editable(session: Session, owner_id: str, profile_id: str) -> Profile:
    """Return a profile that the owner may edit; raises `NotFound`, and `Forbidden` for a built-in one."""
    profile = find_profile(session, owner_id, profile_id)
    if profile.owner_id is None:
        clone = f"/api/v2/profiles/{profile_id}/clone"
        raise Forbidden(
            f"The profile {profile.name!r} is built in and stays as it is: POST {clone}, and edit the copy.",
            code="PROFILE_READ_ONLY",
            details={"profile": profile_id, "clone": clone},
        )
    return profile


def edit_profile(
    session: Session,
    owner_id: str,
    by: str,
    profile_id: str,
    expected: int | None,
    change: Callable[[Content], Content],
) -> Profile:
    """Write a profile's next version: what ``change`` makes of the one that is there.

    Only if that is the one ``expected`` (None: any). Raises `NotFound`, `Forbidden`, `StaleVersion`, and `WrongState`
    for a name in use.
    """
    find_editable(session, owner_id, profile_id)
    profile = _touch(session, owner_id, by, profile_id, expected)
    before = session.get_one(ProfileVersion, (profile_id, profile.version - 1))
    content = change(Content(profile.name, profile.description, said(before.config), said(before.prompts)))
    _write(session, profile, by, content)
    return profile


def archive_profile(session: Session, owner_id: str, by: str, profile_id: str, expected: int | None) -> None:
    """Put a profile away, if it is at the version ``expected`` (None: any): its jobs and versions stay.

    Raises as `edit_profile` does.
    """
    find_editable(session, owner_id, profile_id)
    matches = [Profile.id == profile_id, Profile.owner_id == owner_id, Profile.archived_at.is_(None)]
    if expected is not None:
        matches.append(Profile.version == expected)
    now = func.clock_timestamp()
    hit = session.scalar(
        update(Profile).where(*matches).values(archived_at=now, updated_at=now, updated_by=by).returning(Profile.id)
    )
    if hit is None:
        raise _stale(find_profile(session, owner_id, profile_id), by, expected)


def _touch(session: Session, owner_id: str, by: str, profile_id: str, expected: int | None) -> Profile:
    """Take the profile for an edit: its version goes up. Check and write are one statement; others wait behind it."""
    matches = [Profile.id == profile_id, Profile.owner_id == owner_id, Profile.archived_at.is_(None)]
    if expected is not None:
        matches.append(Profile.version == expected)
    # The statement's time, not the transaction's: whoever had to wait for the row has edited later.
    edited = {"version": Profile.version + 1, "updated_at": func.clock_timestamp(), "updated_by": by}
    hit = session.scalar(update(Profile).where(*matches).values(edited).returning(Profile.id))
    profile = find_profile(session, owner_id, profile_id)
    if hit is None:
        raise _stale(profile, by, expected)
    return profile


def _stale(profile: Profile, by: str, expected: int | None) -> StaleVersion:
    return StaleVersion(
        "profile",
        current=profile.version,
        yours=expected or 0,
        updated_at=profile.updated_at,
        updated_by=profile.updated_by,
        by=by,
    )


def _write(session: Session, profile: Profile, by: str, content: Content) -> None:
    """Write the content as what the profile says at its version."""
    if name_taken(session, profile.owner_id or "", content.name, but=profile.id):
        raise _taken(content.name)
    profile.name, profile.description = content.name, content.description
    session.add(profile)
    try:
        session.flush()
    except IntegrityError as error:  # somebody else has taken the name in this moment
        if "uq_profiles_name" not in str(error.orig):
            raise
        raise _taken(content.name) from error
    texts = {"config": said(content.config), "prompts": said(content.prompts)}
    session.add(ProfileVersion(profile_id=profile.id, version=profile.version, created_by=by, **texts))
    session.flush()
    session.refresh(profile)


def _taken(name: str) -> WrongState:
    return WrongState(
        f"There is a profile {name!r} already: choose another name.",
        code="DUPLICATE_NAME",
        details={"name": ["There is a profile of this name already, in this or another case: choose another."]},
    )


def _copy_name(session: Session, owner_id: str, name: str) -> str:
    """Return "name copy", or "name copy 2" and so on: the first that is free."""
    stem = f"{name[: LONGEST_NAME - 12].rstrip()} copy"
    query = select(func.lower(Profile.name)).where(
        Profile.owner_id == owner_id,
        Profile.archived_at.is_(None),
        func.lower(Profile.name).startswith(stem.lower(), autoescape=True),
    )
    taken = set(session.scalars(query))
    candidates = (stem if number == 1 else f"{stem} {number}" for number in count(1))
    return next(candidate for candidate in candidates if candidate.lower() not in taken)
