"""By which thresholds a card is judged: the profile's, with what the options ask for on top. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Option = Callable[[str], Any]

SLACK = 0.4  # share by which "about 200 words" may be missed
WORDS = {
    "description_words": "description",
    "personality_words": "personality",
    "scenario_words": "scenario",
    "greeting_words": "first_mes",
}


def limits_of(option: Option, lint: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the thresholds for lint; ``lint`` are the profile's."""
    limits: dict[str, Any] = dict(lint or {})
    if off := option("rules_off"):
        limits["off"] = sorted({*limits.get("off", ()), *off})
    if (length := option("length")) not in (None, "any"):
        limits["preset"] = length
    if view := option("point_of_view"):
        limits["greeting"] = {**limits.get("greeting", {}), "pov": view}
    if ranges := asked_lengths(option):
        preset, known = limits.get("preset", "any"), limits.get("lengths", {})
        limits["lengths"] = {**known, preset: {**known.get(preset, {}), **ranges}}
    return limits


def asked_lengths(option: Option) -> dict[str, list[int]]:
    """Return the words that fields may have, least and most, where an option says about how many."""
    asked = {field: option(by) for by, field in WORDS.items()}
    return {field: [int(words * (1 - SLACK)), int(words * (1 + SLACK)) + 1] for field, words in asked.items() if words}
