"""What every model server looks like from inside: a prompt goes in, a completion or a fault comes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Protocol

ZERO = Decimal(0)


@dataclass(frozen=True)
class Prompt:
    """One question to a writer, and the shape of the answer.

    ``purpose`` names the question (``write_card``, ``write_entries``, ``repair_field``); ``messages`` are chat
    messages (``role``, ``content``); ``schema`` is the JSON Schema of the reply; ``inputs`` are the values the
    messages were rendered from, for providers that are no language models and read those instead. ``name`` is what the
    ledger knows a question by that is one and the same however it is worded; "": by what is asked, and how.
    """

    purpose: str
    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def sha256(self) -> str:
        """The digest (hex) of what is asked: the messages and the shape of the answer."""
        asked = json.dumps([[dict(message) for message in self.messages], self.schema], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True)
class Sampling:
    """How to ask: model id, and the sampling settings to send (None or empty: not sent, the server decides).

    ``structured_output`` is a rung of the ladder (see `providers.ladder`), or "auto", or "lower" for one rung below
    what auto would take; ``routing`` is OpenRouter's ``provider`` object, sent only there.
    """

    model: str
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    top_a: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    fallback_models: tuple[str, ...] = ()
    structured_output: str = "auto"
    stream: bool = True
    routing: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """What a call used. Tokens as the server counted them; ``cost_usd`` with where it came from in ``cost_basis``.

    ``cost_basis``: ``provider`` (the server said so), ``local`` (a server that charges nothing), ``unknown``
    (no usage came back; the cost is not zero but not known).
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = ZERO
    cost_basis: str = "unknown"


@dataclass(frozen=True)
class Completion:
    """A whole answer: its text, who answered, why it stopped (``stop``, ...), what it used.

    ``text`` is that of the JSON object that was asked for, whichever ``rung`` of the ladder it was asked for on.
    ``refusals`` are what the server said to each form of the question that it did not take before this one.
    """

    text: str
    model: str
    finish_reason: str
    usage: Usage
    response_id: str = ""
    rung: str = ""
    refusals: tuple[str, ...] = ()


class Fault(Exception):
    """A call that gave no usable answer. ``code`` is one of the stable codes of a job's error.

    The message ends with the ``remedy``: what whoever reads it can do. ``usage`` is what the failed call cost all the
    same, where the server said so; ``refusals`` are as in `Completion`.
    """

    code: ClassVar[str] = "INTERNAL"
    remedy: ClassVar[str] = ""
    refusals: tuple[str, ...] = ()

    def __init__(self, message: str, *, usage: Usage | None = None) -> None:
        super().__init__(f"{message} {self.remedy}".strip())
        self.usage = usage


class TryLater(Fault):
    """The same call may succeed later. ``retry_after`` is in seconds where the server asked for a wait."""

    def __init__(self, message: str, *, usage: Usage | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, usage=usage)
        self.retry_after = retry_after


class RateLimited(TryLater):
    """The server counts requests or tokens and has had enough of ours for now."""

    code = "PROVIDER_RATE_LIMITED"
    remedy = "Retry the job later, or lower max_concurrent."


class Unavailable(TryLater):
    """The server or its upstream is down, overloaded, or broke off in the middle."""

    code = "PROVIDER_UNAVAILABLE"
    remedy = "Retry the job when the server is well again, or set fallback_models."


class EmptyAnswer(Unavailable):
    """The server answered with nothing: its model was still being loaded, or its upstream failed without a word."""


class TimedOut(TryLater):
    """No answer within the deadline."""

    code = "PROVIDER_TIMEOUT"
    remedy = "Retry the job later, use a faster model, or ask for less text."


class GiveUp(Fault):
    """The same call would fail again: somebody has to change something first.

    ``of_model``: another model may well answer it.
    """

    of_model: ClassVar[bool] = False


class AuthRefused(GiveUp):
    """The key is missing, wrong or disabled."""

    code = "PROVIDER_AUTH"
    remedy = "Check the server's API key (OPENROUTER_API_KEY or LLM_API_KEY)."


class RegionRefused(AuthRefused):
    """The server does not serve this place."""

    remedy = "Use another provider or model, or run the workers where it is served."


class OutOfCredits(GiveUp):
    """The account cannot pay for the call."""

    code = "PROVIDER_CREDITS"
    remedy = "Add credits to the account, then retry the job."


class KeyLimitReached(OutOfCredits):
    """The account has money, but its key may spend no more of it."""

    remedy = "Raise the limit of the API key, or wait until it starts anew, then retry the job."


class Unaffordable(OutOfCredits):
    """The account cannot pay for as long an answer as the cap allows: ask for ``affordable`` tokens, or add credits."""

    remedy = "Add credits to the account or lower max_tokens, then retry the job."

    def __init__(self, message: str, *, affordable: int, usage: Usage | None = None) -> None:
        super().__init__(message, usage=usage)
        self.affordable = affordable


class Filtered(GiveUp):
    """The server's content filter refused the prompt or the answer."""

    code = "CONTENT_FILTERED"
    of_model = True
    remedy = "Change what the source or the instructions ask for, or use another model."


class Guarded(Filtered):
    """A guardrail that the account's owner has set up refused the prompt."""

    remedy = "Change the source, or the guardrail in the account's settings."


class Refused(Filtered):
    """The model itself wrote that it will not answer. Asked again it may, once."""


class NotServed(GiveUp):
    """Nobody serves this request at present, and the server says that asking again will not change that."""

    code = "PROVIDER_UNAVAILABLE"
    of_model = True
    remedy = "Use another model, or fewer demands on the provider (provider_order, data_collection)."


class BadRequest(GiveUp):
    """The server does not accept the request. ``about`` is all that it said about it, in lower case."""

    code = "PROVIDER_BAD_OUTPUT"
    of_model = True
    remedy = "Change the option that it names, or use another model."

    def __init__(self, message: str, *, about: str = "", usage: Usage | None = None) -> None:
        super().__init__(message, usage=usage)
        self.about = about


class NoSuchModel(BadRequest):
    """The server has no such model, or no endpoint of it that this account and these options may use."""

    remedy = "Check the model's id on the server, or set fallback_models."


class ContextTooLong(BadRequest):
    """The prompt alone is longer than the model can read."""

    remedy = "Shorten the source, lower chunk_tokens, or use a model with a larger context."


class CapTooLarge(BadRequest):
    """The model cannot write as much as the cap allows: ask with ``most`` tokens.

    ``lasting``: so it is for every prompt, not only beside one as long as this.
    """

    remedy = "Lower max_tokens."

    def __init__(self, message: str, *, most: int, lasting: bool, about: str = "", usage: Usage | None = None) -> None:
        super().__init__(message, about=about, usage=usage)
        self.most = most
        self.lasting = lasting


class Cancelled(Fault):
    """The caller wants the answer no more: the connection was closed, so that servers which can stop billing do."""

    code = "CANCELLED"


class BadOutput(Fault):
    """An answer came, but not of the shape that was asked for. Asking again may help, once.

    ``questions`` are the keys of the ledger that hold such answers: a job that fails for them is not to get them again.
    """

    code = "PROVIDER_BAD_OUTPUT"
    questions: tuple[str, ...] = ()


class Truncated(Fault):
    """The answer ran into the output cap (``finish_reason: length``): ask again with a larger one, never with the same.

    ``reasoning``: the model spent the cap on thinking, so that less effort helps as well. ``cap`` is what was sent,
    ``most`` the largest that this model takes, 0 where that is not known.
    """

    code = "OUTPUT_TRUNCATED"
    remedy = "Raise max_tokens, or ask for less text."

    def __init__(
        self, message: str, *, reasoning: bool = False, cap: int = 0, most: int = 0, usage: Usage | None = None
    ) -> None:
        super().__init__(message, usage=usage)
        self.reasoning = reasoning
        self.cap = cap
        self.most = most


class Provider(Protocol):
    """A writer that can be asked.

    ``name`` goes to the ledger and may be a host of the operator's; ``label`` goes into cards, which are passed on.
    ``whole``: it reads any length of source and writes a card at one go, so that stages would tell it nothing new.
    """

    name: str
    label: str
    default_model: str
    whole: bool

    def complete(
        self,
        prompt: Prompt,
        sampling: Sampling,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        deadline: float | None = None,
    ) -> Completion:
        """Answer ``prompt`` or raise a `Fault`; `Cancelled` soon after ``cancelled`` turned true.

        ``cancelled`` is asked several times a second while waiting, from another thread: it must be cheap and must not
        block. ``deadline`` is in seconds for this call; the smaller of it and the provider's own counts.
        """
        ...
