"""Settings that commands read from files: `.env` in the working folder, then `settings.env` in CARDFORGE_HOME.

The environment goes before both. Only settings of ours are taken, only from files of ours, and no address of another
machine whose key would be of elsewhere: a folder that somebody else has prepared cannot say where keys are sent.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from dotenv import dotenv_values

from cardforge_client.transport import is_loopback
from cli.connect import home_folder
from cli.ends import Refused

DOTENV, SETTINGS = ".env", "settings.env"
WORDS = """
DATABASE_URL REDIS_URL CARDFORGE_HOME OPENROUTER_API_KEY LLM_BASE_URL LLM_API_KEY LLM_MODEL MODEL_PRICES
DAILY_TOKENS DAILY_COST_USD PORT BIND WEB_PROCESSES WEB_STREAMS CORS_ORIGINS REQUEST_SECONDS RATE_LIMIT_CREATE
RATE_LIMIT_EDIT RATE_LIMIT_READ RATE_LIMIT_GUESS METRICS_TOKEN WEBHOOK_SECRET WEBHOOK_ALLOW_PRIVATE
FLOWER_PORT FLOWER_BASIC_AUTH GENERATION_CONCURRENCY EXPORT_CONCURRENCY LEASE_SECONDS HEARTBEAT_SECONDS
UPKEEP_SECONDS GRACE_SECONDS STEP_SECONDS DRAIN_SECONDS MAX_ATTEMPTS RETENTION_DAYS LOG_LEVEL LOG_FORMAT
CARDFORGE_URL CARDFORGE_API_KEY
"""
NAMES = frozenset(WORDS.split())
KEYS = {"CARDFORGE_URL": "CARDFORGE_API_KEY", "LLM_BASE_URL": "LLM_API_KEY"}  # what is sent to each address
HEAD = "# Settings of Cardforge, as `cardforge init` wrote them; .env.example says what there is."
LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=")


def apply(env: MutableMapping[str, str]) -> list[str]:
    """Put what the files say into ``env``, where it is not set; returns the names, to take them out again."""
    before = set(env)
    here = read(Path(DOTENV))
    home = home_folder({**here, **env})
    kept = read(home / SETTINGS)
    key_file = {"CARDFORGE_API_KEY": "there"} if (home / "api-key").exists() else {}
    places: tuple[tuple[str, dict[str, str], dict[str, str], dict[str, str]], ...]
    places = ((DOTENV, here, dict(env), {**key_file, **kept}), (SETTINGS, kept, {**here, **env}, {}))
    for name, found, above, below in places:
        for address in exposed(found, above, below):
            if address not in above:
                said = f"{name}: {address} is left out: it would be sent a key that is not of this file."
                print(f"cardforge: {said}", file=sys.stderr)  # noqa: T201
            del found[address]
    for name, value in {**kept, **here}.items():
        env.setdefault(name, value)
    return sorted(set(env) - before)


def exposed(found: Mapping[str, str], above: Mapping[str, str], below: Mapping[str, str]) -> list[str]:
    """The addresses of a file that a key of elsewhere would be sent to: the folder may be of others' making.

    ``above`` and ``below``: what goes before the file, and what it goes before.
    """
    keys = {address: above.get(key) or found.get(key) or below.get(key) for address, key in KEYS.items()}
    return [
        address
        for address, key in keys.items()
        if address in found and key not in {None, found.get(KEYS[address])} and not is_loopback(found[address])
    ]


def read(path: Path) -> dict[str, str]:
    """The settings of ours in a file; none where it belongs to somebody else, or cannot be read."""
    try:
        if path.stat().st_uid not in {os.geteuid(), 0} and os.geteuid() != 0:
            return {}
        found = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: value for name, value in found.items() if name in NAMES and value}


def write(path: Path, values: Mapping[str, str | None]) -> None:
    """Write settings into a file (mode 0600), each in the place that it has there, if any; None takes one out.

    All other lines stay as they are. Raises `Refused` for a value that shells and `.env` readers read differently.
    """
    if wrong := [name for name, value in values.items() if value and not {"'", "\n", "\0"}.isdisjoint(value)]:
        raise Refused(f"{', '.join(wrong)}: a quote or a line break cannot stand in {path}.")
    lines = path.read_text("utf-8").splitlines() if path.exists() else [HEAD]
    kept = [line for line in lines if named(line) not in values]
    place = next((at for at, line in enumerate(lines) if named(line) in values), len(kept))
    fresh = [f"{name}={shlex.quote(value)}" for name, value in values.items() if value is not None]
    text = "".join(f"{line}\n" for line in (*kept[:place], *fresh, *kept[place:]))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(os.open(path.parent / part.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def named(line: str) -> str | None:
    """The setting that a line of a file sets; None for a comment."""
    match = LINE.match(line)
    return match.group(1) if match else None
