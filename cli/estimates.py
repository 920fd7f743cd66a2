"""Estimates for people: what work will take and cost before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli import show


def print_estimate(estimate: Mapping[str, Any], as_json: bool, quiet: bool = False) -> None:
    """Show what a batch would take: in total, and which items would be refused."""
    if as_json:
        show.dump(estimate)
        return
    if quiet:
        return
    print_takes(estimate["total"], cards(estimate["total_items"]), estimate.get("estimated_seconds"))
    refused = [(each["item_id"], show.error_of(each)) for each in estimate["items"] if each.get("error")]
    if refused:
        show.say("")
        show.table(("item", "refused because"), refused)


def print_takes(takes: Mapping[str, Any], what: str, estimated_seconds: float | None) -> None:
    """Show what work takes: calls, tokens, cost, and by what that is known."""
    rows = [(name, *(f"{takes[key][at]:,}" for at in ("low", "expected", "max"))) for name, key in COUNTS]
    rows.append(("cost", *(cost(takes["cost_usd"][at]) for at in ("low", "expected", "max"))))
    show.table((what, "low", "expected", "max"), rows)
    facts = {"by": BASES.get(takes["cost_usd"]["basis"], takes["cost_usd"]["basis"])}
    facts |= {"": takes["cost_usd"].get("reason"), "takes about": seconds(estimated_seconds)}
    show.facts({name: value for name, value in facts.items() if value})


COUNTS = (("calls", "calls"), ("tokens in", "prompt_tokens"), ("tokens out", "completion_tokens"))
BASES = {
    "price_table": "the price table",
    "history": "what such calls have cost so far",
    "local": "a server that charges nothing",
    "none": "nothing: no price is known",
}


def cards(count: int) -> str:
    """So many cards."""
    return f"{count:,} card" + "s" * (count != 1)


def cost(dollars: float | None) -> str:
    """A sum, where it is known."""
    return "?" if dollars is None else show.money(dollars)


def seconds(value: float | None) -> str | None:
    """A time, where it is known."""
    return None if value is None else show.exact(value)
