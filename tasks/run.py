"""Runs one step of one job: claim -> work -> checkpoint -> what comes next.

claim   one transaction; of many deliveries one gets it
work    no transaction open; model calls go through the ledger
save    one transaction: fence, results, checkpoint, and with the last step the job's end and the next window
send    after the commit
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import logs
import settings
from models import db
from models.errors import StaleAttempt
from models.services import jobs
from models.services.jobs import Claim
from models.services.moves import Dispatch
from providers.base import Fault, Provider
from providers.choose import choose
from tasks import dispatch
from tasks.errors import StepFailed
from tasks.pipeline import KINDS, Step
from tasks.work import Work

log = logs.get(__name__)


@cache
def provider() -> Provider:
    """Return this process's provider, made at first use."""
    return choose(settings.load().llm)


def run_step(name: str, job_id: str, attempt: int, worker: str) -> bool:
    """Run the step ``name`` if it is there to be run; returns whether the chain is to go on to the next."""
    with db.transaction() as session:
        claim = jobs.claim_step(session, job_id, attempt, name, worker)
        outputs = jobs.step_outputs(session, job_id) if claim else {}
    if claim is None:
        log.info("nothing_to_run", step=name, job_id=job_id, attempt=attempt)
        return False
    if claim.done:
        return True
    with logs.bound(request_id=claim.request_id, job_id=job_id, attempt=attempt, step=name):
        return _run_claimed(claim, outputs)


def _run_claimed(claim: Claim, outputs: Mapping[str, Any]) -> bool:
    kind = KINDS[claim.kind]
    step = kind.steps[claim.index]
    work = Work(claim, provider(), outputs, partial(kind.progress, claim.index))
    log.info("step_started")
    try:
        result = step.work(work)
        following = db.patiently(lambda session: _save(session, step, work, result))
    except StaleAttempt:
        log.info("step_stale")
        return False
    except Exception as error:
        _fail(claim, error)
        return False
    log.info("step_done")
    dispatch.send(following)
    return True


def _save(session: Any, step: Step, work: Work, result: Any) -> list[Dispatch]:
    claim = work.claim
    following = jobs.finish_step(session, claim, progress=work.progress_at(1.0))
    output = step.save(session, work, result)
    jobs.write_checkpoint(session, claim, output)
    return following


def _fail(claim: Claim, error: Exception) -> None:
    """End the job with the error; a fault that is none of ours goes to the log whole and to the client in outline."""
    described = describe(error)
    if described["code"] == "INTERNAL":
        log.exception("step_crashed")
    else:
        log.warning("step_failed", code=described["code"], reason=described["message"])

    def end(session: Any) -> list[Dispatch]:
        jobs.write_log(session, claim, "error", described["message"], {"code": described["code"]})
        return jobs.fail_job(session, claim, described)

    dispatch.send(db.patiently(end))


def describe(error: Exception) -> dict[str, Any]:
    """Return a job's error: stable code, message for people, no trace and no secret."""
    if isinstance(error, StepFailed):
        return error.to_dict()
    if isinstance(error, Fault):
        return {"code": error.code, "message": str(error), "details": {}}
    return {
        "code": "INTERNAL",
        "message": "Something went wrong inside Cardforge; the worker's log has the details.",
        "details": {"type": type(error).__name__},
    }
