"""Judging what a profile is to say: a patch together with what it patches, and a single value in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from api.errors import summary
from models.db import Session
from models.errors import Invalid
from models.profiles import Profile
from models.services import profiles
from models.services.profiles import Content
from schemas.merge_patch import merge_patch
from schemas.nearest import did_you_mean
from schemas.profile_rules import Fault, check_config, check_prompts, clean_config, clean_prompts, clean_text
from schemas.profile_verdict import find_errors, find_warnings
from tasks.pipeline import KINDS

EMPTY: Mapping[str, Any] = {"description": "", "config": {}, "prompts": {}}


def patched(patch: Mapping[str, Any], content: Content) -> Content:
    """Return the content with a patch applied (RFC 7396); raises `Invalid` for what cannot be stored."""
    whole = {**EMPTY, **merge_patch(vars(content), patch)}
    details: dict[str, list[str]] = {}
    for fault in (*check_config(whole["config"]), *check_prompts(whole["prompts"])):
        details.setdefault(fault.field, []).append(fault.message)
    if details:
        raise Invalid(summary(details), details=details)
    return Content(whole["name"], whole["description"], clean_config(whole["config"]), clean_prompts(whole["prompts"]))


def judge_field(
    session: Session, owner_id: str, field: str, value: Any, context: Mapping[str, Any]
) -> tuple[list[Fault], list[Fault]]:
    """Return errors and warnings of a value for a field of a profile; ``context`` is `ContextSchema`'s."""
    profile = _profile_of(session, owner_id, context.get("profile_id"))
    config = profiles.content_of(session, profile).config if profile else {}
    errors = list(find_errors(field, value, config))
    warnings = list(find_warnings(field, value)) if not errors else []
    if field == "name" and not errors:
        errors += _find_rivals(session, owner_id, clean_text(value), profile)
    asked = list(_find_misplaced(context, profile))
    return (
        [*errors, *(fault for fault in asked if fault.code == "UNKNOWN_PROFILE")],
        [*warnings, *(fault for fault in asked if fault.code != "UNKNOWN_PROFILE")],
    )


def _profile_of(session: Session, owner_id: str, profile_id: str | None) -> Profile | None:
    known = profile_id and profiles.current_versions(session, owner_id, {profile_id})
    return profiles.find_profile(session, owner_id, profile_id) if profile_id and known else None


def _find_rivals(session: Session, owner_id: str, name: str, profile: Profile | None) -> Iterator[Fault]:
    if profiles.name_taken(session, owner_id, name, but=profile.id if profile else None):
        yield Fault("name", "There is a profile of this name already: choose another.", "DUPLICATE_NAME")


def _find_misplaced(context: Mapping[str, Any], profile: Profile | None) -> Iterator[Fault]:
    """Yield what is odd about the place that a value is for."""
    profile_id, kind = context.get("profile_id"), context.get("profile_type")
    if profile_id is not None and profile is None:
        message = f"There is no profile {profile_id!r} here. GET /api/v2/profiles lists them."
        yield Fault("context.profile_id", message, "UNKNOWN_PROFILE")
    if profile is not None and profile.owner_id is None:
        message = "This profile is built in and stays as it is: clone it, and edit the copy."
        yield Fault("context.profile_id", message, "READ_ONLY")
    if kind is not None and kind not in KINDS:
        message = f"No such kind of job; judged as for any.{did_you_mean(kind, KINDS)} There is {', '.join(KINDS)}."
        yield Fault("context.profile_type", message, "UNKNOWN_TYPE")
