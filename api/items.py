"""Items of a batch for the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api import links
from models.batches import Item
from models.jobs import Job
from models.services.dossier import CharacterRef
from models.states import Status


def name_item(position: int) -> str:
    """Return what the item at a place of its batch is called."""
    return f"item_{position}"


def show_item(item: Item, job: Job, formats: Sequence[str], made: CharacterRef | None) -> dict[str, Any]:
    """Return an item with the links to what its job has made: files of these formats."""
    return {
        "item_id": name_item(item.position),
        "position": item.position,
        "profile_id": job.profile_id,
        "status": job.status,
        "progress": job.progress,
        "job_id": job.id,
        "character_id": made.id if made else None,
        "character_name": made.name if made else None,
        "status_url": links.job(job.id),
        "result_url": links.result(job.id) if job.status == Status.COMPLETED else None,
        "downloads": links.downloads(job.id, formats),
        "error": job.error,
        "metadata": item.info,
    }
