"""`cardforge up` and `demo` as people run them: real processes, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from cli import stack
from cli.embedded import free_port
from cli.processes import Child, Signals, StartError
from cli.stack import AlreadyRunning, Pause, Stack, claim
from cli.writers import writer_of

ROOT = Path(__file__).parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "OPENROUTER_API_KEY", "LLM_BASE_URL", "CARDFORGE_API_KEY", "FLOWER_BASIC_AUTH")


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class Run:
    """One `cardforge` command in a home of its own."""

    process: subprocess.Popen[str]
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def ended(self) -> int:
        code = self.process.wait(timeout=60)
        assert "Traceback" not in self.said()
        return code


@dataclass
class Shell:
    """Starts commands in ``home`` with free ports."""

    home: Path
    port: int
    runs: list[Run]

    def run(self, *words: str, **settings: str) -> Run:
        env = {name: value for name, value in os.environ.items() if name not in OURS}
        ports = {"PORT": str(self.port), "FLOWER_PORT": str(free_port())}
        env |= {"CARDFORGE_HOME": str(self.home), **ports, **settings}
        output = self.home.with_name(f"output-{len(self.runs)}")
        with output.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-c", "from cli.main import main; main()", *words],
                cwd=ROOT,
                env=env,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.runs.append(Run(process, output))
        return self.runs[-1]

    def living(self) -> list[str]:
        """Processes that work for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("CARDFORGE_HOME") == str(self.home)
                if (ours or str(self.home) in " ".join(process.cmdline())) and process.status() != "zombie":
                    found.append(" ".join(process.cmdline())[:120])
            except psutil.Error:
                continue
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path / "home", free_port(), [])
    yield made
    for run in made.runs:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            run.process.wait(timeout=60)


def ready(shell: Shell) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{shell.port}/health/ready", timeout=5).ok
    except requests.RequestException:
        return False


def is_up(run: Run) -> bool:
    assert run.process.poll() is None, run.said()
    return "Ctrl-C stops everything" in run.said()


def test_up_survives_crashes_and_ends_without_a_trace(shell: Shell) -> None:
    up = shell.run("up")
    until(lambda: is_up(up))
    assert "  writer   offline: no model is set" in up.said()
    assert "`cardforge init` sets one" in up.said()
    for name in ("api-key", "services.env", "flower-auth"):
        assert (shell.home / name).stat().st_mode & 0o077 == 0, name

    second = shell.run("up")
    assert second.ended() == 1
    assert f"already running on {shell.home}" in second.said()
    assert f"pid {up.process.pid}, http://127.0.0.1:{shell.port}" in second.said()
    assert second.said().count("\n") == 1

    web = json.loads((shell.home / "run" / "web.pid").read_text())["pid"]
    os.kill(web, signal.SIGKILL)
    until(lambda: "web was killed by signal 9; starting it again in 1 s" in up.said())
    until(lambda: ready(shell))

    up.process.kill()  # as a crash would; nothing is told to stop
    up.process.wait()
    again = shell.run("up")
    until(lambda: is_up(again))
    assert "first API key" not in again.said()  # the data is the old one

    os.killpg(again.process.pid, signal.SIGINT)
    assert again.ended() == 0
    assert shell.living() == []
    assert not list((shell.home / "run").glob("*.pid"))
    assert not (shell.home / "services.env").exists()


def test_demo_makes_cards_and_leaves_nothing_running(shell: Shell, tmp_path: Path) -> None:
    run = shell.run("demo", "--out", str(tmp_path / "out"))
    assert run.ended() == 0, run.said()
    assert re.search(r"(\d+) of \1 cards", run.said())
    cards = {path.suffix for path in (tmp_path / "out").iterdir()}
    assert {".png", ".json"} <= cards
    assert "\x1b" not in run.said()
    assert shell.living() == []


@pytest.mark.parametrize("moment", ["postgres   started", "migrations schema"])
def test_ctrl_c_during_the_start_leaves_nothing_running(shell: Shell, moment: str) -> None:
    run = shell.run("demo")
    until(lambda: moment in run.said())
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.ended() == 130
    assert shell.living() == []


def refused(shell: Shell, **settings: str) -> str:
    run = shell.run("up", **settings)
    assert run.ended() == 1
    assert run.said().count("\n") == 1, run.said()
    assert "hush" not in run.said()
    assert shell.living() == []
    return run.said()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATABASE_URL": "mysql://me:hush@127.0.0.1/x"}, "DATABASE_URL must start with postgresql://"),
        ({"DATABASE_URL": "postgresql://me:hush@127.0.0.1:1/x"}, "me:***@127.0.0.1:1/x: Connection refused."),
        ({"REDIS_URL": "redis://:hush@127.0.0.1:1/0"}, "redis://:***@127.0.0.1:1/0: Connection refused."),
        ({"PORT": "http"}, "PORT must be a port number"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(shell: Shell, settings: dict[str, str], said: str) -> None:
    assert said in refused(shell, **settings)


def test_a_home_that_cannot_be_made_is_one_clear_line(shell: Shell) -> None:
    shell.home.write_text("a file is here")
    assert f"cardforge: {shell.home}" in refused(shell)


@pytest.mark.parametrize("setting", ["PORT", "FLOWER_PORT"])
def test_a_taken_port_is_one_clear_line(shell: Shell, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is taken by another program. Choose another one, such as {setting}=" in refused(
            shell, **{setting: str(port)}
        )


def test_webhooks_are_signed_with_one_secret_made_once(tmp_path: Path) -> None:
    made = stack.webhook_secret(tmp_path, {})
    assert len(made) >= 32
    assert stack.webhook_secret(tmp_path, {"WEBHOOK_SECRET": ""}) == made
    assert (tmp_path / "webhook-secret").stat().st_mode & 0o777 == 0o600
    assert stack.webhook_secret(tmp_path, {"WEBHOOK_SECRET": "s" * 40}) == "s" * 40


def test_a_home_is_claimed_by_one_at_a_time(tmp_path: Path) -> None:
    with claim(tmp_path / "home", "up"):
        stack.write_holder(tmp_path / "home", "up", "http://127.0.0.1:8000")
        with pytest.raises(AlreadyRunning) as raised, claim(tmp_path / "home", "demo"):
            pass
        assert raised.value.holder == {"pid": os.getpid(), "command": "up", "url": "http://127.0.0.1:8000"}
    with claim(tmp_path / "home", "demo"):
        pass


def test_what_writes_is_told_by_model_and_address_without_the_key() -> None:
    env = {"LLM_BASE_URL": "http://me:hush@127.0.0.1:1/v1", "LLM_MODEL": "tests/model", "LLM_API_KEY": "hush"}
    assert writer_of(env) == "tests/model at http://me:***@127.0.0.1:1/v1"
    assert writer_of({}).startswith("offline: ")


@pytest.fixture
def idle_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that runs nothing."""
    with Signals() as signals:
        yield Stack(tmp_path, 0, signals, lambda text: None)


class Dead(Child):
    """A child that has ended."""

    def __init__(self) -> None:
        super().__init__("web", [], None)  # type: ignore[arg-type]

    def exit_code(self) -> int:
        return 1

    def sweep(self) -> None:
        return


def test_a_process_that_keeps_ending_is_started_less_and_less_often(idle_stack: Stack) -> None:
    pauses, starts = [], 0

    def again() -> None:
        nonlocal starts
        starts += 1

    for _ in range(7):
        child = Dead()
        idle_stack.revive("web", child, again)
        pauses.append(idle_stack.pauses["web"].seconds)
        idle_stack.revive("web", child, again)  # the pause is not over
        assert starts == len(pauses) - 1
        idle_stack.pauses["web"] = Pause(pauses[-1], time.monotonic())
        idle_stack.revive("web", child, again)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_signal_waits_for_the_end_of_a_shield() -> None:
    steps: list[str] = []

    def start_one(signals: Signals) -> None:
        with signals.shield():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("started and noted")

    with Signals() as signals, pytest.raises(KeyboardInterrupt):
        start_one(signals)
    assert steps == ["started and noted"]


def test_a_second_signal_only_makes_a_stop_hurry() -> None:
    with Signals() as signals:
        signals.quieten()
        os.kill(os.getpid(), signal.SIGINT)
        assert not signals.hurry
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.hurry


def test_a_process_that_dies_at_the_start_is_told_with_its_last_lines(idle_stack: Stack, tmp_path: Path) -> None:
    code = "import sys; sys.exit('the reason')"
    idle_stack.launch = lambda name, command: launch(name, [sys.executable, "-c", code])  # type: ignore[method-assign]

    def launch(name: str, command: list[str]) -> Any:
        return stack.start(name, command, log=tmp_path / "log", run=tmp_path / "run")

    idle_stack.spawn("web")
    with pytest.raises(StartError, match=r"(?s)web ended with code 1 while starting .*the reason"):
        idle_stack.wait_ready()
    idle_stack.stop()
