"""What a call costs at a price: pure arithmetic, Decimal all the way.

Wire facts: OpenRouter's `GET /models` (``pricing``: decimal strings, US dollars a token; ``overrides``: other rates
under conditions, a later one wins). ``prompt_tokens`` includes the cached ones, ``completion_tokens`` the reasoning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

ZERO = Decimal(0)
NAMES = ("prompt", "completion", "request", "internal_reasoning", "input_cache_read", "input_cache_write")
DEAREST = Decimal(1)  # of one token, in dollars; anything more is no rate


@dataclass(frozen=True)
class Rates:
    """Dollars a token, and ``request`` dollars a call. None: not said, see `cost` for what holds then."""

    prompt: Decimal
    completion: Decimal
    request: Decimal = ZERO
    internal_reasoning: Decimal | None = None
    input_cache_read: Decimal | None = None
    input_cache_write: Decimal | None = None

    def cost(self, prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0) -> Decimal:
        """Return the dollars of one call. ``cached`` tokens are part of ``prompt``, ``reasoning`` of ``completion``.

        Price lists write 0 where there is no separate rate: cached tokens then cost as fresh ones, reasoning as text.
        """
        cached, reasoning = min(cached, prompt), min(reasoning, completion)
        return (
            self.request
            + (prompt - cached) * self.prompt
            + cached * (self.input_cache_read or self.prompt)
            + (completion - reasoning) * self.completion
            + reasoning * (self.internal_reasoning or self.completion)
        )

    def most(self, prompt: int, completion: int) -> Decimal:
        """Return the dollars that one call of no more tokens than these costs at most."""
        dearest_in = max(self.prompt, self.input_cache_write or ZERO)
        dearest_out = max(self.completion, self.internal_reasoning or ZERO)
        return self.request + prompt * dearest_in + completion * dearest_out

    def or_dearer(self, other: Rates) -> Rates:
        """Return the dearer of each of the rates."""
        dearer = {name: max(getattr(self, name) or ZERO, getattr(other, name) or ZERO) for name in NAMES}
        return Rates(**dearer)


def read_rates(pricing: Mapping[str, Any] | None, prompt_tokens: int = 0, at: datetime | None = None) -> Rates | None:
    """Return the rates of a price list for a call with so many prompt tokens at that moment (default: now).

    None where the list does not price both directions: a router's -1 means that the price is not known before.
    """
    if not pricing:
        return None
    said = {name: _rate(pricing.get(name)) for name in NAMES}
    for override in pricing.get("overrides") or ():
        if isinstance(override, Mapping) and _applies(override, prompt_tokens, at or datetime.now(UTC)):
            said |= {name: rate for name in NAMES if (rate := _rate(override.get(name))) is not None}
    prompt, completion = said["prompt"], said["completion"]
    if prompt is None or completion is None:
        return None
    optional = {name: said[name] for name in NAMES[3:]}
    return Rates(prompt, completion, said["request"] or ZERO, **optional)


def dearest(pricing: Mapping[str, Any] | None, prompt_tokens: int, at: datetime | None = None) -> Rates | None:
    """Return the rates that are certain not to be exceeded: those of now, or of an override by the hour that nears."""
    now = read_rates(pricing, prompt_tokens, at)
    if now is None or not pricing:
        return None
    for override in pricing.get("overrides") or ():
        if isinstance(override, Mapping) and "utc_start" in override and _is_long(override, prompt_tokens):
            for name in NAMES:
                rate = _rate(override.get(name))
                if rate is not None and rate > (getattr(now, name) or ZERO):
                    now = replace(now, **{name: rate})
    return now


def cheapest(pricing: Mapping[str, Any] | None) -> Rates | None:
    """Return rates below which no token costs: those of the cheapest hour, and every prompt read from the cache."""
    plain = read_rates({name: rate for name, rate in pricing.items() if name != "overrides"}) if pricing else None
    if plain is None or not pricing:
        return None
    lists = [pricing, *(one for one in pricing.get("overrides") or () if isinstance(one, Mapping))]
    inward = (plain.prompt, *(_rate(one.get(name)) for one in lists for name in ("prompt", "input_cache_read")))
    outward = (plain.completion, *(_rate(one.get("completion")) for one in lists))
    least = [min((rate for rate in rates if rate), default=ZERO) for rates in (inward, outward)]
    return Rates(least[0] if plain.prompt else ZERO, least[1] if plain.completion else ZERO)


def per_token(per_million: Mapping[str, Decimal]) -> dict[str, str]:
    """Return an operator's prices, dollars a million tokens, as a price list; ``request`` is dollars a call."""
    return {name: format(price if name == "request" else price / 1_000_000, "f") for name, price in per_million.items()}


def _rate(value: Any) -> Decimal | None:
    """Return a rate, or None for what is none: absent, negative (a router's), not a number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and 0 <= rate <= DEAREST else None


def _applies(override: Mapping[str, Any], prompt_tokens: int, at: datetime) -> bool:
    return _is_long(override, prompt_tokens) and _is_time(override, at)


def _is_long(override: Mapping[str, Any], prompt_tokens: int) -> bool:
    least = override.get("min_prompt_tokens")
    return not isinstance(least, int | float) or prompt_tokens > least


def _is_time(override: Mapping[str, Any], at: datetime) -> bool:
    """Say whether ``at`` lies between two times of day (HHMM, UTC), over midnight too; the end is not in it."""
    if "utc_start" not in override or "utc_end" not in override:
        return True
    try:
        start, end = (_minutes(override[name]) for name in ("utc_start", "utc_end"))
    except ValueError:
        return False
    utc = at.astimezone(UTC)
    now = utc.hour * 60 + utc.minute
    return start <= now < end if start <= end else now >= start or now < end


def _minutes(hhmm: Any) -> int:
    digits = str(hhmm).replace(":", "").zfill(4)
    return int(digits[:2]) * 60 + int(digits[2:])
