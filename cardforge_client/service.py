"""The service itself: is it well, and what can be asked of it."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, cast

from cardforge_client.noun import Noun, route
from cardforge_client.transport import Ask, read_object


class Option(TypedDict):
    """A generation option. ``default`` is what the default profile says."""

    name: str
    group: str
    type: str
    description: str
    default: Any
    minimum: float | None
    maximum: float | None
    choices: list[str]


class Part(TypedDict):
    """A part that the service needs; ``detail`` says what is missing."""

    state: Literal["ok", "failing"]
    detail: str
    milliseconds: float


class Health(TypedDict):
    """Whether the service can do its work; ``failing`` names the parts that cannot; ``provider``: what writes."""

    status: Literal["ok", "failing"]
    failing: list[str]
    parts: dict[str, Part]
    provider: str


class Service(Noun):
    """Health and the catalogue of options."""

    def live(self) -> bool:
        """Whether the web process answers. Raises `Unreachable` when nothing does."""
        return bool(read_object(self._transport.send(Ask("GET", "/health/live")))["status"] == "ok")

    def ready(self) -> Health:
        """Whether every part can do its work, and which cannot: one that cannot is no exception here."""
        return cast("Health", self._transport.report(Ask("GET", "/health/ready")))

    def options(self) -> list[Option]:
        """The catalogue of all generation options."""
        return cast("list[Option]", self._get(route("/options"))["options"])
