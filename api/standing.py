"""Where jobs stand, one and all of them, for the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api import links
from models.jobs import Job
from models.services.dossier import CharacterRef
from models.services.standing import Standing, StepStanding, Used
from models.services.sums import Statistics, Sums
from models.states import Status
from schemas.common import show_moment

AS_THEY_ARE = ("kind", "status", "progress", "batch_id", "profile_id", "profile_version", "priority", "attempt")
MOMENTS = ("created_at", "started_at", "finished_at", "waiting_until", "cancel_requested_at")
FAULT = ("code", "message", "details")


def show_row(job: Job, made: CharacterRef | None) -> dict[str, Any]:
    """Return a job's own facts, and what it made."""
    own = {column.key: getattr(job, column.key) for column in Job.__table__.columns if column.key != "request"}
    return {**own, "character_id": made.id if made else None, "character_name": made.name if made else None}


def show_job(standing: Standing) -> dict[str, Any]:
    """Return a job in full, written out as `schemas.jobs.JobSchema` would: that takes as long as all else here."""
    job, made = standing.job, standing.made
    return {
        "job_id": job["id"],
        **{name: job[name] for name in AS_THEY_ARE},
        "cost_usd": float(job["cost_usd"]),
        "error": show_fault(job["error"]),
        "retry_of": job["retry_of"],
        "retried_by": job["retried_by"],
        "character_id": made.id if made else None,
        "character_name": made.name if made else None,
        **{name: show_moment(job[name]) for name in MOMENTS},
        "callback_url": job["callback_url"],
        "current_step": show_current(job, [step.name for step in standing.steps]),
        "steps": [show_step(step) for step in standing.steps],
        "tokens": {used.model: show_used(used) for used in standing.used},
        "wasted_usd": float(sum(used.wasted for used in standing.used)),
        "links": show_links(job, standing.formats, made),
    }


def show_fault(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return why a job failed, of what is known of that only what is for the caller."""
    return None if error is None else {name: error[name] for name in FAULT if name in error}


def show_step(step: StepStanding) -> dict[str, Any]:
    """Return where a step stands."""
    return {
        "name": step.name,
        "status": step.status,
        "attempts": step.attempts,
        "started_at": show_moment(step.started_at),
        "finished_at": show_moment(step.finished_at),
    }


def show_used(used: Used) -> dict[str, Any]:
    """Return what the calls to one model used."""
    return {
        "tokens": used.tokens,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cost": float(used.cost),
    }


def show_links(job: Mapping[str, Any], formats: Sequence[str], made: CharacterRef | None) -> dict[str, Any]:
    """Return where to go from a job."""
    job_id, batch_id = job["id"], job["batch_id"]
    return {
        "self": links.job(job_id),
        "result": links.result(job_id) if job["status"] == Status.COMPLETED else None,
        "logs": links.logs(job_id),
        "events": links.job_events(job_id),
        "export": links.export(job_id),
        "batch": links.batch(batch_id) if batch_id else None,
        "character": links.character(made.id) if made else None,
        "downloads": links.downloads(job_id, formats),
    }


def show_current(job: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the step that a job is at, or None before the first and after the last."""
    if job["status"] != Status.PROCESSING or job["current_step"] not in names:
        return None
    index = names.index(job["current_step"]) + 1
    return {"name": job["current_step"], "index": index, "total": len(names), "detail": job["detail"]}


def show_statistics(found: Statistics) -> dict[str, Any]:
    """Return sums over jobs."""
    models = found.by_model.values()
    return {
        **show_sums(found.all),
        "wasted_usd": sum(model["wasted"] for model in models),
        "tokens": {
            name: sum(model[field] for model in models)
            for name, field in {"total": "tokens", "prompt": "prompt_tokens", "completion": "completion_tokens"}.items()
        },
        "errors": found.errors,
        "by_kind": {name: show_sums(sums) for name, sums in found.by_kind.items()},
        "by_profile": {name: show_sums(sums) for name, sums in found.by_profile.items()},
        "by_model": found.by_model,
    }


def show_sums(sums: Sums) -> dict[str, Any]:
    """Return what some jobs come to."""
    return {
        "total": sums.total,
        "by_status": sums.by_status,
        "duration": {name: getattr(sums, name) for name in ("mean_seconds", "p50_seconds", "p95_seconds")},
        "cost_usd": sums.cost_usd,
    }
