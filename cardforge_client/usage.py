"""What was used, and what models cost."""

from __future__ import annotations

from typing import NotRequired, TypedDict, Unpack, cast

from cardforge_client.noun import Noun, route
from cardforge_client.pages import PageQuery, Rows
from cardforge_client.shapes import ModelUsage


class Spent(TypedDict):
    """What was used in a time; ``total_cost`` in US dollars, failed tries included."""

    tokens_used: int
    requests_count: int
    total_cost: float


class Month(Spent):
    """What was used in the month (UTC)."""

    since: str
    prompt_tokens: int
    completion_tokens: int
    wasted: float
    unpriced_requests: int
    by_model: dict[str, ModelUsage]


class Day(Spent):
    """What was used on a day (UTC)."""

    day: str


class DailyLimit(TypedDict):
    """What may be used today, and what is left; None: as much as you like."""

    tokens: int | None
    remaining: int | None
    cost_usd: float | None
    remaining_usd: float | None
    used: int
    used_usd: float
    resets_at: str


class UsageFigures(TypedDict):
    """The month so far, the day's limit, and with `UsageOf.get` all time and the last days."""

    current_month: Month
    daily_limit: DailyLimit
    all_time: NotRequired[Spent]
    days: NotRequired[list[Day]]


class Price(TypedDict):
    """Prices as decimal strings: dollars a million tokens, ``request`` in dollars a call; None: not said."""

    prompt: str
    completion: str
    request: str
    internal_reasoning: str | None
    input_cache_read: str | None
    input_cache_write: str | None
    basis: str


class Usage(TypedDict):
    """What was used, and the prices of the models concerned."""

    usage: UsageFigures
    pricing: dict[str, Price | None]


class Model(TypedDict):
    """A model as its server lists it; None: the server does not say."""

    id: str
    context_tokens: int | None
    output_cap: int | None
    pricing: Price | None
    supported_parameters: list[str]
    updated_at: str | None


class Pricing(TypedDict):
    """All prices that are known."""

    currency: str
    unit: str
    pricing: dict[str, Price]
    refreshed_at: str | None


class UsageOf(Noun):
    """What was used."""

    def get(self) -> Usage:
        """See what was used: this month by model, today's limit, all time, and day by day."""
        return cast("Usage", self._get(route("/user/usage")))

    def current_month(self) -> Usage:
        """See what was used this month, and what is left of the day's limit."""
        return cast("Usage", self._get(route("/user/usage/current-month")))


class ModelFilter(PageQuery, total=False):
    """Which models to list."""

    q: str


class Models(Noun):
    """What can write, and for how much."""

    def list(self, **query: Unpack[ModelFilter]) -> Rows[Model]:
        """List the models of the server that is set up. ``.page().body`` has its name and default model."""
        return Rows(self._transport, route("/models"), "models", query)

    def pricing(self) -> Pricing:
        """See every price that is known."""
        return cast("Pricing", self._get(route("/models/pricing")))
