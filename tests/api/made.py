"""What the tests of results share: a batch whose first items are through the whole pipeline, in this process."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

BATCHES = "/api/v2/batch-generations"
SOURCES = (
    "Ondine Marsh keeps the lamp on Gull Rock. She counts the ships that pass and fears the fog.",
    "Tam Fisher mends nets in the harbour of Wick. He sings at night and never learned to swim.",
)

NAMES = ("Ondine Marsh", "Tam Fisher")


def run_job(job_id: str) -> None:
    """Run a job's steps, written by the offline writer."""
    from tasks import run
    from tasks.heartbeat import Heart

    for name in ("generate", "expand_lorebook", "export"):
        assert run.run_step(name, job_id, 1, Heart([]))


def make_batch(client: FlaskClient, *, completed: int = 2, items: int = 2, **options: Any) -> tuple[str, list[str]]:
    """Submit a batch and run its first items; returns its path and its jobs."""
    from tasks import run

    run.provider.cache_clear()
    generations = [
        {"source_material": SOURCES[n % 2], "options": {"name": NAMES[n % 2], **options}, "metadata": {"n": n}}
        for n in range(items)
    ]
    body = {"generations": generations, "batch_options": {"name": "Keepers: one/two"}}
    path = client.post(BATCHES, json=body).json["status_url"]
    jobs = [item["job_id"] for item in client.get(path).json["items"]]
    for job_id in jobs[:completed]:
        run_job(job_id)
    return path, jobs
