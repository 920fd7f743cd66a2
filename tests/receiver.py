"""A receiver of webhooks of the tests' own: keeps what it gets over real HTTP, and answers by a script."""

from __future__ import annotations

import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """One request: its headers by lower-case name, and its body."""

    headers: dict[str, str]
    body: bytes
    path: str


@dataclass
class Reply:
    """One answer. ``hang``: none until the receiver is let go; ``endless``: a body that goes on until then."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    endless: bool = False


class Receiver:
    """Runs in threads on a free port of the loopback. ``script``: answers to give first, in order; then 204."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.got: list[Got] = []
        self.script: list[Reply] = []
        self.arrived = threading.Semaphore(0)
        self._over = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.answer(self)

            def handle(self) -> None:
                with suppress(OSError):
                    super().handle()

            def log_message(self, *_: Any) -> None:
                """Keep the tests' output clean."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A client that breaks off is what some tests are about."""

        self._http = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}/hooks"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep one request and answer it."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        reply = self.script.pop(0) if self.script else Reply()
        self.got.append(Got({name.lower(): value for name, value in handler.headers.items()}, body, handler.path))
        self.arrived.release()
        if reply.hang:
            self._over.wait(10)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.endless:
            handler.end_headers()
            while not self._over.wait(0.001):
                handler.wfile.write(b"x" * 1024)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def let_go(self) -> None:
        """End all answers that hang."""
        self._over.set()

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
