"""The price table: what the servers say of their models, and what the operator sets over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Select, Text, any_, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import settings
from models import statements
from models.db import table_of
from models.prices import ModelPrice, PriceSource
from models.rates import per_token

PRICES = table_of(ModelPrice)
REFRESH = timedelta(hours=1)
RETRY = timedelta(minutes=5)  # after a list that could not be had
LOCK = 0x0CA4DF06

OPERATOR, TABLE = "operator", "table"


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model; None: its server does not say.

    ``pricing`` is a price list (`models.rates`), ``basis`` who set it: ``operator``, ``table`` (the server's list), or
    None.
    """

    model: str
    context_tokens: int | None = None
    output_cap: int | None = None
    pricing: Mapping[str, Any] | None = None
    basis: str | None = None
    supported: tuple[str, ...] = ()
    updated_at: datetime | None = None


def take_refresh(session: Session, server: str) -> bool:
    """Take it on to read a server's list now; False while it is fresh, or somebody else reads it.

    The advisory lock keeps two upkeeps from taking it at one time; the row says when it is next due, and is committed
    before the list is asked for, so that no transaction waits for a server.
    """
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
        return False
    row = insert(PriceSource).values(server=server, next_at=func.now() + RETRY)
    due = row.on_conflict_do_update(
        index_elements=[PriceSource.server],
        set_={"next_at": func.now() + RETRY},
        where=PriceSource.next_at <= func.now(),
    )
    return session.scalar(due.returning(PriceSource.server)) is not None


def save_models(session: Session, server: str, models: Sequence[Any]) -> None:
    """Replace what is known of a server's models by its newest list (objects with the columns' names)."""
    session.execute(delete(ModelPrice).where(ModelPrice.server == server))
    if models:
        session.execute(
            insert(ModelPrice),
            [
                {
                    "server": server,
                    "model": one.model,
                    "context_tokens": one.context_tokens,
                    "output_cap": one.output_cap,
                    "pricing": None if one.pricing is None else dict(one.pricing),
                    "supported": list(one.supported),
                }
                for one in models
            ],
        )
    session.execute(
        update(PriceSource)
        .where(PriceSource.server == server)
        .values(next_at=func.now() + REFRESH, refreshed_at=func.now(), error="")
    )


def note_failure(session: Session, server: str, message: str) -> None:
    """Note why a server's list could not be had; what was known stays."""
    session.execute(update(PriceSource).where(PriceSource.server == server).values(error=message))


def known_model(session: Session, model: str, server: str | None = None) -> ModelFacts | None:
    """Return what is known of a model (of ``server``, or of the server asked last), or None."""
    return known_models(session, [model], server).get(model)


def known_models(session: Session, models: Sequence[str], server: str | None = None) -> dict[str, ModelFacts]:
    """Return what is known of each of these models; those of which nothing is known are left out."""
    asked = {"models": list(models)} if server is None else {"models": list(models), "server": server}
    rows = statements.run(session, _known(anywhere=server is None), asked)
    found = {row.model: _facts(row) for row in rows}
    return found | {model: _overruled(model, found.get(model)) for model in models if model in settings.model_prices()}


@cache
def _known(*, anywhere: bool) -> Select[Any]:
    query = select(PRICES).where(PRICES.c.model == any_(bindparam("models", type_=ARRAY(Text))))
    query = query if anywhere else query.where(PRICES.c.server == bindparam("server"))
    return query.order_by(PRICES.c.updated_at)


def list_models(session: Session, server: str, query: str | None = None) -> list[ModelFacts]:
    """Return a server's models and those that the operator prices, by name; ``query`` is part of the name."""
    rows = session.scalars(select(ModelPrice).where(ModelPrice.server == server))
    found = {row.model: _facts(row) for row in rows}
    found |= {model: _overruled(model, found.get(model)) for model in settings.model_prices()}
    wanted = (query or "").casefold()
    return [found[model] for model in sorted(found) if wanted in model.casefold()]


def find_source(session: Session, server: str) -> PriceSource | None:
    """Return when a server's list was read, and is to be read next."""
    return session.get(PriceSource, server)


def _facts(row: ModelPrice) -> ModelFacts:
    return ModelFacts(
        model=row.model,
        context_tokens=row.context_tokens,
        output_cap=row.output_cap,
        pricing=row.pricing,
        basis=TABLE if row.pricing else None,
        supported=tuple(row.supported),
        updated_at=row.updated_at,
    )


def _overruled(model: str, facts: ModelFacts | None) -> ModelFacts:
    """Return the facts with the operator's price in place of the server's."""
    prices: Mapping[str, Decimal] = settings.model_prices()[model]
    listed = vars(facts) if facts else {"model": model}
    return ModelFacts(**{**listed, "pricing": per_token(prices), "basis": OPERATOR})
