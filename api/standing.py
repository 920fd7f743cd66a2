"""Where jobs stand, one and all of them, for the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api import links
from models.jobs import Job, Step
from models.services.calls import Totals
from models.services.dossier import CharacterRef
from models.services.sums import Statistics, Sums
from models.states import Status


def show_row(job: Job, made: CharacterRef | None) -> dict[str, Any]:
    """Return a job's own facts, and what it made."""
    own = {column.key: getattr(job, column.key) for column in Job.__table__.columns if column.key != "request"}
    return {**own, "character_id": made.id if made else None, "character_name": made.name if made else None}


def show_job(
    job: Job, steps: Sequence[Step], totals: Totals, formats: Sequence[str], made: CharacterRef | None
) -> dict[str, Any]:
    """Return a job in full."""
    names = [step.name for step in steps]
    done = job.status == Status.COMPLETED
    return {
        **show_row(job, made),
        "current_step": show_current(job, names),
        "steps": steps,
        "tokens": totals.by_model,
        "wasted_usd": totals.wasted_usd,
        "links": {
            "self": links.job(job.id),
            "result": links.result(job.id) if done else None,
            "logs": links.logs(job.id),
            "events": links.job_events(job.id),
            "export": links.export(job.id),
            "batch": links.batch(job.batch_id) if job.batch_id else None,
            "character": links.character(made.id) if made else None,
            "downloads": links.downloads(job.id, formats),
        },
    }


def show_current(job: Job, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the step that a job is at, or None before the first and after the last."""
    if job.status != Status.PROCESSING or job.current_step not in names:
        return None
    index = names.index(job.current_step) + 1
    return {"name": job.current_step, "index": index, "total": len(names), "detail": job.detail}


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
