"""The API: whether it answers and takes the key."""

from __future__ import annotations

import requests

from cardforge_client import NoApiKey
from cli.checks.patient import SECONDS, UP, Finding, Patient
from cli.connect import read_key, root


def check_web(patient: Patient) -> Finding:
    """The API answers, in time, and takes the key."""
    url = address(patient)
    try:
        return no_api(url) or refused_key(url, key_of(patient)) or Finding("web", "ok", f"answers at {url}")
    except requests.Timeout:
        told = f"The web process at {url} does not answer (waited {SECONDS:g} s)."
        return Finding("web", "fault", told, f"See its log{log_of(patient)}, and restart it.")
    except requests.ConnectionError:
        return Finding("web", "fault", f"No API answers at {url}.", f"Start the web process; {UP}.")


def no_api(url: str) -> Finding | None:
    """A finding where something that is not Cardforge answers at ``url``."""
    live = requests.get(f"{url}/health/live", timeout=SECONDS)
    try:
        if live.ok and live.json().get("status") == "ok":
            return None
    except (ValueError, AttributeError):  # no JSON, or no object
        pass
    remedy = "Choose another PORT for Cardforge, or set CARDFORGE_URL."
    return Finding("web", "fault", f"Another program answers at {url}.", remedy)


def refused_key(url: str, key: str) -> Finding | None:
    """A finding where there is no key to try, or the API does not take it."""
    if not key:
        told = f"answers at {url}, but there is no API key to try"
        return Finding("web", "warning", told, "Set CARDFORGE_API_KEY; `python -m migrations new-key` makes one.")
    asked = requests.get(f"{url}/api/v2/jobs?limit=1", headers={"Authorization": f"Bearer {key}"}, timeout=SECONDS)
    if asked.status_code == 401:
        remedy = "Set CARDFORGE_API_KEY to a good key; `python -m migrations new-key` makes one."
        return Finding("web", "fault", f"The API at {url} does not take the API key.", remedy)
    return None


def address(patient: Patient) -> str:
    """Where the API should be."""
    return root(patient.env.get("CARDFORGE_URL") or f"http://127.0.0.1:{patient.env.get('PORT') or 8000}")


def key_of(patient: Patient) -> str:
    """The API key: the one set, else the home's first one, else nothing."""
    try:
        return patient.env.get("CARDFORGE_API_KEY", "").strip() or read_key(patient.home)
    except NoApiKey:
        return ""


def log_of(patient: Patient) -> str:
    """Where the log of a web process of this home is, in brackets; empty where there is none."""
    path = patient.home / "logs" / "web.log"
    return f" ({path})" if path.exists() else ""


def check_remote(patient: Patient) -> list[Finding]:
    """What a server elsewhere says of its own parts."""
    try:
        parts = requests.get(f"{address(patient)}/health/ready", timeout=4 * SECONDS).json()["parts"]
    except (requests.RequestException, ValueError, KeyError):
        return []
    remedy = "Run `cardforge doctor` where the server runs."
    return [
        Finding(name, "ok", part["detail"]) if part["state"] == "ok" else Finding(name, "fault", part["detail"], remedy)
        for name, part in parts.items()
    ]
