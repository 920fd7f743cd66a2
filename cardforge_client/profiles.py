"""Profiles: how cards are written; versioned, edited under the version that was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack, cast

from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import given


class ProfileSummary(TypedDict):
    """A profile as lists show it. A built-in one can be cloned, not edited."""

    id: str
    name: str
    description: str
    version: int
    created_at: str
    updated_at: str
    is_builtin: bool
    created_by: str | None
    updated_by: str | None


class Profile(ProfileSummary):
    """A profile in full: ``config`` (models, sampling, limits) and ``prompts`` (instructions)."""

    config: dict[str, Any]
    prompts: dict[str, Any]


class Version(TypedDict):
    """One version of a profile."""

    profile_id: str
    version: int
    created_at: str
    created_by: str | None


class VersionInFull(Version):
    """What a profile said at one version."""

    config: dict[str, Any]
    prompts: dict[str, Any]


class ProfileFilter(PageQuery, total=False):
    """Which profiles to list. ``builtin``: only those, or only one's own."""

    q: str
    builtin: bool


class Profiles(Noun):
    """How cards are written."""

    def list(self, **query: Unpack[ProfileFilter]) -> Rows[ProfileSummary]:
        """List profiles: the built-in ones and one's own."""
        return Rows(self._transport, route("/profiles"), "profiles", query)

    def get(self, profile_id: str) -> Profile:
        """Read a profile, with its ``version``."""
        return cast("Profile", self._get(route("/profiles/{}", profile_id)))

    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        config: Mapping[str, Any] | None = None,
        prompts: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Profile:
        """Make a profile."""
        body = {"name": name, **given(description=description, config=config, prompts=prompts)}
        return cast("Profile", self._start(route("/profiles"), body, idempotency_key))

    def replace(self, profile_id: str, profile: Mapping[str, Any], *, version: int | None) -> Profile:
        """Write a profile anew. Raises `StaleVersion` when it is not ``version`` any more (None: whatever it is)."""
        return cast("Profile", self._edit("PUT", route("/profiles/{}", profile_id), version, profile))

    def update(self, profile_id: str, changes: Mapping[str, Any], *, version: int | None) -> Profile:
        """Change some fields of a profile. Raises `StaleVersion` when it is not ``version`` any more."""
        return cast("Profile", self._edit("PATCH", route("/profiles/{}", profile_id), version, changes))

    def delete(self, profile_id: str, *, version: int | None) -> None:
        """Delete a profile; jobs that were made with it keep their version of it."""
        self._edit("DELETE", route("/profiles/{}", profile_id), version)

    def versions(self, profile_id: str, **query: Unpack[PageQuery]) -> Rows[Version]:
        """List a profile's versions, newest first."""
        return Rows(self._transport, route("/profiles/{}/versions", profile_id), "versions", query)

    def version(self, profile_id: str, number: int) -> VersionInFull:
        """Read one version of a profile as it was."""
        return cast("VersionInFull", self._get(route("/profiles/{}/versions/{}", profile_id, str(number))))

    def clone(
        self,
        profile_id: str,
        name: str | None = None,
        *,
        description: str | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Profile:
        """Make a profile of one's own out of another (as it was in ``version``, its newest if None)."""
        body = given(name=name, description=description, version=version)
        return cast("Profile", self._start(route("/profiles/{}/clone", profile_id), body, idempotency_key))
