"""Profiles: the built-in ones, finding and listing them, and what a job runs with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from models import statements
from models.db import table_of
from models.errors import NotFound
from models.profiles import Profile, ProfileVersion
from models.services.pages import Ask, Key, Page, fetch_page

VERSIONS = table_of(ProfileVersion)
DEFAULT_PROFILE = "profile_default"
MOST_NAMED = 200  # profiles that are looked through for one that somebody may have meant


@dataclass(frozen=True)
class Content:
    """What a profile says: all of it can be edited. Nulls in ``config`` or ``prompts`` say nothing."""

    name: str
    description: str
    config: Mapping[str, Any]
    prompts: Mapping[str, str]


def read_builtins() -> Iterator[dict[str, Any]]:
    """Yield the built-in profiles of the package (``models/builtin/*.json``), each made whole by the default one."""
    folder = resources.files("models").joinpath("builtin")
    base = defaults()
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            builtin = json.loads(file.read_text("utf-8"))
            yield builtin | {part: {**base[part], **builtin[part]} for part in ("config", "prompts")}


def seed_builtins(session: Session) -> list[str]:
    """Write each built-in profile that is new or has changed; a change is a new version, old jobs keep theirs."""
    written = []
    for builtin in read_builtins():
        profile = session.get(Profile, builtin["id"])
        if profile is None:
            profile = Profile(id=builtin["id"], name=builtin["name"], version=0)
            session.add(profile)
        elif _same(session.get(ProfileVersion, (profile.id, profile.version)), builtin):
            continue
        profile.description = builtin["description"]
        profile.version += 1
        profile.updated_at = func.now()
        session.flush()
        session.add(
            ProfileVersion(
                profile_id=profile.id,
                version=profile.version,
                config=builtin["config"],
                prompts=builtin["prompts"],
            )
        )
        written.append(profile.name)
    session.flush()
    return written


def _same(version: ProfileVersion | None, builtin: dict[str, Any]) -> bool:
    return version is not None and (version.config, version.prompts) == (
        builtin["config"],
        builtin["prompts"],
    )


# Finding --------------------------------------------------------------------------------------------------


def _visible(owner_id: str) -> ColumnElement[bool]:
    return or_(Profile.owner_id == owner_id, Profile.owner_id.is_(None))


def list_profiles(
    session: Session, owner_id: str, ask: Ask, *, text: str | None = None, builtin: bool | None = None
) -> Page:
    """Return one page of the profiles that the owner may use, the built-in ones first, then newest first.

    ``text`` has to be in name or description; ``builtin`` leaves only the built-in ones, or only the owner's.
    """
    query = select(Profile).where(_visible(owner_id), Profile.archived_at.is_(None))
    if text:
        query = query.where(
            Profile.name.icontains(text, autoescape=True) | Profile.description.icontains(text, autoescape=True)
        )
    if builtin is not None:
        query = query.where(Profile.owner_id.is_(None) if builtin else Profile.owner_id.is_not(None))
    return fetch_page(session, query, Profile, ask)


def find_profile(session: Session, owner_id: str, profile_id: str, *, archived: bool = False) -> Profile:
    """Return a profile that the owner may use, as the database has it now; raises `NotFound`.

    ``archived``: also one that was deleted, which is kept for the jobs that ran with it.
    """
    query = select(Profile).where(Profile.id == profile_id, _visible(owner_id))
    if not archived:
        query = query.where(Profile.archived_at.is_(None))
    profile = session.scalar(query, execution_options={"populate_existing": True})
    if profile is None:
        raise NotFound(
            "profile", profile_id, f"There is no profile {profile_id!r} here. GET /api/v2/profiles lists them."
        )
    return profile


def content_of(session: Session, profile: Profile) -> Content:
    """Return what a profile says now."""
    found = load_version(session, profile.id, profile.version)
    return Content(profile.name, profile.description, said(found.config), said(found.prompts))


def said(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config or prompts say; a null says nothing, and built-in profiles hold some."""
    return {name: value for name, value in part.items() if value is not None}


def list_versions(session: Session, owner_id: str, profile_id: str, ask: Ask) -> Page:
    """Return one page of a profile's versions, newest first, also of a deleted one; raises `NotFound`."""
    find_profile(session, owner_id, profile_id, archived=True)
    query = select(ProfileVersion).where(ProfileVersion.profile_id == profile_id)
    return fetch_page(session, query, ProfileVersion, ask, {"version": (Key(ProfileVersion.version, _read_number),)})


def _read_number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("no version")
    return int(text)


def find_version(session: Session, owner_id: str, profile_id: str, version: int) -> ProfileVersion:
    """Return what a profile said at ``version``, also a deleted one; raises `NotFound`."""
    profile = find_profile(session, owner_id, profile_id, archived=True)
    if not 1 <= version <= profile.version:
        message = f"Profile {profile_id!r} has no version {version}: its newest is {profile.version}."
        raise NotFound("version", str(version), message)
    return load_version(session, profile_id, version)


def name_taken(session: Session, owner_id: str, name: str, *, but: str | None = None) -> bool:
    """Say whether a profile of this name is there, in any case: one of the owner's, or a built-in one.

    ``but``: the profile that may have it.
    """
    query = select(Profile.id).where(
        _visible(owner_id), func.lower(Profile.name) == func.lower(name), Profile.archived_at.is_(None)
    )
    return session.scalar(query.where(Profile.id != (but or "")).limit(1)) is not None


def names(session: Session, owner_id: str) -> Sequence[tuple[str, str]]:
    """Return id and name of the profiles that the owner may use, the built-in ones first, up to `MOST_NAMED`."""
    query = select(Profile.id, Profile.name).where(_visible(owner_id), Profile.archived_at.is_(None))
    return [(row.id, row.name) for row in session.execute(query.order_by(Profile.id.desc()).limit(MOST_NAMED))]


def current_versions(session: Session, owner_id: str, profile_ids: set[str]) -> dict[str, int]:
    """Return the current version of each profile that the owner may use; the others are left out."""
    rows = session.execute(
        select(Profile.id, Profile.version).where(
            Profile.id.in_(profile_ids), _visible(owner_id), Profile.archived_at.is_(None)
        )
    )
    return {row.id: row.version for row in rows}


# What jobs run with ---------------------------------------------------------------------------------------


def load_version(session: Session, profile_id: str, version: int) -> ProfileVersion:
    """Return what a profile said at ``version``; raises `NotFound`."""
    found = session.get(ProfileVersion, (profile_id, version))
    if found is None:
        raise NotFound("profile", f"{profile_id} v{version}")
    return found


def texts_of(session: Session, profile_id: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return config and prompts that a job of this version runs with: its own, else the default profile's."""
    found = statements.first(session, _version(), {"profile": profile_id, "number": version})
    if found is None:
        raise NotFound("profile", f"{profile_id} v{version}")
    return completed(found.config), {**defaults()["prompts"], **found.prompts}


@cache
def _version() -> Select[Any]:
    chosen = VERSIONS.c.profile_id == bindparam("profile"), VERSIONS.c.version == bindparam("number")
    return select(VERSIONS.c.config, VERSIONS.c.prompts).where(*chosen)


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with what it leaves out as the default profile has it; ``words`` field by field."""
    usual = defaults()["config"]
    return {**usual, **config, "words": {**usual["words"], **(config.get("words") or {})}}


@cache
def defaults() -> Mapping[str, Mapping[str, Any]]:
    """Return ``config`` and ``prompts`` of the default profile: what others say nothing of is as it says."""
    file = resources.files("models").joinpath("builtin/default.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return found
