"""Model servers that `cardforge init` knows: where they are, what they need, which run here, which models they have."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

import settings
from cli.probe import masked
from settings import OPENROUTER_MODEL, OPENROUTER_URL

LOOK_SECONDS = 1.0  # for servers of this machine
LIST_SECONDS = 20.0
OFFLINE = "offline: no model is set, so cards are made of the source's own sentences (`cardforge init` sets one)"


@dataclass(frozen=True)
class Writer:
    """A kind of model server. Without a ``url`` it has to be given; ``keys``: where keys are made, if it wants one."""

    name: str
    told: str
    url: str | None = None
    keys: str = ""
    local: bool = False
    model: str = ""


WRITERS = (
    Writer(
        "openrouter",
        "OpenRouter: hundreds of models, one key",
        OPENROUTER_URL,
        "https://openrouter.ai/keys",
        model=OPENROUTER_MODEL,
    ),
    Writer("openai", "OpenAI", "https://api.openai.com/v1", "https://platform.openai.com/api-keys"),
    Writer("ollama", "Ollama, on this machine", "http://127.0.0.1:11434/v1", local=True),
    Writer("lmstudio", "LM Studio, on this machine", "http://127.0.0.1:1234/v1", local=True),
    Writer("llamacpp", "llama.cpp's server, on this machine", "http://127.0.0.1:8080/v1", local=True),
    Writer("other", "Any other server that speaks as OpenAI's does (vLLM, ...)"),
    Writer("offline", "None: cards out of the source's own sentences, free and at once"),
)
BY_NAME: Mapping[str, Writer] = {writer.name: writer for writer in WRITERS}


def writer_of(env: Mapping[str, str]) -> str:
    """What writes cards where these settings hold, for people. Raises `SettingError`."""
    llm = settings.llm(env)
    return f"{llm.model} at {masked(llm.base_url)}" if llm.base_url else OFFLINE


def running() -> set[str]:
    """The names of those that answer on this machine."""
    local = [writer for writer in WRITERS if writer.local]
    with ThreadPoolExecutor(len(local)) as pool:
        found = pool.map(lambda writer: models(str(writer.url), "", LOOK_SECONDS), local)
    return {writer.name for writer, listed in zip(local, found, strict=True) if listed is not None}


def models(url: str, key: str, seconds: float = LIST_SECONDS) -> list[str] | None:
    """The models of the server at ``url``, sorted; None where it does not list any."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with session(url) as ask:
            answer: Any = ask.get(f"{url}/models", headers=headers, timeout=seconds, allow_redirects=False)
            return sorted({str(one["id"]) for one in answer.json()["data"]})
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None


def session(url: str) -> requests.Session:
    """A session; a proxy of the environment is not asked for servers of this machine."""
    found = requests.Session()
    found.trust_env = not any(url.startswith(f"http://{host}") for host in ("127.", "localhost", "[::1]"))
    return found


def closest(wanted: str, names: list[str]) -> list[str]:
    """The models with ``wanted`` in their names, whatever the case."""
    return [name for name in names if wanted.casefold() in name.casefold()]
