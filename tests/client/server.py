"""A scripted HTTP server: answers what a test says, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """A status, headers and a body; with ``cut`` the connection breaks where the body ends, short of its length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int = 0


HANG_UP = Answer(status=0)


def say(body: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; names of headers with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": "application/json", **named}, json.dumps(body).encode())


def events(*lines: tuple[int, str, Any], cut: bool = False) -> Answer:
    """A stream of events: id, kind, data."""
    body = "".join(f"id: {n}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for n, kind, data in lines)
    return Answer(200, {"Content-Type": "text/event-stream"}, f": hello\n\n{body}".encode(), 9 if cut else 0)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass
class Script:
    """Answers by ``METHOD path`` (the last one of a list stays), else ``other``; and the requests that came."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    other: Callable[[Request], Answer] = lambda request: say({"error": "NOT_FOUND", "message": request.path}, 404)
    requests: list[Request] = field(default_factory=list)

    def __setitem__(self, what: str, answers: list[Answer] | Answer) -> None:
        self.answers[what] = [*answers] if isinstance(answers, list) else [answers]

    def next(self, request: Request) -> Answer:
        self.requests.append(request)
        left = self.answers.get(f"{request.method} {request.path}")
        if left is None:
            return self.other(request)
        return left.pop(0) if len(left) > 1 else left[0]

    def asked(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]


@contextmanager
def scripted() -> Iterator[Script]:
    """Run a server on a free port."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = script.next(Request(self.command, parts.path, parse_qs(parts.query), headers, body))
            self.close_connection = True
            if answer is HANG_UP:
                return
            self.send_response(answer.status)
            length = {"Content-Length": str(len(answer.body) + answer.cut), "Connection": "close"}
            for name, value in {**answer.headers, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply

        def log_message(self, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
