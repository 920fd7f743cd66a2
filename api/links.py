"""Where things are: paths without a host, so that they hold behind any proxy."""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = "/api/v2"


def batch(batch_id: str) -> str:
    """Return the path of a batch."""
    return f"{PREFIX}/batch-generations/{batch_id}"


def of_batch(batch_id: str) -> dict[str, str]:
    """Return where to go from a batch, by the names of the wire."""
    parts = {"items_url": "items", "events_url": "events", "results_url": "results", "download_url": "download"}
    return {name: f"{batch(batch_id)}/{part}" for name, part in parts.items()}


def job(job_id: str) -> str:
    """Return the path of a job."""
    return f"{PREFIX}/jobs/{job_id}"


def result(job_id: str) -> str:
    """Return the path of a job's result."""
    return f"{job(job_id)}/result"


def logs(job_id: str) -> str:
    """Return the path of a job's log."""
    return f"{job(job_id)}/logs"


def job_events(job_id: str) -> str:
    """Return the path of a job's events."""
    return f"{job(job_id)}/events"


def export(job_id: str) -> str:
    """Return the path of all about a job."""
    return f"{job(job_id)}/export"


def download(job_id: str, format_name: str) -> str:
    """Return the path of one file."""
    return f"{job(job_id)}/download/{format_name}"


def downloads(job_id: str, formats: Iterable[str]) -> dict[str, str]:
    """Return the paths of files by format."""
    return {name: download(job_id, name) for name in formats}


def delivery(delivery_id: str) -> str:
    """Return the path of a webhook's delivery."""
    return f"{PREFIX}/webhook-deliveries/{delivery_id}"


def character(character_id: str) -> str:
    """Return the path of a character."""
    return f"{PREFIX}/characters/{character_id}"


def book(book_id: str) -> str:
    """Return the path of a lorebook."""
    return f"{PREFIX}/character-books/{book_id}"


def entry(book_id: str, entry_id: str) -> str:
    """Return the path of a lorebook's entry."""
    return f"{book(book_id)}/entries/{entry_id}"


def key(key_id: str) -> str:
    """Return the path of an API key."""
    return f"{PREFIX}/keys/{key_id}"


def profile(profile_id: str) -> str:
    """Return the path of a profile."""
    return f"{PREFIX}/profiles/{profile_id}"
