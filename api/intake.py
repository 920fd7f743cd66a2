"""From request to job: each generation is read by the schema of its kind, and joined with its profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from marshmallow import Schema, ValidationError

from api.errors import flatten, summary
from models.db import Session
from models.errors import Invalid
from models.services import profiles
from models.services.jobs import NewJob
from schemas.generations import DEFAULT_KIND, BatchOptionsSchema, disagreements
from schemas.nearest import nearest
from tasks.pipeline import KINDS
from tasks.webhooks import why_refused

MOST_TOLD = 12  # profiles that an error names
ITEM_FIELDS = ("kind", "profile_id", "metadata")  # the rest is the request that the steps read


@cache
def schema_of(kind: str) -> Schema:
    """Return the request schema that the registry names for a kind."""
    module, _, name = KINDS[kind].schema.partition(":")
    schema: Schema = getattr(import_module(module), name)()
    return schema


def read_generation(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return one generation, valid and with its defaults; raises marshmallow's `ValidationError`."""
    kind = raw.get("kind", DEFAULT_KIND)
    if fault := _fault_of_kind(kind):
        raise ValidationError(fault)
    return dict(schema_of(kind).load(raw))


@dataclass(frozen=True)
class Submission:
    """A batch as its body says it, read as far as that needs no database.

    ``read`` are its generations in order, or what is wrong with each; ``faults`` what is wrong with its options.
    """

    options: Mapping[str, Any]
    skip_invalid: bool
    raws: Sequence[Mapping[str, Any]]
    read: Sequence[dict[str, Any] | ValidationError]
    faults: Mapping[str, list[str]]


def read_batch(body: Mapping[str, Any]) -> Submission:
    """Read a batch. Ten thousand generations take seconds, so this is done before a transaction is open."""
    try:
        options, faults = BatchOptionsSchema(policy=why_refused).load(body["batch_options"]), {}
    except ValidationError as error:
        options, faults = {}, dict(flatten({"batch_options": error.messages}))
    skip_invalid = options.pop("skip_invalid", False)
    read = [_try_to_read(raw) for raw in body["generations"]]
    for kind in KINDS.values():
        kind.together([one for one in read if isinstance(one, dict) and one["kind"] == kind.name])
    return Submission(options, skip_invalid, body["generations"], read, faults)


def new_jobs(session: Session, owner_id: str, sent: Submission) -> list[NewJob]:
    """Return the jobs of a batch's generations, in order.

    Raises `Invalid` that names whatever is wrong with it, so that all of it can be mended at one go. With
    `skip_invalid`, a generation that is invalid becomes a job that has failed instead.
    """
    wanted = {one.get("profile_id", profiles.DEFAULT_PROFILE) for one in sent.read if isinstance(one, dict)}
    versions = profiles.current_versions(session, owner_id, wanted | {profiles.DEFAULT_PROFILE})
    strange = _name_strangers(session, owner_id, wanted - versions.keys())
    jobs: list[NewJob] = []
    faults = dict(sent.faults)
    for index, (raw, one) in enumerate(zip(sent.raws, sent.read, strict=True)):
        messages = dict(flatten(_find_faults(one, strange)))
        if messages:
            faults |= {f"generations.{index}.{path}": problems for path, problems in messages.items()}
            jobs.append(_refused(raw, versions, messages))
        elif isinstance(one, dict):
            jobs.append(_accepted(one, versions))
    if faults and not sent.skip_invalid:
        raise Invalid(summary(faults), details=faults)
    return jobs


def new_job(session: Session, owner_id: str, generation: Mapping[str, Any]) -> NewJob:
    """Return the job of one generation that its schema has read already."""
    profile_id = generation.get("profile_id", profiles.DEFAULT_PROFILE)
    versions = profiles.current_versions(session, owner_id, {profile_id})
    strange = _name_strangers(session, owner_id, {profile_id} - versions.keys())
    faults = dict(flatten(_fault_of_kind(generation["kind"]) or _find_faults(dict(generation), strange)))
    if faults:
        raise Invalid(summary(faults), details=faults)
    return _accepted(generation, versions)


def check_options(request: Mapping[str, Any]) -> None:
    """Raise `Invalid` when the options of a request contradict each other: each was read, but not all together."""
    found = disagreements(request["options"], existing=bool(request.get("character_card")))
    faults = {f"options.{name}": [message] for name, message in found}
    if faults:
        raise Invalid(summary(faults), details=faults)


def _fault_of_kind(kind: Any) -> dict[str, list[str]]:
    """Return what is wrong with a kind, if anything: it is what the registry has not."""
    known = isinstance(kind, str) and kind in KINDS
    return {} if known else {"kind": [f"Is none of: {', '.join(KINDS)}."]}


def _try_to_read(raw: Mapping[str, Any]) -> dict[str, Any] | ValidationError:
    try:
        return read_generation(raw)
    except ValidationError as error:
        return error


def _find_faults(one: dict[str, Any] | ValidationError, strange: Mapping[str, str]) -> Any:
    if isinstance(one, ValidationError):
        return one.messages
    profile_id = one.get("profile_id", profiles.DEFAULT_PROFILE)
    return {"profile_id": [strange[profile_id]]} if profile_id in strange else {}


def _name_strangers(session: Session, owner_id: str, profile_ids: set[str]) -> dict[str, str]:
    """Return what to say of profiles that the owner has not: which other one may be meant, or which there are."""
    known = profiles.names(session, owner_id) if profile_ids else ()
    by_word = {word: profile_id for profile_id, name in known for word in (name, f"profile_{name}")}
    listed = ", ".join(profile_id for profile_id, _ in known[:MOST_TOLD])
    said = {}
    for number, profile_id in enumerate(sorted(profile_ids)):
        near = nearest(profile_id, by_word) if number < MOST_TOLD else None  # a batch may name ten thousand
        remedy = f"Did you mean {by_word[near]!r}?" if near else f"There are {listed}; GET /api/v2/profiles lists all."
        said[profile_id] = f"There is no profile {profile_id!r} here. {remedy}"
    return said


def _accepted(generation: Mapping[str, Any], versions: Mapping[str, int]) -> NewJob:
    profile_id = generation.get("profile_id", profiles.DEFAULT_PROFILE)
    kind = KINDS[generation["kind"]]
    return NewJob(
        kind=kind.name,
        steps=[step.name for step in kind.steps],
        profile_id=profile_id,
        profile_version=versions[profile_id],
        request={name: value for name, value in generation.items() if name not in ITEM_FIELDS},
        info=generation["metadata"],
    )


def _refused(raw: Mapping[str, Any], versions: Mapping[str, int], faults: Mapping[str, list[str]]) -> NewJob:
    """The job that keeps an invalid item's place, with what it said, so that the client can see and mend it."""
    return NewJob(
        kind=DEFAULT_KIND,
        steps=[step.name for step in KINDS[DEFAULT_KIND].steps],
        profile_id=profiles.DEFAULT_PROFILE,
        profile_version=versions[profiles.DEFAULT_PROFILE],
        request={name: value for name, value in raw.items() if name not in ITEM_FIELDS},
        info=raw["metadata"] if isinstance(raw.get("metadata"), dict) else {},
        error={"code": "VALIDATION_ERROR", "message": summary(faults), "details": dict(faults)},
    )
