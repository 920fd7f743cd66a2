"""`cardforge usage` and `cardforge models`: what was used, what can be used, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import show
from cli.connect import connect
from cli.ends import answering, as_json_option, limit_option


@click.command()
@as_json_option
@answering
def usage(as_json: bool) -> None:
    """Show what was used and spent: this month, today, by model."""
    found = connect().usage.get()
    if as_json:
        show.dump(found)
        return
    figures: Mapping[str, Any] = found["usage"]
    month, today = figures["current_month"], figures["daily_limit"]
    show.facts(
        {
            "this month": spent(month) + (f", {show.money(month['wasted'])} of it wasted" if month["wasted"] else ""),
            "today": f"{today['used']:,} tokens, {show.money(today['used_usd'])}",
            "left today": left(today),
            "all time": spent(figures["all_time"]) if "all_time" in figures else None,
            "cost unknown": f"{month['unpriced_requests']} calls" if month["unpriced_requests"] else None,
        }
    )
    rows = [
        (model, used.get("requests"), f"{used['tokens']:,}", show.money(used["cost"]))
        for model, used in month["by_model"].items()
    ]
    if rows:
        show.say("")
        show.table(("model", "requests", "tokens", "cost"), rows)
    days = [
        (day["day"], day["requests_count"], f"{day['tokens_used']:,}", show.money(day["total_cost"]))
        for day in figures.get("days", [])
        if day["requests_count"]
    ]
    if days:
        show.say("")
        show.table(("day", "requests", "tokens", "cost"), days)


def spent(figures: Mapping[str, Any]) -> str:
    """Three sums in words."""
    cost = show.money(figures["total_cost"])
    return f"{figures['requests_count']:,} calls, {figures['tokens_used']:,} tokens, {cost}"


def left(today: Mapping[str, Any]) -> str:
    """What is left of the day's limits."""
    parts = [f"{today['remaining']:,} tokens"] if today["remaining"] is not None else []
    parts += [show.money(today["remaining_usd"])] if today["remaining_usd"] is not None else []
    until = show.moment(today["resets_at"])
    return f"{', '.join(parts)} (until {until})" if parts else "no limit is set"


@click.command(short_help="List the models that can write, with prices.")
@click.option("-q", "--search", "q", help="A part of the model's id.")
@limit_option
@as_json_option
@answering
def models(q: str | None, limit: int, as_json: bool) -> None:
    """List the models of the server that is set up, with prices in dollars a million tokens."""
    query: Any = {"q": q} if q else {}
    listed = connect().models.list(**query)
    found = listed.first(limit)
    if as_json:
        show.dump(found)
        return
    body = listed.page().body
    if not found:
        show.say(f"The server lists no models ({body.get('refresh_error') or body.get('server') or 'none is set up'}).")
        return
    rows = [
        (each["id"], number(each["context_tokens"]), number(each["output_cap"]), *price(each["pricing"]))
        for each in found
    ]
    show.table(("model", "window", "most output", "in $/M", "out $/M"), rows)


def number(value: int | None) -> str:
    """A count, where it is known."""
    return "?" if value is None else f"{value:,}"


def price(pricing: Mapping[str, Any] | None) -> tuple[str, str]:
    """What a million tokens cost in and out, where that is known."""
    return ("?", "?") if pricing is None else (str(pricing["prompt"]), str(pricing["completion"]))
