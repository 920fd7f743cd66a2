"""Asking a provider through the ledger: reuse what was paid for, book what is paid, retry what may pass.

key -> stored answer? -> yes: that is the answer
                      -> no: stop wanted? provider paused? budget left?
                             -> call -> book (answer and cost in one commit) -> answer
                                     -> fault: book it -> remedy: ask otherwise, wait here, or give the slot back and
                                                          wait, or give up
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import logs
import settings
from cards.text import estimate_tokens
from models import db
from models.errors import JobCancelled
from models.ids import new_id
from models.services import calls, claims, prices
from models.services.calls import Asked, Bill, Stored
from models.services.claims import Claim
from models.services.prices import ModelFacts
from providers import base
from providers.base import Completion, Fault, Prompt, Provider, Sampling, TryLater, Usage
from tasks import budget, pause, retry
from tasks.errors import HandBack, Park, StepFailed
from tasks.heartbeat import Heart
from tasks.notes import Notes
from tasks.remedy import Course, Tried

log = logs.get(__name__)

TOLD_AT = {2, 5, 9}  # tries at which the job's log is told that a server does not answer
LEAST_JUDGED = 500  # tokens of a prompt; below that, estimates say too little


@dataclass(frozen=True)
class Asker:
    """Asks for one claimed step. ``until`` is when the step's time is up (monotonic seconds).

    ``notes``: what the step has to say, written before each question. ``known``: what is known of the models that it
    asks, as of its first question.
    """

    claim: Claim
    provider: Provider
    heart: Heart
    until: float
    notes: Notes = field(default_factory=Notes)
    known: dict[str, ModelFacts] = field(default_factory=dict, repr=False)

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
        said = self.notes.take()
        with db.autocommit() as session:
            claims.tell(session, self.claim, said)
            stored, faults = calls.find_tries(session, self.claim, key)
            course = None if stored else self._course(session, sampling, faults)
        if stored is not None:
            log.info("answer_reused", purpose=prompt.purpose, call=stored.id)
            return completion_of(stored)
        while course is not None:
            self._check()
            self._wait(pause.remaining(self.provider.name), "the provider has asked everybody to wait")
            began = time.monotonic()
            try:
                return self._call(prompt, course.sampling, key)
            except Fault as fault:
                course = self._go_on(course, fault, time.monotonic() - began)
        raise AssertionError("a course ends by raising")

    def _course(self, session: db.Session, sampling: Sampling, faults: Sequence[dict[str, Any]]) -> Course:
        """Return how to ask, after what this job has tried already; the ledger counts the tries."""
        facts = self.facts_of(session, [sampling.model, *sampling.fallback_models])
        caps = {one.model: one.output_cap for one in facts if one.output_cap}
        return Course.of(sampling, caps, [Tried.read(fault) for fault in faults])

    def facts_of(self, session: db.Session, models: Sequence[str]) -> list[ModelFacts]:
        """Return what is known of these models, as of the first time that this step wanted to know."""
        if unknown := [model for model in models if model not in self.known]:
            found = prices.known_models(session, unknown, self.provider.name)
            self.known.update({model: found.get(model, ModelFacts(model)) for model in unknown})
        return [self.known[model] for model in models]

    def _go_on(self, course: Course, fault: Fault, seconds: float) -> Course:
        """Return how to ask next after a fault, once that time has come; raise the fault if it is no use."""
        following = course.after(Tried.of(fault, seconds))
        if following is None:
            raise fault
        log.warning("call_retried", code=fault.code, kind=type(fault).__name__, model=following.sampling.model)
        if isinstance(fault, TryLater):
            seconds = self._delay(following, fault)
            if following.spent in TOLD_AT:
                self._tell(f"The model server does not answer as it should, try {following.spent}: {fault}")
            self._wait(seconds, f"{fault.code.lower().replace('_', ' ')}")
        else:
            self._tell(changed(course.sampling, following.sampling), reason=str(fault))
        return following

    def wait(self, seconds: float) -> None:
        """Wait for a moment in the slot; leaves off as `ask` does."""
        self._wait(seconds, "waiting")

    def _delay(self, course: Course, fault: TryLater) -> float:
        """Return how long to wait after a fault; a rate limit makes everybody wait."""
        dice = random.random()  # noqa: S311 - jitter, no secret
        if not isinstance(fault, base.RateLimited):
            return retry.delay(course.spent, dice, fault.retry_after)
        seconds = retry.delay(course.limited, dice, fault.retry_after, retry.PATIENT_SECONDS)
        pause.begin(self.provider.name, seconds)
        return seconds

    def _tell(self, message: str, **details: Any) -> None:
        """Write a line to the job's log, now: something was not as it was asked for, and it may take a while."""
        self.notes.line("warning", message, **details)
        self._write_notes()

    def _write_notes(self) -> None:
        if said := self.notes.take():
            with db.autocommit() as session:
                claims.tell(session, self.claim, said)

    def _wait(self, seconds: float, reason: str) -> None:
        """Wait here if it is short, and give the slot back if it is not."""
        if seconds > retry.SLOT_SECONDS:
            raise Park(seconds, reason)
        if seconds > 0:
            self._write_notes()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check()
            threading.Event().wait(min(left, 0.5))

    def _check(self) -> None:
        """Leave off between calls: cancelled, somebody else's job, a stopping worker, or no time left."""
        if self.heart.is_cancelled(self.claim.job_id):
            raise JobCancelled(f"{self.claim.job_id} is to be cancelled.")
        if self._is_lost():
            raise claims.over(self.claim)
        if self.heart.is_draining():
            raise HandBack
        if time.monotonic() >= self.until:
            raise StepFailed("STEP_TIMEOUT", f"The step ran for longer than {settings.engine().step:.0f} s.")

    def _is_to_stop(self) -> bool:
        """Say whether a call that is under way is to be cut off; a stopping worker lets it go on for a while."""
        if self.heart.is_cancelled(self.claim.job_id) or self._is_lost():
            return True
        # How long is read from the environment only then: each call in flight is asked this four times a second.
        return self.heart.is_draining() and self.heart.is_draining(settings.engine().drain)

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
        began = time.monotonic()
        left = max(1.0, self.until - began)
        try:
            completion = self.provider.complete(prompt, sampling, cancelled=self._is_to_stop, deadline=left)
        except Fault as fault:
            self._book_fault(asked, fault, time.monotonic() - began)  # first, as below
            self._book_refusals(asked, fault.refusals)
            if isinstance(fault, base.Cancelled):
                self._check()
            raise
        self._book_answer(asked, completion)  # first: booking frees what is set aside, which may be this call's cost
        self._book_refusals(asked, completion.refusals)
        if not self.provider.whole and (told := cut_short(prompt, completion)) is not None:
            log.warning("prompt_cut", provider=self.provider.name, model=completion.model)
            self._tell(told)
        return completion

    def _reserve(self, prompt: Prompt, sampling: Sampling) -> None:
        """Set aside what the call may cost; wait while other calls hold what it needs."""
        for look in itertools.count():
            seconds = budget.reserve(self.claim, self.provider.name, prompt, sampling, look)
            if seconds is None:
                return
            self._wait(seconds, "other calls hold what is left of the budget")

    def _book_refusals(self, asked: Asked, refusals: Sequence[str]) -> None:
        """Book the forms of the question that the server did not take: calls too, though they cost nothing."""
        for refusal in refusals:
            row = replace(asked, id=new_id("call"))
            error = {"code": base.BadRequest.code, "message": refusal, "kind": "Refusal"}
            db.patiently(partial(calls.record_fault, claim=self.claim, asked=row, bill=Bill(), error=error), alone=True)

    def _book_fault(self, asked: Asked, fault: Fault, seconds: float) -> None:
        bill = Bill(**vars(fault.usage)) if fault.usage else Bill()
        error = {"code": fault.code, "message": str(fault), **Tried.of(fault, seconds).to_dict()}
        db.patiently(lambda session: calls.record_fault(session, self.claim, asked, bill, error), alone=True)

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
            ),
            alone=True,
        )


def completion_of(stored: Stored) -> Completion:
    """Return an answer of the ledger as it came, but for its usage: it is paid for."""
    return Completion(
        text=stored.response,
        model=stored.model,
        finish_reason=stored.finish_reason or "stop",
        usage=Usage(),
        response_id=stored.response_id,
    )


def question_key(step: str, prompt: Prompt, sampling: Sampling, index: int) -> str:
    """Return the key of a question: the same for the same question, whichever attempt asks it.

    One that has a ``name`` is the same however it is worded, and whoever is asked.
    """
    if prompt.name:
        return f"{step}:{prompt.purpose}:{index}:{prompt.name}"
    asked = {
        "messages": [dict(message) for message in prompt.messages],
        "schema": prompt.schema,
        "sampling": vars(sampling),
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"{step}:{prompt.purpose}:{index}:{digest[:32]}"


def changed(before: Sampling, after: Sampling) -> str:
    """Return in words what is asked otherwise this time."""
    if before.model != after.model:
        return f"{before.model} cannot answer; {after.model} is asked instead."
    if before.max_tokens < after.max_tokens:
        effort = "" if before.reasoning_effort == after.reasoning_effort else ", and to think less"
        return f"The answer was cut off; asked again with {after.max_tokens} tokens{effort}."
    if before.max_tokens > after.max_tokens:
        return f"The account can pay for {after.max_tokens} tokens of answer; asked again with so many."
    return "The model refused; asked once more."


def cut_short(prompt: Prompt, completion: Completion) -> str | None:
    """Return a warning if the server has read less than half of the prompt: some cut it to their context in silence."""
    expected = sum(estimate_tokens(message["content"]) for message in prompt.messages)
    read = completion.usage.prompt_tokens + completion.usage.cached_tokens
    if not 0 < read < expected / 2 or expected < LEAST_JUDGED:
        return None
    return (
        f"The server read {read} tokens of a prompt of about {expected}: it has cut the source short. Give its model a "
        "larger context (with Ollama: num_ctx), or set context_tokens to what it has."
    )
