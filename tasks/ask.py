"""Asking a provider through the ledger: reuse what was paid for, book what is paid, retry what may pass.

key -> stored answer? -> yes: that is the answer
                      -> no: stop wanted? provider paused? budget left?
                             -> call -> book (answer and cost in one commit) -> answer
                                     -> fault: book it -> wait here, or give the slot back and wait, or give up
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import logs
import settings
from models import db
from models.errors import JobCancelled, StaleAttempt
from models.ids import new_id
from models.services import calls
from models.services.calls import Asked, Bill
from models.services.claims import Claim
from providers import base
from providers.base import Completion, Fault, Prompt, Provider, Sampling, TryLater, Usage
from tasks import budget, pause, retry
from tasks.errors import HandBack, Park, StepFailed
from tasks.heartbeat import Heart

log = logs.get(__name__)


@dataclass(frozen=True)
class Asker:
    """Asks for one claimed step. ``until`` is when the step's time is up (monotonic seconds)."""

    claim: Claim
    provider: Provider
    heart: Heart
    until: float

    @classmethod
    def of(cls, claim: Claim, provider: Provider, heart: Heart) -> Asker:
        """Return an asker whose step begins now."""
        return cls(claim, provider, heart, time.monotonic() + settings.engine().step)

    def ask(self, prompt: Prompt, sampling: Sampling, index: int = 0) -> Completion:
        """Return the answer to ``prompt``, stored in the ledger before it is used.

        ``index`` tells questions of one purpose apart. Raises the `Fault` that it ended in; `StepFailed` when budget
        or time is up; `Park`, `HandBack` or `JobCancelled` when the step has to leave off.
        """
        key = question_key(self.claim.step, prompt, sampling, index)
        with db.transaction() as session:
            stored = calls.find_answer(session, self.claim.root_id, key)
            tried = 0 if stored else calls.count_faults(session, self.claim.job_id, key)
        if stored is not None:
            log.info("answer_reused", purpose=prompt.purpose, call=stored.id)
            return Completion(
                text=stored.response or "",
                model=stored.model,
                finish_reason=stored.finish_reason or "stop",
                usage=Usage(),
                response_id=stored.response_id,
            )
        while True:
            self._check()
            self._wait(pause.remaining(self.provider.name), "the provider has asked everybody to wait")
            try:
                return self._call(prompt, sampling, key)
            except TryLater as fault:
                tried += 1
                self._wait(self._delay(fault, tried), f"{fault.code.lower().replace('_', ' ')}, try {tried}")

    def wait(self, seconds: float) -> None:
        """Wait for a moment in the slot; leaves off as `ask` does."""
        self._wait(seconds, "waiting")

    def _delay(self, fault: TryLater, tried: int) -> float:
        """Return how long to wait after a fault, or raise it when it has been tried often enough."""
        limited = isinstance(fault, base.RateLimited)
        if tried >= (retry.PATIENT_TRIES if limited else retry.TRIES):
            raise fault
        seconds = retry.delay(tried, random.random(), fault.retry_after)  # noqa: S311 - jitter, no secret
        if limited:
            pause.begin(self.provider.name, seconds)
        log.warning("call_retried", code=fault.code, tried=tried, seconds=round(seconds, 2))
        return seconds

    def _wait(self, seconds: float, reason: str) -> None:
        """Wait here if it is short, and give the slot back if it is not."""
        if seconds > retry.SLOT_SECONDS:
            raise Park(seconds, reason)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check()
            threading.Event().wait(min(left, 0.5))

    def _check(self) -> None:
        """Leave off between calls: cancelled, somebody else's job, a stopping worker, or no time left."""
        if self.heart.is_cancelled(self.claim.job_id):
            raise JobCancelled(f"{self.claim.job_id} is to be cancelled.")
        if self._is_lost():
            raise StaleAttempt(f"Attempt {self.claim.attempt} of {self.claim.job_id} is over.")
        if self.heart.is_draining():
            raise HandBack
        if time.monotonic() >= self.until:
            raise StepFailed("STEP_TIMEOUT", f"The step ran for longer than {settings.engine().step:.0f} s.")

    def _is_to_stop(self) -> bool:
        """Say whether a call that is under way is to be cut off; a stopping worker lets it go on for a while."""
        stopped = self.heart.is_cancelled(self.claim.job_id) or self._is_lost()
        return stopped or self.heart.is_draining(settings.engine().drain)

    def _is_lost(self) -> bool:
        return self.heart.is_lost(self.claim.job_id, self.claim.attempt, self.claim.step)

    def _call(self, prompt: Prompt, sampling: Sampling, key: str) -> Completion:
        self._reserve(prompt, sampling)
        asked = Asked(
            id=new_id("call"),
            key=key,
            purpose=prompt.purpose,
            provider=self.provider.name,
            model=sampling.model,
            started_at=datetime.now(UTC),
            asked_model=sampling.model,
        )
        left = max(1.0, self.until - time.monotonic())
        try:
            completion = self.provider.complete(prompt, sampling, cancelled=self._is_to_stop, deadline=left)
        except Fault as fault:
            self._book_fault(asked, fault)
            if isinstance(fault, base.Cancelled):
                self._check()
            raise
        self._book_answer(asked, completion)
        return completion

    def _reserve(self, prompt: Prompt, sampling: Sampling) -> None:
        """Set aside what the call may cost; wait while other calls hold what it needs."""
        for look in itertools.count():
            seconds = budget.reserve(self.claim, self.provider.name, prompt, sampling, look)
            if seconds is None:
                return
            self._wait(seconds, "other calls hold what is left of the budget")

    def _book_fault(self, asked: Asked, fault: Fault) -> None:
        bill = Bill(**vars(fault.usage)) if fault.usage else Bill()
        error = {"code": fault.code, "message": str(fault)}
        db.patiently(lambda session: calls.record_fault(session, self.claim, asked, bill, error))

    def _book_answer(self, asked: Asked, completion: Completion) -> None:
        """Book what is paid for. If the database is away, wait for it with the answer in hand."""
        answered = Asked(**(vars(asked) | {"model": completion.model or asked.model}))
        bill = Bill(**vars(completion.usage))
        db.patiently(
            lambda session: calls.record_answer(
                session,
                self.claim,
                answered,
                bill,
                response=completion.text,
                finish_reason=completion.finish_reason,
                response_id=completion.response_id,
            )
        )


def question_key(step: str, prompt: Prompt, sampling: Sampling, index: int) -> str:
    """Return the key of a question: the same for the same question, whichever attempt asks it."""
    asked = {
        "messages": [dict(message) for message in prompt.messages],
        "schema": prompt.schema,
        "sampling": vars(sampling),
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"{step}:{prompt.purpose}:{index}:{digest[:32]}"
