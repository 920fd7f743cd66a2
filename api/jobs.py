"""Jobs: list them, see one, read its log, take what it made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import g

from api import links
from api.files import send
from api.idempotency import Answer, answer_once
from api.json import Blueprint
from api.paging import ask_of, page_of, wanted_of
from api.results import find_made, show_made
from models import db
from models.jobs import Job, Step
from models.services import again, artifacts, calls, jobs, stops
from models.services.listing import JobFilter, list_jobs
from models.services.moves import Dispatch
from models.states import Status
from schemas.jobs import (
    AcceptedJobSchema,
    JobListSchema,
    JobQuery,
    JobRetrySchema,
    JobSchema,
    JobSummarySchema,
    LogQuery,
    LogSchema,
    ResultSchema,
)
from tasks import dispatch

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v2/jobs", description="What becomes of each card.")


@blueprint.get("")
@blueprint.arguments(JobQuery, location="query")
@blueprint.response(200, JobListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List jobs, newest first unless `sort` says otherwise."""
    ask = ask_of(query)
    wanted = JobFilter(**wanted_of(query))
    with db.transaction() as session:
        page = list_jobs(session, g.owner_id, wanted, ask)
    return page_of("jobs", page.rows, ask, page.total, page.next_cursor)


@blueprint.get("/<job_id>")
@blueprint.response(200, JobSchema)
def read(job_id: str) -> Any:
    """See where a job stands."""
    with db.transaction() as session:
        job = jobs.find_job(session, g.owner_id, job_id)
        steps = jobs.list_steps(session, job_id)
        totals = calls.job_totals(session, job_id)
        files = artifacts.list_files(session, job_id)
    return show_job(job, steps, totals, [file.format for file in files])


@blueprint.get("/<job_id>/result")
@blueprint.response(200, ResultSchema)
def result(job_id: str) -> Any:
    """Take what a finished job made: card, lorebook, findings, usage, files.

    Card and lorebook are as they are now, edits since then included; the files are as they were written.
    """
    with db.transaction() as session:
        job = jobs.find_completed(session, g.owner_id, job_id)
        made = find_made(session, job)
    return show_made(made)


@blueprint.get("/<job_id>/logs")
@blueprint.arguments(LogQuery, location="query")
@blueprint.response(200, LogSchema)
def logs(query: dict[str, Any], job_id: str) -> Any:
    """Read a job's log, oldest line first."""
    with db.transaction() as session:
        jobs.find_job(session, g.owner_id, job_id)
        lines = jobs.list_logs(session, job_id, **query)
    return {"logs": lines, "next_after": lines[-1]["id"] if lines else query["after"]}


@blueprint.get("/<job_id>/download/<format_name>")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
def download(job_id: str, format_name: str) -> Any:
    """Download one file of a finished job."""
    with db.transaction() as session:
        jobs.find_completed(session, g.owner_id, job_id)
        file = artifacts.find_file(session, job_id, format_name)
    return send(file.content, file.filename, file.media_type, sha256=file.sha256)


@blueprint.post("/<job_id>/cancel")
@blueprint.response(202, JobSummarySchema)
def cancel(job_id: str) -> Any:
    """Cancel a job: at once while it is queued, within two seconds while it runs. What was paid stays booked."""
    with db.transaction() as session:
        job, sent = stops.cancel_job(session, g.owner_id, job_id)
    dispatch.send(sent, dispatch.QUICK)
    return job


@blueprint.post("/<job_id>/retry")
@blueprint.arguments(JobRetrySchema, required=False)
@blueprint.response(202, AcceptedJobSchema)
def retry(body: dict[str, Any], job_id: str) -> Any:
    """Open a new job with the request of an ended one. Answers that were paid for are used again, unless `fresh`."""

    def make(session: db.Session) -> Answer:
        return accept(*again.retry_job(session, g.owner_id, job_id, request_id=g.request_id, **body))

    return answer_once(make)


@blueprint.delete("/<job_id>")
@blueprint.response(204)
def delete(job_id: str) -> None:
    """Delete an ended job with its log and files. Its character and its part of the ledger stay."""
    with db.transaction() as session:
        again.delete_job(session, g.owner_id, job_id)


def accept(job: Job, sent: list[Dispatch]) -> Answer:
    """Return the answer to an accepted job."""
    shown = {"job_id": job.id, "status": job.status, "status_url": links.job(job.id), "created_at": job.created_at}
    return Answer(AcceptedJobSchema().dump(shown), links.job(job.id), sent)


def show_job(job: Job, steps: Sequence[Step], totals: calls.Totals, formats: Sequence[str]) -> dict[str, Any]:
    """Return a job in full."""
    names = [step.name for step in steps]
    done = job.status == Status.COMPLETED
    return {
        **{column.key: getattr(job, column.key) for column in Job.__table__.columns if column.key != "request"},
        "current_step": show_current(job, names),
        "steps": steps,
        "tokens": totals.by_model,
        "wasted_usd": totals.wasted_usd,
        "links": {
            "self": links.job(job.id),
            "result": links.result(job.id) if done else None,
            "logs": links.logs(job.id),
            "batch": links.batch(job.batch_id) if job.batch_id else None,
            "downloads": links.downloads(job.id, formats),
        },
    }


def show_current(job: Job, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the step that a job is at, or None before the first and after the last."""
    if job.status != Status.PROCESSING or job.current_step not in names:
        return None
    index = names.index(job.current_step) + 1
    return {"name": job.current_step, "index": index, "total": len(names), "detail": job.detail}
