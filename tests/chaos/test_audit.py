"""The audit itself: it finds what is wrong. One that cannot fail would prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.audit import Row, audit
from tests.chaos.stack import Stack
from tests.chaos.watch import Watch

SOME_JOB = "(SELECT id FROM jobs ORDER BY id LIMIT 1)"
DAMAGE: dict[str, tuple[str, str]] = {
    "job is processing": (f"UPDATE jobs SET status = 'processing' WHERE id = {SOME_JOB}", "is processing"),
    "counter is off": ("UPDATE batches SET completed = completed - 1, failed = failed + 1", "its rows say"),
    "cost is off": ("UPDATE batches SET cost_usd = cost_usd + 1", "says it cost"),
    "character is gone": (f"DELETE FROM characters WHERE job_id = {SOME_JOB}", "has 0 characters"),
    "file is gone": (f"DELETE FROM artifacts WHERE job_id = {SOME_JOB}", "has no file"),
    "lease is left": (f"UPDATE jobs SET lease_owner = 'h/1/x' WHERE id = {SOME_JOB}", "leased to h/1/x"),
    "step runs": (f"UPDATE steps SET status = 'processing' WHERE index = 0 AND job_id = {SOME_JOB}", "is processing"),
    "end was told twice": (
        f"INSERT INTO events (job_id, kind, data) SELECT job_id, kind, data FROM events WHERE job_id = {SOME_JOB}"
        " AND kind = 'done'",
        "its end 2 times",
    ),
    "status was not told": (f"DELETE FROM events WHERE kind = 'status' AND job_id = {SOME_JOB}", "told was None"),
    "batch end was not told": ("DELETE FROM events WHERE kind = 'done' AND job_id IS NULL", "told was [None"),
    "call is missing": ("DELETE FROM calls WHERE id = (SELECT min(id) FROM calls)", "are not in our ledger"),
    "call is made up": (
        "UPDATE calls SET cost_usd = 77 WHERE id = (SELECT min(id) FROM calls)",
        "the server never charged",
    ),
}


def test_the_audit_finds_what_is_wrong(stack: Stack) -> None:
    stack.dirty = True
    with Watch(stack) as watch:
        batch = stack.submit(2, mark="audit", max_concurrent=2)
        stack.wait_done(batch, seconds=60)
        audit(stack, watch, Row("whole"))
        found = {name: problems(stack, watch, damage) for name, (damage, _) in DAMAGE.items()}
        audit(stack, watch, Row("whole again"))
    stack.dirty = False
    missed = {name: found[name] for name, (_, words) in DAMAGE.items() if words not in found[name]}
    assert not missed


def problems(stack: Stack, watch: Watch, damage: str) -> str:
    """Do the damage, return what the audit says, and undo it."""
    undo = backup(stack)
    stack.query(damage)
    try:
        with pytest.raises(AssertionError) as caught:
            audit(stack, watch, Row("damaged"))
        return str(caught.value)
    finally:
        undo()


def backup(stack: Stack) -> Callable[[], None]:
    """Remember the tables that are damaged, and return how to put them back."""
    tables = ("batches", "jobs", "steps", "characters", "artifacts", "calls", "events")
    for table in tables:
        stack.query(f"CREATE TABLE chaos_{table} AS TABLE {table}")

    def undo() -> None:
        # Foreign keys would take other rows along, so they rest for the session.
        restore = "".join(
            f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM chaos_{table};"
            f"DROP TABLE chaos_{table};"
            for table in tables
        )
        stack.query(f"SET session_replication_role = replica; {restore}")

    return undo
