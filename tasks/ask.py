"""Asking a provider through the ledger: reuse what was paid for, book what is paid, retry what may pass.

key -> stored answer? -> yes: that is the answer
                      -> no: budget left? -> call -> book (answer and cost in one commit) -> answer
                                                  -> fault: book it -> wait and try again, or give up
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
from datetime import UTC, datetime

import logs
from models import db
from models.services import calls
from models.services.calls import Asked, Bill
from models.services.jobs import Claim
from providers.base import Completion, Fault, Prompt, Provider, Sampling, TryLater, Usage
from tasks import retry
from tasks.errors import StepFailed

log = logs.get(__name__)


def ask(claim: Claim, provider: Provider, prompt: Prompt, sampling: Sampling, index: int = 0) -> Completion:
    """Return the answer to ``prompt``, stored in the ledger before it is used.

    ``index`` tells questions of one purpose apart. Raises the `Fault` that it ended in, or `StepFailed` when the
    batch's budget is used up.
    """
    key = question_key(claim.step, prompt, sampling, index)
    with db.transaction() as session:
        stored = calls.find_answer(session, claim.root_id, key)
    if stored is not None:
        log.info("answer_reused", purpose=prompt.purpose, call=stored.id)
        return Completion(
            text=stored.response or "",
            model=stored.model,
            finish_reason=stored.finish_reason or "stop",
            usage=Usage(),
            response_id=stored.response_id,
        )
    for tried in range(1, retry.TRIES + 1):
        try:
            return _call(claim, provider, prompt, sampling, key)
        except TryLater as fault:
            if tried == retry.TRIES:
                raise
            seconds = retry.delay(tried, random.random(), fault.retry_after)  # noqa: S311 - jitter, no secret
            log.warning("call_retried", code=fault.code, tried=tried, seconds=round(seconds, 2))
            threading.Event().wait(seconds)
    raise AssertionError("the last try returns or raises")


def question_key(step: str, prompt: Prompt, sampling: Sampling, index: int) -> str:
    """Return the key of a question: the same for the same question, whichever attempt asks it."""
    asked = {
        "messages": [dict(message) for message in prompt.messages],
        "schema": prompt.schema,
        "sampling": vars(sampling),
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"{step}:{prompt.purpose}:{index}:{digest[:32]}"


def _call(claim: Claim, provider: Provider, prompt: Prompt, sampling: Sampling, key: str) -> Completion:
    _check_budget(claim)
    asked = Asked(key, prompt.purpose, provider.name, sampling.model, datetime.now(UTC))
    try:
        completion = provider.complete(prompt, sampling)
    except Fault as fault:
        bill = Bill(**vars(fault.usage)) if fault.usage else Bill()
        error = {"code": fault.code, "message": str(fault)}
        db.patiently(lambda session: calls.record_fault(session, claim, asked, bill, error))
        raise
    answered_by = Asked(key, prompt.purpose, provider.name, completion.model or sampling.model, asked.started_at)
    # The answer is paid for: if the database is away, wait for it with the answer in hand.
    db.patiently(
        lambda session: calls.record_answer(
            session,
            claim,
            answered_by,
            Bill(**vars(completion.usage)),
            response=completion.text,
            finish_reason=completion.finish_reason,
            response_id=completion.response_id,
        )
    )
    return completion


def _check_budget(claim: Claim) -> None:
    if claim.batch_id is None:
        return
    with db.transaction() as session:
        left = calls.money_left(session, claim.batch_id)
    if left is not None and left <= 0:
        raise StepFailed("BUDGET_EXCEEDED", "The batch has spent its max_cost_usd; no further call is made.")
