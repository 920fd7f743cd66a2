"""One card by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, Unpack, cast

from cardforge_client.noun import Noun, route
from cardforge_client.shapes import AcceptedJob, Priority, Range, Takes, given


class Stage(TypedDict):
    """One kind of call of a generation."""

    purpose: str
    calls: Range
    tokens: Range


class Estimate(Takes):
    """What one generation will take, stage by stage."""

    model: str | None
    stages: list[Stage]
    estimated_seconds: float | None


class PreviewedCall(TypedDict):
    """One question as it would be sent."""

    purpose: str
    messages: list[dict[str, Any]]
    schema: NotRequired[dict[str, Any]]
    sampling: NotRequired[dict[str, Any]]
    tokens: int


class Preview(TypedDict):
    """The questions that a card would be written with, in their order."""

    provider: str
    calls: list[PreviewedCall]
    tokens: int


class GenerationArguments(TypedDict, total=False):
    """What a generation takes beside its source."""

    profile_id: str
    character_card: dict[str, Any]
    options: Mapping[str, Any]
    metadata: dict[str, Any]
    kind: str


class Generations(Noun):
    """One card by itself."""

    def create(
        self,
        source_material: str,
        *,
        priority: Priority | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        **more: Unpack[GenerationArguments],
    ) -> AcceptedJob:
        """Submit one generation; the answer has its ``job_id``. Stored once, however often the connection broke."""
        body = {"source_material": source_material, **more, **given(priority=priority, callback_url=callback_url)}
        return cast("AcceptedJob", self._start(route("/generation/generate"), body, idempotency_key))

    def estimate(self, source_material: str, **more: Unpack[GenerationArguments]) -> Estimate:
        """See what a generation would take and cost, stage by stage. No model is asked."""
        return cast("Estimate", self._ask(route("/generation/estimate"), {"source_material": source_material, **more}))

    def preview(self, source_material: str, **more: Unpack[GenerationArguments]) -> Preview:
        """See the exact messages that would be sent. No model is asked."""
        return cast("Preview", self._ask(route("/generation/preview"), {"source_material": source_material, **more}))
