"""Estimates on the wire: what work will take and cost, shown for one generation and for a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from models.services.jobs import NewJob
from tasks.estimate import NONE, Cost, Take, add_up
from tasks.quote import Quote, Quotes

NOTHING = Cost(None, None, None, "none")


def show_single(quotes: Quotes) -> dict[str, Any]:
    """Return the estimate of the one generation that was asked about, stage by stage."""
    (quote,) = (each for each in quotes.quotes if each is not None)
    stages = [
        {"purpose": take.purpose, "calls": take.calls._asdict(), "tokens": take.tokens._asdict()}
        for take in quote.takes
    ]
    return {**show_quote(quote), "stages": stages, "estimated_seconds": quotes.seconds}


def show_batch(quotes: Quotes, jobs: Sequence[NewJob]) -> dict[str, Any]:
    """Return the estimate of a batch, item by item and in total."""
    takes = (take for quote in quotes.quotes if quote is not None for take in quote.takes)
    items = enumerate(zip(quotes.quotes, jobs, strict=True), start=1)
    return {
        "total_items": len(jobs),
        "total": {**show_takes(takes), "cost_usd": show_cost(quotes.cost)},
        "items": [{"item_id": f"item_{n}", **_show_item(quote), "error": job.error} for n, (quote, job) in items],
        "estimated_seconds": quotes.seconds,
    }


def _show_item(quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        return {"model": None, **show_takes(()), "cost_usd": show_cost(NOTHING)}
    return show_quote(quote)


def show_quote(quote: Quote) -> dict[str, Any]:
    """Return what one generation takes."""
    return {"model": quote.model or None, **show_takes(quote.takes), "cost_usd": show_cost(quote.cost)}


def show_takes(takes: Iterable[Take]) -> dict[str, Any]:
    """Return the sums over stages."""
    calls = prompt = completion = NONE
    for take in takes:
        calls, prompt, completion = calls.plus(take.calls), prompt.plus(take.prompt), completion.plus(take.completion)
    return {
        "calls": calls._asdict(),
        "prompt_tokens": prompt._asdict(),
        "completion_tokens": completion._asdict(),
        "tokens": add_up((prompt, completion))._asdict(),
    }


def show_cost(cost: Cost) -> dict[str, Any]:
    """Return dollars with their basis."""
    return {name: getattr(cost, name) for name in ("low", "expected", "max", "basis", "reason")}


def completed_at(seconds: float | None) -> datetime | None:
    """Return when work that begins now will be done; None while nobody knows how long it takes."""
    return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
