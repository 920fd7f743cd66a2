"""Text that can be stored and sent: NUL out, halves of surrogate pairs joined or replaced, in a whole JSON value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards.fields import mend


def tidy(obj: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """The object with texts that PostgreSQL and UTF-8 can hold, and how many characters had to go."""
    tidier = _Tidier()
    return tidier.value(obj), tidier.dropped


class _Tidier:
    """Walks a JSON value; ``dropped`` counts what was taken out."""

    def __init__(self) -> None:
        self.dropped = 0

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        return value

    def text(self, text: str) -> str:
        nuls = text.count("\x00")
        if not nuls:
            return mend(text)
        self.dropped += nuls
        return mend(text.replace("\x00", ""))
