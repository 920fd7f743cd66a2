"""Where one job stands: all that is shown of it, in one statement, for it is what clients ask most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from models import statements
from models.artifacts import Artifact
from models.calls import FAULTED, Call
from models.characters import Character
from models.errors import NotFound
from models.jobs import Job, Step
from models.services.dossier import CharacterRef
from models.states import Status

SHOWN = (
    Job.id,
    Job.kind,
    Job.status,
    Job.progress,
    Job.batch_id,
    Job.profile_id,
    Job.profile_version,
    Job.priority,
    Job.attempt,
    Job.cost_usd,
    Job.error,
    Job.retry_of,
    Job.retried_by,
    Job.created_at,
    Job.started_at,
    Job.finished_at,
    Job.waiting_until,
    Job.cancel_requested_at,
    Job.callback_url,
    Job.current_step,
    Job.detail,
)
NAMES = (*(column.key for column in SHOWN), "steps", "used", "formats", "made")


class StepStanding(NamedTuple):
    """Where a step stands."""

    name: str
    status: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None


class Used(NamedTuple):
    """What the calls to one model used; ``wasted``: of failed and discarded ones, a part of ``cost``."""

    model: str
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    wasted: Decimal


class Standing(NamedTuple):
    """Where a job stands.

    ``job`` has its columns by name; ``steps`` are in order; ``used`` is by model; ``formats``: of its files; ``made``:
    its character, if that is still there.
    """

    job: Mapping[str, Any]
    steps: Sequence[StepStanding]
    used: Sequence[Used]
    formats: Sequence[str]
    made: CharacterRef | None


def read_standing(owner_id: str, job_id: str) -> Standing:
    """Return where the owner's job stands; raises `NotFound`."""
    found = statements.ask(_standing(), job_id=job_id, owner_id=owner_id)
    if found is None:
        raise NotFound("job", job_id)
    job = dict(zip(NAMES, found, strict=True))
    return Standing(
        job=job,
        steps=[_step(*step) for step in job.pop("steps") or ()],
        used=[_used(*used) for used in job.pop("used") or ()],
        formats=job.pop("formats"),
        made=CharacterRef(*made) if (made := job.pop("made")) else None,
    )


def _step(name: str, status: str, attempts: int, *moments: str | None) -> StepStanding:
    started, finished = (datetime.fromisoformat(moment) if moment else None for moment in moments)
    return StepStanding(name, status, attempts, started, finished)


def _used(model: str, tokens: int, prompt: int, completion: int, cost: str, wasted: str) -> Used:
    return Used(model, tokens, prompt, completion, Decimal(cost), Decimal(wasted))


@cache
def _standing() -> Select[Any]:
    parts = {"steps": _steps(), "used": _calls(), "formats": _formats(), "made": _made()}
    job = select(*SHOWN, *(part.label(name) for name, part in parts.items()))
    return job.where(Job.id == bindparam("job_id"), Job.owner_id == bindparam("owner_id"))


def _steps() -> ColumnElement[Any]:
    shown = func.json_build_array(Step.name, Step.status, Step.attempts, Step.started_at, Step.finished_at)
    return select(func.json_agg(aggregate_order_by(shown, Step.index))).where(Step.job_id == Job.id).scalar_subquery()


def _calls() -> ColumnElement[Any]:
    """By model; amounts as texts, since a number of JSON would be read as a double."""
    cost = func.sum(Call.cost_usd)
    wasted = func.coalesce(cost.filter((Call.status == FAULTED) | Call.discarded), 0)
    tokens = (Call.prompt_tokens + Call.completion_tokens, Call.prompt_tokens, Call.completion_tokens)
    used = func.json_build_array(Call.model, *map(func.sum, tokens), cast(cost, Text), cast(wasted, Text))
    models = select(Call.model, used.label("used")).where(Call.job_id == Job.id).correlate(Job)
    each = models.group_by(Call.model).subquery()
    return select(func.json_agg(aggregate_order_by(each.c.used, each.c.model))).scalar_subquery()


def _formats() -> ColumnElement[Any]:
    formats = select(Artifact.format).where(Artifact.job_id == Job.id).order_by(Artifact.format)
    return func.array(formats.scalar_subquery())


def _made() -> ColumnElement[Any]:
    """The character's id is what the first step has left; only a completed job has made one."""
    made = select(func.json_build_array(Character.id, Character.name))
    made = made.join(Step, Character.id == Step.output["character_id"].astext)
    first = (Step.job_id == Job.id, Step.index == 0, Character.owner_id == Job.owner_id)
    return made.where(*first, Job.status == Status.COMPLETED).correlate(Job).scalar_subquery()
