"""Where the command line talks to, and with which key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cardforge_client import Cardforge, NoApiKey


def home_folder(env: Mapping[str, str] | None = None) -> Path:
    """The data folder: ``CARDFORGE_HOME``, else `.cardforge` here."""
    return Path((os.environ if env is None else env).get("CARDFORGE_HOME") or ".cardforge").resolve()


def connect(url: str | None = None, home: Path | None = None) -> Cardforge:
    """A client as the environment says: CARDFORGE_URL; CARDFORGE_API_KEY or the home's key file.

    With ``home``, the key is that of this home whatever the environment says. Raises `NoApiKey`.
    """
    return Cardforge(url, read_key(home))


def read_key(home: Path | None = None) -> str:
    """The API key: CARDFORGE_API_KEY, or the home's key file; with ``home`` only that. Raises `NoApiKey`."""
    path = (home or home_folder()) / "api-key"
    key = os.environ.get("CARDFORGE_API_KEY", "").strip() if home is None else ""
    if not key:
        try:
            key = path.read_text().strip()
        except OSError:
            raise NoApiKey(f"No API key: set CARDFORGE_API_KEY ({path} cannot be read).") from None
    return key
