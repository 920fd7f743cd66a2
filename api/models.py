"""Models: what the server that is set up has, and what they cost."""

from __future__ import annotations

from typing import Any

import settings
from api.json import Blueprint
from api.paging import ask_of, page_of
from models import db
from models.rates import NAMES, read_rates
from models.services import prices
from models.services.pages import read_cursor, write_cursor
from models.services.prices import ModelFacts
from schemas.usage import ModelListSchema, ModelQuery, PricingSchema
from tasks.prices import server

blueprint = Blueprint("models", __name__, url_prefix="/api/v2/models", description="What can write, and for how much.")


@blueprint.get("")
@blueprint.arguments(ModelQuery, location="query")
@blueprint.response(200, ModelListSchema)
def list_all(query: dict[str, Any]) -> Any:
    """List the models of the server that is set up: window, cap, price, what they support. Refreshed every hour."""
    llm = settings.load().llm
    ask = ask_of(query)
    with db.transaction() as session:
        found = prices.list_models(session, server(llm), query["q"])
        source = prices.find_source(session, server(llm))
    after = read_cursor(ask.cursor) if ask.cursor else ""
    behind = [facts for facts in found if facts.model > after][ask.offset :]
    shown = behind[: ask.limit]
    following = write_cursor(shown[-1].model) if len(behind) > len(shown) and shown[-1].model.isascii() else None
    return {
        **page_of("models", [show_model(facts) for facts in shown], ask, len(found), following),
        "server": server(llm),
        "default_model": llm.model or None,
        "refreshed_at": source.refreshed_at if source else None,
        "refresh_error": (source.error or None) if source else None,
    }


@blueprint.get("/pricing")
@blueprint.response(200, PricingSchema)
def read_pricing() -> Any:
    """See every price that is known: the operator's, else the server's own."""
    name = server(settings.load().llm)
    with db.transaction() as session:
        found = prices.list_models(session, name)
        source = prices.find_source(session, name)
    return {
        "currency": "USD",
        "unit": "million tokens",
        "pricing": {facts.model: price for facts in found if (price := show_price(facts)) is not None},
        "refreshed_at": source.refreshed_at if source else None,
    }


def show_model(facts: ModelFacts) -> dict[str, Any]:
    """Return a model."""
    return {
        "id": facts.model,
        "context_tokens": facts.context_tokens,
        "output_cap": facts.output_cap,
        "pricing": show_price(facts),
        "supported_parameters": facts.supported,
        "updated_at": facts.updated_at,
    }


def show_price(facts: ModelFacts | None) -> dict[str, Any] | None:
    """Return the price of a model now, by the million; None where nobody knows it."""
    rates = read_rates(facts.pricing) if facts else None
    if facts is None or rates is None:
        return None
    shown: dict[str, Any] = {"basis": facts.basis}
    for name in NAMES:
        rate = getattr(rates, name)
        shown[name] = (
            None if rate is None else format((rate if name == "request" else rate * 1_000_000).normalize(), "f")
        )
    return shown
