"""A model server of the tests' own: speaks the chat API over real HTTP, fails on a script, and keeps its own books.

`python -m tests.model_server PORT` runs it by itself, for trying the product by hand.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRICE = Decimal("0.0000021")  # dollars a token: an odd figure, so that sums show what was rounded

CARD = {
    "name": "Ondine Marsh",
    "description": "Ondine Marsh keeps the lighthouse on Gull Rock, a tall woman in oilskins with a burnt left hand.",
    "personality": "Patient and dry. She counts under her breath when she is afraid and never says why.",
    "scenario": "A storm has taken the mail boat, and {{user}} has come ashore at Gull Rock with it.",
    "first_mes": '*The lamp turns before {{char}} speaks.*\n\n"You are wet, {{user}}. Stay, or say who sent you?"',
    "alternate_greetings": ['*Morning, and the sea is flat.*\n\n"Tea first," *{{char}} says.* "Then your boat?"'],
    "mes_example": '<START>\n{{user}}: Who are you?\n{{char}}: "I keep the lamp. It keeps me."',
    "tags": ["lighthouse", "sea", "keeper", "mystery"],
    "creator_notes": "A quiet card for slow evenings. Start with the storm.",
}
ENTRIES = {
    "entries": [
        {
            "name": "Gull Rock",
            "keys": ["Gull Rock", "the rock", "lighthouse"],
            "content": "Gull Rock is a bare island with one lighthouse, an hour from the coast by boat.",
            "category": "place",
            "constant": False,
        }
    ]
}


@dataclass
class Ledger:
    """What the server says it charged, call by call."""

    charges: list[Decimal] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> Decimal:
        """Dollars."""
        return sum(self.charges, Decimal(0))


class ModelServer:
    """Runs in a thread on a free port of the loopback. ``script``: answers to give first, in order; see `Say`."""

    def __init__(self, port: int = 0, seconds: float = 0.0) -> None:
        self.ledger = Ledger()
        self.script: list[Say] = []
        self.seconds = seconds
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.answer(self)

            def do_GET(self) -> None:
                body = {"charged": str(owner.ledger.total), "calls": len(owner.ledger.charges)}
                send(self, 200, json.dumps(body).encode(), {})

            def log_message(self, *_: Any) -> None:
                """Keep the tests' output clean."""

        ThreadingHTTPServer.daemon_threads = True
        ThreadingHTTPServer.request_queue_size = 512
        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.base_url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ModelServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one chat request: by the script while it lasts, then as a good model would."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self.ledger.lock:
            self.ledger.requests.append(body)
            self.ledger.headers.append(dict(handler.headers))
            say = self.script.pop(0) if self.script else Say()
        time.sleep(say.seconds or self.seconds)
        purpose = body["response_format"]["json_schema"]["name"]
        text = say.text if say.text is not None else json.dumps(ENTRIES if purpose == "write_entries" else CARD)
        reply = say.body if say.body is not None else self.completion(body, text, say.finish)
        send(
            handler,
            say.status,
            reply if isinstance(reply, bytes) else json.dumps(reply).encode(),
            say.headers,
        )

    def completion(self, body: dict[str, Any], text: str, finish: str) -> dict[str, Any]:
        """Return a completion and book its cost."""
        prompt = sum(len(message["content"]) for message in body["messages"]) // 4
        cost = (prompt + len(text) // 4) * PRICE
        with self.ledger.lock:
            self.ledger.charges.append(cost)
        usage = {"prompt_tokens": prompt, "completion_tokens": len(text) // 4, "cost": float(cost)}
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        return {"id": "gen-1", "model": body["model"], "choices": choices, "usage": usage}


@dataclass
class Say:
    """One scripted answer: a status, a whole body, or a completion with this text and finish reason."""

    status: int = 200
    body: Any = None
    text: str | None = None
    finish: str = "stop"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
    """Write one answer."""
    handler.send_response(status)
    for name, value in {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **headers,
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


if __name__ == "__main__":
    with ModelServer(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0) as server:
        server.thread.join()
