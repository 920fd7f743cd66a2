"""Jobs: list them, see one, read its log, take what it made."""

from __future__ import annotations

from typing import Any

from flask import g, jsonify

from api import intake, links
from api.clearing import clear
from api.export import MEDIA, write_export
from api.files import BINARY, OBJECT, send
from api.idempotency import Answer, answer_once
from api.json import Blueprint
from api.paging import ask_of, page_of, wanted_of
from api.results import find_made, show_made
from api.standing import show_job, show_row, show_statistics
from models import db
from models.jobs import Job
from models.services import again, artifacts, jobs, stops, sums
from models.services.clearing import Ended
from models.services.dossier import made_by, open_dossier
from models.services.listing import JobFilter, list_jobs
from models.services.moves import Dispatch
from models.services.standing import read_standing
from schemas.export import ExportQuery, ExportSchema
from schemas.jobs import (
    AcceptedJobSchema,
    ClearedSchema,
    ClearQuery,
    JobFilterQuery,
    JobListSchema,
    JobQuery,
    JobRetrySchema,
    JobSchema,
    JobSummarySchema,
    LogQuery,
    LogSchema,
    ResultSchema,
)
from schemas.statistics import StatisticsSchema
from tasks import dispatch
from tasks.pipeline import KINDS
from tasks.webhooks import why_refused

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v2/jobs", description="What becomes of each card.")


@blueprint.get("")
@blueprint.arguments(JobQuery(kinds=KINDS), location="query")
@blueprint.response(200, JobListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List jobs, newest first unless `sort` says otherwise."""
    ask = ask_of(query)
    wanted = JobFilter(**wanted_of(query))
    with db.transaction() as session:
        page = list_jobs(session, g.owner_id, wanted, ask)
        made = made_by(session, page.rows)
    rows = [show_row(job, made.get(job.id)) for job in page.rows]
    return page_of("jobs", rows, ask, page.total, page.next_cursor)


@blueprint.get("/statistics")
@blueprint.arguments(JobFilterQuery, location="query")
@blueprint.response(200, StatisticsSchema)
def read_statistics(query: dict[str, Any]) -> Any:
    """See how many jobs stand where, how long they took, and what they cost: all, by kind, by profile, by model."""
    with db.transaction() as session:
        found = sums.add_up(session, g.owner_id, JobFilter(**query))
    return show_statistics(found)


@blueprint.delete("/completed")
@blueprint.arguments(ClearQuery, location="query")
@blueprint.response(200, ClearedSchema)
def clear_completed(query: dict[str, Any]) -> Any:
    """Delete your jobs that have ended, completed or not, with their logs and files; characters and the ledger stay.

    Those in no batch, and those of batches that have ended; a batch goes with its last job. Of a batch that still runs,
    all jobs stay. Takes up to 20 seconds; `more` says whether to ask again.
    """
    return clear(g.owner_id, Ended(**query))


@blueprint.get("/<job_id>")
@blueprint.response(200, JobSchema)
def read(job_id: str) -> Any:
    """See where a job stands."""
    return jsonify(show_job(read_standing(g.owner_id, job_id)))


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


@blueprint.get("/<job_id>/export")
@blueprint.arguments(ExportQuery, location="query")
@blueprint.response(200, ExportSchema)
@blueprint.doc(responses={200: {"content": {"application/yaml": {"schema": OBJECT}, "text/csv": {"schema": BINARY}}}})
def export(query: dict[str, Any], job_id: str) -> Any:
    """Download everything about a job: request, steps, calls, log, result; as JSON, YAML or CSV.

    CSV is a timeline: one row for the job and for each step, call, line of the log and file, in the order of time.
    With `debug` also what models answered, the steps' checkpoints, and who holds the job. Prompts are not kept.
    """
    with db.transaction() as session:
        found = open_dossier(session, g.owner_id, job_id, responses=query["debug"])
        made = find_made(session, found.job) if found.made else None
    content = write_export(found, made, query["format"], debug=query["debug"])
    return send(content, f"{job_id}.{query['format']}", MEDIA[query["format"]])


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
@blueprint.arguments(JobRetrySchema(policy=why_refused), required=False)
@blueprint.response(202, AcceptedJobSchema)
def retry(body: dict[str, Any], job_id: str) -> Any:
    """Open a new job with the request of an ended one. Answers that were paid for are used again, unless `fresh`."""

    def make(session: db.Session) -> Answer:
        check = intake.check_options
        return accept(*again.retry_job(session, g.owner_id, job_id, request_id=g.request_id, check=check, **body))

    return answer_once(make)


@blueprint.delete("/<job_id>")
@blueprint.response(204)
def delete(job_id: str) -> None:
    """Delete an ended job with its log and files. Its character and its part of the ledger stay."""
    with db.transaction() as session:
        again.delete_job(session, g.owner_id, job_id)


def accept(job: Job, sent: list[Dispatch]) -> Answer:
    """Return the answer to an accepted job."""
    shown = {
        "job_id": job.id,
        "status": job.status,
        "status_url": links.job(job.id),
        "events_url": links.job_events(job.id),
        "created_at": job.created_at,
    }
    return Answer(AcceptedJobSchema().dump(shown), links.job(job.id), sent)
