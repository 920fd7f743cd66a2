"""Looks at what is to be used before it is: given servers, ports. Every fault is one line without secrets."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

import psycopg2
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.processes import StartError

CONNECT_SECONDS = 5


def masked(url: str) -> str:
    """``url`` fit to be shown: the password as ``***``, and what follows ``?`` left out."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "(not a URL)"
    place, at, host = rest.partition("?")[0].rpartition("@")
    user = place.partition(":")[0]
    return f"{scheme}://{user}{':***' if ':' in place else ''}{at}{host}"


def check_database(url: str) -> None:
    """Connect to PostgreSQL at ``url`` once; raises `StartError` with one line that says what is wrong."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg2"}:
        shown = scheme if separator else "no scheme"
        raise StartError(f"DATABASE_URL must start with postgresql:// (found: {shown}); only PostgreSQL is supported.")
    try:
        psycopg2.connect(f"postgresql://{rest}", connect_timeout=CONNECT_SECONDS).close()
    except psycopg2.OperationalError as error:
        raise StartError(f"DATABASE_URL {masked(url)}: {postgres_reason(str(error))}") from None
    except psycopg2.Error:  # its own message quotes the URL, password and all
        raise StartError(f"DATABASE_URL {masked(url)} cannot be read: special characters must be %-encoded.") from None


def postgres_reason(text: str) -> str:
    """The reason in libpq's message: the last part of its first line, e.g. ``Connection refused``."""
    line = next((line for line in text.splitlines() if line.strip()), "no reason given")
    line = re.sub(r'^connection to server (at|on socket) "[^"]*".*? failed: ', "", line.strip())
    return line.replace("FATAL:  ", "").removeprefix("invalid port number: ").rstrip(".") + "."


def check_redis(url: str) -> None:
    """Ping Redis at ``url`` once; raises `StartError` with one line that says what is wrong."""
    if urlsplit(url).scheme not in {"redis", "rediss"}:
        raise StartError("REDIS_URL must start with redis:// or rediss://.")
    try:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        client.ping()
    except redis.AuthenticationError:
        raise StartError(f"REDIS_URL {masked(url)}: the server does not accept this password or user.") from None
    except redis.RedisError as error:
        raise StartError(f"REDIS_URL {masked(url)}: {redis_reason(str(error))}") from None
    except ValueError:
        raise StartError(f"REDIS_URL {masked(url)} cannot be read.") from None


def redis_reason(text: str) -> str:
    """redis-py's message without its repetition of the address."""
    line = (text.splitlines() or ["no reason given"])[0]
    return re.sub(r"^Error (-?\d+ )?connecting to \S+\s*", "", line).rstrip(".") + "."


def check_port(port: int, setting: str, host: str = "127.0.0.1") -> None:
    """Raises `StartError` naming ``port`` and ``setting`` if another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does: TIME_WAIT is no obstacle
        try:
            probe.bind((host, port))
        except OverflowError:
            raise StartError(f"{setting}={port} is not a port (1-65535).") from None
        except OSError as error:
            reason = "is taken by another program" if error.errno in {48, 98} else f"cannot be used ({error.strerror})"
            raise StartError(f"Port {port} {reason}. Choose another one, such as {setting}={port + 10}.") from None


def port_setting(raw: str | None, default: int, setting: str) -> int:
    """The port in a setting's text; raises `StartError` when it is not a number."""
    try:
        return int(raw) if raw else default
    except ValueError:
        raise StartError(f"{setting} must be a port number (found: {raw!r}).") from None
