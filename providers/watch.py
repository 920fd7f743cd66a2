"""Ends model calls that nobody waits for any more: one thread looks at all calls in flight and cuts their sockets.

complete() -> Call -> watching(call) -> connection holds its socket out to the call -> the read blocks
                          the watch, every TICK_SECONDS: must it end? -> shuts the socket down -> the read ends
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from providers import base

TICK_SECONDS = 0.25


class Call:
    """One call in flight: when it has to end, and the socket that it waits on.

    ``cancelled`` is asked by the watch's thread four times a second, so it must be cheap and must not block.
    ``deadline`` and ``silence`` are seconds: for the whole call, and without a sign of life (see `hear`).
    ``ended`` is why the call was cut, once it was; ``sent``: whether the whole request went out. ``resolve`` finds the
    addresses of a host as `socket.getaddrinfo` does; the connection goes to what it returns, and nowhere else.
    """

    def __init__(
        self,
        name: str,
        cancelled: Callable[[], bool],
        *,
        deadline: float,
        silence: float,
        resolve: Callable[..., Sequence[Any]] = socket.getaddrinfo,
    ) -> None:
        self.ended: Exception | None = None
        self.resolve = resolve
        self.sent = False
        self._name = name
        self._cancelled = cancelled
        self._deadline = deadline
        self.silence = silence
        self._heard_at = time.monotonic()
        self._until = self._heard_at + deadline
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._own = False

    def hear(self) -> None:
        """Note a sign of life and raise why the call has to end, if it has to: `Cancelled` or `TimedOut`."""
        self._heard_at = time.monotonic()
        self.look()
        if self.ended is not None:
            raise self.ended

    def hurry(self, seconds: float) -> None:
        """Leave the call only so much time from now on: the answer is there, only its end is not."""
        self._until = min(self._until, time.monotonic() + seconds)

    def look(self) -> None:
        """End the call if it has to end. Cuts on each look: a socket that still connects may outlive the first cut."""
        if self.ended is None:
            self.ended = self._reason(time.monotonic())
        if self.ended is not None:
            self._cut()

    def hold(self, sock: socket.socket, *, own: bool = False) -> None:
        """Take ``sock`` as what the call waits on; ``own``: it is a copy of the call's own, to be closed by it.

        Raises `ConnectionAbortedError` if the call has ended already.
        """
        with self._lock:
            self._drop()
            self._sock, self._own = sock, own
            if self.ended is not None:
                self._drop()
                raise ConnectionAbortedError("the call has ended")

    def let_go(self) -> None:
        """Forget the socket: from here on it may serve another call, and must not be cut."""
        with self._lock:
            self._drop()

    def _reason(self, now: float) -> Exception | None:
        try:
            if self._cancelled():
                return base.Cancelled(f"The call to {self._name} was cancelled.")
        except Exception as error:  # the asker's own mistake: told to the asker, and the watch goes on
            return error
        if now > self._until:
            return base.TimedOut(f"{self._name} did not finish its answer within {round(self._deadline, 1):g} s.")
        if now - self._heard_at > self.silence:
            return base.TimedOut(f"{self._name} sent no data for {round(self.silence, 1):g} s.")
        return None

    def _cut(self) -> None:
        with self._lock, suppress(OSError):
            if self._sock is not None:
                # Not SSLSocket.shutdown: it drops its TLS state under the thread that reads.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._own and self._sock is not None:
            self._sock.close()
        self._sock = None


class Watch:
    """All calls in flight in this process, and the one thread that looks at them. It sleeps while there are none."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, call: Call) -> None:
        """Look at ``call`` from now on."""
        with self._changed:
            self._calls.add(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="providers-watch", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, call: Call) -> None:
        """Look at ``call`` no more."""
        with self._changed:
            self._calls.discard(call)

    def _run(self) -> None:
        while True:
            for call in self._wait_for_calls():
                call.look()
            time.sleep(TICK_SECONDS)

    def _wait_for_calls(self) -> tuple[Call, ...]:
        with self._changed:
            while not self._calls:
                self._changed.wait()
            return tuple(self._calls)


_watch = Watch()
_local = threading.local()


def _forget() -> None:
    """A forked child has neither the thread nor a right to its parent's sockets."""
    _watch.__init__()  # type: ignore[misc]
    _local.__dict__.clear()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def watching(call: Call) -> Iterator[None]:
    """Watch ``call``, which is the one that this thread makes through a `WatchedAdapter` inside the block."""
    _local.call = call
    _watch.add(call)
    try:
        yield
    finally:
        _watch.remove(call)
        _local.call = None
        call.let_go()


def _current() -> Call:
    """Return the call that this thread makes; a `WatchedAdapter` is for use inside `watching` only."""
    call: Call = _local.call
    return call


class _Connection(HTTPConnection):
    """Holds its socket out to the call of the thread that uses it, from before the first packet to the last."""

    def _new_conn(self) -> socket.socket:
        """Connect as urllib3 does, but with the socket in the call's hands while it connects and shakes hands."""
        try:
            return _connect(self._dns_host, self.port, self.timeout, self.socket_options or ())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error

    def connect(self) -> None:
        super().connect()
        _current().hold(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        call = _current()
        if self.sock is not None:  # a connection out of the pool
            call.hold(self.sock)
        super().request(*args, **options)
        call.sent = True


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


def _connect(host: str, port: int | None, timeout: float | None, options: Any) -> socket.socket:
    """Return a socket connected to the first address that answers; each may take ``timeout`` seconds."""
    failure = OSError("the name has no address")
    for family, kind, protocol, _, address in _current().resolve(host.strip("[]"), port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(timeout)
            # A copy, because the TLS handshake takes the original apart to wrap it.
            _current().hold(sock.dup(), own=True)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


class _Pool(HTTPConnectionPool):
    """Takes back connections that no call holds any more, and closes those that were cut."""

    ConnectionCls = _Connection

    def _put_conn(self, conn: Any) -> None:
        call = getattr(_local, "call", None)
        if call is not None:
            call.let_go()
            if conn is not None and call.ended is not None:
                conn.close()
        super()._put_conn(conn)


class _SecurePool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class WatchedAdapter(HTTPAdapter):
    """A transport of requests whose calls the watch can cut at any moment. Use it inside `watching`."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Set up the pools for direct connections."""
        super().init_poolmanager(*args, **options)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools for ``proxy``. SOCKS proxies bring their own kind, whose calls end at their timeouts."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            _watch_pools(manager)
        return manager


def _watch_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
