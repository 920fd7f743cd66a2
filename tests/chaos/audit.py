"""What has to be true when the dust has settled, and what a scenario has to say for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.chaos.stack import Late, Stack, wait_for
from tests.chaos.watch import Watch, messages

SENDING = 0.5  # seconds after its wake in which a worker sends what it had decided to ask before it was frozen
STORING = 1.0  # seconds after its last byte for which an answer counts as in flight: received, not yet stored


@dataclass
class Row:
    """One line of the table, and the notes below it."""

    scenario: str
    items: int = 0
    kills: int = 0
    recovered: int = 0
    paid_twice: int = 0
    died: int = 0  # charged by the server, never in our ledger: died on the wire
    in_flight: int = 0  # calls in flight at the kills: the bound of both
    slowest: float | None = None  # seconds until the last orphan had another worker
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    passed: bool = False


def audit(stack: Stack, watch: Watch, row: Row) -> None:
    """Check everything, fill the row in, and fail with all that is wrong at once."""
    problems = [
        *items(stack),
        *counters(stack),
        *characters(stack),
        *leases(stack),
        *steps(stack),
        *journal(stack),
        *workers(stack),
        *broker(stack, row),
        *ledger(stack, row),
        *(f"a window was too wide: {one}" for one in sorted(set(watch.overflows))),
    ]
    row.items = stack.one("SELECT count(*) FROM items")
    row.kills = sum(event.kill for event in stack.events)
    row.recovered = len(watch.orphans)
    row.slowest = watch.slowest if watch.orphans else None
    assert watch.looks, "nobody watched"
    if row.slowest is not None and row.slowest > stack.size.recovery:
        problems.append(f"an orphaned job waited {row.slowest:.0f} s for a worker; {stack.size.recovery:.0f} s allowed")
    assert not problems, "\n  ".join(["the audit found:", *problems])


def items(stack: Stack) -> Iterator[str]:
    """Every item in exactly one terminal state, and every job too."""
    rows = stack.query(
        "SELECT i.batch_id, i.position, j.status FROM items i LEFT JOIN jobs j ON j.id = i.job_id"
        " WHERE j.status IS NULL OR j.status NOT IN ('completed', 'failed', 'cancelled') LIMIT 20"
    )
    yield from (f"item {batch}/{position} is {status}" for batch, position, status in rows)
    rows = stack.query(
        "SELECT id, status, finished_at, error->>'code' FROM jobs WHERE finished_at IS NULL"
        " OR (status = 'completed') <> (error IS NULL) LIMIT 20"
    )
    yield from (f"job {job} is {status}, ended {at}, error {code}" for job, status, at, code in rows)
    rows = stack.query("SELECT id, status FROM batches WHERE status IN ('queued', 'processing')")
    yield from (f"batch {batch} is {status}" for batch, status in rows)


def counters(stack: Stack) -> Iterator[str]:
    """A batch's counters are what its rows say, its cost what the ledger says; and so for each job."""
    names = ("queued", "processing", "completed", "failed", "cancelled")
    counted = ", ".join(f"count(*) FILTER (WHERE j.status = '{name}')" for name in names)
    for batch_id, *counted_rows in stack.query(
        f"SELECT i.batch_id, count(*), {counted} FROM items i JOIN jobs j ON j.id = i.job_id GROUP BY i.batch_id"
    ):
        found = list(stack.query(f"SELECT total, {', '.join(names)} FROM batches WHERE id = %s", batch_id)[0])
        if found != counted_rows:
            yield f"batch {batch_id} counts {found}, its rows say {counted_rows}"
    for table, column in (("batches", "batch_id"), ("jobs", "job_id")):
        rows = stack.query(
            f"SELECT t.id, t.cost_usd, coalesce(c.cost, 0) FROM {table} t LEFT JOIN"
            f" (SELECT {column} AS id, sum(cost_usd) AS cost FROM calls GROUP BY 1) c ON c.id = t.id"
            " WHERE t.cost_usd <> coalesce(c.cost, 0) LIMIT 10"
        )
        yield from (f"{table} {one} says it cost {said}, its calls {cost}" for one, said, cost in rows)


def characters(stack: Stack) -> Iterator[str]:
    """One character for each completed job and its files; none twice."""
    rows = stack.query(
        "SELECT j.id, j.status, count(c.id) FROM jobs j LEFT JOIN characters c ON c.job_id = j.id"
        " GROUP BY j.id HAVING count(c.id) > 1 OR (j.status = 'completed' AND count(c.id) <> 1) LIMIT 20"
    )
    yield from (f"job {job} is {status} and has {found} characters" for job, status, found in rows)
    if stray := stack.one("SELECT count(*) FROM characters WHERE job_id IS NULL"):
        yield f"{stray} characters belong to no job"
    rows = stack.query(
        "SELECT j.id FROM jobs j WHERE j.status = 'completed'"
        " AND NOT EXISTS (SELECT FROM artifacts a WHERE a.job_id = j.id) LIMIT 20"
    )
    yield from (f"job {job} is completed and has no file" for (job,) in rows)


def leases(stack: Stack) -> Iterator[str]:
    """No lease is left: nobody holds a job that has ended."""
    rows = stack.query("SELECT id, status, lease_owner FROM jobs WHERE lease_owner IS NOT NULL LIMIT 20")
    yield from (f"job {job} is {status} and leased to {owner}" for job, status, owner in rows)


def steps(stack: Stack) -> Iterator[str]:
    """No step is in processing; the steps of a completed job are completed."""
    rows = stack.query(
        "SELECT s.job_id, s.name, s.status, j.status FROM steps s JOIN jobs j ON j.id = s.job_id"
        " WHERE s.status = 'processing' OR (j.status = 'completed' AND s.status <> 'completed') LIMIT 20"
    )
    yield from (f"step {name} of job {job} is {status}, the job {whole}" for job, name, status, whole in rows)


def journal(stack: Stack) -> Iterator[str]:
    """Whoever watched has seen what the rows say: each end told once, each status in order, the counters of the end."""
    rows = stack.query(
        "SELECT j.id, j.status, array_agg(e.data->>'status' ORDER BY e.id) FILTER (WHERE e.kind = 'status'),"
        " count(*) FILTER (WHERE e.kind = 'done'), max(e.id) FILTER (WHERE e.kind = 'done') = max(e.id)"
        " FROM jobs j LEFT JOIN events e ON e.job_id = j.id GROUP BY j.id"
    )
    for job, status, told, done, last in rows:
        ways = (["processing", status], [status], ["queued", "processing", status], ["queued", status])
        if told not in ways or done != 1 or not last:
            yield f"job {job} is {status}; told was {told}, its end {done} times{'' if last else ', and more after it'}"
    for batch, *found in stack.query(
        "SELECT b.id, b.completed, b.failed, b.cancelled, e.data->'progress' FROM batches b LEFT JOIN LATERAL"
        " (SELECT data FROM events WHERE batch_id = b.id AND kind = 'done' ORDER BY id DESC LIMIT 1) e ON true"
    ):
        said = [(found[3] or {}).get(name) for name in ("completed", "failed", "cancelled")]
        if said != found[:3]:
            yield f"batch {batch} ended with {found[:3]}, told was {said}"


def workers(stack: Stack) -> Iterator[str]:
    """No row of a worker that has been silent for ten leases, with some ticks for upkeep to notice."""
    seconds = 10 * stack.size.lease + 3 * stack.size.upkeep
    rows = stack.query("SELECT id, now() - seen_at FROM workers WHERE seen_at < now() - %s * interval '1 s'", seconds)
    yield from (f"worker {worker} was last seen {silence} ago and is still listed" for worker, silence in rows)


def broker(stack: Stack, row: Row) -> Iterator[str]:
    """No message is left, but for duplicates of ended jobs in the hands of the dead."""

    def rest() -> Counter[tuple[str, str]]:
        return Counter((key, task) for key, found in messages(stack).items() for task, _ in found if key != "unacked")

    def quiet() -> bool:
        found = rest()
        # Beat sends a tick at every interval; one or two may be on their way at any moment.
        ticks = sum(number for (_, task), number in found.items() if task == "upkeep")
        return found.total() - ticks == 0 and ticks <= 2

    try:
        wait_for(quiet, "the queues are empty", 30)
    except Late:
        yield f"messages are left in the queues: {dict(rest())}"
    held = messages(stack).get("unacked", [])
    ids = [job for task, job in held if task != "upkeep"]
    known = dict(stack.query("SELECT id, status FROM jobs WHERE id = ANY(%s)", ids))
    alive = [job for job in ids if known.get(job) in {"queued", "processing"}]
    if alive:
        yield f"unacknowledged messages of jobs that have not ended: {alive[:10]}"
    if held:
        ticks = len(held) - len(ids)
        row.notes.append(
            f"{len(held)} unacknowledged messages of dead workers are left ({ticks} ticks of upkeep, {len(ids)} of"
            " ended jobs): they come back after the visibility timeout and find nothing to do"
        )


def ledger(stack: Stack, row: Row) -> Iterator[str]:
    """Our ledger is the server's, but for calls that died on the wire; no more are paid twice than were in flight."""
    charged = [line for line in stack.charges()[stack.first :] if Decimal(line["cost"]) > 0]
    booked = Counter(row[0] for row in stack.query("SELECT cost_usd FROM calls WHERE cost_usd > 0"))
    known = {Decimal(line["cost"]): line for line in charged}
    for cost, times in booked.items():
        if cost not in known:
            yield f"our ledger has a call of ${cost} that the server never charged"
        elif times > 1:
            yield f"our ledger has the call of ${cost} {times} times"
    died = [line for line in charged if Decimal(line["cost"]) not in booked]
    row.died = len(died)
    # The same question charged more than once although an answer to it was good.
    good = Counter(line["digest"] for line in charged if line["fault"] in {None, "slow"})
    row.paid_twice = sum(times - 1 for times in good.values())
    exposed = {line["n"] for line in stack.charges()[stack.first :] if in_flight(stack, line)}
    row.in_flight = len(exposed)
    unexplained = [line for line in died if line["n"] not in exposed]
    if unexplained:
        told = [
            (line["n"], line["purpose"], line["delivered"], line["gone"], ours(stack, line)) for line in unexplained
        ]
        yield f"{len(told)} calls were charged, were not in flight at a kill, and are not in our ledger: {told[:5]}"
    if row.paid_twice > row.in_flight:
        yield f"{row.paid_twice} calls were paid twice, {row.in_flight} were in flight at the kills"


def ours(stack: Stack, line: dict[str, Any]) -> list[Any]:
    """What our ledger has of a call, by the id that its answer had: booked without its cost, if anything."""
    return stack.query(
        "SELECT status, cost_usd, cost_basis, finish_reason, error->>'message', finished_at FROM calls"
        " WHERE response_id = %s",
        f"gen-{line['n']}",
    )


def in_flight(stack: Stack, line: dict[str, Any]) -> bool:
    """Whether a call was on its way, or its answer in hand and not stored yet, at a moment that may cost calls.

    While PostgreSQL is away nothing can be stored, so an answer of that time is in hand until it is back.
    """
    until = line["ended"]
    for what, began, end in stack.outages:
        if what == "postgres" and began - STORING <= until <= end:
            until = max(until, end)
    return any(
        (event.costly and line["started"] - event.lasting - 0.1 <= event.at <= until + STORING)
        or (event.wake and event.at <= line["started"] <= event.at + SENDING)
        for event in stack.events
    )
