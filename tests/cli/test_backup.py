"""Backup and restore: a drill with everything running, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from click.testing import CliRunner, Result

from cli import backup as commands
from cli import dump
from cli.embedded import Server, start_postgres, start_redis
from tests.cli.servers import home, postgres
from tests.engine.processes import EXPORT, GENERATION, process, wait_for, web
from tests.model_server import ModelServer

__all__ = ["home", "postgres"]
Env = dict[str, str]
ITEMS = 8
QUICK = {"LEASE_SECONDS": "4", "HEARTBEAT_SECONDS": "1", "UPKEEP_SECONDS": "1", "GRACE_SECONDS": "2"}
UNSET = ("OPENROUTER_API_KEY", "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "CARDFORGE_URL", "CARDFORGE_API_KEY")


def plain(**ours: str) -> Env:
    return {name: value for name, value in os.environ.items() if name not in UNSET} | ours


def rows(url: str, query: str) -> list[Any]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def cardforge(env: Env, *words: str) -> str:
    command = [sys.executable, "-c", "from cli.main import main; main()", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def migrate(env: Env, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "migrations", *words], env=env, check=True, capture_output=True)


# --- the drill ----------------------------------------------------------------------------------------------------

DONE = (
    "SELECT jobs.id, jobs.finished_at, jobs.cost_usd, md5(characters.card::text), "
    "(SELECT string_agg(format || md5(content), ',' ORDER BY format) FROM artifacts WHERE job_id = jobs.id) "
    "FROM jobs JOIN characters ON characters.job_id = jobs.id WHERE jobs.status = 'completed'"
)
PAID = "SELECT id, key, cost_usd FROM calls WHERE status = 'completed'"


def count(url: str, status: str) -> int:
    return int(rows(url, f"SELECT count(*) FROM jobs WHERE status = '{status}'")[0][0])


def run_processes(stack: ExitStack, env: Env, folder: Path) -> list[subprocess.Popen[bytes]]:
    """Start both workers and beat at one time; whoever waits for their work waits for them."""
    celery = [sys.executable, "-m", "celery", "-A", "tasks.celery"]
    quiet = ["--without-gossip", "--without-mingle"]
    started = {
        "generation": [*celery, "worker", *GENERATION, "-n", "generation@%h", *quiet],
        "export": [*celery, "worker", *EXPORT, "-n", "export@%h", *quiet],
        "beat": [*celery, "beat", "--schedule", str(folder / "schedule"), "--pidfile="],
    }
    return [stack.enter_context(process(words, env, folder / f"{name}.log")) for name, words in started.items()]


def submit(url: str, key: str) -> None:
    options = {"passes": "one", "include_book": False, "format": ["json", "tavernai"]}
    body = {
        "generations": [{"source_material": f"Ondine {n} keeps the lamp.", "options": options} for n in range(ITEMS)],
        "batch_options": {"max_concurrent": 3},
    }
    answer = requests.post(
        f"{url}/api/v2/batch-generations", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=20
    )
    assert answer.status_code == 202, answer.text


def test_after_backup_under_load_wipe_and_restore_every_card_is_there_and_work_goes_on(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "backup.cfb"
    with ModelServer(seconds=0.4) as model, ExitStack() as services:
        env = plain(**QUICK, CARDFORGE_HOME=str(home), LLM_BASE_URL=model.base_url, LLM_MODEL="tests/model")
        postgres, redis = start_postgres(home), start_redis(home)
        env |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        migrate(env)
        with ExitStack() as processes:
            running = run_processes(processes, env, tmp_path)
            url = processes.enter_context(web(env, tmp_path))
            submit(url, (home / "api-key").read_text().strip())
            wait_for(lambda: count(postgres.url, "completed") >= 3, "three cards are there", 60)
            done, paid = rows(postgres.url, DONE), rows(postgres.url, PAID)
            said = cardforge(env, "backup", str(file))
            assert f"{ITEMS} jobs" in said
            assert count(postgres.url, "completed") < ITEMS, "the load was over before the backup"
            for one in running:  # as when the machine is lost
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()
        redis.kill()
        postgres.kill()
        for folder in ("postgres", "redis"):
            shutil.rmtree(home / folder)
        assert file.stat().st_mode & 0o077 == 0

        postgres, redis = start_postgres(home), start_redis(home)
        services.callback(postgres.stop)
        services.callback(redis.stop)
        env |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        cardforge(env, "restore", str(file))
        assert set(done) <= set(rows(postgres.url, DONE))
        assert count(postgres.url, "completed") < ITEMS
        with ExitStack() as processes:
            run_processes(processes, env, tmp_path)
            wait_for(lambda: count(postgres.url, "completed") == ITEMS, "the rest is done", 60)
        assert set(done) <= set(rows(postgres.url, DONE))
        # What was paid by then was not paid again: each of these questions has the one answer that it had.
        after = rows(postgres.url, PAID)
        assert set(paid) <= set(after)
        assert len(after) == len({(id_, key) for id_, key, _ in after})
        assert rows(postgres.url, "SELECT status, completed, total FROM batches") == [("completed", ITEMS, ITEMS)]
        assert rows(postgres.url, "SELECT count(*) FROM calls WHERE discarded") == [(0,)]


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.fixture
def env(home: Path, postgres: Server) -> Env:
    """A database of a batch that never ran, and two characters' worth of rows."""
    return plain(DATABASE_URL=postgres.url, REDIS_URL="redis://127.0.0.1:1/0", CARDFORGE_HOME=str(home))


@pytest.fixture(scope="module")
def made(home: Path, postgres: Server) -> Path:
    """A backup of a database with some work in it; the database keeps it."""
    env = plain(DATABASE_URL=postgres.url, REDIS_URL="redis://127.0.0.1:1/0", CARDFORGE_HOME=str(home))
    migrate(env)
    rows(
        postgres.url,
        "INSERT INTO batches (id, owner_id, name, max_concurrent, continue_on_error, total, queued) "
        "SELECT 'batch_' || n, (SELECT min(id) FROM owners), E'tab\\t new\\n \\\\ line é', 1, true, 1, 1 "
        "FROM generate_series(1, 500) AS n",
    )
    rows(postgres.url, "INSERT INTO events (batch_id, kind, data) SELECT id, 'log', '{\"a\": \"\\\\n\"}' FROM batches")
    dump.write(postgres.url, home / "made.cfb")
    return home / "made.cfb"


def ask(env: Env, *words: str) -> Result:
    from cli.main import main

    unset = {name: None for name in ("DATABASE_URL", "REDIS_URL") if name not in env}
    return CliRunner().invoke(main, list(words), env=env | unset)


def content(url: str) -> Any:
    return rows(url, "SELECT md5(string_agg(b::text, '' ORDER BY id)) FROM batches AS b"), rows(
        url, "SELECT md5(string_agg(e::text, '' ORDER BY id)), max(id) FROM events AS e"
    )


def test_a_database_in_use_is_not_overwritten_unless_forced(env: Env, made: Path, postgres: Server) -> None:
    before = content(postgres.url)
    refused = ask(env, "restore", str(made))
    assert (refused.exit_code, "The database is not empty" in refused.output) == (2, True)
    rows(postgres.url, "DELETE FROM batches WHERE id > 'batch_3'")
    forced = ask(env, "restore", str(made), "--force")
    assert forced.exit_code == 0, forced.output
    assert content(postgres.url) == before
    # Numbers go on where they were.
    assert rows(postgres.url, "INSERT INTO events (kind) VALUES ('log') RETURNING id")[0][0] > before[1][0][1]


def test_nothing_is_restored_under_a_running_worker(env: Env, made: Path, postgres: Server) -> None:
    rows(postgres.url, "INSERT INTO workers (id, host, pid, queues, seen_at) VALUES ('w', 'h', 1, '{export}', now())")
    try:
        refused = ask(env, "restore", str(made))
        assert (refused.exit_code, "stop all workers" in refused.output) == (2, True)
    finally:
        rows(postgres.url, "DELETE FROM workers")


@pytest.mark.parametrize("how", ["cut", "changed", "longer", "no gzip", "another gzip", "no end"])
def test_a_broken_file_is_refused_before_anything_is_touched(
    env: Env, made: Path, postgres: Server, tmp_path: Path, how: str
) -> None:
    packed, plain_text = made.read_bytes(), gzip.decompress(made.read_bytes())
    broken = {
        "cut": packed[: len(packed) // 2],
        "changed": gzip.compress(plain_text.replace(b"batch_77\t", b"batch_78\t")),
        "longer": gzip.compress(plain_text + b"x"),
        "no gzip": b"PGDMP something else",
        "another gzip": gzip.compress(b'{"hello": 1}\n'),
        "no end": gzip.compress(plain_text[: plain_text.rindex(b'{"end":')]),
    }[how]
    file = tmp_path / "broken.cfb"
    file.write_bytes(broken)
    before = content(postgres.url)
    refused = ask(env, "restore", str(file), "--force")
    assert refused.exit_code == 2
    assert "is broken" in refused.output or "is no backup" in refused.output
    assert content(postgres.url) == before


def test_a_backup_of_a_newer_schema_is_refused(env: Env, made: Path, tmp_path: Path) -> None:
    text = gzip.decompress(made.read_bytes())
    head, _, end = text.partition(b'"schema":"')
    newer = head + b'"schema":"9999' + end[4:]
    body = newer[: newer.rindex(b'{"end":')]
    trailer = json.loads(newer[len(body) :]) | {"sha256": hashlib.sha256(body).hexdigest()}
    file = tmp_path / "newer.cfb"
    file.write_bytes(gzip.compress(body + dump.encode(trailer)))
    refused = ask(env, "restore", str(file), "--force")
    assert (refused.exit_code, "newer than this Cardforge" in refused.output) == (2, True)


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    env: Env, made: Path, postgres: Server, tmp_path: Path
) -> None:
    rows(postgres.url, "CREATE DATABASE older")
    older = env | {"DATABASE_URL": postgres.url.replace("/cardforge?", "/older?")}
    migrate(older, "upgrade", "0004")
    rows(older["DATABASE_URL"], "INSERT INTO owners (id, name) VALUES ('owner_1', 'somebody')")
    assert ask(older, "backup", str(tmp_path / "older.cfb")).exit_code == 0
    rows(older["DATABASE_URL"], "DELETE FROM owners")
    done = ask(older, "restore", str(tmp_path / "older.cfb"))
    assert done.exit_code == 0, done.output
    assert dump.look(older["DATABASE_URL"]).schema == commands.newest_schema()
    assert rows(older["DATABASE_URL"], "SELECT name FROM owners") == [("somebody",)]


def test_a_backup_that_fails_leaves_no_file(env: Env, tmp_path: Path) -> None:
    away = env | {"DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/x"}
    refused = ask(away, "backup", str(tmp_path / "none.cfb"))
    assert (refused.exit_code, "cannot be reached: Connection refused." in refused.output) == (2, True)
    assert "hush" not in refused.output
    assert list(tmp_path.iterdir()) == []


def test_without_a_url_the_homes_own_database_is_taken(made: Path, tmp_path: Path) -> None:
    alone = plain(CARDFORGE_HOME=str(tmp_path / "own"))
    for name in ("DATABASE_URL", "REDIS_URL"):
        alone.pop(name, None)
    assert "Nothing to back up" in ask(alone, "backup", str(tmp_path / "b.cfb")).output
    assert "500 batches" in cardforge(alone, "restore", str(made))
    cardforge(alone, "backup", str(tmp_path / "b.cfb"))
    assert dump.check(tmp_path / "b.cfb").rows == dump.check(made).rows


def test_a_backup_goes_through_pipes(env: Env, made: Path, postgres: Server) -> None:
    before = content(postgres.url)
    program = [sys.executable, "-c", "from cli.main import main; main()"]
    piped = subprocess.run([*program, "backup", "-"], env=env, capture_output=True, check=True)
    assert b"500 batches" in piped.stderr
    rows(postgres.url, "DELETE FROM batches")
    back = subprocess.run(
        [*program, "restore", "-", "--force"], env=env, input=piped.stdout, capture_output=True, check=True
    )
    assert b"restored: 500 batches" in back.stdout
    assert content(postgres.url) == before
