"""P4: accepting a batch of 10,000 items against a COPY of the rows that it is made of."""

from __future__ import annotations

import io
import time

import psycopg2

from benchmarks.figures import MOST, Line, Mark
from benchmarks.sampling import sampled
from benchmarks.services import BATCHES, JSON, Bed, body_of

# What a batch is made of, in an order that foreign keys allow, with the column that says which batch.
TABLES = {
    "batches": "id = '{0}'",
    "jobs": "batch_id = '{0}'",
    "items": "batch_id = '{0}'",
    "steps": "job_id IN (SELECT id FROM jobs WHERE batch_id = '{0}')",
    "events": "batch_id = '{0}'",
}


def measure(bed: Bed) -> list[Line]:
    """P4: a POST until its 202, by turns with a COPY of the same rows into the same tables, indexes and all."""
    ours, bare, grown = [], [], []
    http, body = bed.http(), body_of(bed.sizes.items, 1)
    bed.fresh()
    with bed.web():
        http.post(bed.url + BATCHES, data=body_of(10, 1), headers=JSON, timeout=60).raise_for_status()
        (web,) = bed.family("web")[1:]
        at_rest = web.memory_info().rss
        for _ in range(bed.sizes.runs):
            with sampled(lambda: web.memory_info().rss, 0.005) as seen:
                began = time.perf_counter()
                answer = http.post(bed.url + BATCHES, data=body, headers=JSON, timeout=120)
                ours.append(time.perf_counter() - began)
            answer.raise_for_status()
            grown.append((max(seen) - at_rest) / 1e6)
            bare.append(copy_rows(bed, answer.json()["batch_id"]))
            bed.say(f"{ours[-1]:.2f} s and {bare[-1]:.2f} s, {grown[-1]:.0f} MB more")
    return [
        Line(f"POST of {bed.sizes.items:,} items, and COPY of their rows", "s", ours, bare, Mark("ratio", MOST, 4)),
        Line("memory of the web process, over that at rest", "MB", grown, mark=Mark("ours", MOST, 150)),
    ]


def copy_rows(bed: Bed, batch_id: str) -> float:
    """Take a batch's rows out of the tables and put them back by COPY, in one transaction; returns its seconds."""
    connection = psycopg2.connect(bed.postgres.url)
    kept: dict[str, io.BytesIO] = {}
    columns = {table: columns_of(bed, table) for table in TABLES}
    with connection, connection.cursor() as cursor:
        for table, having in TABLES.items():
            kept[table] = io.BytesIO()
            query = f"COPY (SELECT {columns[table]} FROM {table} WHERE {having.format(batch_id)}) TO STDOUT"
            cursor.copy_expert(query, kept[table])
            kept[table].seek(0)
        cursor.execute("DELETE FROM batches WHERE id = %s", (batch_id,))
    began = time.perf_counter()
    with connection, connection.cursor() as cursor:
        for table, rows in kept.items():
            cursor.copy_expert(f"COPY {table} ({columns[table]}) FROM STDIN", rows)
    took = time.perf_counter() - began
    connection.close()
    return took


def columns_of(bed: Bed, table: str) -> str:
    """Return the columns of a table that can be written: the values of an identity are made."""
    sql = "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
    return str(bed.one(f"{sql} WHERE table_name = %s AND is_identity = 'NO'", table))
