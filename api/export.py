"""Everything about a job as one file: JSON, YAML, or a timeline as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from api.results import Made, show_made
from cards.fields import to_json
from cards.parse import write_yaml
from models.services import workers
from models.services.dossier import Dossier
from schemas.export import DEBUG_ONLY, ExportSchema

MEDIA = {"json": "application/json", "yaml": "application/yaml", "csv": "text/csv"}
COLUMNS = (
    *("at", "what", "name", "status", "attempt", "seconds", "model", "prompt_tokens", "completion_tokens"),
    *("cost_usd", "message", "details"),
)
# Spreadsheets take a cell for a formula by how it begins; some drop what stands before, or know the wide forms.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_export(found: Dossier, made: Made | None, format_name: str, *, debug: bool) -> bytes:
    """Return the file."""
    shown = show_export(found, made, debug=debug)
    if format_name == "csv":
        return write_csv(shown)
    return write_yaml(shown) if format_name == "yaml" else to_json(shown, indent=2)


def show_export(found: Dossier, made: Made | None, *, debug: bool) -> dict[str, Any]:
    """Return all about a job, as JSON."""
    job = {column.key: getattr(found.job, column.key) for column in found.job.__table__.columns}
    shown: dict[str, Any] = ExportSchema(exclude=() if debug else DEBUG_ONLY).dump(
        {
            "job": {**job, "character_id": found.made.id if found.made else None},
            "item": found.item,
            "request": found.job.request,
            "steps": found.steps,
            "calls": found.calls,
            "logs": found.logs,
            "result": show_made(made) if made else None,
            "held": {**job, "lease_owner": job["lease_owner"] and workers.mark(job["lease_owner"])},
        }
    )
    return shown


def write_csv(shown: Mapping[str, Any]) -> bytes:
    """Return the timeline of an exported job; what has not begun comes last."""
    file = io.StringIO()
    table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\r\n")
    table.writeheader()
    for row in sorted(timeline(shown), key=lambda row: row["at"] or "~"):
        table.writerow({name: cell(value) for name, value in row.items()})
    return file.getvalue().encode("utf-8")


def timeline(shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for the job and for each of its steps, calls, lines and files."""
    job = shown["job"]
    error = job["error"] or {}
    asked = {name: value for name, value in shown.items() if name in {"request", "item", "held"} and value}
    yield {
        **begun("job", job, "created_at"),
        "name": job["job_id"],
        "attempt": job["attempt"],
        "cost_usd": job["cost_usd"],
        "message": error.get("message"),
        "details": {**asked, "error": error} if error else asked,
    }
    for step in shown["steps"]:
        details = {"output": step["output"]} if "output" in step else None
        yield {**begun("step", step), "name": step["name"], "attempt": step["attempts"], "details": details}
    for call in shown["calls"]:
        same = ("attempt", "model", "prompt_tokens", "completion_tokens", "cost_usd")
        yield {
            **begun("call", call),
            **{name: call[name] for name in same},
            "name": call["purpose"],
            "message": (call["error"] or {}).get("message"),
            "details": {name: value for name, value in call.items() if name not in {*same, "purpose", "status"}},
        }
    for line in shown["logs"]:
        row = {name: line[name] for name in ("at", "attempt", "message", "details")}
        yield {**row, "what": "log", "name": line["step"], "status": line["level"]}
    for file in (shown["result"] or {}).get("artifacts", ()):
        yield {"at": job["finished_at"], "what": "file", "name": file["filename"], "details": file}


def begun(what: str, row: Mapping[str, Any], start: str = "started_at") -> dict[str, Any]:
    """Return when something began, how it ended, and the seconds between."""
    seconds = None
    if row["started_at"] and row["finished_at"]:
        began, ended = (datetime.fromisoformat(row[name]) for name in ("started_at", "finished_at"))
        seconds = round((ended - began).total_seconds(), 3)
    return {"at": row[start], "what": what, "status": row["status"], "seconds": seconds}


def cell(value: Any) -> Any:
    """Return what stands in a cell: texts that a spreadsheet would run as a formula get an apostrophe before them."""
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value
