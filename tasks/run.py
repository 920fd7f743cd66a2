"""Runs one step of one job: claim -> work -> checkpoint -> what comes next.

claim   one transaction, for which it waits while the database is away; of many deliveries one gets it
work    no transaction open; model calls go through the ledger
save    one transaction: fence, results, checkpoint, and with the last step the job's end and the next window
send    after the commit
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import logs
import settings
from models import db
from models.errors import JobCancelled, StaleAttempt
from models.services import claims, repair
from models.services.claims import NOTHING, Claim, Said
from models.services.moves import Dispatch
from providers.base import BadOutput, Fault, Provider
from providers.choose import choose
from tasks import dispatch
from tasks.ask import Asker
from tasks.errors import HandBack, Park, StepFailed
from tasks.heartbeat import Heart
from tasks.pipeline import KINDS, Step
from tasks.work import Work

log = logs.get(__name__)


@cache
def provider() -> Provider:
    """Return this process's provider, made at first use."""
    return choose(settings.load().llm)


def run_step(name: str, job_id: str, attempt: int, heart: Heart) -> bool:
    """Run the step ``name`` if it is there to be run; returns whether the chain is to go on to the next."""
    # Patiently, for a message whose claim has failed is lost, and the job waits until upkeep notices.
    claim = db.patiently(lambda session: claims.claim_step(session, job_id, attempt, name, heart.id))
    if claim is None:
        log.info("nothing_to_run", step=name, job_id=job_id, attempt=attempt)
        return False
    if claim.done:
        return True
    with (
        logs.bound(request_id=claim.request_id, job_id=job_id, attempt=attempt, step=name),
        heart.holding(job_id, attempt, name),
    ):
        return _run_claimed(claim, heart)


def _run_claimed(claim: Claim, heart: Heart) -> bool:
    kind = KINDS[claim.kind]
    step = kind.steps[claim.index]
    work = Work(claim, Asker.of(claim, provider(), heart), partial(kind.progress, claim.index))
    log.info("step_started")
    try:
        result = step.work(work)
        following = db.patiently(lambda session: _save(session, step, work, result))
    except StaleAttempt:
        log.info("step_stale")
        return False
    except Exception as error:
        dispatch.send(db.patiently(leave_off(claim, error, work.asker.notes.said)))
        return False
    log.info("step_done")
    dispatch.send(following)
    if claim.attempt >= settings.engine().max_attempts:
        _send_suspects()
    return True


def _send_suspects() -> None:
    """Let other suspects go on now that this one is through; what fails here, upkeep does ten seconds later."""
    try:
        with db.transaction() as session:
            found = repair.find_suspects(session)
    except db.Trouble as error:
        log.warning("suspects_not_sent", reason=type(error).__name__)
        return
    dispatch.send(found)


def _save(session: db.Session, step: Step, work: Work, result: Any) -> list[Dispatch]:
    claim = work.claim
    following = claims.finish_step(session, claim, progress=work.progress_at(1.0), said=work.asker.notes.said)
    output = step.save(session, work, result)
    claims.write_checkpoint(session, claim, output)
    return following


def leave_off(claim: Claim, error: Exception, said: Said = NOTHING) -> Callable[[db.Session], list[Dispatch]]:
    """Return the transaction that a step leaves off with: given back, parked, cancelled, or the job's end."""
    match error:
        case HandBack():
            log.info("step_handed_back")
            return lambda session: claims.let_go(session, claim, said=said)
        case Park():
            log.info("step_parked", seconds=round(error.seconds, 1), reason=str(error))
            detail = f"waiting: {error}"
            return lambda session: claims.let_go(session, claim, seconds=error.seconds, detail=detail, said=said)
        case db.Trouble() if db.is_away(error):
            log.warning("step_handed_back", reason=type(error).__name__)
            return lambda session: claims.let_go(session, claim, said=said)
        case JobCancelled():
            log.info("step_cancelled")
            return lambda session: claims.end_cancelled(session, claim, said)
    described = _describe(error)
    return lambda session: claims.fail_job(session, claim, described, said)


def _describe(error: Exception) -> dict[str, Any]:
    """Return a job's error: stable code, message for people, no trace and no secret. The trace goes to the log."""
    if isinstance(error, StepFailed):
        described = error.to_dict()
    elif isinstance(error, BadOutput):
        message = f"{error} Retry the job, which asks anew, or use another model."
        described = {"code": error.code, "message": message, "details": {"questions": list(error.questions)}}
    elif isinstance(error, Fault):
        described = {"code": error.code, "message": str(error), "details": {}}
    else:
        log.exception("step_crashed", exc_info=error)
        return {
            "code": "INTERNAL",
            "message": "Something went wrong inside Cardforge; the worker's log has the details.",
            "details": {"type": type(error).__name__},
        }
    log.warning("step_failed", code=described["code"], reason=described["message"])
    return described
