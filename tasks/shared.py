"""Asking what other jobs of the batch ask as well: one of them does, and all get its answer.

answer in the ledger of the batch? -> yes: that is the answer
                                   -> no: take the question -> mine: ask
                                                            -> another job's: wait, look again
"""

from __future__ import annotations

import logs
from models import db
from models.services import shared
from providers.base import Completion, Prompt, Sampling
from tasks.ask import Asker, completion_of, question_key

LOOK_SECONDS = 0.5

log = logs.get(__name__)


def ask_shared(asker: Asker, prompt: Prompt, sampling: Sampling, index: int = 0) -> Completion:
    """Return the answer to ``prompt`` that the batch has, or get it; without a batch it is asked like any other.

    The prompt has to be the same for all that share it. Raises what `Asker.ask` raises.
    """
    batch_id = asker.claim.batch_id
    if batch_id is None:
        return asker.ask(prompt, sampling, index)
    key = question_key(asker.claim.step, prompt, sampling, index)
    while True:
        with db.transaction() as session:
            stored = shared.find_answer(session, batch_id, key)
            mine = stored is None and shared.take(session, batch_id, key, asker.claim.job_id)
            if mine and (stored := shared.find_answer(session, batch_id, key)) is not None:  # it came in between
                shared.leave(session, batch_id, key, asker.claim.job_id)
        if stored is not None:
            log.info("answer_shared", purpose=prompt.purpose, call=stored.id)
            return completion_of(stored)
        if mine:
            return _ask(asker, prompt, sampling, index, batch_id, key)
        asker.wait(LOOK_SECONDS)


def _ask(asker: Asker, prompt: Prompt, sampling: Sampling, index: int, batch_id: str, key: str) -> Completion:
    try:
        return asker.ask(prompt, sampling, index)
    finally:
        with db.transaction() as session:
            shared.leave(session, batch_id, key, asker.claim.job_id)
