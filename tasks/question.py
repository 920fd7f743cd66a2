"""One question until its answer has the shape that was asked for: ask -> read -> ask again with what was wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from providers.base import BadOutput, Completion, Prompt, Sampling
from providers.ladder import AUTO, LOWER
from tasks import prompts, replies

if TYPE_CHECKING:
    from tasks.work import Work

MOST_ASKS = 10  # of one question; the option `reasks` stays below it
QUOTED = 8000  # characters of a wrong answer that are shown to the model again


@dataclass(frozen=True)
class Answer:
    """What a question was answered with: the object of its schema, and the completion and prompt it came from."""

    value: dict[str, Any]
    completion: Completion
    prompt: Prompt


def put(work: Work, prompt: Prompt, sampling: Sampling, index: int = 0, *, shared: bool = False) -> Answer:
    """Return the answer to ``prompt``. ``index`` tells questions of one purpose apart; ``shared``: see `Work.ask`.

    An answer of the wrong shape is shown to the model with what is wrong with it, as often as the option ``reasks``
    says, from the second time on by one rung lower of the ladder; then `BadOutput` says what the last one lacked.
    """
    asked, way = prompt, sampling
    keys: list[str] = []
    for again in range(int(work.option("reasks") or 0) + 1):
        if again > 1 and sampling.structured_output == AUTO:
            way = replace(sampling, structured_output=LOWER)
        # Each time under a key of its own: the ledger would answer the same words with the same wrong answer.
        completion = work.ask(asked, way, index * MOST_ASKS + again, shared=shared)
        keys.append(work.key_of(asked, way, index * MOST_ASKS + again, shared=shared))
        try:
            value = replies.read_reply(completion.text, prompt.schema, completion.finish_reason)
            return Answer(value, completion, prompt)
        except BadOutput as fault:
            last = fault
            work.log("warning", "The answer had the wrong shape.", purpose=prompt.purpose, reason=str(fault))
        asked = _asked_again(work, prompt, completion, last)
    last.questions = tuple(keys)
    raise last


def _asked_again(work: Work, prompt: Prompt, completion: Completion, fault: BadOutput) -> Prompt:
    """Return the question with the wrong answer behind it; each time with the first prompt, not with all of them."""
    wrong = prompts.fill(work.claim.prompts, "ask_again", {"problems": str(fault)})
    told = (
        {"role": "assistant", "content": completion.text[:QUOTED] or "(empty)"},
        {"role": "user", "content": wrong},
    )
    return replace(prompt, messages=(*prompt.messages, *told))
