"""Settings: read once from the environment, checked, and handed on as values. Imports nothing of ours."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

OPENROUTER_URL = "https://openrouter.ai/api/v1"
OPENROUTER_MODEL = "openrouter/auto"


class SettingError(ValueError):
    """A setting is missing or cannot be used; the message is one line that names it and the remedy."""


@dataclass(frozen=True)
class Llm:
    """Where model calls go. ``base_url`` None means: no model server, write offline."""

    base_url: str | None = field(repr=False)  # may hold a password
    model: str
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything the processes need to know about their surroundings. URLs may hold passwords: never log them."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    home: Path
    llm: Llm
    cors_origins: tuple[str, ...] = ()


def database_url(raw: str) -> str:
    """Return ``raw`` as a SQLAlchemy URL for psycopg2.

    ``postgres://`` and ``postgresql://`` are both accepted, also with socket paths (``?host=/run/postgresql``);
    SQLAlchemy 2.1 would read the latter as psycopg 3. Raises `SettingError` on any other scheme.
    """
    scheme, separator, rest = raw.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg2"}:
        shown = scheme if separator else "no scheme"
        raise SettingError(f"DATABASE_URL must start with postgresql:// (found: {shown}).")
    return f"postgresql+psycopg2://{rest}"


def redis_url(raw: str) -> str:
    """Return ``raw`` if it names a Redis server, else raise `SettingError`."""
    if urlsplit(raw).scheme not in {"redis", "rediss"}:
        raise SettingError("REDIS_URL must start with redis:// or rediss://.")
    return raw


def llm(env: Mapping[str, str]) -> Llm:
    """Say which model server to use: ``LLM_BASE_URL`` first, then OpenRouter, else none."""
    if base_url := env.get("LLM_BASE_URL", "").strip():
        if not env.get("LLM_MODEL"):
            raise SettingError("LLM_BASE_URL is set but LLM_MODEL is not: set LLM_MODEL to a model of that server.")
        return Llm(chat_base_url(base_url), env["LLM_MODEL"], api_key(env, "LLM_API_KEY"))
    if key := api_key(env, "OPENROUTER_API_KEY"):
        return Llm(OPENROUTER_URL, env.get("LLM_MODEL") or OPENROUTER_MODEL, key)
    return Llm(None, "")


def api_key(env: Mapping[str, str], name: str) -> str:
    """Return the key that ``name`` is set to. One that no header can hold is refused here, where nobody quotes it."""
    key = env.get(name, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingError(f"{name} holds a blank, a line break or a letter that no key has: copy it again.")
    return key


def chat_base_url(raw: str) -> str:
    """Normalise the base URL of a compatible server: no trailing slash, ``/v1`` at the end where no version is in it.

    Versions may stand anywhere in the path (``/api/v1``, ``/v1beta/openai``). OpenRouter's own is under ``/api``.
    """
    url = raw.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingError("LLM_BASE_URL must be an http:// or https:// URL, such as http://127.0.0.1:11434/v1.")
    if parts.query or parts.fragment:
        raise SettingError("LLM_BASE_URL must end with its path: leave out what comes from ? or # on.")
    if parts.hostname == "openrouter.ai" and not parts.path.startswith("/api"):
        return OPENROUTER_URL
    return url if re.search(r"/v\d+\w*(/|$)", parts.path) else f"{url}/v1"


@dataclass(frozen=True)
class Engine:
    """The engine's timings (seconds) and limits. Every process of one installation should have the same.

    ``lease``: how long a worker's claim holds without a heartbeat; ``heartbeat``: how often it is renewed; ``upkeep``:
    how often lost work is looked for; ``grace``: how long a sent message may wait before it may be taken for lost;
    ``step``: the longest that a step may run; ``drain``: how long a stopping worker lets its model calls go on;
    ``retention_days``: when finished work is deleted (0: never).
    """

    lease: float = 30
    heartbeat: float = 10
    upkeep: float = 10
    grace: float = 30
    max_attempts: int = 3
    step: float = 1800
    drain: float = 15
    retention_days: int = 0


def engine(env: Mapping[str, str] | None = None) -> Engine:
    """Read the engine's timings; raises `SettingError` naming one that cannot be used."""
    env = os.environ if env is None else env
    least, default = Engine(0, 0, 0, 0, 1, 0, 0, 0), Engine()
    found: dict[str, float] = {}
    for name, variable in ENGINE_VARIABLES.items():
        text = env.get(variable, "").strip()
        whole = isinstance(getattr(default, name), int) and name in {"max_attempts", "retention_days"}
        try:
            value = (int(text) if whole else float(text)) if text else getattr(default, name)
        except ValueError:
            value = -1
        if not getattr(least, name) <= value < 1e9:
            raise SettingError(f"{variable} must be a{' whole' if whole else ''} number (found: {text[:40]!r}).")
        found[name] = value
    if found["heartbeat"] * 2 > found["lease"]:
        raise SettingError("LEASE_SECONDS must be at least twice HEARTBEAT_SECONDS, or one late beat loses a lease.")
    return Engine(**found)  # type: ignore[arg-type]


ENGINE_VARIABLES = {
    "lease": "LEASE_SECONDS",
    "heartbeat": "HEARTBEAT_SECONDS",
    "upkeep": "UPKEEP_SECONDS",
    "grace": "GRACE_SECONDS",
    "max_attempts": "MAX_ATTEMPTS",
    "step": "STEP_SECONDS",
    "drain": "DRAIN_SECONDS",
    "retention_days": "RETENTION_DAYS",
}


@dataclass(frozen=True)
class Daily:
    """What one owner may use a day (UTC): tokens, and dollars. 0: as much as they like."""

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def daily(env: Mapping[str, str] | None = None) -> Daily:
    """Read the daily limits; raises `SettingError` naming one that cannot be used."""
    env = os.environ if env is None else env
    tokens, cost = env.get("DAILY_TOKENS", "").strip() or "0", env.get("DAILY_COST_USD", "").strip() or "0"
    if not re.fullmatch(r"[0-9]{1,15}", tokens):
        raise SettingError(f"DAILY_TOKENS must be a whole number (found: {tokens[:40]!r}).")
    return Daily(int(tokens), _dollars("DAILY_COST_USD", cost))


@dataclass(frozen=True)
class RateLimits:
    """How often one key may ask, as ``60/minute``; None: as often as it likes. ``guess``: unknown keys, an address."""

    create: str | None = "60/minute"
    edit: str | None = "300/minute"
    read: str | None = "3000/minute"
    guess: str | None = "60/minute"


def rate_limits(env: Mapping[str, str] | None = None) -> RateLimits:
    """Read the rate limits; raises `SettingError` naming one that cannot be used."""
    env = os.environ if env is None else env
    found = {}
    for name in ("create", "edit", "read", "guess"):
        variable = f"RATE_LIMIT_{name.upper()}"
        text = env.get(variable, "").strip().lower() or getattr(RateLimits, name)
        if text != "off" and not re.fullmatch(r"[1-9][0-9]{0,8} ?/ ?(second|minute|hour|day)", text):
            raise SettingError(f"{variable} must be such as 60/minute, or off (found: {text[:40]!r}).")
        found[name] = None if text == "off" else text
    return RateLimits(**found)


def web_streams(env: Mapping[str, str] | None = None) -> int:
    """Return how many streams may be open on one web process (each holds a thread); raises `SettingError`."""
    text = (os.environ if env is None else env).get("WEB_STREAMS", "").strip() or "400"
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise SettingError(f"WEB_STREAMS must be a whole number up to 9999 (found: {text[:40]!r}).")
    return int(text)


SHORTEST_TOKEN = 16  # characters


def metrics_token(env: Mapping[str, str] | None = None) -> str:
    """Return what readers of `/metrics` have to send; empty: none. Raises `SettingError`, never quoting it."""
    token = api_key(os.environ if env is None else env, "METRICS_TOKEN")
    if token and len(token) < SHORTEST_TOKEN:
        raise SettingError(f"METRICS_TOKEN must be {SHORTEST_TOKEN} random characters or more, or unset.")
    return token


SHORTEST_SECRET = 32  # characters


@dataclass(frozen=True)
class Webhooks:
    """How ends are told to a `callback_url`. ``secrets``: the first signs; with the second its signature is sent too.

    Without one nothing can be signed, and no `callback_url` is taken. ``allow_private``: also to addresses of this
    machine and its networks.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    allow_private: bool = False


def webhooks(env: Mapping[str, str] | None = None) -> Webhooks:
    """Read how webhooks are sent; raises `SettingError` naming what cannot be used, never quoting a secret."""
    env = os.environ if env is None else env
    secrets = tuple(part.strip() for part in env.get("WEBHOOK_SECRET", "").split(",") if part.strip())
    if len(secrets) > 2 or any(len(secret) < SHORTEST_SECRET for secret in secrets):
        raise SettingError(
            f"WEBHOOK_SECRET must be {SHORTEST_SECRET} random characters or more, or two such with a comma between:"
            " the new one, then the old one."
        )
    private = env.get("WEBHOOK_ALLOW_PRIVATE", "").strip().lower() or "false"
    if private not in {"true", "false"}:
        raise SettingError(f"WEBHOOK_ALLOW_PRIVATE must be true or false (found: {private[:40]!r}).")
    return Webhooks(secrets, private == "true")


PRICED = ("prompt", "completion", "request", "internal_reasoning", "input_cache_read", "input_cache_write")


def model_prices(env: Mapping[str, str] | None = None) -> Mapping[str, Mapping[str, Decimal]]:
    """Return the operator's own prices by model: dollars a million tokens, ``request`` in dollars a call.

    ``MODEL_PRICES`` is JSON, or the path of a file that holds it. Raises `SettingError` naming what cannot be used.
    """
    return _read_prices((os.environ if env is None else env).get("MODEL_PRICES", "").strip())


@cache
def _read_prices(given: str) -> Mapping[str, Mapping[str, Decimal]]:
    if not given:
        return {}
    try:
        text = given if given.startswith("{") else Path(given).read_text("utf-8")
        read = json.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise SettingError(f"MODEL_PRICES is neither JSON nor a file of JSON that can be read: {error}.") from error
    if not isinstance(read, dict):
        raise SettingError('MODEL_PRICES must be an object such as {"some/model": {"prompt": "0.15", ...}}.')
    return {model: _prices_of(model, prices) for model, prices in read.items()}


def _prices_of(model: str, prices: Any) -> Mapping[str, Decimal]:
    if not isinstance(prices, dict) or not {"prompt", "completion"} <= prices.keys() <= set(PRICED):
        raise SettingError(
            f"MODEL_PRICES: {model!r} needs prompt and completion, and may have {', '.join(PRICED[2:])}."
        )
    return {name: _dollars(f"MODEL_PRICES: {name} of {model!r}", str(price)) for name, price in prices.items()}


def _dollars(what: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise SettingError(f"{what} must be dollars, such as 2.5 (found: {text[:40]!r}).")
    return amount


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a server process from ``env`` (default: the environment)."""
    env = os.environ if env is None else env
    for read in (daily, metrics_token, model_prices, rate_limits, webhooks):
        read(env)  # what cannot be used is said at the start, not before the first call
    for name in ("DATABASE_URL", "REDIS_URL"):
        if not env.get(name):
            raise SettingError(f"{name} is not set. `make up` starts embedded servers and sets it for you.")
    return Settings(
        database_url=database_url(env["DATABASE_URL"]),
        redis_url=redis_url(env["REDIS_URL"]),
        home=Path(env.get("CARDFORGE_HOME") or ".cardforge"),
        llm=llm(env),
        cors_origins=tuple(o.strip() for o in env.get("CORS_ORIGINS", "").split(",") if o.strip()),
    )
