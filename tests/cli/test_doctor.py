"""`cardforge doctor` names the broken part and the remedy: each fault is a real one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from cli import checkup
from cli.checks import model as model_check
from cli.checks import web as web_check
from cli.checks.patient import Finding, Patient
from cli.doctor import remote
from cli.embedded import Server, free_port
from tests.cli.servers import home, postgres, redis_server
from tests.engine.processes import EXPORT, GENERATION, beat, process, wait_for, web, worker
from tests.model_server import ModelServer, Say

__all__ = ["home", "postgres", "redis_server"]
Env = dict[str, str]
SECRET = "sk-hush-hush"


@pytest.fixture(scope="module")
def env(home: Path, postgres: Server, redis_server: Server) -> Env:
    """The environment of an installation of our own; its processes are not running."""
    unset = ("OPENROUTER_API_KEY", "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "CARDFORGE_URL", "CARDFORGE_API_KEY")
    plain = {name: value for name, value in os.environ.items() if name not in unset}
    ours = plain | {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis_server.url,
        "CARDFORGE_HOME": str(home),
        "PORT": str(free_port()),
        "UPKEEP_SECONDS": "1",
        "LEASE_SECONDS": "4",
        "HEARTBEAT_SECONDS": "1",
    }
    migrate(ours)
    return ours


def migrate(env: Env, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "migrations", *words], env=env, check=True, capture_output=True)


def look(env: Env, part: str, **more: Any) -> Finding:
    found = {one.part: one for one in checkup.examine(Patient(env, Path(env["CARDFORGE_HOME"]), **more), (part,))}
    told = found[part]
    assert SECRET not in f"{found}"
    assert told.state in {"ok", "unknown"} or told.remedy.endswith(".")
    return told


def doctor(env: Env, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from cli.main import main; main()", "doctor", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_no_database(env: Env, postgres: Server) -> None:
    postgres.stop()
    try:
        found = look(env, "database")
        assert (found.state, "Start PostgreSQL" in found.remedy) == ("fault", True)
        assert look(env, "migrations").detail == "cannot be told without: database"
        said = doctor(env, "--no-call")
        assert said.returncode == 1
        assert "FAULT  database" in said.stdout
        assert "Start PostgreSQL" in said.stdout
        assert "Traceback" not in said.stderr
    finally:
        postgres.restart()


def test_no_redis(env: Env, redis_server: Server) -> None:
    redis_server.stop()
    try:
        found = look(env, "redis")
        assert (found.state, "Start Redis" in found.remedy) == ("fault", True)
        assert "Connection refused" in found.detail
        assert look(env, "beat").state == "unknown"
    finally:
        redis_server.restart()


def test_a_pending_migration(env: Env) -> None:
    migrate(env, "downgrade", "0004")
    try:
        found = look(env, "migrations")
        assert (found.state, found.detail) == (
            "fault",
            f"The schema is at 0004, this version needs {checkup.newest_schema()}: a migration is pending.",
        )
        assert "`python -m migrations`" in found.remedy
    finally:
        migrate(env)
    assert look(env, "migrations").state == "ok"


def test_a_schema_from_the_future(env: Env) -> None:
    def stand_at(schema: str) -> None:
        connection = psycopg2.connect(env["DATABASE_URL"])
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE alembic_version SET version_num = %s", (schema,))
        connection.close()

    stand_at("9999")
    try:
        assert "Install the newer Cardforge" in look(env, "migrations").remedy
    finally:
        stand_at(checkup.newest_schema())


def test_no_worker_at_all(env: Env) -> None:
    found = look(env, "workers")
    assert found.state == "fault"
    for queue in ("webhooks", "lorebook", "generation", "upkeep", "export"):
        assert queue in found.detail
    assert "`generation:`" in found.remedy
    assert "`export:`" in found.remedy


def test_a_whole_installation_is_well_and_each_missing_process_is_named(env: Env, tmp_path: Path) -> None:
    with ExitStack() as stack, ModelServer() as model:
        whole = env | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "tests/model", "LLM_API_KEY": SECRET}
        stack.enter_context(worker("generation", GENERATION, whole, tmp_path))
        stack.enter_context(web(whole, tmp_path, int(env["PORT"])))
        with worker("export", EXPORT, whole, tmp_path):
            with beat(whole, tmp_path):
                wait_for(lambda: look(whole, "beat").detail.startswith("upkeep ran"), "upkeep has run")
                said = doctor(whole, "--json", "--least-free", "1")
                told = json.loads(said.stdout)
                assert (said.returncode, told["ok"]) == (0, True), told
                assert {one["part"]: one["state"] for one in told["findings"]} == dict.fromkeys(checkup.CHECKS, "ok")
                assert SECRET not in said.stdout
            wait_for(lambda: look(whole, "beat").state == "fault", "beat is missed", 20)
            found = look(whole, "beat")
            assert found.detail.startswith("Beat does not run: upkeep last ran")
            assert "`beat:`" in found.remedy
            assert look(whole, "workers").state == "ok"
        found = look(whole, "workers")
        assert (found.state, "export" in found.detail, "generation" in found.detail) == ("fault", True, False)
        assert "`export:`" in found.remedy
        with beat(whole, tmp_path):  # it is not beat that is missing
            wait_for(lambda: look(whole, "beat").state == "ok", "beat is seen to send", 20)
        assert look(whole | {"CARDFORGE_API_KEY": "cf_unknown"}, "web").detail.endswith("does not take the API key.")


@pytest.mark.parametrize(
    ("say", "detail", "remedy"),
    [
        (
            Say(status=401, body={"error": {"message": f"bad key {SECRET}"}}),
            "does not take the key (401)",
            "LLM_API_KEY",
        ),
        (Say(status=402, body={"error": {}}), "wants to be paid", "Add credit"),
        (
            Say(status=404, body={"error": {"message": "The model does not exist"}}),
            "has no model tests/model",
            "LLM_MODEL",
        ),
        (Say(status=503, body={"error": {}}), "is in trouble (503)", "status or log"),
    ],
)
def test_the_model_servers_answer_is_understood(env: Env, say: Say, detail: str, remedy: str) -> None:
    with ModelServer() as model:
        model.script = [say]
        asked = env | {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "tests/model", "LLM_API_KEY": SECRET}
        found = look(asked, "model")
    assert found.state == "fault"
    assert detail in found.detail
    assert remedy in found.remedy


def test_the_model_server_is_down(env: Env) -> None:
    asked = env | {"LLM_BASE_URL": f"http://127.0.0.1:{free_port()}/v1", "LLM_MODEL": "m", "LLM_API_KEY": SECRET}
    found = look(asked, "model")
    assert found.state == "fault"
    assert "does not answer (ConnectionError)" in found.detail
    assert "LLM_BASE_URL" in found.remedy


def test_a_model_that_is_not_on_the_servers_list_is_named_with_those_that_are_like_it() -> None:
    found = model_check.unknown_model("http://x/v1", "llama3.1", ["llama3.2", "llama3", "qwen"])
    assert found.remedy == "Set LLM_MODEL to one that it has, such as llama3.2, llama3."


def test_a_full_disk(env: Env) -> None:
    found = look(env, "disk", least_free=1e12)
    assert (found.state, found.detail.startswith("The disk of CARDFORGE_HOME is full:")) == ("fault", True)
    assert "RETENTION_DAYS" in found.remedy
    assert "PostgreSQL" in look(env, "disk", least_free=0).detail  # its own disk is looked at too


def test_bad_settings_are_all_named_and_never_quoted(env: Env) -> None:
    bad = {"MODEL_PRICES": "{", "DAILY_TOKENS": "many", "WEBHOOK_SECRET": SECRET, "LLM_BASE_URL": "ftp://x"}
    found = look(env | bad | {"LLM_MODEL": "m"}, "settings")
    assert found.state == "fault"
    for name in bad:
        assert name in found.detail, name


def test_another_program_on_the_port(env: Env, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with process(command, env, tmp_path / "log"):
        wait_for(
            lambda: look(env | {"PORT": str(port)}, "web").detail.startswith("Another program answers"), "it is told"
        )


def test_a_web_process_that_hangs_is_not_taken_for_another_program(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_check, "SECONDS", 0.2)
    with socket.socket() as hangs:
        hangs.bind(("127.0.0.1", 0))
        hangs.listen()  # connections are accepted, and nobody answers
        found = look(env | {"PORT": str(hangs.getsockname()[1])}, "web")
    assert (found.state, found.detail.startswith("The web process at http://127.0.0.1:")) == ("fault", True)
    assert "does not answer (waited 0.2 s)" in found.detail
    assert found.remedy == "See its log, and restart it."


def test_an_installation_elsewhere_is_asked_by_its_address(env: Env, tmp_path: Path) -> None:
    far = {name: value for name, value in env.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    with web(env, tmp_path) as url:
        said = doctor(far | {"CARDFORGE_URL": url, "CARDFORGE_HOME": str(tmp_path)}, "--json")
    told = {one["part"]: one for one in json.loads(said.stdout)["findings"]}
    assert said.returncode == 1
    assert (told["database"]["state"], told["workers"]["state"]) == ("ok", "fault")
    assert "no worker for" in told["workers"]["detail"]


def test_a_server_of_another_machine_is_meant_though_there_is_a_home_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "postgres").mkdir()
    for url, far in (("https://cards.example", True), ("http://127.0.0.1:8123", False)):
        monkeypatch.setenv("CARDFORGE_URL", url)
        assert remote(Patient(dict(os.environ), tmp_path)) is far
    monkeypatch.setenv("CARDFORGE_URL", "https://cards.example")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/cards")
    assert not remote(Patient(dict(os.environ), tmp_path))
