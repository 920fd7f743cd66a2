"""Server-sent events of a chat stream: bytes to events, and events to the reply that a whole answer would have been.

Wire facts: the HTML standard's event stream (comments, CRLF), OpenRouter's streaming guide (keep-alive comments, errors
in the middle of a 200, usage on a last chunk without choices) and what other servers do instead (usage on any chunk,
vLLM's ``{"object": "error"}``). Only bytes are split: text would break at U+2028, which JSON may hold as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from providers import base

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_TEXT_CHARACTERS = 16 * 1024 * 1024
DONE = b"[DONE]"


def read_events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what each ``data:`` line carries, however the bytes were cut; comments and other fields are skipped."""
    for line in split_lines(pieces):
        field, _, value = line.partition(b":")
        if field == b"data" and value.strip():
            yield value.strip()


def split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their LF or CRLF, the last one also if it has none.

    Raises `BadOutput` for a line of more than ``MAX_LINE_BYTES``.
    """
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*parts, end)).removesuffix(b"\r")
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > MAX_LINE_BYTES:
            raise base.BadOutput(f"The server sent a line of more than {MAX_LINE_BYTES} bytes.")
    if size:
        yield b"".join(parts)


class Stream:
    """The chunks of one stream, put together.

    ``usage`` is the last that came; ``finish`` the finish reason; ``error`` what broke the answer off; ``done``: the
    server said that this is all.
    """

    def __init__(self) -> None:
        self.usage: dict[str, Any] | None = None
        self.finish: str | None = None
        self.error: dict[str, Any] | None = None
        self.done = False
        self._head: dict[str, Any] = {}
        self._texts: list[str] = []
        self._size = 0

    @property
    def over(self) -> bool:
        """Say whether nothing more can change the answer."""
        return self.done or self.error is not None

    @property
    def whole(self) -> bool:
        """Say whether the answer is all there; its usage may still be on the way."""
        return self.over or self.finish is not None

    def add(self, event: bytes) -> None:
        """Take one event. Raises `Unavailable` if it is not JSON, `BadOutput` if the text grows out of all bounds."""
        if self.done:
            return
        if event == DONE:
            self.done = True
            return
        chunk = _read_chunk(event)
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        for name in ("id", "model"):
            if chunk.get(name):
                self._head.setdefault(name, chunk[name])
        self.error = self.error or _read_error(chunk)
        if self.error is None:
            self._take_choice(_first_choice(chunk))

    def reply(self) -> dict[str, Any]:
        """Return the reply that the server would have sent without streaming, an ``error`` included.

        Raises `Unavailable` if the stream was cut short.
        """
        if not self.whole:
            raise base.Unavailable("The server broke off its answer: the stream ended too early.")
        message = {"role": "assistant", "content": "".join(self._texts)}
        reply = {**self._head, "choices": [{"index": 0, "message": message, "finish_reason": self.finish}]}
        if self.usage is not None:
            reply["usage"] = self.usage
        if self.error is not None:
            reply["error"] = self.error
        return reply

    def _take_choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta") or choice.get("message")
        content = delta.get("content") if isinstance(delta, dict) else None
        if isinstance(content, str) and content:
            self._texts.append(content)
            self._size += len(content)
        if self._size > MAX_TEXT_CHARACTERS:
            raise base.BadOutput(f"The server answered with more than {MAX_TEXT_CHARACTERS} characters.")
        self.finish = choice.get("finish_reason") or self.finish


def _read_chunk(event: bytes) -> dict[str, Any]:
    try:
        chunk = json.loads(event)
    except ValueError as error:
        raise base.Unavailable("The server sent a chunk that is not JSON.") from error
    return chunk if isinstance(chunk, dict) else {}


def _first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _read_error(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error of a chunk as an object, wherever the server puts it."""
    error = chunk.get("error") or _first_choice(chunk).get("error")
    if not error and chunk.get("object") == "error":
        error = chunk
    if not error:
        return None
    return error if isinstance(error, dict) else {"message": str(error)}
