"""Server-sent events of a chat stream: bytes to events, and events to the reply that a whole answer would have been.

Wire facts: the HTML standard's event stream (comments, CRLF), OpenRouter's streaming guide (keep-alive comments, errors
in the middle of a 200, usage on a last chunk without choices) and what other servers do instead (usage on any chunk,
vLLM's ``{"object": "error"}``, llama.cpp's ``error:`` lines, plain JSON under a stream's header). Only bytes are split:
text would break at U+2028, which JSON may hold as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers import base
from providers.faults import find_error
from providers.reply import THOUGHTS

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_TEXT_CHARACTERS = 16 * 1024 * 1024
DONE = b"[DONE]"


def read_events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what each ``data:`` line carries, however the bytes were cut; comments and other fields are skipped.

    An ``error:`` line and a line of bare JSON count as events too.
    """
    for line in split_lines(pieces):
        field, _, value = line.partition(b":")
        if line.startswith(b"{"):
            yield line.strip()
        elif field == b"data" and value.strip():
            yield value.strip()
        elif field == b"error" and value.strip().startswith(b"{"):
            yield b'{"error": %b}' % value.strip()


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
        self.error: Mapping[str, Any] | None = None
        self.done = False
        self._head: dict[str, Any] = {}
        self._texts: list[str] = []
        self._arguments: list[str] = []
        self._more: dict[str, Any] = {}
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
        self.error = self.error or find_error(chunk) or find_error(_first_choice(chunk))
        if self.error is None:
            self._take_choice(_first_choice(chunk))

    def reply(self) -> dict[str, Any]:
        """Return the reply that the server would have sent without streaming, an ``error`` included.

        Raises `Unavailable` if the stream was cut short.
        """
        if not self.whole:
            raise base.Unavailable("The server broke off its answer: the stream ended too early.")
        message = {"role": "assistant", "content": "".join(self._texts), **self._more}
        if self._arguments:
            message["tool_calls"] = [{"function": {"arguments": "".join(self._arguments)}}]
        reply = {**self._head, "choices": [{"index": 0, "message": message, "finish_reason": self.finish}]}
        if self.usage is not None:
            reply["usage"] = self.usage
        if self.error is not None:
            reply["error"] = self.error
        return reply

    def _take_choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._take_text(self._texts, delta.get("content"))
            self._take_text(self._arguments, _arguments_of(delta))
            self._take_more(delta)
        if self._size > MAX_TEXT_CHARACTERS:
            raise base.BadOutput(f"The server answered with more than {MAX_TEXT_CHARACTERS} characters.")
        self.finish = choice.get("finish_reason") or self.finish

    def _take_text(self, texts: list[str], piece: Any) -> None:
        if isinstance(piece, list):
            piece = "".join(str(part.get("text") or "") for part in piece if isinstance(part, dict))
        if isinstance(piece, str) and piece:
            texts.append(piece)
            self._size += len(piece)

    def _take_more(self, delta: dict[str, Any]) -> None:
        """Take what else a message has: that it thought, not what; and why it refuses."""
        for name in THOUGHTS:
            if delta.get(name):
                self._more[name] = True
                self._size += len(delta[name]) if isinstance(delta[name], str) else 0
        if isinstance(delta.get("refusal"), str):
            self._more["refusal"] = self._more.get("refusal", "") + delta["refusal"]


def _arguments_of(delta: dict[str, Any]) -> str | None:
    """Return the piece of the first tool's arguments that a delta carries; servers send text, or the whole object."""
    calls = delta.get("tool_calls")
    first = calls[0] if isinstance(calls, list) and calls else None
    if not isinstance(first, dict) or first.get("index") not in (0, None):
        return None
    function = first.get("function")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    return json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, dict) else arguments


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
