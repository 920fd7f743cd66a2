"""Quotes: what generations will take and cost, by what the price table and the ledger know. Nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import settings
from models import db
from models.rates import Rates, cheapest, dearest, read_rates
from models.services import budgets, prices, profiles, usage
from models.services.jobs import NewJob
from models.services.prices import ModelFacts
from providers.openai import is_local
from tasks import estimate
from tasks.estimate import Asked, Cost, Learned, Priced, Range, Take
from tasks.prices import server

FREE = Rates(Decimal(0), Decimal(0))
LONG = 10**9  # tokens: every override for long prompts holds


@dataclass(frozen=True)
class Quote:
    """What one generation takes; ``takes`` stage by stage. ``dearest_call``: the most that one of its calls costs."""

    model: str
    takes: Sequence[Take]
    cost: Cost
    dearest_call: Decimal


class Kind(NamedTuple):
    """What the plan of a generation depends on beside its options; see `Asked`."""

    source: Range
    existing: Range
    size: int
    shared: bool


@dataclass(frozen=True)
class Quotes:
    """What generations take, in order (None: one that was refused), in total, and for how long (seconds, if known)."""

    quotes: Sequence[Quote | None]
    cost: Cost
    seconds: float | None


class Quoter:
    """Quotes the generations of one request: looks each model and profile up once."""

    def __init__(self, session: db.Session, owner_id: str) -> None:
        self._session = session
        self._owner_id = owner_id
        self._llm = settings.load().llm
        self._server = server(self._llm)
        self._models: dict[str, tuple[ModelFacts | None, Priced | str]] = {}
        self._texts: dict[tuple[str, int], tuple[Mapping[str, Any], Range]] = {}
        self._learned: dict[tuple[str, str, str], Mapping[str, Learned]] = {}
        self._quotes: dict[Any, Quote] = {}
        self._put: set[str] = set()

    def quote(self, job: NewJob) -> Quote:
        """Return what a generation takes. One whose questions an earlier one puts as well is not charged for them.

        Most items of a batch differ in their sources only: what takes about the same is planned once.
        """
        config, rules = self._texts_of(job)
        options = job.request.get("options") or {}
        kind = self._kind_of(job)
        key = (job.profile_id, job.profile_version, json.dumps(options, sort_keys=True), kind)
        if key not in self._quotes:
            self._quotes[key] = self._quote(job.profile_id, partial(option_of, options, config), rules, kind)
        return self._quotes[key]

    def _quote(self, profile_id: str, option: Any, rules: Range, kind: Kind) -> Quote:
        writer = option("model") or self._llm.model
        reader = option("analysis_model") or writer
        (facts, price), (_, reading) = self._model(writer), self._model(reader)
        wishes = "".join(str(option(name) or "") for name in ("instructions", "avoid", "setting", "greeting_ideas"))
        asked = Asked(
            option=option,
            source=kind.source,
            rules=rules.plus(estimate.tokens_of(wishes)),
            existing=kind.existing,
            size=kind.size,
            shared=kind.shared,
            whole=self._llm.base_url is None,
            context=facts.context_tokens if facts else None,
            output_cap=facts.output_cap if facts else None,
        )
        takes = estimate.plan(asked, self._learned_of(profile_id, writer, reader))
        limit = option("max_cost_usd")
        dearest_call = estimate.dearest_call(takes, price, reading)
        cost = estimate.limited(
            estimate.cost_of(takes, price, reading), None if limit is None else Decimal(str(limit)), dearest_call
        )
        return Quote(writer, takes, cost, dearest_call)

    def seconds(self, jobs: Sequence[tuple[NewJob, Quote]], concurrent: int) -> float | None:
        """Return how long jobs take, by those of the same profiles and models before; None while these are too few."""
        ways = [(job.profile_id, quote.model) for job, quote in jobs]
        means = {
            way: usage.mean_seconds(self._session, self._owner_id, way[0], self._server, way[1]) for way in set(ways)
        }
        known = [mean for way in ways if (mean := means[way]) is not None]
        if not ways or len(known) < len(ways):
            return None
        return max(sum(known) / concurrent, *known)

    def _kind_of(self, job: NewJob) -> Kind:
        """Return what a plan depends on beside the options; texts of about the same length are of one kind."""
        source, card = str(job.request.get("source_material", "")), job.request.get("character_card")
        roster = job.request.get("roster") or {}
        put = str(roster.get("key") or hash(source))
        shared = put in self._put
        self._put.add(put)
        return Kind(
            source=estimate.coarse(estimate.tokens_of(source)),
            existing=estimate.coarse(estimate.tokens_of(json.dumps(card, ensure_ascii=False)))
            if card
            else estimate.NONE,
            size=int(roster.get("size") or 1),
            shared=shared,
        )

    def _texts_of(self, job: NewJob) -> tuple[Mapping[str, Any], Range]:
        key = (job.profile_id, job.profile_version)
        if key not in self._texts:
            config, texts = profiles.texts_of(self._session, *key)
            self._texts[key] = (config, rules_of(texts))
        return self._texts[key]

    def _model(self, model: str) -> tuple[ModelFacts | None, Priced | str]:
        if model not in self._models:
            facts = prices.known_model(self._session, model, self._server)
            self._models[model] = (facts, self._price(model, facts))
        return self._models[model]

    def _price(self, model: str, facts: ModelFacts | None) -> Priced | str:
        """Return what a model costs: by the price table, else by what it has cost, else nothing if it is local."""
        url = self._llm.base_url
        if url is None:
            return Priced(FREE, FREE, FREE, "local")
        local = is_local(url)
        listed = None if facts is None or (local and facts.basis != prices.OPERATOR) else by_table(facts.pricing)
        if listed is not None:
            return listed
        seen = budgets.look_back(self._session, self._server, model, "")
        if None not in (seen.least, seen.usual, seen.prompt, seen.completion) and not (local and not seen.usual):
            return Priced(
                Rates(seen.least or FREE.prompt, seen.least or FREE.prompt),
                Rates(seen.usual or FREE.prompt, seen.usual or FREE.prompt),
                Rates(seen.prompt or FREE.prompt, seen.completion or FREE.prompt),
                "history",
            )
        if local:
            return Priced(FREE, FREE, FREE, "local")
        return f"No price of {model} is known: its server lists none, and no call to it has said what it cost."

    def _learned_of(self, profile_id: str, writer: str, reader: str) -> Mapping[str, Learned]:
        key = (profile_id, writer, reader)
        if key not in self._learned:
            found = usage.learned(self._session, self._owner_id, profile_id, list({writer, reader}))
            self._learned[key] = {purpose: Learned(*means) for purpose, means in found.items()}
        return self._learned[key]


def quote(
    session: db.Session,
    owner_id: str,
    jobs: Sequence[NewJob],
    *,
    limit: Decimal | None = None,
    concurrent: int = 1,
) -> Quotes:
    """Return what the generations of one request take; ``limit`` in dollars is that of all of them together."""
    quoter = Quoter(session, owner_id)
    quotes = [None if job.error else quoter.quote(job) for job in jobs]
    known = [each for each in quotes if each is not None]
    cost = estimate.total([each.cost for each in known])
    return Quotes(
        quotes,
        estimate.limited(cost, limit, max((each.dearest_call for each in known), default=Decimal(0))),
        quoter.seconds([(job, each) for job, each in zip(jobs, quotes, strict=True) if each is not None], concurrent),
    )


def option_of(options: Mapping[str, Any], config: Mapping[str, Any], name: str) -> Any:
    """Return the value of an option: the request's, else the profile's."""
    value = options.get(name)
    return config.get(name) if value is None else value


def rules_of(texts: Mapping[str, str]) -> Range:
    """Return the tokens of a prompt that are there for every source: system text, template, rules of the fields."""
    system = estimate.tokens_of(texts.get("system", ""))
    fields, wishes = (
        estimate.tokens_of("".join(text for name, text in texts.items() if name.startswith(start)))
        for start in ("field_", "say_")
    )
    templates = [estimate.tokens_of(text) for name, text in texts.items() if not name.startswith(("field_", "say_"))]
    longest = max((template.max for template in templates), default=0)
    return Range(
        system.low, system.expected + fields.expected // 3 + 150, system.max + fields.max + wishes.max + longest
    )


def by_table(pricing: Mapping[str, Any] | None) -> Priced | None:
    """Return what a price list says; None where it does not price both directions."""
    low, expected = cheapest(pricing), read_rates(pricing)
    short, long = dearest(pricing, 0), dearest(pricing, LONG)
    if low is None or expected is None or short is None or long is None:
        return None
    return Priced(low, expected, short.or_dearer(long), "price_table")
