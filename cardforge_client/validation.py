"""Checks of anything, without storing it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from cardforge_client.characters import Deviation
from cardforge_client.noun import Noun, route
from cardforge_client.shapes import Finding, Loss, given
from cardforge_client.transport import Ask


class FileReport(TypedDict):
    """Whether a file can be used (``readable``), is as specified (``valid``), and what there is to mend."""

    valid: bool
    readable: bool
    format: str | None
    errors: list[Deviation]
    warnings: list[str]
    findings: list[Finding]
    score: NotRequired[dict[str, int]]
    losses: NotRequired[dict[str, list[Loss]]]


class FieldProblem(TypedDict):
    """What is wrong with a field; ``code`` is stable: ``DUPLICATE_NAME``, ``WEAK_NAME``, ..."""

    field: str
    message: str
    code: str


class FieldReport(TypedDict):
    """Whether a value would be taken for a field of a profile."""

    valid: bool
    errors: list[FieldProblem]
    warnings: list[FieldProblem]


class Validation(Noun):
    """Checks without storing."""

    def profile(
        self, field: str, value: Any, *, profile_id: str | None = None, profile_type: str | None = None
    ) -> FieldReport:
        """Check one field of a profile as it is typed; ``profile_id`` says which one is being edited."""
        context = given(profile_id=profile_id, profile_type=profile_type)
        body = {"field": field, "value": value, **({"context": context} if context else {})}
        return cast("FieldReport", self._ask(route("/validate/profile"), body))

    def card(self, card: Mapping[str, Any] | str | Path | bytes) -> FileReport:
        """Check a card: an object, a file (by its path), or the content of one; any format that can be imported."""
        return self._check("/validate/card", card)

    def book(self, book: Mapping[str, Any] | str | Path | bytes) -> FileReport:
        """Check a lorebook, or that of a card."""
        return self._check("/validate/book", book)

    def _check(self, path: str, what: Mapping[str, Any] | str | Path | bytes) -> FileReport:
        if isinstance(what, Mapping):
            return cast("FileReport", self._ask(route(path), what))
        content = what if isinstance(what, bytes) else Path(what).read_bytes()
        kind = {"Content-Type": "application/octet-stream"}
        ask = Ask("POST", route(path), content=content, headers=kind, safe=True)
        return cast("FileReport", self._transport.json(ask))
