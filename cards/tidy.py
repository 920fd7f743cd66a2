"""Text that can be stored and sent: NUL out, halves of surrogate pairs joined or replaced, in a whole JSON value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cards.fields import SURROGATE, mend


def tidy(obj: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """The object with texts that PostgreSQL and UTF-8 can hold, and how many characters had to go."""
    if not _is_untidy(obj):  # nearly always: no copy of a large card then
        return obj, 0
    tidier = _Tidier()
    return tidier.value(obj), tidier.dropped


def _is_untidy(value: Any) -> bool:
    """Whether there is a text in it to be mended, or a name that is no text."""
    if isinstance(value, str):
        return (not value.isascii() and SURROGATE.search(value) is not None) or "\x00" in value
    if isinstance(value, Mapping):
        return any(not isinstance(name, str) or _is_untidy(name) or _is_untidy(part) for name, part in value.items())
    return isinstance(value, list) and any(map(_is_untidy, value))


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
