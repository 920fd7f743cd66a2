"""Budgets: before each call, is there room for what it may cost? Nothing is paid before this says so.

fits beside what others have set aside     -> go: set it aside, ask
would fit, once others are done            -> wait, holding nothing
cannot fit, but is expected to, and alone  -> go: the last one; only this call can overrun, by its own cost at most
else                                       -> stop: the job fails before it asks

With no price known and no cost seen, what a call may cost is anything: calls under one limit go one at a time until
the first is booked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from models import db
from models.rates import dearest, read_rates
from models.services import budgets, prices
from models.services.budgets import Limit, Room
from models.services.claims import Claim
from models.services.usage import dollars
from providers.base import Prompt, Sampling
from tasks.errors import StepFailed

BYTES_A_TOKEN = 3  # at least; English has 4 to 5, scripts of three bytes a letter about 3
TOKENS_A_MESSAGE = 10  # what a chat template puts around each
SURPLUS = 2  # the bound of a prompt is less than so many times its tokens
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds between two looks for room
WAITS_IN_SLOT = 15  # looks (about twenty seconds); then the slot is given to somebody else
PARKED_SECONDS = 10.0


@dataclass(frozen=True)
class Price:
    """What one call may cost (None: nobody knows), and what it is expected to: the mean of its kind so far.

    Before there is a mean, it is what the prompt alone costs: a call is not refused on a guess.
    """

    bound: Decimal | None
    expected: Decimal


@dataclass(frozen=True)
class Verdict:
    """``go``: how much to set aside; None: wait, and look again."""

    go: Decimal | None


WAIT = Verdict(None)


def reserve(claim: Claim, provider: str, prompt: Prompt, sampling: Sampling, looks: int = 0) -> float | None:
    """Set aside what a call may cost, or say how many seconds to wait before looking again, at the ``looks``-th look.

    Raises `StepFailed` (``BUDGET_EXCEEDED``, ``QUOTA_EXCEEDED``) when a limit has no room for the call, and
    `StaleAttempt` when the claim is over.
    """
    job_usd = option(claim, "max_cost_usd")
    own = None if job_usd is None else Decimal(str(job_usd))
    with db.autocommit() as session:
        room = budgets.find_room(session, claim, own)
        _refuse_counted(claim, room)
        if not room.limits:
            return None
        price = price_of(session, provider, prompt, sampling)
    verdict = decide(room.limits, price)
    if verdict.go is not None and room.shared:
        with db.transaction() as session:
            budgets.lock_room(session, claim)
            verdict = decide(budgets.find_room(session, claim, own).limits, price)
            if verdict.go is not None:
                budgets.set_aside(session, claim, verdict.go)
    return None if verdict.go is not None else wait_of(looks)


def wait_of(looks: int) -> float:
    """Return the seconds until the next look for room."""
    return PARKED_SECONDS if looks >= WAITS_IN_SLOT else min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(looks, 10))


def option(claim: Claim, name: str) -> Any:
    """Return the value of an option: the request's, else the profile's."""
    value = claim.request.get("options", {}).get(name)
    return claim.config.get(name) if value is None else value


def _refuse_counted(claim: Claim, room: Room) -> None:
    """Raise `StepFailed` when as many calls or tokens are used as there may be."""
    most = option(claim, "max_calls")
    if most is not None and room.made >= int(most):
        raise StepFailed(
            "BUDGET_EXCEEDED",
            f"The job has made {room.made} calls, and max_calls is {most}: raise it, or ask for less.",
            {"limit": "max_calls", "most": int(most), "made": room.made},
        )
    if (used := room.day.over()) is not None:
        resets = zulu(room.day.resets_at)
        raise StepFailed(
            "QUOTA_EXCEEDED",
            f"The daily limit is used up: {used}. Retry after {resets}.",
            {"resets_at": resets},
        )


def zulu(moment: datetime) -> str:
    """Return a moment in UTC as the API writes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def decide(limits: Sequence[Limit], price: Price) -> Verdict:
    """Say what to do about a call of this price under these limits; raises `StepFailed` when it is not to be made."""
    for limit in limits:
        if limit.spent >= limit.most or limit.spent + price.expected > limit.most:
            raise StepFailed(limit.code, _message(limit, price), _details(limit, price))
    if price.bound is None:
        rest = max(limit.most - limit.spent for limit in limits)
        return WAIT if any(limit.held for limit in limits) else Verdict(rest)
    bound = price.bound
    if all(limit.spent + limit.held + bound <= limit.most for limit in limits):
        return Verdict(bound)
    tight = [limit for limit in limits if limit.spent + limit.held + bound > limit.most]
    return WAIT if any(limit.held for limit in tight) else Verdict(bound)


def _message(limit: Limit, price: Price) -> str:
    may = "" if price.bound is None else f", at most ${dollars(price.bound)}"
    return (
        f"{limit.name[0].upper()}{limit.name[1:]} is ${dollars(limit.most)}, and ${dollars(limit.spent)} is spent; "
        f"the next call is expected to cost ${dollars(price.expected)}{may}. "
        + (f"Retry after {zulu(limit.until)}." if limit.until else "Raise the limit and retry what failed.")
    )


def _details(limit: Limit, price: Price) -> dict[str, Any]:
    return {
        "limit": limit.name,
        "most_usd": float(limit.most),
        "spent_usd": float(limit.spent),
        "expected_usd": float(price.expected),
        "may_cost_usd": None if price.bound is None else float(price.bound),
        **({"resets_at": zulu(limit.until)} if limit.until else {}),
    }


def price_of(session: db.Session, provider: str, prompt: Prompt, sampling: Sampling) -> Price:
    """Return what a call may cost: by the price table, else by what the ledger has seen its model cost.

    With fallback models, the dearest of those that anything is known of.
    """
    seen = budgets.look_back(session, provider, sampling.model, prompt.purpose)
    tokens = prompt_tokens(prompt)
    models = [sampling.model, *sampling.fallback_models]
    known = prices.known_models(session, models, provider)
    bounds, expected = [], []
    trusted = False  # a table that says less than calls have cost is not
    for model in models:
        pricing = known[model].pricing if model in known else None
        most, now = dearest(pricing, tokens), read_rates(pricing, tokens)
        if most is not None and now is not None:
            bounds.append(most.most(tokens, sampling.max_tokens))
            expected.append(now.cost(tokens // SURPLUS, 0))
            trusted = trusted or seen.prompt is None or seen.prompt <= max(most.prompt, most.completion)
    if seen.prompt is not None and seen.completion is not None and not trusted:
        bounds.append(tokens * seen.prompt + sampling.max_tokens * seen.completion)
    elif not bounds and seen.unpriced:
        raise StepFailed(
            "BUDGET_EXCEEDED",
            f"What {sampling.model} costs is not known: its server neither says what a call cost nor names a price, "
            "so no budget can be kept. Set MODEL_PRICES.",
            {"model": sampling.model},
        )
    bound = max(bounds, default=None)
    usual = max(expected, default=Decimal(0)) if seen.mean is None else seen.mean
    return Price(bound, usual if bound is None else min(usual, bound))


def prompt_tokens(prompt: Prompt) -> int:
    """Return how many tokens a prompt has at most, its schema included; what a tokenizer counts is not known here."""
    size = sum(len(part.encode()) for message in prompt.messages for part in message.values())
    return math.ceil((size + len(json.dumps(prompt.schema))) / BYTES_A_TOKEN) + TOKENS_A_MESSAGE * len(prompt.messages)
