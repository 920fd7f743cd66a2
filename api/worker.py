"""gunicorn's worker process, with patience that ends: whoever sends or reads too slowly is let go."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time
import uuid
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

import logs

# A request may take so many seconds to arrive, and one more for every so many bytes that are here: 32 MiB in nine
# minutes at most, a byte a second for twenty seconds.
GRACE_SECONDS = float(os.environ.get("REQUEST_SECONDS") or 20)
BYTES_A_SECOND = 64 * 1024
# An answer of which the client takes nothing for so long is broken off.
STALL_SECONDS = 30

# What is refused before there is a request that the application could answer: (error, status, code, message).
REFUSALS: tuple[tuple[type[Exception], str, str, str], ...] = (
    (errors.LimitRequestLine, "414 URI Too Long", "URI_TOO_LONG", "The address is too long: put less into the query."),
    (
        errors.LimitRequestHeaders,
        "431 Request Header Fields Too Large",
        "HEADERS_TOO_LARGE",
        "There are too many headers, or one is too long: send fewer.",
    ),
    (
        errors.UnsupportedTransferCoding,
        "501 Not Implemented",
        "NOT_IMPLEMENTED",
        "Of transfer codings only chunked is known: send the body so, or with Content-Length.",
    ),
    (errors.ExpectationFailed, "417 Expectation Failed", "EXPECTATION_FAILED", "Only 100-continue can be expected."),
    (errors.ParseException, "400 Bad Request", "BAD_REQUEST", "This is not HTTP as the standard has it: {error}."),
)
OUR_FAULT = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


class TooSlow(errors.NoMoreData, TimeoutError):
    """The request did not arrive in its time."""


class PacedReader(SocketUnreader):
    """Reads a client's requests, each within its time."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.begin()

    def begin(self) -> None:
        """A request begins."""
        self.until = time.monotonic() + GRACE_SECONDS

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what has come in; raises `TooSlow`."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TooSlow
        self.sock.settimeout(left)
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError as error:
            raise TooSlow from error
        finally:
            self.sock.settimeout(None)
        self.until += len(data) / BYTES_A_SECOND
        return data


class QuietLogger(Logger):
    """The server's log, without its lines of requests: the app writes its own."""

    def access(self, *_: Any) -> None:
        """Write nothing. With `logconfig_dict` set, each line would be made before it is found that nobody wants it."""


class Worker(gthread.ThreadWorker):
    """Threads, each for a request that has begun to arrive; a connection without one waits in the poller."""

    def handle(self, conn: Any) -> Any:
        """Serve one request of a connection."""
        if conn.initialized:
            conn.parser.unreader.begin()
        elif not conn.data_ready and not conn.wait_for_data(0):
            return gthread._DEFER
        else:
            stall = struct.pack("ll", STALL_SECONDS, 0)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)
            conn.init()
            conn.parser.unreader = PacedReader(conn.sock)
        return super().handle(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops: wait for connections on which nothing has come as briefly as for those kept alive."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what the application never sees, in the shape that its errors have."""
        for kind, status, code, message in REFUSALS:
            if isinstance(exc, kind) and not isinstance(exc, OUR_FAULT):
                request_id = uuid.uuid4().hex
                logs.clear()  # of the request before, on this thread
                logs.bind(request_id=request_id)
                self.log.warning("Refused a request: %s", type(exc).__name__)
                refuse(client, status, code, message.format(error=type(exc).__name__), request_id)
                return
        super().handle_error(req, client, addr, exc)


def refuse(client: socket.socket, status: str, code: str, message: str, request_id: str) -> None:
    """Write an error answer to a socket."""
    body = json.dumps({"error": code, "message": message, "details": {}, "request_id": request_id})
    head = (
        f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nX-Request-ID: {request_id}\r\n"
        f"X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with contextlib.suppress(OSError):  # nobody may be there to be told
        client.sendall((head + body).encode())
