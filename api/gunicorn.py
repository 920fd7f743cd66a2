"""The web server's settings and their reasons: `gunicorn -c api/gunicorn.py "api:create_app()"`."""

import gc
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

# Loopback unless told otherwise: keys travel in clear text, so anything wider belongs behind TLS.
bind = f"{os.environ.get('BIND') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"

# Views wait for PostgreSQL, so threads; two processes use two cores and survive the loss of one. Whoever watches events
# holds a thread that sleeps; how many of the others work at one time is bounded in api/slots.py.
worker_class = "api.worker.Worker"  # gunicorn's threads, with an end to their patience
workers = int(os.environ.get("WEB_PROCESSES") or 2)
threads = 100 + int(os.environ.get("WEB_STREAMS") or 400)
worker_connections = 2 * threads  # those that are only kept alive included

# No preload: each process makes its own database engine after the fork; shared connections would be mixed up.
preload_app = False

# A new process now and then caps whatever leaks; the jitter keeps both from going at the same moment.
max_requests = 20_000
max_requests_jitter = 2_000

# A process without a sign of life for this long is replaced; with threads, no single request causes that.
timeout = 60
# On SIGTERM running requests get this long; below the 15 s that the stack waits before it kills.
graceful_timeout = 10
# Longer than clients pause between two polls, so that a poll does not cost a connection.
keepalive = 15

# The longest address of ours is a list with every filter and a cursor, under 2 KiB. Browsers and proxies add headers of
# their own, a few KiB; what is beyond that is no use of this API.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# The sign of life is a file touched often: in memory, or a busy disk looks like a dead process.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a private file there


def counting_folder() -> str:
    """Return where the processes of this server count their requests (api/counting.py): a folder closed to others."""
    path = Path(worker_tmp_dir or tempfile.gettempdir()) / f"cardforge-web-{os.getuid()}-{bind.replace(':', '-')}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return str(path) if ours else tempfile.mkdtemp(prefix="cardforge-web-")


# Before anything imports prometheus_client, which reads it then.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = counting_folder()

# A shared control socket in the home folder would be fought over by two servers, and nothing uses it.
control_socket_disable = True

# The app writes its own line for each request, with the request id; the server's lines take the same shape.
accesslog = None
logger_class = "api.worker.QuietLogger"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {"lines": {"()": "logs.handler", "service": "web"}},
    "root": {"level": "INFO", "handlers": ["lines"]},
    "loggers": {"gunicorn.error": {"propagate": True}, "gunicorn.access": {"propagate": False}},
}


def on_starting(_server: Any) -> None:
    """Begin to count from nothing."""
    from api import counting  # noqa: PLC0415 - imports prometheus_client

    counting.empty_folder()


def child_exit(_server: Any, worker: Any) -> None:
    """Keep what a process has counted that has ended."""
    from api import counting  # noqa: PLC0415

    counting.fold(worker.pid)


def on_exit(_server: Any) -> None:
    """Leave no files of counts behind."""
    from api import counting  # noqa: PLC0415

    counting.remove_folder()


def post_worker_init(worker: Any) -> None:
    """Let streams of events end when the process is to stop, or it would be killed over them."""
    worker.wsgi.extensions["feed"].is_alive = lambda: worker.alive
    # What there is now stays to the end: without it, looking for garbage is no work.
    gc.collect()
    gc.freeze()
