"""docs/benchmarks.json: the last figures of each row, costs and scaling curve. The pages are written from it."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

DOCS = Path(__file__).parent.parent / "docs"
FILE = DOCS / "benchmarks.json"
PACKAGES = ("celery", "kombu", "redis", "SQLAlchemy", "psycopg2-binary", "Flask", "gunicorn", "requests", "aiohttp")


def read(path: Path = FILE) -> dict[str, Any]:
    """Return what is kept: ``rows`` by name, ``costs`` by label, ``scaling``."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {"rows": {}, "costs": {}, "scaling": {}} | kept


def write(kept: dict[str, Any], path: Path = FILE) -> None:
    """Keep it."""
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


def version_of(package: str) -> str:
    """Return a package's version, empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def today() -> str:
    """Return the date (UTC)."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def machine() -> dict[str, Any]:
    """Return what figures depend on: the machine's size, the system, and versions. Nothing that names it."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name))},
    }
