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

    ``purpose`` names the question (``write_card``, ``write_entries``, ``repair_card``); ``messages`` are chat
    messages (``role``, ``content``); ``schema`` is the JSON Schema of the reply; ``inputs`` are the values the
    messages were rendered from, for providers that are no language models and read those instead.
    """

    purpose: str
    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The digest (hex) of what is asked: the messages and the shape of the answer."""
        asked = json.dumps([[dict(message) for message in self.messages], self.schema], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True)
class Sampling:
    """How to ask: model id, and the sampling settings to send (None or empty: not sent, the server decides).

    ``structured_output`` is a rung of the ladder (see `providers.ladder`) or "auto"; ``routing`` is OpenRouter's
    ``provider`` object, sent only there.
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
    """A whole answer: its text, who answered, why it stopped (``stop``, ``length``, ...), what it used."""

    text: str
    model: str
    finish_reason: str
    usage: Usage
    response_id: str = ""


class Fault(Exception):
    """A call that gave no usable answer. ``code`` is one of the stable codes of a job's error.

    ``usage`` is what the failed call cost all the same, where the server said so.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage


class TryLater(Fault):
    """The same call may succeed later. ``retry_after`` is in seconds where the server asked for a wait."""

    def __init__(self, message: str, *, usage: Usage | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, usage=usage)
        self.retry_after = retry_after


class RateLimited(TryLater):
    """The server counts requests or tokens and has had enough of ours for now."""

    code = "PROVIDER_RATE_LIMITED"


class Unavailable(TryLater):
    """The server or its upstream is down, overloaded, or broke off in the middle."""

    code = "PROVIDER_UNAVAILABLE"


class TimedOut(TryLater):
    """No answer within the deadline."""

    code = "PROVIDER_TIMEOUT"


class GiveUp(Fault):
    """The same call would fail again: somebody has to change something first."""


class AuthRefused(GiveUp):
    """The key is missing, wrong or disabled."""

    code = "PROVIDER_AUTH"


class OutOfCredits(GiveUp):
    """The account cannot pay for the call."""

    code = "PROVIDER_CREDITS"


class Filtered(GiveUp):
    """The server's content filter refused the prompt or the answer."""

    code = "CONTENT_FILTERED"


class BadRequest(GiveUp):
    """The server does not accept the request: unknown model, context too long, bad parameter."""

    code = "PROVIDER_BAD_OUTPUT"


class Cancelled(Fault):
    """The caller wants the answer no more: the connection was closed, so that servers which can stop billing do."""

    code = "CANCELLED"


class BadOutput(Fault):
    """An answer came, but not of the shape that was asked for. Asking again may help, once."""

    code = "PROVIDER_BAD_OUTPUT"


class Truncated(Fault):
    """The answer ran into the output cap (``finish_reason: length``): ask again with a larger one."""

    code = "OUTPUT_TRUNCATED"


class Provider(Protocol):
    """A writer that can be asked.

    ``name`` goes to the ledger and may be a host of the operator's; ``label`` goes into cards, which are passed on.
    """

    name: str
    label: str
    default_model: str

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
