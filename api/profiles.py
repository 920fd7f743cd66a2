"""Profiles: named ways of writing, edited under a version, with every version kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import g

from api import links
from api.etags import expected_version, with_etag
from api.idempotency import Answer, answer_once
from api.json import Blueprint
from api.paging import ask_of, page_of
from api.verdicts import patched
from models import db
from models.profiles import Profile, ProfileVersion
from models.services import profile_edits, profiles
from models.services.profiles import Content
from schemas.common import PageQuery
from schemas.profiles import (
    CloneSchema,
    ProfileBodySchema,
    ProfileListSchema,
    ProfilePatchSchema,
    ProfileQuery,
    ProfileSchema,
    VersionListSchema,
    VersionSchema,
)

blueprint = Blueprint("profiles", __name__, url_prefix="/api/v2/profiles", description="Ways of writing, versioned.")


@blueprint.get("")
@blueprint.arguments(ProfileQuery, location="query")
@blueprint.response(200, ProfileListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List profiles: the built-in ones, then your own, newest first."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = profiles.list_profiles(session, g.owner_id, ask, text=query["q"], builtin=query["builtin"])
    return page_of("profiles", [show_row(row) for row in page.rows], ask, page.total, page.next_cursor)


@blueprint.post("")
@blueprint.arguments(ProfileBodySchema)
@blueprint.response(201, ProfileSchema)
def create(body: dict[str, Any]) -> Any:
    """Make a profile. What it leaves out is as in the default profile."""

    def make(session: db.Session) -> Answer:
        profile = profile_edits.create_profile(session, g.owner_id, g.key_id, Content(**body))
        return made(session, profile)

    return answer_once(make)


@blueprint.get("/<profile_id>")
@blueprint.response(200, ProfileSchema)
def read(profile_id: str) -> Any:
    """Read a profile with its config and prompts. The ETag is its version, as If-Match wants it."""
    with db.transaction() as session:
        profile = profiles.find_profile(session, g.owner_id, profile_id)
        shown = show(session, profile)
    return with_etag(shown, profile.version, modified=profile.updated_at)


@blueprint.put("/<profile_id>")
@blueprint.arguments(ProfileBodySchema)
@blueprint.response(200, ProfileSchema)
def replace(body: dict[str, Any], profile_id: str) -> Any:
    """Write a profile's next version, whole; needs If-Match.

    What the body leaves out is as in the default profile from then on. Jobs that were submitted before keep the
    version that they were submitted with.
    """
    with db.transaction() as session:
        profile_edits.find_editable(session, g.owner_id, profile_id)
        expected = expected_version()
        profile = profile_edits.edit_profile(
            session, g.owner_id, g.key_id, profile_id, expected, lambda _: Content(**body)
        )
        shown = show(session, profile)
    return with_etag(shown, profile.version, modified=profile.updated_at)


@blueprint.patch("/<profile_id>")
@blueprint.arguments(ProfilePatchSchema)
@blueprint.response(200, ProfileSchema)
def edit(body: dict[str, Any], profile_id: str) -> Any:
    """Write a profile's next version, changed in part (JSON Merge Patch); needs If-Match.

    `config` and `prompts` are merged with what is there, member by member: `{"config": {"temperature": 0.6, "seed":
    null}}` sets one option and takes another out, so that the default applies. Lists are replaced.
    """
    with db.transaction() as session:
        profile_edits.find_editable(session, g.owner_id, profile_id)
        expected = expected_version()
        profile = profile_edits.edit_profile(
            session, g.owner_id, g.key_id, profile_id, expected, partial(patched, body)
        )
        shown = show(session, profile)
    return with_etag(shown, profile.version, modified=profile.updated_at)


@blueprint.delete("/<profile_id>")
@blueprint.response(204)
def delete(profile_id: str) -> None:
    """Delete a profile; needs If-Match.

    New work cannot name it any more, and its name is free again. Jobs that were submitted with it run on, and its
    versions can still be read.
    """
    with db.transaction() as session:
        profile_edits.find_editable(session, g.owner_id, profile_id)
        profile_edits.archive_profile(session, g.owner_id, g.key_id, profile_id, expected_version())


@blueprint.post("/<profile_id>/clone")
@blueprint.arguments(CloneSchema, required=False)
@blueprint.response(201, ProfileSchema)
def clone(body: dict[str, Any], profile_id: str) -> Any:
    """Make a profile of your own that says what this one does: the way to change a built-in one."""

    def make(session: db.Session) -> Answer:
        profile = profile_edits.clone_profile(session, g.owner_id, g.key_id, profile_id, **body)
        return made(session, profile)

    return answer_once(make)


@blueprint.get("/<profile_id>/versions")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, VersionListSchema)
def list_versions(query: dict[str, Any], profile_id: str) -> Any:
    """List a profile's versions, newest first. They are never changed, and stay when it is deleted."""
    ask = ask_of(query)
    with db.transaction() as session:
        page = profiles.list_versions(session, g.owner_id, profile_id, ask)
    return page_of("versions", page.rows, ask, page.total, page.next_cursor)


@blueprint.get("/<profile_id>/versions/<int:version>")
@blueprint.response(200, VersionSchema)
def read_version(profile_id: str, version: int) -> Any:
    """Read what a profile said at one version, such as the one that a job ran with."""
    with db.transaction() as session:
        found = profiles.find_version(session, g.owner_id, profile_id, version)
    return with_etag(show_version(found), version, modified=found.created_at)


def made(session: db.Session, profile: Profile) -> Answer:
    """Return the answer to whoever made a profile."""
    return Answer(show(session, profile), links.profile(profile.id), status=201, version=profile.version)


def show(session: db.Session, profile: Profile) -> Mapping[str, Any]:
    """Return a profile in full."""
    content = profiles.content_of(session, profile)
    shown: Mapping[str, Any] = ProfileSchema().dump(
        show_row(profile) | {"config": content.config, "prompts": content.prompts}
    )
    return shown


def show_row(profile: Profile) -> dict[str, Any]:
    """Return a profile as lists show it."""
    names = ("id", "name", "description", "version", "created_at", "updated_at", "created_by", "updated_by")
    return {name: getattr(profile, name) for name in names} | {"is_builtin": profile.owner_id is None}


def show_version(version: ProfileVersion) -> Mapping[str, Any]:
    """Return a version in full."""
    shown: Mapping[str, Any] = VersionSchema().dump(
        vars(version) | {"config": profiles.said(version.config), "prompts": profiles.said(version.prompts)}
    )
    return shown
