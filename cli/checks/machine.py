"""This machine: Python, the settings, the disks."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2

import settings
from cli import dump
from cli.checks.patient import Finding, Patient

OLDEST_PYTHON = (3, 11)


def check_python(_: Patient) -> Finding:
    """The version of Python."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("python", "fault", f"This is Python {found}.", "Install Python 3.11 or newer, and make again.")
    return Finding("python", "ok", found)


def check_settings(patient: Patient) -> Finding:
    """Every setting, each by its own reader."""
    readers: tuple[Callable[[Mapping[str, str]], object], ...] = (
        settings.llm,
        settings.engine,
        settings.daily,
        settings.rate_limits,
        settings.web_streams,
        settings.metrics_token,
        settings.webhooks,
        settings.model_prices,
    )
    wrong = []
    for read in readers:
        try:
            read(patient.env)
        except settings.SettingError as error:
            wrong.append(str(error))
    if wrong:
        return Finding("settings", "fault", " ".join(wrong), "Mend it in the environment; .env.example says more.")
    return Finding("settings", "ok", "can be used")


def check_disk(patient: Patient) -> Finding:
    """What is free where we, and a PostgreSQL of this machine, write."""
    places = {"CARDFORGE_HOME": patient.home if patient.home.exists() else patient.home.parent}
    if (folder := data_folder(patient)) is not None:
        places["PostgreSQL"] = folder
    remedy = "Make room: older logs, RETENTION_DAYS for finished work; or a larger disk."
    told = []
    for name, path in places.items():
        usage = shutil.disk_usage(path)
        told.append(f"{usage.free / 1e9:,.1f} GB free for {name}")
        if usage.free < patient.least_free * 1e6:
            return Finding("disk", "fault", f"The disk of {name} is full: {usage.free / 1e6:,.0f} MB left.", remedy)
    try:
        with tempfile.TemporaryFile(dir=places["CARDFORGE_HOME"]) as file:
            file.write(b"x" * 65536)
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("disk", "fault", f"{places['CARDFORGE_HOME']} cannot be written: {reason}.", remedy)
    return Finding("disk", "ok", ", ".join(told))


def data_folder(patient: Patient) -> Path | None:
    """Where PostgreSQL keeps its data, if that is on this machine and can be seen."""
    url = urlsplit(patient.env.get("DATABASE_URL", ""))
    socket = parse_qs(url.query).get("host", [""])[0]
    if url.hostname not in {None, "127.0.0.1", "localhost", "::1"} or (not url.hostname and not socket):
        return None
    try:
        folder = Path(patient.ask("SHOW data_directory")[0][0])
        return folder if folder.exists() else None
    except (psycopg2.Error, dump.Refused, KeyError):  # it may be away, or not tell us: that is for the other checks
        return None
