"""What P6 is held against: a Flask view that does one SELECT by primary key and returns the row as JSON."""

from __future__ import annotations

import os
import threading
from typing import Any

import psycopg2
from flask import Flask, jsonify
from psycopg2.extras import RealDictCursor

app = Flask("bare")
local = threading.local()
SQL = "SELECT id, kind, batch_id, status, attempt, progress, cost_usd, created_at, finished_at FROM jobs WHERE id = %s"


def connection() -> Any:
    """Return this thread's connection."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        local.connection.autocommit = True
    return local.connection


@app.get("/jobs/<job_id>")
def read(job_id: str) -> Any:
    """See a job's row."""
    with connection().cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(SQL, (job_id,))
        return jsonify(cursor.fetchone())
