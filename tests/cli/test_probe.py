"""What is wrong with a given server or port is told in one line, without its password."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli import probe
from cli.embedded import Server, free_port
from cli.processes import StartError


def refusal_of_database(url: str) -> str:
    with pytest.raises(StartError) as raised:
        probe.check_database(url)
    message = str(raised.value)
    assert "\n" not in message
    assert "hush" not in message
    return message


def refusal_of_redis(url: str) -> str:
    with pytest.raises(StartError) as raised:
        probe.check_redis(url)
    message = str(raised.value)
    assert "\n" not in message
    assert "hush" not in message
    return message


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_way_to_write_the_url_is_taken(postgres: Server, scheme: str) -> None:
    probe.check_database(postgres.url.replace("postgresql", scheme, 1))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://root:hush@localhost/x", "must start with postgresql:// (found: mysql)"),
        ("hush", "must start with postgresql:// (found: no scheme)"),
        (
            "postgresql://me:hush@127.0.0.1:{port}/x",
            "postgresql://me:***@127.0.0.1:{port}/x: Connection refused.",
        ),
        ("postgresql://me:hush@nowhere.invalid/x", "nowhere.invalid"),
        ("postgresql://me:hush%zz@127.0.0.1/x", "cannot be read"),
        ("postgresql://me:hush@127.0.0.1:http/x", "postgresql://me:***@127.0.0.1:http/x"),
        ("postgresql://me:hu@sh@127.0.0.1:{port}/x", "***@"),
    ],
)
def test_a_wrong_database_url_is_one_line(url: str, said: str) -> None:
    port = free_port()
    assert said.format(port=port) in refusal_of_database(url.format(port=port))


def test_a_missing_database_and_role_are_named(postgres: Server) -> None:
    where = postgres.url.rpartition("?")[2]
    assert 'database "none" does not exist' in refusal_of_database(f"postgresql://postgres:hush@/none?{where}")
    assert 'role "nobody_here" does not exist' in refusal_of_database(f"postgresql://nobody_here@/none?{where}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://:hush@localhost", "must start with redis://"),
        ("redis://:hush@127.0.0.1:{port}/0", "redis://:***@127.0.0.1:{port}/0: Connection refused."),
        ("redis://:hush@nowhere.invalid:6379/0", "nowhere.invalid"),
        ("redis://:hush@127.0.0.1:port/0", "cannot be read"),
    ],
)
def test_a_wrong_redis_url_is_one_line(url: str, said: str) -> None:
    port = free_port()
    assert said.format(port=port) in refusal_of_redis(url.format(port=port))


def test_a_wrong_or_missing_redis_password_is_told(redis_server: Server) -> None:
    address = redis_server.url.rpartition("@")[2]
    assert "does not accept this password" in refusal_of_redis(f"redis://:hush@{address}")
    assert "password" in refusal_of_redis(f"redis://{address}")
    probe.check_redis(redis_server.url)


def test_a_taken_port_is_named_with_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"Port {port} is taken by another program.*PORT="):
            probe.check_port(port, "PORT")


def test_a_port_that_is_none_is_told() -> None:
    with pytest.raises(StartError, match="PORT must be a port number"):
        probe.port_setting("http", 8000, "PORT")
    with pytest.raises(StartError, match="70000 is not a port"):
        probe.check_port(70000, "PORT")
    assert probe.port_setting("", 8000, "PORT") == 8000


def test_a_password_is_masked_wherever_it_stands(tmp_path: Path) -> None:
    assert probe.masked("redis://:hush@host:1/0?password=hush") == "redis://:***@host:1/0"
    assert probe.masked("postgresql://me@/x?host=/run") == "postgresql://me@/x"
