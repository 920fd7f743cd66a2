"""Profiles: the built-in ones, and finding the one that a job runs with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.profiles import Profile, ProfileVersion

DEFAULT_PROFILE = "profile_default"


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


def current_versions(session: Session, owner_id: str, profile_ids: set[str]) -> dict[str, int]:
    """Return the current version of each profile that the owner may use; the others are left out."""
    visible = or_(Profile.owner_id == owner_id, Profile.owner_id.is_(None))
    rows = session.execute(
        select(Profile.id, Profile.version).where(Profile.id.in_(profile_ids), visible, Profile.archived_at.is_(None))
    )
    return {row.id: row.version for row in rows}


def load_version(session: Session, profile_id: str, version: int) -> ProfileVersion:
    """Return what a profile said at ``version``; raises `NotFound`."""
    found = session.get(ProfileVersion, (profile_id, version))
    if found is None:
        raise NotFound("profile", f"{profile_id} v{version}")
    return found


def texts_of(session: Session, profile_id: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return config and prompts that a job of this version runs with: its own, else the default profile's."""
    found = load_version(session, profile_id, version)
    return {**defaults()["config"], **found.config}, {**defaults()["prompts"], **found.prompts}


@cache
def defaults() -> Mapping[str, Mapping[str, Any]]:
    """Return ``config`` and ``prompts`` of the default profile: what others say nothing of is as it says."""
    file = resources.files("models").joinpath("builtin/default.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return found
