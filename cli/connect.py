"""Where the command line talks to, and with which key."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from cardforge_client import Cardforge, NoApiKey
from cardforge_client.client import DEFAULT_URL
from cardforge_client.transport import is_loopback


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """The data folder: ``CARDFORGE_HOME``, else `.cardforge` here."""
    return Path((os.environ if env is None else env).get("CARDFORGE_HOME") or ".cardforge").resolve()


def connect(url: str | None = None, home: Path | None = None) -> Cardforge:
    """A client of ``url``, else of `server`; with CARDFORGE_API_KEY or the home's key file.

    With ``home``, the key is that of this home whatever the environment says. Raises `NoApiKey`.
    """
    return Cardforge(url or server(), read_key(home))


def server() -> str:
    """The address of the API: CARDFORGE_URL, else that of the `up` of this home, else the usual one."""
    return root(os.environ.get("CARDFORGE_URL") or running_url(home_folder()) or DEFAULT_URL)


def root(url: str) -> str:
    """The address of a server, also where that of its API was given."""
    return url.rstrip("/").removesuffix("/api/v2")


def running_url(home: Path) -> str | None:
    """Where the `up` that holds ``home`` answers, as it has noted."""
    try:
        noted = json.loads((home / "run" / "up.json").read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # `up` is on this machine; a file that says otherwise is not its.
    return noted if isinstance(noted, str) and is_loopback(noted) else None


def read_key(home: Path | None = None) -> str:
    """The API key: CARDFORGE_API_KEY, or the home's key file; with ``home`` only that. Raises `NoApiKey`."""
    path = (home or home_folder()) / "api-key"
    key = os.environ.get("CARDFORGE_API_KEY", "").strip() if home is None else ""
    if not key:
        try:
            key = path.read_text().strip()
        except OSError:
            remedy = "set CARDFORGE_API_KEY, or CARDFORGE_HOME to the folder of the `cardforge up` that you mean"
            raise NoApiKey(f"No API key: {remedy} ({path} cannot be read).") from None
    return key
