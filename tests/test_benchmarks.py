"""The benchmarks' own parts that need no servers: figures, the counting of statements, the pages, the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import costs, growing, page, scaling, store
from benchmarks.figures import LEAST, MOST, Line, Mark, Result, percentile, spread
from benchmarks.model import answer
from benchmarks.rows import ROWS
from benchmarks.sizes import TINY, Sizes

MACHINE: dict[str, Any] = {
    "cores": 2,
    "memory_gib": 16,
    "system": "Linux 6.1 x86_64",
    "python": "3.13.1",
    "packages": {"celery": "5.7.0"},
}
COST = {
    "jobs": 100,
    "calls": 6.0,
    "statements": 200.0,
    "sql": {"SELECT": 60.0},
    "writing_commits": 20.0,
    "batch_locks": 8.0,
    "connections": {"redis": 50, "postgres": 20},
    "read_only": 10.0,
    "pings": 0.0,
    "wal_kib": 90.0,
    "redis": {"publish": 10.0},
    "redis_commands": 40.0,
    "redis_round_trips": 30.0,
    "cpu_ms": {"web": 0.5, "generation": 50.0, "export": 20.0, "postgres": 10.0, "redis": 1.0, "model server": 1.0},
}


def result(*lines: Line, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(Result("2026-11-25", MACHINE, list(lines), **more).to_dict()))
    return made


def kept() -> dict[str, Any]:
    return {
        "rows": {
            "P1": result(Line("jobs", "/s", [10.0, 20.0, 30.0], [40.0, 40.0, 40.0], Mark("ratio", LEAST, 0.6))),
            "P9": result(Line("import", "s", [1.0]), sizes={"runs": 1}),
        },
        "costs": {
            "before": {"date": "2026-11-24", "machine": MACHINE, "loads": {"default": COST | {"statements": 295.0}}},
            "after": {"date": "2026-11-25", "machine": MACHINE, "loads": {"default": COST, "P1": COST}},
        },
        "scaling": {
            "date": "2026-11-25",
            "machine": MACHINE,
            "threads": 4,
            "latency": 2.0,
            "points": [{"workers": 1, "calls": [1.9]}, {"workers": 2, "calls": [3.6, 3.8]}],
            "commits": {"1": 900.0, "16": 4000.0},
        },
    }


def test_every_row_of_the_issue_is_there() -> None:
    assert list(ROWS) == [f"P{number}" for number in range(1, 11)]


def test_the_median_and_its_ratio_decide() -> None:
    line = Line("w", "s", [1.0, 2.0, 9.0], [4.0, 4.0, 4.0], Mark("ratio", MOST, 0.4))
    assert line.cells()[:3] == ["w", "2.00 (1.00..9.00) s", "4.00 (4.00..4.00) s"]
    assert line.cells()[3:] == ["0.50 (0.25..2.25)", "<= 0.4", "misses by 25%"]
    assert Line("w", "MB", [249.0], mark=Mark("ours", MOST, 250)).cells()[-2:] == ["<= 250 MB", "yes"]


@pytest.mark.parametrize(("value", "shown"), [(0.01234, "0.0123"), (12.34, "12.3"), (1234.5, "1,234"), (0.0, "0")])
def test_a_figure_has_three_digits(value: float, shown: str) -> None:
    assert spread([value]) == shown


def test_percentiles_are_of_the_values_there_are() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95), percentile([7.0], 95)) == (50.0, 95.0, 7.0)


def test_the_page_tells_rows_misses_and_costs() -> None:
    written = page.page(kept(), "## P1 why\n\nPings of the pool (py-spy).\n\n## P2\n\nNever shown.\n")
    assert "| P1 | jobs | 20.0 (10.0..30.0) /s | 40.0 (40.0..40.0) /s | 0.50 (0.25..0.75) | >= 0.6 |" in written
    assert "**P1**: jobs: misses by 17%.\n\nPings of the pool (py-spy)." in written
    assert "Never shown" not in written
    assert "(Measured with runs 1.)" in written
    assert "| a job | as in P1, after | default options, before | default options, after |" in written
    assert "| SQL statements | 200.0 | 295.0 | 200.0 |" in written
    assert max(len(line) for line in written.splitlines() if not line.startswith("|")) <= 150


def test_the_page_can_be_written_of_nothing() -> None:
    assert "Nothing." in page.page({"rows": {}, "costs": {}, "scaling": {}}, "")


def test_the_scaling_page_is_reckoned_from_what_is_kept() -> None:
    written = scaling.page(kept())
    # 200 threads wait for six calls of 5 s: 6.7 jobs/s, and the interpreter could compute 20.
    assert "**6.7 jobs/s a worker**" in written
    assert "| jobs/s | 66.7 | 667 | 6,667 |" in written
    assert "| CPU of Redis, which uses one core | 150 |" in written
    assert "one batch runs at less than 112 jobs/s" in " ".join(written.split())
    assert "| 2 | 3.70 | 4.00 | 92% |" in written


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the bench extra is not installed")
    scaling.write(kept(), tmp_path)
    assert "<svg" in (tmp_path / "scaling.svg").read_text("utf-8")
    assert (tmp_path / "scaling.md").read_text("utf-8") == scaling.page(kept())


def test_what_is_kept_is_read_as_it_was_written(tmp_path: Path) -> None:
    store.write(kept(), tmp_path / "b.json")
    assert store.read(tmp_path / "b.json") == kept()
    assert store.read(tmp_path / "none.json") == {"rows": {}, "costs": {}, "scaling": {}}


def test_the_machine_is_told_without_its_name() -> None:
    told = store.machine()
    assert set(told) == {"cores", "memory_gib", "system", "python", "packages"}


LOG = """\
@1.a@cardforge@ LOG:  statement: BEGIN
@2.b@cardforge@ LOG:  statement: SELECT 1
@1.a@cardforge@ LOG:  statement: SELECT jobs.id
\tFROM jobs
\tWHERE jobs.id = 'j' FOR UPDATE
@2.b@cardforge@ LOG:  statement: BEGIN
@2.b@cardforge@ LOG:  statement: SELECT 2
@1.a@cardforge@ LOG:  statement: COMMIT
@2.b@cardforge@ LOG:  checkpoint starting
@3.c@bench@ LOG:  statement: SELECT 3
\t+ 4
@2.b@cardforge@ LOG:  statement: COMMIT
@2.b@cardforge@ LOG:  statement: BEGIN
@2.b@cardforge@ LOG:  statement: INSERT INTO calls VALUES (1)
@2.b@cardforge@ LOG:  statement: EXECUTE cf_1 (1)
@1.a@cardforge@ LOG:  checkpoint complete
@2.b@cardforge@ DETAIL:  prepare: PREPARE cf_1 (NUMERIC(18, 10)) AS UPDATE batches
\tSET cost_usd = $1
@2.b@cardforge@ LOG:  statement: COMMIT
"""


def test_statements_are_counted_by_session() -> None:
    found = costs.count_statements(LOG.splitlines(), 2)
    assert found["statements"] == 5.5
    assert (found["writing_commits"], found["read_only"], found["pings"]) == (1.0, 0.5, 0.5)
    assert found["batch_locks"] == 0.5
    assert found["sql"] == {"BEGIN": 1.5, "COMMIT": 1.5, "SELECT": 1.0, "ping": 0.5, "INSERT": 0.5, "UPDATE": 0.5}


def test_names_choose_rows_and_do_not_write() -> None:
    given, sizes = command.read_arguments(["P5", "P6", "--runs", "3"])
    assert (given.names, given.write, sizes.runs, sizes.jobs) == (["P5", "P6"], False, 3, Sizes().jobs)
    assert command.read_arguments([])[0].write is True
    tiny, sizes = command.read_arguments(["--tiny", "--jobs", "7"])
    assert (tiny.write, sizes.jobs, sizes.calls) == (False, 7, TINY["calls"])
    with pytest.raises(SystemExit):
        command.read_arguments(["P11"])


def test_the_model_streams_what_a_script_can_read() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "write_core", "schema": schema}}
    body = {"model": "m", "messages": [{"role": "user", "content": "Write."}], "response_format": wanted}
    streamed = answer(body | {"stream": True})
    events = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith(b"data: {")]
    pieces = [choice["delta"].get("content", "") for event in events for choice in event["choices"]]
    assert json.loads("".join(pieces)) == {"name": "Ondine Marsh"}
    assert b'"cost": ' in streamed
    whole = json.loads(answer(body).partition(b"\r\n\r\n")[2])
    assert json.loads(whole["choices"][0]["message"]["content"]) == {"name": "Ondine Marsh"}


def test_what_is_seen_of_growth_has_a_unit() -> None:
    assert set(growing.UNITS.values()) == {"MB", "ms"}
