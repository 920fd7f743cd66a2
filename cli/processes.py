"""Child processes: each in its own session, tied to our life, stopped politely, known after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

try:
    import psutil  # type: ignore[import-untyped]
except ImportError:  # it comes with the embedded extra; without it the kernel's tie to us has to do
    psutil = None

TETHER = Path(__file__).with_name("tether.py")
LOG_LIMIT = 10 * 1024 * 1024  # bytes; a log that has grown past this is set aside at the next start
KILLED_SECONDS = 1.0  # how long to wait for a killed group to be gone


class StartError(RuntimeError):
    """Something could not be started; the message is for people and names the remedy or the log."""


class Signals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into `KeyboardInterrupt`, and later ones into ``hurry``.

    ``shield()`` puts the exception off while a process is being started and noted, so that none is forgotten.
    """

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked: int | None = None
        self.hurry = False
        self._shields = 0
        self._quiet = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._arrived) for number in self.numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is not None:
            self.hurry = True
            return
        self.asked = number
        if not self._shields and not self._quiet:
            raise KeyboardInterrupt

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Let a signal wait until the end of the block."""
        before = self.asked
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.asked is not None and before is None and not self._shields and not self._quiet:
            raise KeyboardInterrupt

    def quieten(self) -> None:
        """From now on (we are stopping) a signal interrupts nothing; a repeated one only makes us hurry."""
        self._quiet = True


@dataclass
class Child:
    """One process of ours. ``end`` is the signal that asks it to end, ``note`` its record on disk."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    end: int = signal.SIGTERM
    log: Path | None = None
    note: Path | None = None
    log_start: int = 0  # bytes that were in the log before this process
    started_at: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """The process id, which is also its session and group."""
        return self.process.pid

    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs."""
        return self.process.poll()

    def ask(self) -> None:
        """Ask it to end; nothing happens if it has."""
        if self.exit_code() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(self.end)

    def wait(self, seconds: float, signals: Signals | None = None) -> bool:
        """Wait up to ``seconds`` for the end, less when hurried. Say whether it ended."""
        deadline = time.monotonic() + seconds
        while self.exit_code() is None:
            if time.monotonic() > deadline or (signals and signals.hurry):
                return False
            time.sleep(0.02)
        return True

    def stop(self, grace: float, signals: Signals | None = None) -> None:
        """Ask, wait ``grace`` seconds, then kill what is left of its group. Returns with it gone."""
        self.ask()
        self.wait(grace, signals)
        self.sweep()

    def sweep(self) -> None:
        """Kill what is left of its group (a killed master leaves its pool behind); drop the note."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
            # The kernel takes its time over the others of the group; where nobody reaps orphans they stay as zombies.
            deadline = time.monotonic() + KILLED_SECONDS
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.01)
        self.process.wait()
        if self.note:
            self.note.unlink(missing_ok=True)

    def last_lines(self, count: int = 8) -> list[str]:
        """The last lines that this process wrote to its log."""
        if self.log is None or not self.log.exists():
            return []
        with self.log.open("rb") as stream:
            stream.seek(min(self.log_start, self.log.stat().st_size))
            return [line.decode(errors="replace").rstrip() for line in deque(stream, count)]


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    run: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    end: int = signal.SIGTERM,
    account: tuple[int, int] | None = None,
) -> Child:
    """Start ``command`` (its first word a full path) with output appended to ``log``, and note it in ``run``.

    On Linux the kernel sends it ``end`` when we die, so call this from a thread that lives as long as we.
    """
    who = f"{account[0]}:{account[1]}" if account else "-"
    launcher = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(end)), who]
    rotate(log)
    with log.open("ab") as output:
        before = output.tell()
        process = subprocess.Popen(
            [*launcher, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,  # the terminal's Ctrl-C is for us; we stop them in order
        )
    child = Child(name, list(command), process, end, log, run / f"{name}.pid", before)
    write_note(child)
    return child


def rotate(log: Path) -> None:
    """Make the log's folder; set a log aside that has grown too long (one older one is kept)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(log.suffix + ".1"))


# --- what an earlier run left behind --------------------------------------------------------------


def write_note(child: Child) -> None:
    """Record enough of ``child`` to know it again later: process id, start time, program, ending signal."""
    if child.note is None:
        return
    child.note.parent.mkdir(parents=True, exist_ok=True)
    note = {
        "pid": child.pid,
        "started": start_time(child.pid),
        "program": Path(child.command[0]).name,
        "end": int(child.end),
    }
    child.note.write_text(json.dumps(note))


def start_time(pid: int) -> float | None:
    """When process ``pid`` started (Unix seconds); None if that cannot be known here."""
    if psutil is None:
        return None
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def program_name(pid: int) -> str | None:
    """The name of process ``pid``'s program; None if there is no such process or it cannot be known here."""
    if psutil is None:
        return None
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return None


def leftovers(note: Mapping[str, Any]) -> list[Any]:
    """The living processes (`psutil.Process`) of the session that ``note`` tells of, its leader first.

    A process id is used again sooner or later, so the start time and the program's name must agree too.
    """
    if psutil is None or not note.get("started") or note["started"] < psutil.boot_time() - 1:
        return []
    found = [process for process in psutil.process_iter() if belongs(process, note)]
    leader = [process for process in found if process.pid == note["pid"]]
    if leader and abs(leader[0].create_time() - note["started"]) > 1.0:
        return []
    return leader + [process for process in found if process.pid != note["pid"]]


def belongs(process: Any, note: Mapping[str, Any]) -> bool:
    """Whether ``process`` (of psutil) is in the noted session, not older than it, and runs its program."""
    try:
        return (
            os.getsid(process.pid) == note["pid"]
            and process.create_time() >= note["started"] - 1.0
            and process.status() != psutil.STATUS_ZOMBIE
            and note["program"].split(".")[0] in " ".join(process.cmdline())
        )
    except (psutil.Error, OSError):
        return False


def end_leftovers(run: Path, grace: float = 10.0) -> list[str]:
    """End what an earlier run, itself killed, left running; returns the names. Hold the home's lock."""
    ended: dict[Path, list[Any]] = {}
    for path in sorted(run.glob("*.pid")):
        with suppress(ValueError, KeyError, TypeError):
            note = json.loads(path.read_text())
            if found := leftovers(note):
                ended[path] = found
                with suppress(OSError):
                    os.kill(found[0].pid, note["end"] if found[0].pid == note["pid"] else signal.SIGKILL)
    deadline = time.monotonic() + grace
    for found in ended.values():
        wait_or_kill(found, deadline)
    for path in run.glob("*.pid"):
        path.unlink(missing_ok=True)
    return [path.stem for path in ended]


def wait_or_kill(found: list[Any], deadline: float) -> None:
    """Wait until ``deadline`` (monotonic) for all of ``found`` to end, then kill the rest."""
    _, alive = psutil.wait_procs(found, timeout=max(0.0, deadline - time.monotonic()))
    for process in alive:
        with suppress(psutil.Error):
            process.kill()  # psutil checks the start time once more
    psutil.wait_procs(alive, timeout=5)
