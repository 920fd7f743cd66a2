"""Usage: what the caller has used this month and today, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import g

import settings
from api.json import Blueprint
from api.models import show_price
from models import db
from models.services import prices, usage
from models.services.usage import Day, Used
from schemas.usage import MonthUsageSchema, OwnUsageSchema
from tasks.prices import server

blueprint = Blueprint("usage", __name__, url_prefix="/api/v2/user/usage", description="What was used.")

DAYS_SHOWN = 31


@blueprint.get("")
@blueprint.response(200, OwnUsageSchema)
def read() -> Any:
    """See what was used: this month by model, today's limit, all time, and day by day."""
    with db.transaction() as session:
        body = show_month(session, g.owner_id)
        requests, tokens, cost = usage.all_time(session, g.owner_id)
        days = usage.list_days(session, g.owner_id, DAYS_SHOWN)
    body["usage"]["all_time"] = show_spent(requests, tokens, cost)
    body["usage"]["days"] = [{"day": day.day, **show_spent(day.requests, day.tokens, day.cost_usd)} for day in days]
    return body


@blueprint.get("/current-month")
@blueprint.response(200, MonthUsageSchema)
def read_month() -> Any:
    """See what was used this month (UTC) by model, and what is left of the day's limit."""
    with db.transaction() as session:
        return show_month(session, g.owner_id)


def show_month(session: db.Session, owner_id: str) -> dict[str, Any]:
    """Return the month's usage, the day's limit, and the prices of the models concerned."""
    since = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    used = usage.add_up(session, owner_id, since)
    llm = settings.load().llm
    names = list(dict.fromkeys(filter(None, (llm.model, *used.by_model))))
    known = prices.known_models(session, names, server(llm))
    return {
        "usage": {
            "current_month": show_used(used, since),
            "daily_limit": show_limit(usage.read_day(session, owner_id)),
        },
        "pricing": {name: show_price(known.get(name)) for name in names},
    }


def show_used(used: Used, since: datetime) -> dict[str, Any]:
    """Return what was used since a moment."""
    return {
        **show_spent(used.requests, used.tokens, used.cost_usd),
        "since": since,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "wasted": used.wasted_usd,
        "unpriced_requests": used.unpriced,
        "by_model": used.by_model,
    }


def show_spent(requests: int, tokens: int, cost: Decimal) -> Mapping[str, Any]:
    """Return the three sums that every time has."""
    return {"tokens_used": tokens, "requests_count": requests, "total_cost": cost}


def show_limit(day: Day) -> dict[str, Any]:
    """Return the day's limits and what is left of them."""
    tokens, cost = day.limits.tokens or None, day.limits.cost_usd or None
    return {
        "tokens": tokens,
        "remaining": None if tokens is None else max(0, tokens - day.tokens),
        "cost_usd": cost,
        "remaining_usd": None if cost is None else max(Decimal(0), cost - day.cost_usd),
        "used": day.tokens,
        "used_usd": day.cost_usd,
        "resets_at": day.resets_at,
    }
